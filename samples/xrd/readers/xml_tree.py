"""XML that instruments write, parsed without entities, and the few questions that readers ask of it."""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from samples.xrd.readers.reader import cut_off, parse_numbers
from samples.xrd.sentences import PatternFileError

MAX_TAGS = 200_000
"""Tags, and attributes, of one file: a series of 100 temperatures has some 10,000."""


def parse_xml(content: bytes, kind: str) -> Element:
    """The root of the XML in ``content``, which is of a ``kind`` file (".xrdml"); PatternFileError where it is broken."""
    if content.count(b"<") > MAX_TAGS or content.count(b"=") > MAX_TAGS:
        raise too_many_parts(kind)
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise PatternFileError(
            "The XML file defines entities or a document type, which no diffractometer writes and we do not read. "
            "Export the measurement again."
        ) from None
    except (ParseError, ValueError, LookupError):  # ValueError, LookupError: an encoding that expat does not know
        raise cut_off(kind) from None
    return root


def too_many_parts(kind: str) -> PatternFileError:
    return PatternFileError(
        "The %(kind)s file has too many parts to be a powder pattern. Export one powder scan.", kind=kind
    )


def text_in(element: Element, path: str) -> str | None:
    found = element.find(path)
    return found.text.strip() if found is not None and found.text and found.text.strip() else None


def attribute_in(element: Element, path: str, name: str) -> str | None:
    found = element.find(path)
    return found.get(name) if found is not None else None


def number_in(element: Element, path: str) -> float | None:
    """The one finite number that stands at ``path``; PatternFileError where something else stands there."""
    return as_number(text_in(element, path))


def as_number(text: str | None) -> float | None:
    """``text`` as one finite number, or None; PatternFileError where it is no number."""
    numbers = parse_numbers(text or "", limit=10)
    return float(numbers[0]) if numbers.size == 1 and np.isfinite(numbers[0]) else None
