"""What the cluster does by itself, again and again: a row of django-q2 for each name."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.db import connection, transaction
from django_q.models import Schedule

ALONE = 0x1C05B
"""PostgreSQL's advisory lock of whoever writes them; it goes with the transaction.  SQLite has one writer at a time anyway."""


def keep_scheduled(name: str, func: str, *, first_run: datetime | None = None, **when: Any) -> None:
    """Have ``func`` called; ``when``: schedule_type and minutes.

    Every worker says so when it starts. However many start at once, there is one row: django-q2's table has no rule of its own
    for that, and two rows would ring twice for ever.
    """
    with transaction.atomic():
        if connection.vendor == "postgresql":
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_xact_lock(%s)", [ALONE])
        rows = Schedule.objects.filter(name=name).order_by("pk")
        first = rows.first()
        if first is None:
            begins = {"next_run": first_run} if first_run else {}
            Schedule.objects.create(name=name, func=func, repeats=-1, **when, **begins)
            return
        rows.exclude(pk=first.pk).delete()
        rows.filter(pk=first.pk).update(func=func, repeats=-1, **when)
