"""Samples as spreadsheets: the template that an import understands, and rows that were left out with their reasons."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django.db.models import QuerySet
from django.utils import timezone
from django.utils.translation import gettext as _
from openpyxl import Workbook
from openpyxl.cell import WriteOnlyCell
from openpyxl.styles import Alignment, Font, PatternFill
from openpyxl.utils import get_column_letter
from openpyxl.worksheet.datavalidation import DataValidation

from samples.models.samples import Sample
from samples.models.sheets import SheetImport
from samples.sentences import translated
from samples.sheets.cells import cleaned, escaped, plain_number, shielded
from samples.sheets.columns import (
    MASSES,
    SAMPLES,
    TABLES,
    WHAT_IS_WRONG,
    ChoiceColumn,
    Column,
    Table,
    YesColumn,
)

AT_ONCE = 2000
"""Samples that are fetched together with their steps and masses."""

LONGEST_LIST = 255
"""Characters of a list of allowed values in a workbook."""

_HEAD = Font(bold=True)
_GREY = PatternFill("solid", fgColor="00E8ECF0")
_FOR_PEOPLE = Font(italic=True, color="00707070")
_WRAPPED = Alignment(wrap_text=True, vertical="top")


def workbook_of(samples: QuerySet[Sample], tables: Sequence[Table]) -> bytes:
    """An .xlsx with a sheet for each table, and one that says how to fill them in."""
    workbook = Workbook(write_only=True)
    for table in tables:
        _write_sheet(workbook, str(table.title), table.columns, _rows(table, samples))
    _explain(workbook, tables)
    return _saved(workbook)


def text_table_of(samples: QuerySet[Sample], table: Table) -> str:
    """One table as CSV, as spreadsheet programs open it: UTF-8 with its mark, commas."""
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow([str(column.heading) for column in table.columns])
    for row in _rows(table, samples):
        writer.writerow([_in_text(value) for value in row])
    return "\ufeff" + text.getvalue()


def left_out_of(sheet_import: SheetImport) -> bytes:
    """An .xlsx of the rows that were left out, as they came, each with what is wrong with it."""
    workbook = Workbook(write_only=True)
    for name, table in TABLES.items():
        rows = list(sheet_import.rows.filter(table=name, state__in=sheet_import.rows.model.LEFT_OUT))
        if not rows:
            continue
        columns = [column for column in table.taken_in if column.name in rows[0].cells]
        lines = (
            [
                *(row.cells[column.name] for column in columns),
                " ".join(filter(None, [*(row.why(column) for column in row.problems), translated(row.note)])),
            ]
            for row in rows
        )
        _write_sheet(workbook, str(table.title), [*columns, WHAT_IS_WRONG], lines)
    return _saved(workbook)


def _rows(table: Table, samples: QuerySet[Sample]) -> Iterator[list[Any]]:
    """The values of each row; of the samples in their order, some at a time."""
    wanted = samples.select_related("parent", "system", "made_by", "project").prefetch_related(
        "steps", "weighed_masses"
    )
    for sample in wanted.iterator(chunk_size=AT_ONCE):
        rows: Iterable[Any] = [sample]
        if table is not SAMPLES:
            rows = sample.weighed_masses.all() if table is MASSES else sample.steps.all()
        for row in rows:
            yield [column.value(row) for column in table.columns]


def _write_sheet(workbook: Workbook, title: str, columns: Sequence[Column], rows: Iterable[Sequence[Any]]) -> None:
    sheet = workbook.create_sheet(title)
    sheet.freeze_panes = "B2"
    for place, column in enumerate(columns, start=1):
        letter = get_column_letter(place)
        sheet.column_dimensions[letter].width = (
            40 if column.name in {"notes", "wrong"} else max(12, len(str(column.heading)) + 2)
        )
        if words := ",".join(_allowed(column)):
            validation = DataValidation("list", formula1=f'"{words}"', allow_blank=True, showErrorMessage=False)
            validation.add(f"{letter}2:{letter}10000")
            if len(words) <= LONGEST_LIST:
                sheet.data_validations.append(validation)
    sheet.append([_heading(sheet, column) for column in columns])
    for row in rows:
        sheet.append([_in_workbook(sheet, value) for value in row])


def _heading(sheet: Any, column: Column) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, str(column.heading))
    cell.font, cell.fill = _FOR_PEOPLE if column.informs else _HEAD, _GREY
    return cell


def _in_workbook(sheet: Any, value: Any) -> Any:
    """Numbers and days as such, all else as text that no spreadsheet program takes for a formula."""
    if value is None or value == "":
        return None
    if isinstance(value, Decimal | int | float) and not isinstance(value, bool):
        return value
    if isinstance(value, datetime):
        return timezone.localtime(value).replace(tzinfo=None, microsecond=0)
    if isinstance(value, date):
        return value
    text = escaped(cleaned(str(value)))
    cell = WriteOnlyCell(sheet, text)
    cell.data_type = "s"
    if shielded(text) != text:
        cell.quotePrefix = True
    return cell


def _in_text(value: Any) -> str:
    if isinstance(value, Decimal):
        return plain_number(value)
    if isinstance(value, datetime):
        return timezone.localtime(value).strftime("%Y-%m-%d %H:%M")
    return "" if value is None else str(value) if isinstance(value, int | date) else shielded(cleaned(str(value)))


def _allowed(column: Column) -> list[str]:
    if isinstance(column, ChoiceColumn) and column.choices is not None:
        return [str(choice.label) for choice in column.choices if choice.value]
    return [_("yes"), _("no")] if isinstance(column, YesColumn) else []


def _explain(workbook: Workbook, tables: Sequence[Table]) -> None:
    sheet = workbook.create_sheet(_("How to fill in"))
    for letter, width in zip("ABCD", (18, 32, 60, 70), strict=True):
        sheet.column_dimensions[letter].width = width
    sheet.append([_bold(sheet, text) for text in (_("Sheet"), _("Column"), _("What to write"), _("Allowed values"))])
    for table in tables:
        sheet.append([str(table.title), "", str(table.about), ""])
        for column in table.columns:
            hint = _("For reading; it is not taken in.") if column.informs else str(column.hint)
            line = [str(table.title), str(column.heading), hint, " · ".join(_allowed(column))]
            sheet.append([_wrapped(sheet, text) for text in line])


def _bold(sheet: Any, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.font, cell.fill = _HEAD, _GREY
    return cell


def _wrapped(sheet: Any, text: str) -> WriteOnlyCell:
    cell = WriteOnlyCell(sheet, text)
    cell.alignment = _WRAPPED
    return cell


def _saved(workbook: Workbook) -> bytes:
    file = io.BytesIO()
    workbook.save(file)
    return file.getvalue()
