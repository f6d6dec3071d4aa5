"""The rows of an import as its page shows them: which are asked for, and each cell with what is wrong or changes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

from django.core.paginator import Page, Paginator
from django.db.models import Count
from django.http import QueryDict

from samples.models.sheets import SheetImport, SheetRow
from samples.sheets.columns import TABLES, Column, Table

ROWS_A_PAGE = 100

SIGNS = {"new": "✚", "changed": "✎", "unchanged": "=", "wrong": "✕", "conflict": "⚠"}
"""Each state has a shape beside its word and colour."""


class Cell(NamedTuple):
    column: Column
    text: str
    problem: str
    before: str | None


@dataclass(frozen=True, slots=True)
class GridRow:
    row: SheetRow
    cells: list[Cell]

    @property
    def sign(self) -> str:
        return SIGNS[self.row.state]

    @property
    def wrong_headings(self) -> list[str]:
        """Of a wide sheet the wrong cell may stand out of sight."""
        return [str(cell.column.heading) for cell in self.cells if cell.problem]


class Tab(NamedTuple):
    table: Table
    n_rows: int
    n_left_out: int


class Choice(NamedTuple):
    """Rows of one state: how many, and whether they are the ones shown."""

    value: str
    label: str
    sign: str
    n: int
    is_shown: bool


class Grid:
    """One page of one table of an import, as the address asks: ?table=&state=&page="""

    def __init__(self, sheet_import: SheetImport, asked: QueryDict) -> None:
        counts = sheet_import.rows.order_by().values_list("table", "state").annotate(n=Count("pk"))
        self._counts = {(table, state): n for table, state, n in counts}
        tables = [name for name in TABLES if any(table == name for table, _state in self._counts)]
        wanted = asked.get("table", "")
        self.table = TABLES[wanted if wanted in tables else (tables or ["samples"])[0]]
        self.state = asked.get("state", "") if asked.get("state") in SIGNS else ""
        self._tables = tables
        rows = sheet_import.rows.filter(table=self.table.name).order_by("line")
        if self.state:
            rows = rows.filter(state=self.state)
        self.page: Page[SheetRow] = Paginator(rows, ROWS_A_PAGE).get_page(asked.get("page"))
        mapped = set(sheet_import.layout.get(self.table.name, {}).get("columns", {}).values())
        self.columns = [column for column in self.table.taken_in if column.name in mapped]

    @property
    def tabs(self) -> list[Tab]:
        return [
            Tab(
                TABLES[name],
                sum(n for (table, _state), n in self._counts.items() if table == name),
                sum(self._counts.get((name, state), 0) for state in SheetRow.LEFT_OUT),
            )
            for name in self._tables
        ]

    @property
    def states(self) -> list[Choice]:
        counts = {state: self._counts.get((self.table.name, state.value), 0) for state in SheetRow.State}
        return [
            Choice(state.value, str(state.label), SIGNS[state.value], n, self.state == state.value)
            for state, n in counts.items()
            if n
        ]

    @property
    def n_rows(self) -> int:
        return sum(n for (table, _state), n in self._counts.items() if table == self.table.name)

    @property
    def rows(self) -> list[GridRow]:
        return [GridRow(row, self._cells(row)) for row in self.page]

    @property
    def n_left_out(self) -> int:
        return sum(tab.n_left_out for tab in self.tabs)

    def _cells(self, row: SheetRow) -> list[Cell]:
        return [
            Cell(
                column,
                row.cells.get(column.name, ""),
                row.why(column.name),
                row.before.get(column.name) if row.state == SheetRow.State.CHANGED else None,
            )
            for column in self.columns
        ]
