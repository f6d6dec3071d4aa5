"""The table of samples with the calls on their patterns: what is asked of it stands in the address of the page."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.core.paginator import Page, Paginator
from django.db.models import Count, F, IntegerField, Max, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce, Greatest, Lower
from django.http import QueryDict
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from samples.models import Pattern, Sample
from screening.calls import best_level, best_probability

ROWS_A_PAGE = 50
MOST_COUNTED = 2_000
"""Samples that are counted and put in order; where more answer, the list says so."""


class Column(NamedTuple):
    """name in the address, heading, the field or fact that it sorts by; `numeric` columns stand right."""

    name: str
    heading: str | Promise
    field: str = ""
    numeric: bool = False


COLUMNS = (
    Column("code", _("Code"), "code"),
    Column("composition", _("Composition (at.%)")),
    Column("system", _("System"), "system__name"),
    Column("class", _("Best class"), "best_probability"),
    Column("patterns", _("Patterns"), "n_patterns", numeric=True),
    Column("place", _("Place"), "place"),
    Column("logged", _("Logged"), "made_at"),
    Column("activity", _("Last activity"), "last_activity"),
)
NEWEST_FIRST = "-logged"
WALKED = {"code", "logged"}
"""The orders that an index has."""


def _facts() -> dict[str, Any]:
    """What is asked about each sample beyond its row: its patterns, and their best call by the version in production."""
    patterns = Pattern.objects.current().filter(sample=OuterRef("pk")).order_by().values("sample")
    return {
        "n_patterns": Coalesce(
            Subquery(patterns.annotate(n=Count("pk")).values("n"), output_field=IntegerField()), Value(0)
        ),
        "best_level": best_level(),
        "best_probability": best_probability(),
        "last_activity": Greatest(
            "changed_at",
            Coalesce(Subquery(patterns.annotate(last=Max("uploaded_at")).values("last")), "changed_at"),
        ),
    }


def with_calls(samples: QuerySet[Sample]) -> QuerySet[Sample]:
    """Each sample with `n_patterns`, `best_level` and `best_probability`, and `last_activity`."""
    return samples.annotate(**_facts())


class Heading(NamedTuple):
    """A column's heading with the address that sorts by it, and how it is sorted now ("" for not)."""

    column: Column
    address: str
    direction: str


class SampleTable:
    """One page of samples, in the order and columns that the address asks for; the facts are asked about its rows alone.

    The first MOST_COUNTED samples that answer are found by one question, newest first or by their codes, straight along an
    index. Every other order is one of these.
    """

    def __init__(self, samples: QuerySet[Sample], asked: QueryDict) -> None:
        self._asked = asked
        self.sort = known_sort(asked.get("sort", ""))
        self.columns = known_columns(",".join(asked.getlist("columns")).split(","))
        self.is_capped = False
        self.page: Page[int] = Paginator(self._keys(samples), ROWS_A_PAGE).get_page(asked.get("page"))
        shown = list(self.page)
        rows = with_calls(Sample.objects.filter(pk__in=shown)).select_related("system")
        self.rows = sorted(rows, key=lambda sample: shown.index(sample.pk))

    def _keys(self, samples: QuerySet[Sample]) -> list[int]:
        name, descending = self.sort.removeprefix("-"), self.sort.startswith("-")
        along: Any = Lower("code") if name == "code" else F("pk")
        walked = samples.order_by(along.desc() if descending or name not in WALKED else along.asc())
        keys = list(walked.values_list("pk", flat=True)[: MOST_COUNTED + 1])
        self.is_capped = len(keys) > MOST_COUNTED
        keys = keys[:MOST_COUNTED]
        return keys if name in WALKED else _in_order(keys, name, descending)

    @property
    def shows(self) -> set[str]:
        return {column.name for column in self.columns}

    @property
    def is_in_part(self) -> bool:
        """Whether the order is one of the newest samples alone."""
        return self.is_capped and self.sort.removeprefix("-") not in WALKED

    @property
    def headings(self) -> list[Heading]:
        return [self._heading(column) for column in self.columns]

    def _heading(self, column: Column) -> Heading:
        if not column.field:
            return Heading(column, "", "")
        direction = {column.name: "ascending", f"-{column.name}": "descending"}.get(self.sort, "")
        best_first = column.name in {"class", "patterns", "logged", "activity"}
        down = direction == "ascending" or (not direction and best_first)
        return Heading(column, self.address(sort=f"-{column.name}" if down else column.name), direction)

    @property
    def previous_address(self) -> str:
        return self.address(page=str(self.page.previous_page_number())) if self.page.has_previous() else ""

    @property
    def next_address(self) -> str:
        return self.address(page=str(self.page.next_page_number())) if self.page.has_next() else ""

    @property
    def here(self) -> str:
        """What the list shows now, as a page that saves it is told."""
        columns = ",".join(column.name for column in self.columns)
        return f"?{urlencode({'q': self._asked.get('q', ''), 'sort': self.sort, 'columns': columns})}"

    def address(self, **changed: str) -> str:
        """This page's address with something else asked; another order begins on the first page."""
        asked = self._asked.copy()
        asked.pop("page", None)
        if "page" not in changed:
            asked.pop("view", None)
        for name, value in changed.items():
            asked[name] = value
        return f"?{asked.urlencode()}"


def known_sort(asked: str) -> str:
    sortable = {column.name for column in COLUMNS if column.field}
    return asked if asked.removeprefix("-") in sortable else NEWEST_FIRST


def known_columns(asked: Iterable[str]) -> list[Column]:
    """The columns to show, in the order of COLUMNS; all of them where none is asked for."""
    names = set(asked)
    chosen = [column for column in COLUMNS if column.name in names]
    return [COLUMNS[0], *(column for column in chosen if column is not COLUMNS[0])] if chosen else list(COLUMNS)


def _in_order(keys: list[int], name: str, descending: bool) -> list[int]:
    """These samples by a fact about them, those without it last, the newest first among equals."""
    field = next(column.field for column in COLUMNS if column.name == name)
    known = dict(
        Sample.objects.filter(pk__in=keys).annotate(fact=_facts().get(field, F(field))).values_list("pk", "fact")
    )
    with_fact = [key for key in keys if known[key] is not None]
    without = [key for key in keys if known[key] is None]
    return [*sorted(with_fact, key=known.__getitem__, reverse=descending), *without]
