"""What a view is given once its sign-in was checked, and who asks for the page that is being made."""

from __future__ import annotations

from collections.abc import Callable
from contextvars import ContextVar

from django.contrib.auth.models import AbstractBaseUser, User
from django.http import HttpRequest, HttpResponseBase

_asking: ContextVar[HttpRequest | None] = ContextVar("asking", default=None)


class SignedInRequest(HttpRequest):
    """A request of a known person: LoginRequiredMiddleware lets no other through."""

    user: User


def remember_who_asks(
    get_response: Callable[[HttpRequest], HttpResponseBase],
) -> Callable[[HttpRequest], HttpResponseBase]:
    """Middleware: whoever changes a record within, the admin included, is named in its history."""

    def middleware(request: HttpRequest) -> HttpResponseBase:
        token = _asking.set(request)
        try:
            return get_response(request)
        finally:
            _asking.reset(token)

    return middleware


def person_who_asks() -> AbstractBaseUser | None:
    """By session or API key; None where nobody is signed in, and in commands and workers."""
    user = getattr(_asking.get(), "user", None)
    return user if user is not None and user.is_authenticated else None


def sent_number(text: object) -> int | None:
    """An id, an edition or a place in a list as a form or an address names it; None for what no row can have."""
    digits = str(text)
    return int(digits) if digits.isascii() and digits.isdigit() and len(digits) < 19 else None


def said_why(request: HttpRequest) -> str:
    """What was written into the field "why" of a form, for the history; it may be left empty."""
    return request.POST.get("why", "").strip()
