"""Sessions: each knows whose it is, so that all of one person can be ended; none outlives a day of silence or two weeks.

Half signed in is who gave a password and not yet the second factor. They are nobody to every page, API and permission,
but for the few pages by which they come in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, logout
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, User
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessionStore
from django.http import HttpRequest, HttpResponseBase

from lims.models import AuditEntry, AuditKind, SecondFactor, Session

FRESH = 900.0
"""Seconds after a sign-in in which somebody may set up or take off the second factor: an open browser is not enough."""

NOTE_EVERY = 600.0
"""Seconds: a session that is used all the time is written that often."""


class SessionStore(DatabaseSessionStore):
    """Django's, in a table that names the person."""

    @classmethod
    def get_model_class(cls) -> type[Session]:
        return Session

    def create_model_instance(self, data: dict[str, Any]) -> Session:
        row = super().create_model_instance(data)
        assert isinstance(row, Session)
        row.person_id = int(data[SESSION_KEY]) if SESSION_KEY in data else None
        return row


def begin(request: HttpRequest, person: User) -> None:
    """Each sign-in comes by here, whatever page or link it came from, when Django has given it a fresh session."""
    now = time.time()
    if getattr(request, "has_second_factor_elsewhere", False):
        factor = "given"
    else:
        factor = "asked" if SecondFactor(person).is_set_up else "none"
    request.session.update({"began_at": now, "seen_at": now, "factor": factor})
    if factor != "asked":
        note_signed_in(request, person)


def give_factor(request: HttpRequest, person: User) -> None:
    """The second factor was right: from now on ``person`` is signed in."""
    request.session.cycle_key()
    request.session["factor"] = "given"
    request.user = person
    note_signed_in(request, person)


def note_signed_in(request: HttpRequest, person: User) -> None:
    from lims.lockouts import forget_failures

    forget_failures(person.get_username())
    by = getattr(request, "signs_in_by", "password")
    AuditEntry.note(request, AuditKind.SIGNED_IN, person, by=by, second_factor=request.session["factor"] == "given")


def is_fresh(request: HttpRequest) -> bool:
    """Whether whoever sits there signed in a moment ago, by password or by the lab's service."""
    return time.time() - float(request.session.get("began_at", 0)) < FRESH


def must_have_factor(person: AbstractBaseUser) -> bool:
    """Whether a role of theirs is one that ICOSA_SECOND_FACTOR_FOR names."""
    if not settings.SECOND_FACTOR_FOR or not isinstance(person, User):
        return False
    if person.is_superuser and "admin" in settings.SECOND_FACTOR_FOR:
        return True
    return person.groups.filter(name__in=settings.SECOND_FACTOR_FOR).exists()


class HalfSignedIn(HttpRequest):
    """What the pages that let somebody in are given."""

    half_signed_in: User | None


def watch_sessions(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: ends sessions that are too old, and lets nobody in by half."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        request.half_signed_in = None  # type: ignore[attr-defined]
        if settings.SESSION_COOKIE_NAME in request.COOKIES and request.user.is_authenticated:
            _watch(request, request.user)
        return get_response(request)

    return middleware


def _watch(request: HttpRequest, person: User) -> None:
    now, session = time.time(), request.session
    oldest = max(
        now - session.get("began_at", 0) - settings.SESSION_LONGEST,
        now - session.get("seen_at", 0) - settings.SESSION_IDLE,
    )
    if oldest > 0:
        logout(request)
        return
    if now - session["seen_at"] > NOTE_EVERY:
        session["seen_at"] = now
    if session["factor"] == "asked" or (session["factor"] == "none" and must_have_factor(person)):
        request.half_signed_in = person  # type: ignore[attr-defined]
        request.user = AnonymousUser()
