"""Workbooks (.xlsx, .xlsm): the cells as values, with what a plain list of values would lose.

A reader of our own: openpyxl is slow over XML that is guarded, does not tell a formula without a result
from an empty cell, nor, where it reads as it goes, which cells are merged.  Dates and number formats are its.
"""

from __future__ import annotations

import io
import posixpath
import re
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from xml.etree.ElementTree import Element, fromstring, iterparse

from openpyxl.styles.numbers import BUILTIN_FORMATS, is_date_format, is_timedelta_format
from openpyxl.utils import column_index_from_string, range_boundaries
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900, from_excel
from openpyxl.xml.constants import PKG_REL_NS, REL_NS, SHEET_MAIN_NS

from samples.sheets.cells import text_of, unescaped
from samples.sheets.reading import (
    MAX_COLUMNS,
    MAX_LINES,
    Line,
    Sheet,
    SheetError,
    damaged,
    too_many_columns,
    too_many_lines,
)
from samples.xrd.sentences import Sentence, sentence

MAX_MERGED = 200_000
"""Cells that merged cells stand for."""

_LETTERS = re.compile("[A-Z]{1,3}")
_FORBIDDEN = re.compile(rb"<!(?:DOCTYPE|ENTITY)", re.IGNORECASE)
_COLUMNS: dict[str, int] = {}


def _tag(name: str) -> str:
    return f"{{{SHEET_MAIN_NS}}}{name}"


ROW, CELL, VALUE, FORMULA, INLINE, MERGED = map(_tag, ("row", "c", "v", "f", "is", "mergeCell"))


def read_workbook(content: bytes) -> list[Sheet]:
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            return list(_sheets(archive))
    except SheetError:
        raise
    except Exception:  # bytes that are wrong make zipfile and the parts of a workbook raise nearly anything
        raise damaged() from None


@dataclass(frozen=True, slots=True)
class _Values:
    """What cells point to.  strings: shared texts; days, spans, percents: numbers of styles; epoch: day 0"""

    strings: list[str]
    days: frozenset[int]
    spans: frozenset[int]
    percents: frozenset[int]
    epoch: Any

    def of_number(self, text: str, style: int) -> object:
        if style in self.days:
            return from_excel(float(text), self.epoch, timedelta=style in self.spans)
        number = float(text) if any(sign in text for sign in ".eE") else int(text)
        return number * 100 if style in self.percents else number


def _part(archive: zipfile.ZipFile, name: str) -> bytes:
    """One part of the workbook; no spreadsheet program writes entities, and none are read."""
    xml = archive.read(name)
    if _FORBIDDEN.search(xml) or b"\0" in xml[:200]:
        raise damaged()
    return xml


def _tree(archive: zipfile.ZipFile, name: str) -> Element:
    return fromstring(_part(archive, name))  # noqa: S314 - without entities, see _part


def _sheets(archive: zipfile.ZipFile) -> Iterator[Sheet]:
    workbook = _tree(archive, "xl/workbook.xml")
    targets = {
        related.get("Id"): posixpath.normpath(posixpath.join("/xl", related.get("Target", ""))).lstrip("/")
        for related in _tree(archive, "xl/_rels/workbook.xml.rels").iter(f"{{{PKG_REL_NS}}}Relationship")
    }
    values = _values(archive, workbook)
    for sheet in workbook.iter(_tag("sheet")):
        name = targets[sheet.get(f"{{{REL_NS}}}id")]
        if "chartsheets" not in name:
            lines = _lines(_part(archive, name), values)
            yield Sheet(sheet.get("name", ""), tuple(lines), hidden=sheet.get("state", "visible") != "visible")


def _values(archive: zipfile.ZipFile, workbook: Element) -> _Values:
    names = set(archive.namelist())
    strings: list[str] = []
    if "xl/sharedStrings.xml" in names:
        strings = [_text(one) for one in _tree(archive, "xl/sharedStrings.xml").iter(_tag("si"))]
    formats: list[str] = []
    if "xl/styles.xml" in names:
        styles = _tree(archive, "xl/styles.xml")
        own = {int(one.get("numFmtId", 0)): one.get("formatCode", "") for one in styles.iter(_tag("numFmt"))}
        known = {**BUILTIN_FORMATS, **own}
        cells = styles.find(_tag("cellXfs"))
        formats = [known.get(int(style.get("numFmtId", 0)), "") for style in (cells if cells is not None else ())]
    properties = workbook.find(_tag("workbookPr"))
    is_1904 = properties is not None and properties.get("date1904", "0") in {"1", "true"}
    return _Values(
        strings,
        frozenset(n for n, text in enumerate(formats) if is_date_format(text)),
        frozenset(n for n, text in enumerate(formats) if is_timedelta_format(text)),
        frozenset(n for n, text in enumerate(formats) if "%" in text),
        CALENDAR_MAC_1904 if is_1904 else CALENDAR_WINDOWS_1900,
    )


