"""How alloy systems stand: the classes of their patterns, and a score from these."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from django.db.models import Count

from samples.models import AlloySystem, Pattern, Sample
from screening.models import ScreeningResult

LEVELS = tuple(ScreeningResult.Level.values)

LEVEL_POINTS: Mapping[str, int] = {"A": 3, "B": 2, "C": 1, "D": 0}
"""What a pattern of each class adds to the score of its system; Uryu et al. (2023) do not print theirs."""


@dataclass(frozen=True, slots=True)
class SystemStanding:
    """One alloy system and the calls of the version in production on its measured and simulated patterns."""

    system: AlloySystem
    n_samples: int
    counts: Mapping[str, int]

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


def system_standings() -> list[SystemStanding]:
    """Every system, the highest score first; three queries."""
    n_samples = dict(
        Sample.objects.current().order_by().values_list("system").annotate(n=Count("pk")).values_list("system", "n")
    )
    calls = (
        ScreeningResult.objects.done()
        .production()
        .current()
        .filter(reading__pattern__sample__isnull=False, reading__pattern__kind=Pattern.Kind.MEASUREMENT)
        .order_by()
        .values_list("reading__pattern__sample__system", "level")
        .annotate(n=Count("pk"))
    )
    counts: dict[int, dict[str, int]] = {}
    for system, level, n in calls:
        counts.setdefault(system, dict.fromkeys(LEVELS, 0))[level] = n
    nothing = dict.fromkeys(LEVELS, 0)
    standings = [
        SystemStanding(system, n_samples.get(system.pk, 0), counts.get(system.pk, nothing))
        for system in AlloySystem.objects.all()
    ]
    return sorted(standings, key=lambda s: (s.score is None, -(s.score or 0), s.system.name))
