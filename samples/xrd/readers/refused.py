"""Files that are known by their bytes and not read, each with what to export instead."""

from __future__ import annotations

import re
from typing import NamedTuple

from samples.xrd.readers.decoding import UTF16_MARKS, plain_bytes
from samples.xrd.sentences import PatternFileError, Sentence, sentence

HEAD = 4096
"""Bytes from the start in which a text format is looked for."""

EMPTY = sentence("The file is empty. Export it again, or copy it again.")
PICTURE = sentence("This is a picture, not a measurement. Upload the file that the diffractometer wrote.")
DOCUMENT = sentence("This is a document, not a measurement. Export the pattern as two columns of text (.xy).")
SPREADSHEET = sentence("This is a spreadsheet file. Save the sheet with 2θ and intensity as .csv and upload that.")
BRUKER_RAW = sentence(
    "This is an old Bruker RAW file (version 1 or 2), which this version does not read. "
    "Convert it to version 3 or 4 (RAW1.01, RAW4.00) or to .uxd, or export two columns of text (.xy)."
)
STOE_RAW = sentence(
    "This is a Stoe RAW file, which this version does not read. Export the scan as two columns of text (.xy)."
)
PHILIPS_RD = sentence("This is a Philips .rd or .sd file, which this version does not read. Export the scan as .xrdml.")
ARCHIVE = sentence("This is an archive. Unpack it and upload the measurement files in it.")
WEB_PAGE = sentence("This is a web page, perhaps saved in place of the file. Download the file itself again.")
OTHER_XML = sentence(
    "This is an XML file, but not a PANalytical .xrdml. Export the scan as .xrdml or as two columns of text."
)
NOT_PACKED = sentence(
    "Files that end in .brml or .rasx are zip archives, and this one is none: it did not come whole. "
    "Copy it again from the instrument's computer."
)
BINARY = sentence(
    "This is a binary file of an unknown format. Export the scan as two columns of text (.xy), as .xrdml or as .ras."
)


class Signature(NamedTuple):
    """How a format is known: a regular expression at the start of the file, and words that must stand anywhere in it."""

    start: re.Pattern[bytes]
    refusal: Sentence
    anywhere: tuple[bytes, ...] = ()


def _starts(expression: bytes, refusal: Sentence, *anywhere: bytes) -> Signature:
    return Signature(re.compile(expression, re.DOTALL), refusal, anywhere)


BINARY_SIGNATURES = (
    _starts(rb"\x89PNG|\xff\xd8\xff|GIF8[79]a|II\*\x00|MM\x00\*|RIFF....WEBP|BM.{4}\x00{4}", PICTURE),
    _starts(rb"%PDF", DOCUMENT),
    _starts(rb"\{\\rtf", DOCUMENT),
    _starts(rb"RAW_\d", STOE_RAW),
    _starts(rb"RAW(\d\.\d\d|2| )", BRUKER_RAW),
    _starts(rb"V[35]RD", PHILIPS_RD),
    _starts(rb"PK\x03\x04", SPREADSHEET, b"xl/workbook"),
    _starts(rb"PK\x03\x04", SPREADSHEET, b"opendocument.spreadsheet"),
    _starts(rb"PK\x03\x04", DOCUMENT, b"word/document"),
    _starts(rb"PK|7z\xbc\xaf|Rar!|BZh|\xfd7zXZ", ARCHIVE),
    _starts(rb"\xd0\xcf\x11\xe0", SPREADSHEET),
)
TEXT_SIGNATURES = (_starts(rb"(?i:\s*<(!doctype\s+html|html))", WEB_PAGE),)
XML = re.compile(rb"\s*<(\?xml|[A-Za-z!])")

CONTROL_CHARACTERS = bytes(set(range(32)) - set(b"\t\n\v\f\r\x1a"))


def refuse_broken_archive(name: str) -> None:
    """Raise PatternFileError where the ``name`` of what nobody could read promises a zip archive."""
    if name.lower().endswith((".brml", ".rasx")):
        raise _refusal(NOT_PACKED)


def refuse_by_name(content: bytes) -> None:
    """Raise PatternFileError where ``content`` is of a format that is known and not read."""
    if not content.strip():
        raise _refusal(EMPTY)
    for signature in BINARY_SIGNATURES:
        if signature.start.match(content[:HEAD]) and all(word in content for word in signature.anywhere):
            raise _refusal(signature.refusal)
    if _is_binary(content):
        raise _refusal(BINARY)
    head = plain_bytes(content[:HEAD])
    for signature in TEXT_SIGNATURES:
        if signature.start.match(head):
            raise _refusal(signature.refusal)
    if XML.match(head) and b"xrdMeasurement" not in head:
        raise _refusal(OTHER_XML)


def _is_binary(content: bytes) -> bool:
    """Text has no control characters, but for a stray one or two that an old program may leave."""
    if content.startswith(UTF16_MARKS):
        return False
    head = content[: 16 * HEAD]
    n_control = len(head) - len(head.translate(None, CONTROL_CHARACTERS))
    return b"\x00" in head or n_control > 2 + len(head) // 1000


def _refusal(said: Sentence) -> PatternFileError:
    return PatternFileError(said.template, **said.values)
