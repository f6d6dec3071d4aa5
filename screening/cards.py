"""Where a pattern stands on its way, from its file to its class: what upload, inbox and pattern page show of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from samples.models import Pattern, Reading, Viewer
from screening.models import ReceivedPattern, ScreeningResult, ScreeningRun


@dataclass(frozen=True, slots=True)
class Card:
    """One pattern, its newest reading and the result to show for it.

    row: how it came in with the upload that the card is part of, with its standing there
    typed, problem: a code that was typed for it and could not be taken, and why
    """

    pattern: Pattern
    reading: Reading | None
    result: ScreeningResult | None
    row: ReceivedPattern | None = None
    typed: str = ""
    problem: str = ""

    @property
    def known(self) -> bool:
        """Its bytes were here before."""
        return self.row is not None and self.row.known

    @property
    def standing(self) -> str:
        """In its upload: what there is to do about it."""
        standing: str = getattr(self.row, "standing", "")
        return standing

    @property
    def n_scans(self) -> int:
        """In its file."""
        n_scans = self.reading.metadata.get("n_scans", 1) if self.reading else 1
        return n_scans if isinstance(n_scans, int) else 1

    @property
    def is_waiting(self) -> bool:
        """Something is still to come by itself."""
        waiting = {ScreeningResult.State.QUEUED, ScreeningResult.State.RUNNING}
        return self.result is not None and self.result.state in waiting

    @property
    def can_be_retried(self) -> bool:
        return self.pattern.failure is not None or (
            self.result is not None and self.result.state == ScreeningResult.State.FAILED
        )

    @property
    def finished_at(self) -> datetime | None:
        return self.result.finished_at if self.result else None


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a batch has come."""

    n_patterns: int
    n_finished: int
    n_by_level: dict[str, int]
    n_without_class: int

    @classmethod
    def of(cls, cards: Sequence[Card]) -> Progress:
        finished = [card for card in cards if not card.is_waiting]
        levels = Counter(card.result.level for card in finished if card.result and card.result.level)
        return cls(
            n_patterns=len(cards),
            n_finished=len(finished),
            n_by_level={level: levels[level] for level in ScreeningResult.Level.values if levels[level]},
            n_without_class=len(finished) - levels.total(),
        )

    @property
    def is_incomplete(self) -> bool:
        return self.n_finished < self.n_patterns

    @property
    def ask_after(self) -> int:
        """Milliseconds until a page asks again: a large batch is asked about less often."""
        return max(700, 3 * self.n_patterns)


def cards_of_run(run: ScreeningRun, person: Viewer) -> list[Card]:
    """The cards of a batch that ``person`` may see, in the order in which its files came; in a fixed number of queries."""
    visible = Pattern.objects.visible_to(person).filter(received__run=run).select_related("sample", "uploaded_by")
    # Prefetched by Django, each pattern would be a further OR, and SQLite takes a thousand.
    pattern_of = visible.with_current_reading().in_bulk()
    rows = [row for row in run.received.with_standing() if row.pattern_id in pattern_of]
    for row in rows:
        row.pattern = pattern_of[row.pattern_id]
    return cards_of([row.pattern for row in rows], rows)


def cards_of(patterns: Iterable[Pattern], rows: Iterable[ReceivedPattern] = ()) -> list[Card]:
    """A card for each of ``patterns``, which have their sample and newest reading fetched along."""
    patterns = list(patterns)
    results = ScreeningResult.objects.latest_of(patterns)
    row_of = {row.pattern_id: row for row in rows}
    return [
        Card(pattern, pattern.current_reading, results.get(pattern.pk), row_of.get(pattern.pk)) for pattern in patterns
    ]
