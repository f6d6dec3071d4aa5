"""The ledger: every call that an outcome answers for, as columns of numbers.

An outcome is about the material of a sample; it answers for each measured pattern of that sample, once for each model version. A call
counts on the newest reading of a pattern.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from datetime import date
from typing import Any

import numpy as np
from django.db.models import BooleanField, Case, F, Q, Value, When
from django.db.models.query import QuerySet
from numpy.typing import NDArray

from mlmodels.models import ModelVersion
from samples.models import Pattern, Sample, Viewer
from screening.models import LatticeMeasurement, Outcome, ScreeningResult
from screening.models.follow_ups import CALLS_WITH_A_LATTICE
from screening.models.results import ScreeningResultQuerySet

OUTCOMES = "reading__pattern__sample__outcomes"

TYPICAL_PROBABILITY = {"A": 0.9995, "B": 0.995, "C": 0.97, "D": 0.475}
"""The middle of each class: what a call says that was recorded without its probability."""

QUASICRYSTAL_CONVENTIONS = [
    LatticeMeasurement.Convention.A_R,
    LatticeMeasurement.Convention.A_F,
    LatticeMeasurement.Convention.A_6D,
    LatticeMeasurement.Convention.A_6D_F,
]
"""Lengths quoted so are of a quasicrystal; the others are of approximants."""


def is_simulated() -> Case:
    """A call that was recorded elsewhere was made on a measurement, also where a simulated pattern stands in for it here."""
    simulated = Q(reading__pattern__simulated=True) & ~Q(model_version__state=ModelVersion.State.RECORD)
    return Case(When(simulated, then=Value(True)), default=Value(False), output_field=BooleanField())


def drawn_by_chance() -> Q:
    """Calls that were recorded elsewhere were chosen by somebody, whatever the queue made of them here."""
    return Q(candidate__drawn=True) & ~Q(model_version__state=ModelVersion.State.RECORD)


def judged_calls(
    person: Viewer, signed_from: date | None = None, signed_to: date | None = None
) -> ScreeningResultQuerySet:
    """Calls that ``person`` may see on measurements whose sample has an outcome, with its `verdict`; one row a pattern and model version."""
    outcomes = Outcome.objects.answering()
    if signed_from:
        outcomes = outcomes.filter(signed_at__date__gte=signed_from)
    if signed_to:
        outcomes = outcomes.filter(signed_at__date__lte=signed_to)
    calls = (
        ScreeningResult.objects.visible_to(person)
        .done()
        .current()
        .filter(reading__pattern__kind=Pattern.Kind.MEASUREMENT)
    )
    return calls.filter(**{f"{OUTCOMES}__in": outcomes}).annotate(verdict=F(f"{OUTCOMES}__verdict")).order_by()


@dataclass(frozen=True, slots=True)
class Ledger:
    """Columns of shape (n,); NaN for what is not known."""

    result: NDArray[np.int64]
    pattern: NDArray[np.int64]
    sample: NDArray[np.int64]
    system: NDArray[np.int64]
    version: NDArray[np.int64]
    level: NDArray[np.str_]
    verdict: NDArray[np.str_]
    simulated: NDArray[np.bool_]
    probability: NDArray[np.float64]
    a_r: NDArray[np.float64]  # Å, as called
    a_r_sigma: NDArray[np.float64]
    inclusion: NDArray[np.float64]  # probability of being drawn for review, of those that chance drew

    @classmethod
    def read(cls, calls: QuerySet[ScreeningResult]) -> Ledger:
        """One query."""
        rows = calls.annotate(is_simulated=is_simulated()).values_list(
            "pk",
            "reading__pattern",
            "reading__pattern__sample",
            "reading__pattern__sample__system",
            "model_version",
            "level",
            "verdict",
            "is_simulated",
            "probability",
            "quasilattice_constant",
            "quasilattice_constant_sigma",
            Case(When(drawn_by_chance(), then=F("candidate__inclusion_probability"))),
        )
        kinds: list[Any] = [np.int64] * 5 + [np.str_] * 2 + [np.bool_] + [np.float64] * 4
        columns = list(zip(*rows, strict=True)) or [()] * len(kinds)
        return cls(*(np.array(column, dtype=kind) for column, kind in zip(columns, kinds, strict=True)))

    def where(self, wanted: NDArray[np.bool_]) -> Ledger:
        return Ledger(*(getattr(self, field.name)[wanted] for field in fields(self)))

    def __len__(self) -> int:
        return int(self.result.size)

    @property
    def confirmed(self) -> NDArray[np.bool_]:
        return np.equal(self.verdict, str(Outcome.Verdict.CONFIRMED.value))

    @property
    def refuted(self) -> NDArray[np.bool_]:
        return np.equal(self.verdict, str(Outcome.Verdict.REFUTED.value))

    @property
    def conclusive(self) -> Ledger:
        """Without those of which the follow-up could not tell."""
        return self.where(self.verdict != Outcome.Verdict.INCONCLUSIVE)

    @property
    def said(self) -> NDArray[np.float64]:
        """p of each call; that of the middle of its class where none was recorded."""
        typical = np.array([TYPICAL_PROBABILITY[level] for level in self.level], dtype=np.float64)
        return np.where(np.isnan(self.probability), typical, self.probability)

    @property
    def disagrees(self) -> NDArray[np.bool_]:
        """Refuted in class A to C, where p is above 0.95, or confirmed in D."""
        says_yes = np.isin(self.level, CALLS_WITH_A_LATTICE)
        return np.where(says_yes, self.refuted, self.confirmed)

    def worst_first(self) -> Ledger:
        """By how surely the call said the contrary of what was found; what is inconclusive comes last."""
        against = np.where(self.confirmed, 1 - self.said, np.where(self.refuted, self.said, -1))
        order = np.lexsort((self.result, -against, ~self.disagrees))
        return Ledger(*(getattr(self, field.name)[order] for field in fields(self)))


@dataclass(frozen=True, slots=True)
class MeasuredLattice:
    """a_R and its uncertainty (Å) as a follow-up measured it."""

    a_r: float
    sigma: float | None


def codes_of_judged_samples() -> dict[int, str]:
    """The code of each sample that an outcome answers for."""
    return dict(Sample.objects.filter(outcomes__in=Outcome.objects.answering()).order_by().values_list("pk", "code"))


def measured_lattices(samples: NDArray[np.int64]) -> dict[int, MeasuredLattice]:
    """Of those of ``samples`` that are confirmed: the most certain measurement of each by the follow-up that answers for it."""
    rows = (
        LatticeMeasurement.objects.filter(
            convention__in=QUASICRYSTAL_CONVENTIONS,
            follow_up__outcomes__in=Outcome.objects.answering().filter(verdict=Outcome.Verdict.CONFIRMED),
        )
        .order_by(F("quasilattice_constant_sigma").desc(nulls_first=True), "-position")
        .values_list("follow_up__sample", "quasilattice_constant", "quasilattice_constant_sigma")
    )
    wanted = set(samples.tolist())
    return {sample: MeasuredLattice(a_r, sigma) for sample, a_r, sigma in rows if sample in wanted}
