"""How alloy systems stand: the classes of their patterns, a score from these, and what follow-ups found."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.db.models import Count, Q

from samples.models import AlloySystem, Pattern, Sample, Viewer
from screening.models import Outcome, ScreeningResult

LEVELS = tuple(ScreeningResult.Level.values)

LEVEL_POINTS: Mapping[str, int] = {"A": 3, "B": 2, "C": 1, "D": 0}
"""What a pattern of each class adds to the score of its system; Uryu et al. (2023) do not print theirs."""


@dataclass(frozen=True, slots=True)
class SystemStanding:
    """One alloy system and the calls of the version in production on its patterns; `n_simulated` of these are simulated."""

    system: AlloySystem
    n_samples: int
    counts: Mapping[str, int]
    n_simulated: int = 0
    verdicts: Mapping[str, int] = field(default_factory=dict)
    """Samples by what came of their follow-up."""

    @property
    def n_screened(self) -> int:
        return sum(self.counts.values())

    @property
    def score(self) -> float | None:
        """Points for each screened pattern, 0 to 3; None where nothing was screened."""
        if not self.n_screened:
            return None
        return sum(LEVEL_POINTS[level] * n for level, n in self.counts.items()) / self.n_screened

    @property
    def ordered_counts(self) -> list[tuple[str, int]]:
        return list(self.counts.items())


def system_standings(person: Viewer) -> list[SystemStanding]:
    """Every system with what ``person`` may see of it, the highest score first; four queries."""
    n_samples = dict(
        Sample.objects.visible_to(person)
        .current()
        .order_by()
        .values_list("system")
        .annotate(n=Count("pk"))
        .values_list("system", "n")
    )
    calls = (
        ScreeningResult.objects.visible_to(person)
        .done()
        .production()
        .current()
        .filter(reading__pattern__sample__isnull=False, reading__pattern__kind=Pattern.Kind.MEASUREMENT)
        .order_by()
        .values_list("reading__pattern__sample__system", "level")
        .annotate(n=Count("pk"), n_simulated=Count("pk", filter=Q(reading__pattern__simulated=True)))
    )
    counts: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(LEVELS, 0))
    simulated: Counter[int] = Counter()
    for system, level, n, n_simulated in calls:
        counts[system][level] = n
        simulated[system] += n_simulated
    outcomes = (
        Outcome.objects.visible_to(person)
        .answering()
        .order_by()
        .values_list("sample__system", "verdict")
        .annotate(n=Count("pk"))
    )
    verdicts: dict[int, dict[str, int]] = defaultdict(dict)
    for system, verdict, n in outcomes:
        verdicts[system][verdict] = n
    standings = [
        SystemStanding(
            system, n_samples.get(system.pk, 0), counts[system.pk], simulated[system.pk], verdicts[system.pk]
        )
        for system in AlloySystem.objects.all()
    ]
    return sorted(standings, key=lambda s: (s.score is None, -(s.score or 0), s.system.name))
