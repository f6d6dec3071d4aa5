"""What to look at next: the samples whose follow-up is worth most, with the points that make it so and the reason in words.

Points are spent on what a day at the microscope may bring: a quasicrystal that is there (class), something that nobody knows (doubt,
disagreement of versions), and something new (composition, system).  docs/what-to-look-at-next.md says why each has its weight.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

import numpy as np
from django.db.models import Case, Max, Min, OuterRef, Q, Subquery, Value, When
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy
from numpy.typing import NDArray
from scipy.spatial import KDTree

from mlmodels.models import ModelVersion
from samples.composition import amounts_of
from samples.models import AlloySystem, Sample, Viewer, hidden_from
from screening.calls import calls_that_count
from screening.models import FollowUp, Outcome, Review, ScreeningResult
from screening.models.follow_ups import CALLS_WITH_A_LATTICE
from screening.models.results import ScreeningResultQuerySet

CLASS_POINTS: Mapping[str, float] = {"A": 40, "B": 30, "C": 20, "D": 0}
DOUBT_POINTS = 10
"""At p = 0.5; none at 0 and 1."""
LATTICE_POINTS = 5
WIDE_SIGMA = 0.02
"""Å; σ of a_R from which it gets all its points: two steps of the network's candidates of a_R."""
DISAGREEMENT_POINTS = 15
"""Between A and D; a third of them for each class that two versions lie apart."""
NOVELTY_POINTS = 15
FAR = 20.0
"""at.%; compositions so far from all that were looked at have all points of novelty."""
FIRST_POINTS = 15

DEFINITION = {
    "class": CLASS_POINTS,
    "doubt": DOUBT_POINTS,
    "lattice": LATTICE_POINTS,
    "wide_sigma": WIDE_SIGMA,
    "disagreement": DISAGREEMENT_POINTS,
    "a_class": DISAGREEMENT_POINTS / 3,
    "novelty": NOVELTY_POINTS,
    "far": FAR,
    "first": FIRST_POINTS,
}
"""As the page says it."""

LIKELY = 0.5
"""p from which a call of class D is looked at too."""

LEVELS = tuple(ScreeningResult.Level.values)
_SAMPLE = "reading__pattern__sample"


PARTS = {
    "level": gettext_lazy("class"),
    "doubt": gettext_lazy("doubt about p"),
    "lattice": gettext_lazy("doubt about a_R"),
    "disagreement": gettext_lazy("versions disagree"),
    "novelty": gettext_lazy("new composition"),
    "first": gettext_lazy("first of its system"),
}
"""The parts of the worth, in the order in which they are told."""


class Points(NamedTuple):
    """What one of PARTS came to."""

    key: str
    points: float

    @property
    def name(self) -> str:
        return str(PARTS[self.key])


@dataclass(frozen=True, slots=True)
class Proposal:
    """One sample: its best call, what its follow-up is worth, and why."""

    result: ScreeningResult
    points: tuple[Points, ...]
    reasons: tuple[str, ...]

    @property
    def sample(self) -> Sample:
        sample = self.result.reading.pattern.sample
        assert sample is not None  # or there would be nothing to follow up
        return sample

    @property
    def worth(self) -> float:
        return sum(one.points for one in self.points)

    @property
    def points_told(self) -> list[Points]:
        return [one for one in self.points if one.points]

    @property
    def simulated(self) -> bool:
        return self.sample.simulated or self.result.reading.pattern.simulated


class _Row(NamedTuple):
    """One call of the pool, as it is read."""

    result: int
    sample: int
    system: int
    composition: str
    level: str
    probability: float | None
    sigma: float | None
    highest: str | None  # of what other versions called the same reading
    lowest: str | None
    simulated: bool


