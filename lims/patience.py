"""How long who waits for PostgreSQL: a page for seconds, a command or a job for as long as it takes.

SQLite has no server that could fall silent; how long it waits for a lock stands in the settings.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from django.conf import settings

GRACE = 5.0
"""Seconds that a page waits on, once the server should have cancelled its statement: one that works says so by then."""
BRIEF = 2.0
"""Seconds in which a connection that was kept must answer to a page that takes it up again."""
LOCK = 15
"""Seconds that a page waits for a row or table that another holds; less than for an answer."""
IDLE = 60
"""Seconds that a page may compute, or wait for a file, in the midst of a transaction: then the server ends it."""

SILENCE = "silence"
"""In the place of PostgreSQL's code of an error, where it said nothing."""

_until: ContextVar[float | None] = ContextVar("until", default=None)
_serves_pages = False


def serve_pages() -> None:
    """Said by a process that serves pages, before it asks the database anything."""
    global _serves_pages
    _serves_pages = True


def told_to_the_server() -> str:
    """The limits that PostgreSQL itself keeps, as its connection parameter `options`; none but for pages."""
    if not _serves_pages:
        return ""
    limits = {
        "statement_timeout": settings.DATABASE_PATIENCE,
        "lock_timeout": min(LOCK, settings.DATABASE_PATIENCE),
        "idle_in_transaction_session_timeout": IDLE,
    }
    return " ".join(f"-c {name}={seconds}s" for name, seconds in limits.items())


def left() -> float | None:
    """Seconds in which the server must answer what it is asked now; None where that may take as long as it takes."""
    if (until := _until.get()) is not None:
        return max(0.0, until - time.monotonic())
    return settings.DATABASE_PATIENCE + GRACE if _serves_pages else None


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """All that is asked within must be answered before so many seconds have passed."""
    until, outer = time.monotonic() + seconds, _until.get()
    token = _until.set(until if outer is None else min(until, outer))
    try:
        yield
    finally:
        _until.reset(token)


@contextmanager
def brief() -> Iterator[None]:
    """For a question whose answer takes no time; commands and jobs are as patient as ever."""
    if not _serves_pages:
        yield
        return
    with at_most(BRIEF):
        yield
