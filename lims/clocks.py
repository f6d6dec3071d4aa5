"""Do the clocks of the lab's hosts agree?  Leases and signs of life are moments that one host writes and another compares."""

from __future__ import annotations

import logging

from django.db import connection
from django.utils import timezone

from screening.models import WorkerHeartbeat
from screening.models.workers import wrong_by

logger = logging.getLogger("icosa.worker")


def seconds_ahead() -> float | None:
    """How far this host's clock is ahead of the database's (s), within half of what the question took.

    None where the database is a file of this host.
    """
    if connection.vendor != "postgresql":
        return None
    before = timezone.now()
    with connection.cursor() as cursor:
        cursor.execute("SELECT clock_timestamp()")
        (moment,) = cursor.fetchone()
    return float((before + (timezone.now() - before) / 2 - moment).total_seconds())


def note(heartbeat: WorkerHeartbeat) -> None:
    """Write it beside the worker's signs of life, and say it where it matters."""
    ahead = seconds_ahead()
    if wrong_by(ahead):
        logger.error("The clock of this host is %+.1f s ahead of the database's: let NTP set both.", ahead)
    WorkerHeartbeat.objects.filter(pk=heartbeat.pk).update(clock_ahead=ahead)
