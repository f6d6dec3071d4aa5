"""Was the network right?  Calls against outcomes: by class, version and system; recall; probabilities; lattice constants."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from django.db.models import Count, Max, Min, Q
from numpy.typing import NDArray

from mlmodels.models import ModelVersion
from mlmodels.net.classify import DETECTION_LEVELS
from samples.models import AlloySystem, Pattern, Viewer, hidden_from
from screening.ledger import Ledger, MeasuredLattice, judged_calls, measured_lattices
from screening.models import Candidate, ScreeningResult
from screening.models.follow_ups import CALLS_WITH_A_LATTICE
from screening.proportions import Recall, Share, Stratum, recall, share_of_calls, stratum

LEVELS = tuple(ScreeningResult.Level.values)
ALWAYS_LOOKED_AT = ("A", "B")
MOST_SYSTEMS = 20
"""In the table; one more can be asked for by itself."""

FEWEST_FOR_A_LINE = 3
"""Samples below which no straight line is told."""

EDGES = (*(n / 10 for n in range(10)), *sorted(threshold for _level, threshold in DETECTION_LEVELS), 1.0)
"""Of p, for the reliability diagram: tenths up to 0.9, then the thresholds of the classes."""


@dataclass(frozen=True, slots=True)
class Asked:
    """What the page is asked about: no version stands for the one that `Agreement` chooses, `pooled` for all of them."""

    version: ModelVersion | None = None
    pooled: bool = False
    system: AlloySystem | None = None
    signed_from: date | None = None
    signed_to: date | None = None
    simulated: bool = False


class ClassRow(NamedTuple):
    """What came of the calls of one class; `precision` is the share confirmed of those that could be told."""

    level: str
    precision: Share
    n_inconclusive: int

    @property
    def n_refuted(self) -> int:
        return self.precision.n - self.precision.n_right

    @property
    def is_missed(self) -> bool:
        """In class D what is confirmed was missed."""
        return self.level not in CALLS_WITH_A_LATTICE


class GroupRow(NamedTuple):
    """One version or system: precision by class, that of A to C together, and the simulated calls that are not counted."""

    name: ModelVersion | AlloySystem
    classes: list[Share]
    together: Share
    n_samples: int
    n_simulated: int


class Draw(NamedTuple):
    """One class in the estimate of recall: its calls, those that chance drew, and what outcomes said of these."""

    level: str
    n_drawn: int
    lowest_rate: float
    highest_rate: float
    n_answered: int
    n_confirmed: int
    stratum: Stratum

    @property
    def n_estimated(self) -> float:
        """Quasicrystals among all calls of the class."""
        return self.stratum.n_calls * self.stratum.share


class Bin(NamedTuple):
    """Calls with p from `low` to `high`: what they said on the mean, and what was found."""

    low: float
    high: float
    mean_p: float
    found: Share


@dataclass(frozen=True, slots=True)
class LatticeComparison:
    """a_R as called against a_R as measured (Å), one point a confirmed call of class A to C; shape (n,)."""

    calls: Ledger
    measured: NDArray[np.float64]
    measured_sigma: NDArray[np.float64]

    @property
    def residuals(self) -> NDArray[np.float64]:
        return self.calls.a_r - self.measured

    @property
    def bias(self) -> float:
        return float(self.residuals.mean())

    @property
    def scatter(self) -> float | None:
        """Standard deviation of the residuals (Å)."""
        return float(self.residuals.std(ddof=1)) if len(self.calls) > 1 else None

    @property
    def line(self) -> tuple[float, float] | None:
        """Slope and intercept (Å) of called against measured, by least squares; None for too few samples or all alike."""
        if np.unique(self.calls.sample).size < FEWEST_FOR_A_LINE or np.ptp(self.measured) < 1e-6:
            return None
        slope, intercept = np.polyfit(self.measured, self.calls.a_r, 1)
        return float(slope), float(intercept)


class Agreement:
    """The answers to what is `asked`, from one reading of the ledger: of the samples that ``person`` may see."""

    def __init__(self, asked: Asked, person: Viewer) -> None:
        self.asked, self.person = asked, person

    @property
    def is_in_part(self) -> bool:
        """Whether a project may hide something of it from this person."""
        return bool(hidden_from(self.person))

    @cached_property
    def everything(self) -> Ledger:
        """Of every version and system, simulated or not."""
        return Ledger.read(judged_calls(self.person, self.asked.signed_from, self.asked.signed_to))

    @cached_property
    def counted(self) -> NDArray[np.bool_]:
        """Which rows of `everything` count: simulated patterns only where they are asked for."""
        return np.logical_not(self.everything.simulated) | self.asked.simulated

    @cached_property
    def in_system(self) -> NDArray[np.bool_]:
        system = self.asked.system
        return np.ones(len(self.everything), dtype=np.bool_) if system is None else self.everything.system == system.pk

    @cached_property
    def in_version(self) -> NDArray[np.bool_]:
        chosen = self.version
        if chosen is None:  # what candidates said in the shadow is no call of the lab's
            candidates = [version.pk for version in self.versions if version.state == ModelVersion.State.CANDIDATE]
            return ~np.isin(self.everything.version, candidates)
        return np.equal(self.everything.version, chosen.pk)

    @cached_property
    def versions(self) -> list[ModelVersion]:
        """Those with calls in the ledger, the one in production first."""
        judged = ModelVersion.objects.filter(pk__in=np.unique(self.everything.version).tolist()).defer("config")
        return sorted(judged, key=lambda version: (version.standing, version.pk), reverse=True)

    @cached_property
    def version(self) -> ModelVersion | None:
        """The one asked for; else the first that has calls to count.  None where all are pooled or there is none."""
        if self.asked.version or self.asked.pooled:
            return self.asked.version
        counting = set(self.everything.version[self.counted & self.in_system].tolist())
        return next((version for version in self.versions if version.pk in counting), next(iter(self.versions), None))

    @cached_property
    def ledger(self) -> Ledger:
        """The calls that the figures of the page are about."""
        return self.everything.where(self.counted & self.in_system & self.in_version)

    @cached_property
    def n_left_out(self) -> int:
        """Calls on simulated patterns that are not counted."""
        return int((~self.counted & self.in_system & self.in_version).sum())

    @property
    def n_samples(self) -> int:
        return int(np.unique(self.ledger.sample).size)

    @cached_property
    def n_disagreements(self) -> int:
        return int(self.ledger.disagrees.sum())

    # Precision

    @cached_property
    def by_class(self) -> list[ClassRow]:
        inconclusive = ~(self.ledger.confirmed | self.ledger.refuted)
        return [
            ClassRow(level, _precision(self.ledger, [level]), int((inconclusive & (self.ledger.level == level)).sum()))
            for level in LEVELS
        ]

    @cached_property
    def by_version(self) -> list[GroupRow]:
        """Every version, whatever version is asked for, so that they stand beside each other."""
        return _groups(self.versions, self.everything.version, self.everything, self.counted, self.in_system)

    @cached_property
    def by_system(self) -> list[GroupRow]:
        """The MOST_SYSTEMS with the most calls."""
        systems, n_calls = np.unique(self.everything.system[self.in_version], return_counts=True)
        most = systems[np.argsort(-n_calls, kind="stable")][:MOST_SYSTEMS].tolist()
        judged = AlloySystem.objects.filter(pk__in=most)
        return _groups(judged, self.everything.system, self.everything, self.counted, self.in_version)

    @property
    def n_more_systems(self) -> int:
        return int(np.unique(self.everything.system[self.in_version]).size) - len(self.by_system)

    # Recall

    @cached_property
    def draws(self) -> list[Draw]:
        """How the calls of each class were drawn for review; empty where none were, as with calls made elsewhere."""
        conclusive = self.ledger.conclusive
        answered = conclusive.where(~np.isnan(conclusive.inclusion))
        frame = {level: (n_calls, n_drawn, low, high) for level, n_calls, n_drawn, low, high in self._frame()}
        rows = []
        for level in LEVELS if frame else ():
            n_calls, n_drawn, lowest, highest = frame.get(level, (0, 0, 0.0, 0.0))
            calls = answered.where(answered.level == level)
            one = stratum(n_calls, calls.confirmed, 1 / calls.inclusion)
            n_confirmed = int(calls.confirmed.sum())
            rows.append(Draw(level, n_drawn, lowest, highest, len(calls), n_confirmed, one))
        return rows

    @property
    def levels_without_outcome(self) -> list[str]:
        """Classes that have calls, of which none that chance drew has an outcome that could tell."""
        return [draw.level for draw in self.draws if draw.stratum.n_calls and not draw.n_answered]

    @cached_property
    def recall_always_looked_at(self) -> Recall | None:
        """What part of the quasicrystals among the patterns lies in class A or B."""
        return self._recall(ALWAYS_LOOKED_AT)

    @cached_property
    def recall_called(self) -> Recall | None:
        """What part lies in class A, B or C."""
        return self._recall(CALLS_WITH_A_LATTICE)

    def _recall(self, levels: Iterable[str]) -> Recall | None:
        found = [draw.stratum for draw in self.draws if draw.level in levels]
        return recall(
            found, [draw.stratum for draw in self.draws if draw.level not in levels], np.random.default_rng(0)
        )

    def _frame(self) -> Iterable[tuple[str, int, int, float, float]]:
        """Of each class: calls, drawn ones, lowest and highest rate."""
        visible = ScreeningResult.objects.visible_to(self.person)
        calls = visible.done().current().filter(reading__pattern__kind=Pattern.Kind.MEASUREMENT)
        calls = calls.exclude(model_version__state=ModelVersion.State.RECORD)
        if self.version:
            calls = calls.filter(model_version=self.version)
        if self.asked.system:
            calls = calls.for_system(self.asked.system)
        if not self.asked.simulated:
            calls = calls.filter(reading__pattern__simulated=False)
        frame = Candidate.objects.filter(result__in=calls.order_by()).order_by().values("level")
        return frame.annotate(
            n_calls=Count("pk"),
            n_drawn=Count("pk", filter=Q(drawn=True)),
            lowest=Min("inclusion_probability"),
            highest=Max("inclusion_probability"),
        ).values_list("level", "n_calls", "n_drawn", "lowest", "highest")

    # What p and a_R say

    @cached_property
    def reliability(self) -> list[Bin]:
        """Bins that hold a call; calls recorded without p are in none."""
        calls = self.ledger.conclusive
        bins = []
        for low, high in pairwise(EDGES):
            inside = (calls.probability > low) & (calls.probability <= high)
            if not low:
                inside |= calls.probability == 0
            if inside.any():
                found = share_of_calls(calls.confirmed[inside], calls.sample[inside])
                bins.append(Bin(low, high, float(calls.probability[inside].mean()), found))
        return bins

    @cached_property
    def measured(self) -> Mapping[int, MeasuredLattice]:
        """By sample, of those on the page that are confirmed and measured."""
        return measured_lattices(np.unique(self.ledger.sample))

    @cached_property
    def lattices(self) -> LatticeComparison:
        comparable = np.isin(self.ledger.level, CALLS_WITH_A_LATTICE) & ~np.isnan(self.ledger.a_r)
        calls = self.ledger.where(comparable & np.isin(self.ledger.sample, list(self.measured)))
        measured = [self.measured[sample] for sample in calls.sample.tolist()]
        return LatticeComparison(
            calls,
            np.array([one.a_r for one in measured], dtype=np.float64),
            np.array([one.sigma for one in measured], dtype=np.float64),  # None becomes NaN
        )


def _precision(ledger: Ledger, levels: Iterable[str]) -> Share:
    calls = ledger.conclusive
    of_class = calls.where(np.isin(calls.level, list(levels)))
    return share_of_calls(of_class.confirmed, of_class.sample)


def _groups(
    names: Iterable[ModelVersion | AlloySystem],
    column: NDArray[np.int64],
    ledger: Ledger,
    counted: NDArray[np.bool_],
    wanted: NDArray[np.bool_],
) -> list[GroupRow]:
    rows = []
    for name in names:
        of_group = wanted & (column == name.pk)
        calls = ledger.where(of_group & counted)
        if of_group.any():
            classes = [_precision(calls, [level]) for level in LEVELS]
            n_left_out = int((of_group & ~counted).sum())
            together, n_samples = _precision(calls, CALLS_WITH_A_LATTICE), int(np.unique(calls.sample).size)
            rows.append(GroupRow(name, classes, together, n_samples, n_left_out))
    return rows
