"""How alloy systems stand: the classes of their patterns, a score from these, and what follow-ups found."""

from __future__ import annotations

import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field

from django.core.cache import cache
from django.db import Error, connections
from django.db.models import Count, Q

from samples.models import AlloySystem, Pattern, Sample, Viewer, hidden_from
from screening.models import Outcome, ScreeningResult

logger = logging.getLogger(__name__)

LEVELS = tuple(ScreeningResult.Level.values)

LEVEL_POINTS: Mapping[str, int] = {"A": 3, "B": 2, "C": 1, "D": 0}
"""What a pattern of each class adds to the score of its system; Uryu et al. (2023) do not print theirs."""

WORTH_KEEPING = 0.2
"""Seconds: what is counted as quickly is counted anew each time, and so always of this moment."""
KEPT_FOR = 50
"""Times as long as it took to count: so that it never takes more than a fiftieth of a core."""
SHOWN_FOR = 4
"""Times as long as that it is shown to who comes late, while it is counted anew beside."""
ANEW_WITHIN = 300
"""Seconds after which another request may begin to count: the one that did is gone."""

Counted = list[tuple[int, str, int, int]]


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
    counts: dict[int, dict[str, int]] = defaultdict(lambda: dict.fromkeys(LEVELS, 0))
    simulated: Counter[int] = Counter()
    for system, level, n, n_simulated in _counted_calls(person):
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


def _counted_calls(person: Viewer) -> Counted:
    """System, class, calls of it, and how many of these are simulated.

    Looks at every call. Where that takes a while, the answer serves everybody who sees the same projects for
    KEPT_FOR times as long, and then nobody waits for the next one.
    """
    key = "-".join(["calls-by-system", *map(str, sorted(hidden_from(person)))])
    kept: tuple[Counted, float] | None = cache.get(key)
    if kept is None:
        return _count_anew(key, person)
    counted, good_until = kept
    if time.time() > good_until and cache.add(f"{key}-anew", True, ANEW_WITHIN):  # one counts, the others do not
        threading.Thread(target=_count_beside, args=[key, person], daemon=True).start()
    return counted


def _count_beside(key: str, person: Viewer) -> None:
    try:
        _count_anew(key, person)
    except Error:
        logger.exception("The classes by alloy system could not be counted")
    finally:
        cache.delete(f"{key}-anew")
        connections.close_all()  # this thread's own


def _count_anew(key: str, person: Viewer) -> Counted:
    began = time.perf_counter()
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
    counted = list(calls)
    took = time.perf_counter() - began
    if took > WORTH_KEEPING:
        cache.set(key, (counted, time.time() + KEPT_FOR * took), SHOWN_FOR * KEPT_FOR * took)
    else:
        cache.delete(key)
    return counted
