"""What failed of late, counted by its reason; without names of files, samples and people."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from samples.models import Pattern
from samples.sentences import restored, translated
from samples.xrd.sentences import Sentence
from screening.models import ScreeningResult
from screening.models.received import RefusedFile

NEWEST = 1000
"""Rows that are looked at of each kind, however many there are."""


@dataclass(frozen=True, slots=True)
class Failures:
    """One reason: how many of the newest rows have it, and when it came up last."""

    reason: str
    n: int
    last_at: datetime | None


def failed_jobs() -> list[Failures]:
    """Patterns whose screening was set aside."""
    newest = ScreeningResult.objects.not_done().failed().order_by("-finished_at")
    rows = newest.values_list("reason", "finished_at")[:NEWEST]
    return _counted((_kind_of_job(reason), at) for reason, at in rows)


def refused_uploads() -> list[Failures]:
    """Files that were not kept, and files that were kept and could not be read."""
    refused = RefusedFile.objects.order_by("-pk").values_list("reason", "run__started_at")[:NEWEST]
    unreadable = Pattern.objects.filter(failure__isnull=False).order_by("-pk")
    return _counted(
        (_in_general(why), at) for why, at in [*refused, *unreadable.values_list("failure", "uploaded_at")[:NEWEST]]
    )


def _kind_of_job(reason: Mapping[str, Any] | None) -> str:
    """The kind of the error that ended the last attempt, and not its words."""
    ended = (reason or {}).get("values", {}).get("reason", "")
    last = str(restored(ended) if isinstance(ended, Mapping) else ended)
    kind, colon, _words = last.partition(":")
    return kind if colon and kind.isidentifier() else last[:80]


def _in_general(reason: Mapping[str, Any]) -> str:
    """The sentence with a dash for whatever it says of this one file."""
    said = restored(reason)
    return translated(Sentence(said.template, dict.fromkeys(said.values, "…")))


def _counted(rows: Iterable[tuple[str, datetime | None]]) -> list[Failures]:
    found: dict[str, Failures] = {}
    for reason, at in rows:
        known = found.get(reason, Failures(reason, 0, at))
        found[reason] = Failures(reason, known.n + 1, max(filter(None, (known.last_at, at)), default=None))
    return sorted(found.values(), key=lambda failures: -failures.n)
