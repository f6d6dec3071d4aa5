"""Who guesses passwords, second factors or API keys is shut out for a while: by the name guessed at, and by address.

django-axes counts in the database, so all web hosts count together; here stand our two limits and what is noted. It hears
of each sign-in, by whatever page, from Django itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from axes.backends import AxesStandaloneBackend
from axes.handlers.database import AxesDatabaseHandler
from axes.handlers.proxy import AxesProxyHandler
from axes.models import AccessAttempt
from django.conf import settings
from django.contrib.auth.models import User
from django.contrib.auth.signals import user_login_failed
from django.core.exceptions import PermissionDenied
from django.db.models import Max, QuerySet, Sum
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.utils import timezone

from lims import sessions
from lims.models import AuditEntry, AuditKind
from lims.passwords import is_of_the_demo

ADDRESS_SHARE = 5
"""So many times the failures of a name are allowed to an address: a whole lab may come in through one."""

KEYS_WITHIN = timedelta(minutes=10)
KEYS_ALLOWED = 20
"""Unknown API keys from one address within that time; an instrument with an old key sends it a few times."""


class LockOut(AxesStandaloneBackend):  # type: ignore[misc]
    """The first to be asked at each sign-in: says no where somebody is shut out, and else nothing."""

    def authenticate(self, request: HttpRequest | None, **credentials: Any) -> None:
        if request is None:  # a command: nobody is at a door
            return
        if not settings.PASSWORDS or (not settings.DEMO and is_of_the_demo(credentials.get("password") or "")):
            raise PermissionDenied
        super().authenticate(request, **credentials)


class LockOutByNameAndAddress(AxesDatabaseHandler):  # type: ignore[misc]
    """What django-axes calls at each sign-in, failed or not."""

    def get_failures(self, request: HttpRequest, credentials: Mapping[str, Any] | None = None) -> int:
        by_name, by_address = (_failures(attempts) for attempts in self.get_user_attempts(request, credentials))
        return max(by_name, by_address // ADDRESS_SHARE if request.axes_ip_address else 0)  # type: ignore[attr-defined]

    def user_login_failed(
        self, sender: object, credentials: Mapping[str, Any], request: Any = None, **kwargs: Any
    ) -> None:
        if request is None:
            return
        was_locked = request.axes_locked_out
        super().user_login_failed(sender, credentials, request, **kwargs)
        if was_locked:
            return
        # A name that is none may be a password in the wrong box: it is not kept.
        person = User.objects.filter(username=credentials.get("username")).first()
        AuditEntry.note(request, AuditKind.SIGN_IN_FAILED, person, wrong=credentials.get("wrong", "password"))
        if request.axes_locked_out:
            AuditEntry.note(request, AuditKind.LOCKED_OUT, person, minutes=settings.LOCKOUT_MINUTES)

    def user_logged_in(self, sender: object, request: HttpRequest, user: User, **kwargs: Any) -> None:
        sessions.begin(request, user)

    def user_logged_out(self, sender: object, request: HttpRequest, user: User | None, **kwargs: Any) -> None:
        pass

    def reset_attempts(
        self, *, ip_address: str | None = None, username: str | None = None, ip_or_username: bool = False
    ) -> int:
        """What `manage.py axes_reset_username` and its sisters call."""
        n = super().reset_attempts(ip_address=ip_address, username=username, ip_or_username=ip_or_username)
        _note_release(None, username or "", ip_address or "")
        return int(n)


def is_shut_out(request: HttpRequest, person: User) -> bool:
    return not AxesProxyHandler.is_allowed(request, {"username": person.get_username()})


def count_wrong_factor(request: HttpRequest, person: User) -> None:
    """As a wrong password is counted: both together make one limit."""
    credentials = {"username": person.get_username(), "wrong": "second factor"}
    user_login_failed.send(sender=__name__, credentials=credentials, request=request)


def forget_failures(username: str) -> None:
    """Somebody came in wholly; what their address did otherwise is remembered under the other names."""
    AccessAttempt.objects.filter(username=username).delete()


def locked_out(request: HttpRequest, _response: HttpResponse | None, credentials: Mapping[str, Any]) -> HttpResponse:
    """The page that says how long."""
    until = _until(AxesProxyHandler.get_implementation().get_user_attempts(request, credentials))
    minutes = max(1, ceil((until - timezone.now()) / timedelta(minutes=1)))
    response = render(request, "registration/locked_out.html", {"until": until, "minutes": minutes}, status=429)
    response["Retry-After"] = str(minutes * 60)
    return response


def _until(attempts: list[QuerySet[AccessAttempt]]) -> datetime:
    last = [one.aggregate(last=Max("attempt_time"))["last"] for one in attempts]
    return max(filter(None, last), default=timezone.now()) + settings.AXES_COOLOFF_TIME


def _failures(attempts: QuerySet[AccessAttempt]) -> int:
    return attempts.aggregate(n=Sum("failures_since_start"))["n"] or 0


@dataclass(frozen=True, slots=True)
class Locked:
    """A name or an address that is shut out now."""

    name: str
    address: str
    until: datetime


def locked_now() -> list[Locked]:
    """Names of people, and addresses; names that nobody has are left out."""
    recent = AccessAttempt.objects.filter(attempt_time__gte=timezone.now() - settings.AXES_COOLOFF_TIME).order_by()
    sums = {"n": Sum("failures_since_start"), "last": Max("attempt_time")}
    names = recent.filter(username__in=User.objects.values("username")).values("username").annotate(**sums)
    addresses = recent.exclude(ip_address=None).values("ip_address").annotate(**sums)
    limit, lasts = settings.AXES_FAILURE_LIMIT, settings.AXES_COOLOFF_TIME
    return [
        *(Locked(row["username"], "", row["last"] + lasts) for row in names if row["n"] >= limit),
        *(Locked("", row["ip_address"], row["last"] + lasts) for row in addresses if row["n"] >= limit * ADDRESS_SHARE),
    ]


def release(request: HttpRequest, *, name: str = "", address: str = "") -> None:
    """Let in again at once."""
    found = {"username": name} if name else {"ip_address": address}
    AccessAttempt.objects.filter(**found).delete()
    _note_release(request, name, address)


def _note_release(request: HttpRequest | None, name: str, address: str) -> None:
    person = User.objects.filter(username=name).first() if name else None
    AuditEntry.note(request, AuditKind.RELEASED, person, **({"address": address} if address else {}))


def seconds_to_wait_for_keys(request: HttpRequest) -> int:
    """Note that a key was sent that is not known here; how long its address must wait where there were too many, else 0."""
    from lims.addresses import address_of

    refused = AuditEntry.objects.filter(
        kind=AuditKind.KEY_REFUSED, address=address_of(request), at__gt=timezone.now() - KEYS_WITHIN
    )
    times = list(refused.order_by("-at").values_list("at", flat=True)[:KEYS_ALLOWED])
    if len(times) == KEYS_ALLOWED:  # no longer written down, so that nobody fills the record
        return int((times[-1] + KEYS_WITHIN - timezone.now()).total_seconds()) + 1
    AuditEntry.note(request, AuditKind.KEY_REFUSED)
    return 0