class Proposals:
    """The follow-ups that ``person`` may see and open, the most worth first; a fixed number of queries."""

    def __init__(self, person: Viewer, system: AlloySystem | None = None, *, simulated: bool = False) -> None:
        self.person, self.system, self.asked_simulated = person, system, simulated

    @property
    def is_in_part(self) -> bool:
        """Whether a project may hide something of it from this person."""
        return bool(hidden_from(self.person))

    @cached_property
    def versions(self) -> dict[int, ModelVersion]:
        """Those that can run, but for the one in production."""
        able = ModelVersion.objects.runnable().exclude(state=ModelVersion.State.PRODUCTION)
        return {version.pk: version for version in able.defer("config")}

    @cached_property
    def n_simulated(self) -> int:
        """Samples that are left out, or that are all there is."""
        return len({row.sample for row in self._pool if row.simulated})

    @cached_property
    def shows_simulated(self) -> bool:
        """Where they were asked for, or nothing was measured yet."""
        return self.asked_simulated or all(row.simulated for row in self._pool)

    def __len__(self) -> int:
        return len(self._ranked)

    def __getitem__(self, part: slice) -> list[Proposal]:
        """Those of one page, with their reasons; three queries."""
        chosen = self._ranked[part]
        related = ScreeningResult.objects.select_related("reading__pattern__sample__system", "model_version")
        results = related.defer("evidence", "model_version__config", "reading__metadata").in_bulk(
            [self._rows[n].result for n in chosen]
        )
        readings = [result.reading_id for result in results.values()]
        others = defaultdict(list)
        beside = ScreeningResult.objects.done().filter(reading__in=readings, model_version__in=self.versions)
        for reading, version, level in beside.order_by("-model_version").values_list(
            "reading", "model_version", "level"
        ):
            others[reading].append((self.versions[version], level))
        wanted = set(_asked_for(results).values_list("result__reading", flat=True))
        return [self._proposal(n, results[self._rows[n].result], others, wanted) for n in chosen]

    # The pool

    @cached_property
    def _pool(self) -> list[_Row]:
        calls = _open_calls(self.person, list(self.versions))
        if self.system:
            calls = calls.for_system(self.system)
        simulated = Q(reading__pattern__simulated=True) | Q(**{f"{_SAMPLE}__simulated": True})
        rows = calls.annotate(is_simulated=Case(When(simulated, then=Value(True)), default=Value(False))).values_list(
            *("pk", _SAMPLE, f"{_SAMPLE}__system", f"{_SAMPLE}__composition", "level"),
            *("probability", "quasilattice_constant_sigma", "highest", "lowest", "is_simulated"),
        )
        return [_Row(*row) for row in rows]

    @cached_property
    def _rows(self) -> list[_Row]:
        return [row for row in self._pool if self.shows_simulated or not row.simulated]

    # The worth

    @cached_property
    def _points(self) -> dict[str, NDArray[np.float64]]:
        """Of each row, by the key of the part; shape (n_rows,) each."""
        rows = self._rows
        rank = {level: place for place, level in enumerate(LEVELS)}
        p = np.array([np.nan if row.probability is None else row.probability for row in rows], dtype=np.float64)
        sigma = np.array(
            [row.sigma or 0.0 if row.level in CALLS_WITH_A_LATTICE else 0.0 for row in rows], dtype=np.float64
        )
        apart = np.array(
            [
                max(abs(rank[row.level] - rank[other or row.level]) for other in (row.highest, row.lowest))
                for row in rows
            ],
            dtype=np.float64,
        )
        first = np.array([row.system not in self._confirmed for row in rows], dtype=np.float64)
        return {
            "level": np.array([CLASS_POINTS[row.level] for row in rows], dtype=np.float64),
            "doubt": DOUBT_POINTS * (1 - np.abs(2 * np.nan_to_num(p, nan=1.0) - 1)),
            "lattice": LATTICE_POINTS * np.minimum(sigma / WIDE_SIGMA, 1),
            "disagreement": DISAGREEMENT_POINTS * apart / (len(LEVELS) - 1),
            "novelty": NOVELTY_POINTS * np.minimum(self._nearest[0] / FAR, 1),
            "first": FIRST_POINTS * first,
        }

    @cached_property
    def _ranked(self) -> list[int]:
        """The row of each sample that is worth most, the most worth sample first."""
        worth = sum(self._points.values(), np.zeros(len(self._rows)))
        order = sorted(range(len(self._rows)), key=lambda n: (-round(float(worth[n]), 6), self._rows[n].result))
        return list({self._rows[n].sample: n for n in reversed(order)}.values())[::-1]

    # What was looked at before

    @cached_property
    def _looked_at(self) -> list[tuple[str, int, str, str]]:
        """Composition, system, code and outcome of each sample that has one."""
        outcomes = Outcome.objects.visible_to(self.person).answering().order_by("number")
        columns = ("sample__composition", "sample__system", "sample__code", "verdict")
        return list(outcomes.values_list(*columns))

    @cached_property
    def _confirmed(self) -> Counter[int]:
        """Samples with a confirmed quasicrystal, by alloy system."""
        return Counter(row[1] for row in self._looked_at if row[3] == Outcome.Verdict.CONFIRMED)

    @cached_property
    def _nearest(self) -> tuple[NDArray[np.float64], list[str]]:
        """Of each row: how far (at.%) the nearest composition with an outcome is, infinite beyond FAR, and its sample's code."""
        codes = {composition: code for composition, _system, code, _verdict in self._looked_at}
        wanted = sorted({row.composition for row in self._rows})
        distances, places = nearest(wanted, list(codes))
        found = dict(zip(wanted, zip(distances.tolist(), places.tolist(), strict=True), strict=True))
        names = [*codes.values(), ""]
        rows = [found[row.composition] for row in self._rows]
        return np.array([distance for distance, _place in rows]), [names[place] for _distance, place in rows]

    # In words

    def _proposal(
        self,
        n: int,
        result: ScreeningResult,
        others: Mapping[int, Sequence[tuple[ModelVersion, str]]],
        wanted: set[int],
    ) -> Proposal:
        points = tuple(Points(key, round(float(self._points[key][n]), 1)) for key in PARTS)
        reasons = [_of_the_call(result, others[result.reading_id])]
        if result.reading_id in wanted:
            reasons.append(_("A reviewer asked for a follow-up, and none is open."))
        if self._points["lattice"][n] == LATTICE_POINTS:
            sigma = result.quasilattice_constant_sigma or 0.0
            reasons.append(_("Its a_R is told to ± %(sigma)s Å only.") % {"sigma": f"{sigma:.3f}"})
        reasons += [self._of_the_composition(n), self._of_the_system(n, result)]
        return Proposal(result, points, tuple(reasons))

    def _of_the_composition(self, n: int) -> str:
        distance, code = self._nearest[0][n], self._nearest[1][n]
        if not self._looked_at:
            return _("No sample has an outcome yet.")
        if not np.isfinite(distance):
            return _("Nothing within %(far)s at.%% has been looked at, in any system.") % {"far": f"{FAR:.0f}"}
        if distance < 0.5:
            return _("Its composition was looked at already: %(code)s.") % {"code": code}
        said = {"distance": f"{distance:.0f}", "code": code}
        return _("The nearest composition that was looked at is %(distance)s at.%% away: %(code)s.") % said

    def _of_the_system(self, n: int, result: ScreeningResult) -> str:
        sample = result.reading.pattern.sample
        assert sample is not None
        n_confirmed = self._confirmed[self._rows[n].system]
        if n_confirmed:
            return _("Confirmed in %(system)s so far: %(n)s.") % {"system": sample.system, "n": n_confirmed}
        return _("No quasicrystal is confirmed in %(system)s yet.") % {"system": sample.system}