def _text(element: Element) -> str:
    """Of a plain or formatted text, without the reading aids above Japanese words."""
    parts = [element, *element.findall(_tag("r"))]
    return unescaped("".join(part.findtext(_tag("t")) or "" for part in parts))


def _lines(xml: bytes, values: _Values) -> list[Line]:
    lines: list[Line] = []
    merged: list[tuple[int, int, int, int]] = []
    number = 0
    for _event, element in iterparse(io.BytesIO(xml)):  # noqa: S314 - without entities, see _part
        if element.tag == ROW:
            number = int(element.get("r") or number + 1)
            line = _line(number, element, values)
            if any(line.texts) or line.problems:
                lines.append(line)
            if len(lines) > MAX_LINES:
                raise too_many_lines()
            element.clear()
        elif element.tag == MERGED:
            merged.append(range_boundaries(element.get("ref", "")))
    return _filled_down(lines, merged) if lines else lines


def _line(number: int, row: Element, values: _Values) -> Line:
    texts: list[str] = []
    problems: dict[int, Sentence] = {}
    column = -1
    for cell in row.iter(CELL):
        column = _column(cell.get("r"), column + 1)
        text, problem = _read_cell(cell, values)
        if not text and not problem:
            continue
        if column >= MAX_COLUMNS:
            raise too_many_columns()
        texts.extend([""] * (column + 1 - len(texts)))
        texts[column] = text
        if problem:
            problems[column] = problem
    return Line(number, tuple(texts), problems)


def _column(reference: str | None, following: int) -> int:
    """From 0; cells without a reference follow each other."""
    letters = _LETTERS.match(reference) if reference else None
    if letters is None:
        return following
    if letters[0] not in _COLUMNS:
        _COLUMNS[letters[0]] = column_index_from_string(letters[0]) - 1
    return _COLUMNS[letters[0]]


def _read_cell(cell: Element, values: _Values) -> tuple[str, Sentence | None]:
    """The text of a cell, and why it cannot be read (None where it can)."""
    kind, written = cell.get("t", "n"), cell.findtext(VALUE)
    if kind == "inlineStr":
        inline = cell.find(INLINE)
        return (text_of(_text(inline)) if inline is not None else ""), None
    if not written:
        if kind != "str" and cell.find(FORMULA) is not None:
            return "", sentence(
                "This formula has no result yet. Open the file in the spreadsheet program, save it, and send it again."
            )
        return "", None
    if kind == "s":
        return text_of(values.strings[int(written)]), None
    if kind == "n":
        try:
            return text_of(values.of_number(written, int(cell.get("s", 0)))), None
        except (ValueError, OverflowError):
            return written, sentence("This is no number and no day that a spreadsheet can hold. Write it anew.")
    if kind == "b":
        return text_of(written == "1"), None
    if kind == "e":
        return written, sentence(
            "The spreadsheet program says %(error)s here. Mend the formula, or write the value.", error=written
        )
    return text_of(unescaped(written)), None


def _filled_down(lines: list[Line], merged: list[tuple[int, int, int, int]]) -> list[Line]:
    """A cell that is merged over several rows says the same in each of them."""
    places = {line.number: place for place, line in enumerate(lines)}
    left = MAX_MERGED
    for column, first, _last_column, last in merged:
        last = min(last, lines[-1].number if lines else 0)
        left -= max(0, last - first)
        if left < 0:
            raise damaged()
        text = lines[places[first]].text(column - 1) if first in places else ""
        for number in range(first + 1, last + 1):
            if text and number in places:
                line = lines[places[number]]
                texts = [*line.texts, *[""] * (column - len(line.texts))]
                texts[column - 1] = text
                lines[places[number]] = Line(number, tuple(texts), line.problems)
    return lines
