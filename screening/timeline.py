"""What happened to a sample, in order: made, logged, measured, called."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime

from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from samples.models import Pattern, Sample
from screening.models import FollowUp, ScreeningResult


@dataclass(frozen=True, slots=True)
class Event:
    """when: a day, a moment, or None where the lab did not note it · what, detail: sentences · levels: calls by class."""

    when: date | datetime | None
    what: str
    detail: str = ""
    levels: tuple[tuple[str, int], ...] = ()


def timeline(
    sample: Sample,
    patterns: Iterable[Pattern],
    results: Iterable[ScreeningResult],
    follow_ups: Iterable[FollowUp] = (),
) -> list[Event]:
    """Synthesis in its order, then the log, patterns by day and person, calls by day and model version, follow-ups."""
    steps = [
        Event(step.done_on, capfirst(str(step)), " · ".join((*step.facts(), step.done_by, step.notes)).strip(" ·"))
        for step in sample.steps.all()
    ]
    if sample.parent:
        steps.insert(0, Event(None, capfirst(f"{sample.get_origin_display() or _('made from')} {sample.parent}")))
    logged = Event(sample.made_at, _("Logged"), str(sample.made_by))
    later = [*_attached(patterns), *_called(results), *_followed_up(follow_ups)]
    if sample.archived_at:
        later.append(Event(sample.archived_at, _("Archived"), str(sample.changed_by)))
    return [*steps, logged, *sorted(later, key=lambda event: str(event.when))]


def _attached(patterns: Iterable[Pattern]) -> list[Event]:
    days: dict[tuple[date, str], list[Pattern]] = {}
    for pattern in patterns:
        days.setdefault((timezone.localdate(pattern.uploaded_at), str(pattern.uploaded_by)), []).append(pattern)
    return [
        Event(
            min(pattern.uploaded_at for pattern in attached),
            ngettext("%(n)s pattern attached", "%(n)s patterns attached", len(attached)) % {"n": len(attached)},
            person,
        )
        for (_day, person), attached in days.items()
    ]


def _called(results: Iterable[ScreeningResult]) -> list[Event]:
    days: dict[tuple[date, str], list[ScreeningResult]] = {}
    for result in results:
        if result.finished_at and result.level:
            days.setdefault((timezone.localdate(result.finished_at), str(result.model_version)), []).append(result)
    return [
        Event(
            max(result.finished_at for result in called if result.finished_at),
            ngettext("%(n)s pattern screened", "%(n)s patterns screened", len(called)) % {"n": len(called)},
            version,
            tuple(sorted(Counter(result.level for result in called).items())),
        )
        for (_day, version), called in days.items()
    ]


def _followed_up(follow_ups: Iterable[FollowUp]) -> Iterator[Event]:
    for follow_up in follow_ups:
        yield Event(follow_up.opened_at, _("Follow-up opened"), f"{follow_up.opened_by} {follow_up.question}".strip())
        for outcome in follow_up.outcomes.all():
            said = {"scope": outcome.scope, "verdict": outcome.get_verdict_display()}
            yield Event(outcome.signed_at, _("Outcome signed: %(scope)s, %(verdict)s") % said, str(outcome.signer))
