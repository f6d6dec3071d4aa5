"""Tables as text: in the encodings and with the separators that spreadsheet programs write in Japan and Europe."""

from __future__ import annotations

import codecs
import csv
import io
import re
from collections import Counter
from collections.abc import Iterator

from django.utils.translation import gettext as _

from samples.sheets.cells import cleaned, unshielded
from samples.sheets.reading import (
    MAX_COLUMNS,
    MAX_LINES,
    Line,
    Sheet,
    SheetError,
    too_many_columns,
    too_many_lines,
)

SEPARATORS = ",;\t"
LOOKED_AT = 50
"""Rows from which the separator is told."""

_BYTE_ORDER_MARKS = ((codecs.BOM_UTF8, "utf-8-sig"), (codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_SEPARATOR_LINE = re.compile(r"sep=([,;\t])\r?\n", re.IGNORECASE)


def read_text_table(content: bytes) -> Sheet:
    text = _decoded(content)
    named = _SEPARATOR_LINE.match(text)
    text = text.replace(named[0], "\n", 1) if named else text
    lines = []
    try:
        for number, row in enumerate(_rows(text, named[1] if named else _separator(text)), start=1):
            texts = tuple(cleaned(unshielded(cell.strip(" \u3000"))) for cell in row)
            if any(texts):
                lines.append(Line(number, texts))
            if len(lines) > MAX_LINES:
                raise too_many_lines()
            if any(texts[MAX_COLUMNS:]):
                raise too_many_columns()
    except csv.Error:
        raise SheetError(
            _(
                "Row %(number)s cannot be read: a quotation mark is opened and not closed. Save the table again as CSV or .xlsx."
            )
            % {"number": len(lines) + 1}
        ) from None
    return Sheet(_("text table"), tuple(lines))


def _rows(text: str, separator: str) -> Iterator[list[str]]:
    return csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=False)


def _decoded(content: bytes) -> str:
    """UTF-8, else what Japanese or Western Windows writes; SheetError where it is no text."""
    marked = [encoding for mark, encoding in _BYTE_ORDER_MARKS if content.startswith(mark)]
    for encoding in marked or ("utf-8", "cp932", "cp1252"):
        try:
            text = content.decode(encoding)
        except UnicodeDecodeError:
            continue
        if "\0" not in text:
            return text
    raise SheetError(
        _("This is no spreadsheet. Send an .xlsx workbook, or text with commas, semicolons or tabs (.csv).")
    )


def _separator(text: str) -> str:
    """The one by which most rows come out with the same number of columns."""
    start = "".join(text[:100_000].splitlines(keepends=True)[:LOOKED_AT])

    def agreement(separator: str) -> tuple[int, int]:
        try:
            widths = Counter(len(row) for row in _rows(start, separator) if any(row))
        except csv.Error:
            return 0, 0
        width, n = max(widths.items(), key=lambda item: (item[1] * (item[0] > 1), item[0]), default=(0, 0))
        return (n, width) if width > 1 else (0, 0)

    return max(SEPARATORS, key=agreement)
