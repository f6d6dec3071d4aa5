"""The review queue of one person: what comes next, in their order, and what lies around a candidate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple
from urllib.parse import urlencode

from django.contrib.auth.models import User
from django.db.models import Case, DecimalField, F, Q, Sum, Value, When
from django.db.models.functions import Abs
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from samples.models import Sample, SampleElement, Viewer, seen_by
from screening.models import Candidate
from screening.models.candidates import CandidateQuerySet
from screening.sample_table import with_calls

ORDERS: dict[str, tuple[str, ...]] = {
    "class": ("level", "id"),
    "doubt": ("-doubt", "id"),
    "system": ("system_key", "level", "id"),
    "age": ("id",),
}
"""Name in the address → columns; each order has its index, and the id is the age."""

ORDER_WORDS = {
    "class": _("class, best first"),
    "doubt": _("doubt, greatest first"),
    "system": _("alloy system"),
    "age": _("age, oldest first"),
}

N_SISTERS = 6

MOST_COUNTED = 200
"""Of what waits. Each is looked at as if it were to be taken; of a thousand that takes longer than finding the next."""


class Left(NamedTuple):
    """How many wait, up to MOST_COUNTED, and whether there are more."""

    n: int
    is_more: bool


@dataclass(frozen=True, slots=True)
class ReviewQueue:
    """The candidates that ``reviewer`` may take, in ``order``, of one alloy system where ``system_key`` names it."""

    reviewer: User
    order: str = "class"
    system_key: str = ""

    @classmethod
    def asked(cls, reviewer: User, asked: QueryDict) -> ReviewQueue:
        order = asked.get("order", "class")
        return cls(reviewer, order if order in ORDERS else "class", asked.get("system", "")[:200])

    @property
    def address(self) -> str:
        """What stands in the address, so that the queue goes on as it was asked for."""
        return urlencode({"order": self.order, **({"system": self.system_key} if self.system_key else {})})

    def candidates(self) -> CandidateQuerySet:
        return self._open().order_by(*ORDERS[self.order])

    def left(self) -> Left:
        n = self._open().order_by()[: MOST_COUNTED + 1].count()
        return Left(min(n, MOST_COUNTED), n > MOST_COUNTED)

    def take_next(self, after: Candidate | None = None) -> Candidate | None:
        """Hold the next candidate after ``after``, beginning again at the start; None where nothing is left."""
        return self._take(self._around(after, self.candidates()))

    def take_previous(self, before: Candidate) -> Candidate | None:
        return self._take(self._around(before, self.candidates().reverse(), backwards=True))

    def _open(self) -> CandidateQuerySet:
        candidates = Candidate.objects.open_to(self.reviewer).current()
        return candidates.filter(system_key=self.system_key) if self.system_key else candidates

    def _take(self, candidates: Iterator[Candidate]) -> Candidate | None:
        return next((candidate for candidate in candidates if candidate.claim(self.reviewer)), None)

    def _around(
        self, start: Candidate | None, candidates: CandidateQuerySet, *, backwards: bool = False
    ) -> Iterator[Candidate]:
        """One by one, as long as others are quicker: those beyond ``start``, then from the beginning."""
        if start is not None:
            beyond = candidates.filter(self._beyond(start, backwards=backwards))
            while candidate := beyond.first():
                yield candidate
            candidates = candidates.exclude(pk=start.pk)
        while candidate := candidates.first():
            yield candidate

    def _beyond(self, start: Candidate, *, backwards: bool) -> Q:
        """Rows after ``start`` in this order: greater in the first column, or equal there and greater in the next, …"""
        beyond, equal = Q(), Q()
        for column in ORDERS[self.order]:
            name = column.removeprefix("-")
            value = getattr(start, name)
            step = "lt" if column.startswith("-") != backwards else "gt"
            beyond |= equal & Q(**{f"{name}__{step}": value})
            equal &= Q(**{name: value})
        return beyond


def sisters(sample: Sample, person: Viewer) -> list[Sample]:
    """The family of ``sample`` (parent and pieces), then the nearest compositions of its system that ``person`` may see; each with its best call."""
    family = Q(pk=sample.parent_id) | Q(parent=sample)
    if sample.parent_id:
        family |= Q(parent=sample.parent_id)
    kin = list(with_calls(Sample.objects.visible_to(person).current().filter(family).exclude(pk=sample.pk))[:N_SISTERS])
    known = [sample.pk, *(sister.pk for sister in kin)]
    near = [pk for pk in _nearest(sample, person) if pk not in known][: N_SISTERS - len(kin)]
    rows = {row.pk: row for row in with_calls(Sample.objects.filter(pk__in=near))} if near else {}
    return [*kin, *(rows[pk] for pk in near)]


def _nearest(sample: Sample, person: Viewer) -> list[int]:
    """Ids of samples of the same system, the smallest sum of differences in at.% first."""
    amounts = [When(element=element, then=Value(Decimal(amount))) for element, amount in sample.nominal.amounts.items()]
    number: Any = DecimalField(max_digits=12, decimal_places=4)
    difference = Abs(F("amount") - Case(*amounts, default=Value(Decimal(0)), output_field=number), output_field=number)
    visible = seen_by(person, "sample__project")
    rows = SampleElement.objects.filter(visible, sample__system=sample.system_id, sample__archived_at=None)
    nearest = rows.values("sample").annotate(distance=Sum(difference)).order_by("distance", "sample")
    return list(nearest.values_list("sample", flat=True)[: 2 * N_SISTERS + 1])
