"""Workbooks (.xlsx, .xlsm): the cells as values, in one pass, with what a plain list of values would lose.

openpyxl's row parser is used by itself: its read-only sheets do not tell a formula without a result from an empty cell, nor
which cells are merged, and fill gaps row by row.  XML goes through defusedxml, which openpyxl takes where it is installed.
"""

from __future__ import annotations

import io
import warnings
from typing import Any

from django.utils.translation import gettext as _
from openpyxl import DEFUSEDXML, load_workbook
from openpyxl.worksheet._read_only import ReadOnlyWorksheet
from openpyxl.worksheet._reader import WorkSheetParser
from openpyxl.xml.constants import SHEET_MAIN_NS

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

assert DEFUSEDXML, "openpyxl must read XML through defusedxml"

FORMULA = f"{{{SHEET_MAIN_NS}}}f"
MAX_MERGED = 200_000
"""Cells that merged cells stand for."""


def read_workbook(content: bytes) -> list[Sheet]:
    try:
        with warnings.catch_warnings(action="ignore"):  # of what openpyxl leaves out: macros, pictures, validation
            workbook = load_workbook(io.BytesIO(content), read_only=True, data_only=True, keep_links=False)
            percents = {
                number for number, style in enumerate(workbook._cell_styles) if _is_percent(workbook, style.numFmtId)
            }
            return [_sheet(sheet, percents) for sheet in workbook.worksheets if isinstance(sheet, ReadOnlyWorksheet)]
    except SheetError:
        raise
    except Exception:  # bytes that are wrong make openpyxl, zipfile and expat raise nearly anything
        raise damaged() from None


class _Cells(WorkSheetParser):  # type: ignore[misc]
    def parse_cell(self, element: Any) -> dict[str, Any]:
        cell: dict[str, Any] = super().parse_cell(element)
        if cell["value"] is None and element.find(FORMULA) is not None:
            cell["data_type"] = "f"
        return cell


def _sheet(sheet: ReadOnlyWorksheet, percents: set[int]) -> Sheet:
    workbook = sheet.parent
    lines: list[Line] = []
    with sheet._get_source() as source:
        parser = _Cells(
            source,
            sheet._shared_strings,
            data_only=True,
            epoch=workbook.epoch,
            date_formats=workbook._date_formats,
            timedelta_formats=workbook._timedelta_formats,
        )
        for number, cells in parser.parse():
            line = _line(number, cells, percents)
            if any(line.texts) or line.problems:
                lines.append(line)
            if len(lines) > MAX_LINES:
                raise too_many_lines()
    if parser.merged_cells is not None:
        lines = _filled_down(lines, [reference.bounds for reference in parser.merged_cells.mergeCell])
    return Sheet(sheet.title, tuple(lines), hidden=sheet.sheet_state != "visible")


def _line(number: int, cells: list[dict[str, Any]], percents: set[int]) -> Line:
    texts: list[str] = []
    problems: dict[int, str] = {}
    for cell in cells:
        value, column = cell["value"], cell["column"] - 1
        if value is None and cell["data_type"] != "f":
            continue
        if column >= MAX_COLUMNS:
            raise too_many_columns()
        texts.extend([""] * (column + 1 - len(texts)))
        if cell["data_type"] == "f":
            problems[column] = _(
                "This formula has no result yet. Open the file in the spreadsheet program, save it, and send it again."
            )
        elif cell["data_type"] == "e":
            texts[column] = str(value)
            problems[column] = _(
                "The spreadsheet program says %(error)s here. Mend the formula, or write the value."
            ) % {"error": value}
        elif isinstance(value, float) and cell["style_id"] in percents:
            texts[column] = text_of(value * 100)
        else:
            texts[column] = text_of(unescaped(value) if isinstance(value, str) else value)
    return Line(number, tuple(texts), problems)


def _is_percent(workbook: Any, number_format: int) -> bool:
    if number_format < 164:
        return number_format in (9, 10)  # 0 % and 0.00 %, built into the format
    formats = workbook._number_formats
    return number_format - 164 < len(formats) and "%" in formats[number_format - 164]


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