def _open_calls(person: Viewer, others: Sequence[int]) -> ScreeningResultQuerySet:
    """Calls that a follow-up could answer: nobody looks into the sample, nobody has, and no reviewer has said no.

    What is left out is asked for by lists and not by Exists: PostgreSQL takes outcomes that nobody amended for rare, and would
    compare each call with each of them.
    """
    unfinished = FollowUp.objects.unfinished().order_by().values("sample")
    answered = Outcome.objects.standing().overall().order_by().values("sample")
    reviews = Review.objects.standing().order_by()
    said_no = reviews.decided().exclude(verdict=Review.Verdict.FOLLOW_UP).values("result__reading")
    said_yes = reviews.filter(verdict=Review.Verdict.FOLLOW_UP).values("result__reading")
    by_others = ScreeningResult.objects.done().filter(model_version__in=others).order_by()
    beside = by_others.filter(reading=OuterRef("reading")).values("reading")
    calls = calls_that_count().visible_to(person)
    return (
        calls.filter(**{f"{_SAMPLE}__archived_at": None, f"{_SAMPLE}__used_up": False})
        .filter(
            Q(level__in=CALLS_WITH_A_LATTICE)
            | Q(probability__gte=LIKELY)
            | Q(reading__in=by_others.filter(level__in=CALLS_WITH_A_LATTICE).values("reading"))
        )
        .filter(~Q(**{f"{_SAMPLE}__in": unfinished}), ~Q(**{f"{_SAMPLE}__in": answered}))
        .filter(Q(reading__in=said_yes) | ~Q(reading__in=said_no))
        .annotate(
            highest=Subquery(beside.annotate(of_all=Min("level")).values("of_all")),
            lowest=Subquery(beside.annotate(of_all=Max("level")).values("of_all")),
        )
    )


