"""Which sheet holds which table, where its headings stand, and which column is what: guessed, then said by people."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from django.conf import settings
from django.utils import translation

from samples.models.sheets import SheetRow
from samples.sheets.columns import TABLES, WHAT_IS_WRONG, Column, Table
from samples.sheets.reading import Line, Sheet

LOOKED_AT = 30
"""Lines in which headings are looked for."""

_IN_BRACKETS = re.compile(r"[(\[](.*?)[)\]]")
_UNITS = {
    "g": {"g", "gram", "grams"},
    "°C": {"°c", "c", "degc", "deg.c", "celsius"},
    "h": {"h", "hr", "hrs", "hour", "hours", "時間"},
    "m/s": {"m/s", "ms-1", "m·s-1", "msec"},
    "%": {"%", "wt.%", "wt%", "mass%"},
}
"""Unit of a column → the ways to write it; a heading with another unit is another quantity."""


@dataclass(frozen=True, slots=True)
class Layout:
    """Where one table stands.  header: number of the line of headings; columns: column of the sheet → name of ours"""

    sheet: int
    header: int
    columns: Mapping[int, str]

    def as_json(self) -> dict[str, Any]:
        return {"sheet": self.sheet, "header": self.header, "columns": {str(k): v for k, v in self.columns.items()}}

    @staticmethod
    def from_json(stored: Mapping[str, Any]) -> Layout:
        return Layout(stored["sheet"], stored["header"], {int(k): v for k, v in stored["columns"].items()})


def guessed_layouts(sheets: Sequence[Sheet]) -> dict[str, Layout]:
    """Each table → the sheet that looks most like it; a sheet that people hid is not looked at."""
    fits: list[tuple[int, str, Layout]] = []
    for number, sheet in enumerate(sheets):
        if sheet.hidden:
            continue
        for table in TABLES.values():
            header = likely_header(sheet, table)
            columns = guessed_columns(header, table)
            if set(table.needed) <= set(columns.values()):
                bonus = 100 if meaning_of(sheet.name) in _titles(table) else 0
                fits.append((len(columns) + bonus, table.name, Layout(number, header.number, columns)))
    chosen: dict[str, Layout] = {}
    for _n, name, layout in sorted(fits, key=lambda fit: (-fit[0], list(TABLES).index(fit[1]))):
        if name not in chosen and layout.sheet not in {one.sheet for one in chosen.values()}:
            chosen[name] = layout
    return chosen


def likely_header(sheet: Sheet, table: Table) -> Line:
    """The line with most of the table's headings; the first where none has any."""
    if not sheet.lines:
        return Line(1, ())
    return max(sheet.lines[:LOOKED_AT], key=lambda line: len(guessed_columns(line, table)))


def line_number(sheet: Sheet, number: int) -> Line:
    return next((line for line in sheet.lines if line.number == number), Line(number, ()))


def guessed_columns(header: Line, table: Table) -> dict[int, str]:
    """Column of the sheet → column of the table, by their headings; each of ours once, the first that fits best."""
    found: dict[str, tuple[int, int]] = {}
    for place, text in enumerate(header.texts):
        for column in (*table.columns, WHAT_IS_WRONG):
            rank = _fit(text, column)
            if rank is not None and (column.name not in found or rank < found[column.name][0]):
                found[column.name] = (rank, place)
    best: dict[int, tuple[int, str]] = {}
    for name, (rank, place) in found.items():
        if place not in best or rank < best[place][0]:
            best[place] = (rank, name)
    return {place: name for place, (_rank, name) in sorted(best.items())}


def _fit(text: str, column: Column) -> int | None:
    """How early among its headings this one stands; None where it is none of them, or in another unit."""
    known = headings_of(column)
    meaning = meaning_of(text)
    return known.index(meaning) if meaning in known and not other_unit(text, column) else None


@cache
def headings_of(column: Column) -> tuple[str, ...]:
    """Its heading in each language, then its aliases, as they are compared."""
    headings = []
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            headings.append(str(column.heading))
    return tuple(meaning_of(heading) for heading in [*headings, column.name, *column.aliases.split(",")])


@cache
def _titles(table: Table) -> tuple[str, ...]:
    titles = [table.name]
    for language, _name in settings.LANGUAGES:
        with translation.override(language):
            titles.append(str(table.title))
    return tuple(meaning_of(title) for title in titles)


def meaning_of(heading: str) -> str:
    """Without units in brackets, case, spaces and signs."""
    plain = _IN_BRACKETS.sub(" ", unicodedata.normalize("NFKC", heading))
    return re.sub(r"[\W_]+", "", plain).casefold()


def other_unit(heading: str, column: Column) -> str:
    """The unit that a heading names where the column wants another; "" where they agree or none is named."""
    if column.unit not in _UNITS:
        return ""
    named = _IN_BRACKETS.findall(unicodedata.normalize("NFKC", heading))
    units = {unit for known in _UNITS.values() for unit in known} | {
        "mg",
        "kg",
        "k",
        "min",
        "s",
        "d",
        "day",
        "days",
        "rpm",
    }
    for text in named:
        unit = text.replace(" ", "").casefold().replace("℃", "°c")
        if unit in units and unit not in _UNITS[column.unit]:
            return str(text.strip())
    return ""


def is_clear(sheets: Sequence[Sheet], layouts: Mapping[str, Layout]) -> bool:
    """Whether every heading was understood, so that nobody need be asked."""
    for layout in layouts.values():
        header = line_number(sheets[layout.sheet], layout.header)
        if any(text and place not in layout.columns for place, text in enumerate(header.texts)):
            return False
    return bool(layouts)


def rows_of(sheets: Sequence[Sheet], layouts: Mapping[str, Layout]) -> list[SheetRow]:
    """The lines below the headings that say anything, with the cells that were given a meaning."""
    rows = []
    for name, layout in layouts.items():
        table = TABLES[name]
        wanted = {column.name for column in table.taken_in}
        columns = {place: column for place, column in layout.columns.items() if column in wanted}
        beside = {table.key, "position"} if table.key == "sample" else set()
        for line in sheets[layout.sheet].lines:
            if line.number <= layout.header:
                continue
            cells = {column: line.text(place) for place, column in columns.items()}
            problems = {columns[place]: [why.as_json()] for place, why in line.problems.items() if place in columns}
            if problems or any(text for column, text in cells.items() if column not in beside):
                rows.append(SheetRow(table=name, line=line.number, cells=cells, problems=problems))
    return rows


def key_of(table: str, headings: Iterable[str]) -> str:
    """One set of headings, as what was said about it is remembered."""
    text = "\n".join([table, *(unicodedata.normalize("NFKC", heading).strip() for heading in headings)])
    return hashlib.sha256(text.encode()).hexdigest()
