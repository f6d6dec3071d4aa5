"""What a view is given once its sign-in was checked."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.http import HttpRequest


class SignedInRequest(HttpRequest):
    """A request of a known person: LoginRequiredMiddleware lets no other through."""

    user: User