def _asked_for(results: Iterable[int]) -> Any:
    """Verdicts "follow up" on the readings of ``results`` from which no follow-up was opened yet."""
    readings = ScreeningResult.objects.filter(pk__in=list(results)).values("reading")
    asked = Review.objects.standing().filter(verdict=Review.Verdict.FOLLOW_UP, result__reading__in=readings)
    return asked.filter(follow_up=None).order_by("-number")


def open_from(result: ScreeningResult, by: Any) -> FollowUp:
    """Open the follow-up that is proposed for the sample of ``result``; from the verdict that asks for it, if there is one.

    Raises FollowUpError.
    """
    sample = result.reading.pattern.sample
    assert sample is not None
    review = _asked_for([result.pk]).first()
    question = review.reason if review else _("Is one of its phases an icosahedral quasicrystal?")
    return FollowUp.objects.open(sample, by, review=review, prompted_by=result, question=question)


def _of_the_call(result: ScreeningResult, others: Sequence[tuple[ModelVersion, str]]) -> str:
    """ "Class B, and icosa-2 said D: versions disagree." """
    apart = [(version, level) for version, level in others if level != result.level]
    if apart:
        version, level = max(apart, key=lambda one: abs(LEVELS.index(one[1]) - LEVELS.index(result.level)))
        said = {"level": result.level, "version": version, "other": level}
        return _("Class %(level)s, and %(version)s says %(other)s: the versions disagree.") % said
    if result.level not in CALLS_WITH_A_LATTICE:
        return _("Class D, and yet more likely with a quasicrystal than without.")
    if others:
        return _("Class %(level)s, and other versions say the same.") % {"level": result.level}
    return _("Class %(level)s; no other version was asked.") % {"level": result.level}


def nearest(wanted: Sequence[str], known: Sequence[str]) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """How far each of ``wanted`` (formulas in at.%) is from the nearest of ``known``, and which that is.

    The distance of two compositions is the part of the atoms (at.%) that would have to be others: half the sum of the differences,
    from 0 to 100, between systems too.  Infinite, and the place len(known), where none lies within FAR.
    """
    symbols = sorted({symbol for formula in (*wanted, *known) for symbol in amounts_of(formula)})
    if not known or not wanted:
        return np.full(len(wanted), np.inf), np.full(len(wanted), len(known), dtype=np.int64)
    tree = KDTree(_amounts(known, symbols))
    distances, places = tree.query(_amounts(wanted, symbols), p=1, distance_upper_bound=2 * FAR)
    return np.asarray(distances, dtype=np.float64) / 2, np.asarray(places, dtype=np.int64)


def _amounts(formulas: Sequence[str], symbols: Sequence[str]) -> NDArray[np.float64]:
    """at.%, normalised to 100, shape (n_formulas, n_symbols)."""
    column = {symbol: n for n, symbol in enumerate(symbols)}
    amounts = np.zeros((len(formulas), len(symbols)))
    for row, formula in zip(amounts, formulas, strict=True):
        for symbol, amount in amounts_of(formula).items():
            row[column[symbol]] = amount
    return np.asarray(100 * amounts / amounts.sum(axis=1, keepdims=True))
