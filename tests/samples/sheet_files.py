"""Spreadsheets for tests, as people and programs make them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any

from django.contrib.auth.models import User
from openpyxl import Workbook

from samples.models import SheetImport
from samples.sheet_forms import known_layouts
from samples.sheets.layout import rows_of
from samples.sheets.reading import read_sheets

Rows = Sequence[Sequence[Any]]


def workbook(**sheets: Rows) -> bytes:
    """An .xlsx of these sheets, the headings first."""
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        for row in rows:
            sheet.append(row)
    return saved(book)


def saved(book: Workbook) -> bytes:
    file = io.BytesIO()
    book.save(file)
    return file.getvalue()


def received(content: bytes, by: User, *, name: str = "samples.xlsx", empty_cells: str = "keep") -> SheetImport:
    """An import of this file whose rows were checked, by the columns as guessed."""
    sheets = read_sheets(content)
    layouts = known_layouts(sheets)
    shown = SheetImport.objects.receive(content, name=name, by=by)
    shown.layout = {table: layout.as_json() for table, layout in layouts.items()}
    shown.empty_cells = empty_cells
    shown.check_rows(rows_of(sheets, layouts))
    return shown


def states(shown: SheetImport, table: str = "samples") -> list[str]:
    return list(shown.rows.filter(table=table).order_by("line").values_list("state", flat=True))


def problems(shown: SheetImport, table: str = "samples") -> Mapping[int, Mapping[str, str]]:
    """Line → column → sentence, for the lines that have any."""
    rows = shown.rows.filter(table=table).order_by("line")
    return {row.line: {column: row.why(column) for column in row.problems} for row in rows if row.problems}
