"""Setting up one's second factor, making recovery codes anew, and taking it off."""

from __future__ import annotations

import segno
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST
from django_otp.util import random_hex

from lims import lockouts, sessions
from lims.models import AuditEntry, AuditKind, SecondFactor, Session
from lims.models.second_factors import address_for_apps, base32
from lims.sessions import must_have_factor
from lims.signing_in import CodeForm, where_to
from samples.requests import SignedInRequest

NEW_KEY = "new_factor_key"
"""In the session while somebody sets it up, so that a reloaded page shows the same QR code."""


@never_cache
@login_not_required
@sensitive_post_parameters("code")
def second_factor(request: HttpRequest) -> HttpResponse:
    """Scan, type the number, keep the recovery codes: for who is signed in, and for whom a role obliges to do it first."""
    person = request.user if request.user.is_authenticated else request.half_signed_in  # type: ignore[attr-defined]
    if person is None:
        return redirect("login")
    factor = SecondFactor(person)
    if factor.is_set_up:
        return redirect("my-settings")
    if not sessions.is_fresh(request):
        return _sign_in_once_more(request, "second-factor")
    key = request.session.setdefault(NEW_KEY, random_hex(20))
    form = CodeForm(request.POST if request.method == "POST" else None)
    form.fields["code"].help_text = gettext("The six digits that the app shows now.")
    if form.is_valid():
        codes = factor.set_up(key, form.cleaned_data["code"])
        if codes:
            del request.session[NEW_KEY]
            _signed_in_with_it(request, person)
            return _codes_shown(request, codes, onwards=where_to(request))
        form.add_error("code", gettext("This is not what the app must show. Is the clock of the phone right?"))
    address = address_for_apps(person, key)
    context = {
        "form": form,
        "qr": segno.make(address, error="m").svg_data_uri(scale=5, border=4, light="#fff"),
        "secret": " ".join(base32(key)[start : start + 4] for start in range(0, 32, 4)),
        "is_obliged": not request.user.is_authenticated,
        "next": where_to(request),
    }
    return render(request, "registration/second_factor.html", context, status=422 if form.errors else 200)


def _sign_in_once_more(request: HttpRequest, before: str) -> HttpResponse:
    said = gettext("Sign in once more: a second factor is set up or taken off within 15 minutes of signing in.")
    messages.info(request, said)
    if not request.user.is_authenticated:  # half signed in: the sign-in page would lead back here
        logout(request)
    return redirect(f"{reverse('login')}?{urlencode({'next': reverse(before)})}")


def _signed_in_with_it(request: HttpRequest, person: User) -> None:
    Session.objects.end(person, but=request.session.session_key)  # they came in without it
    if request.user.is_authenticated:
        request.session["factor"] = "given"
    else:
        sessions.give_factor(request, person)
    AuditEntry.note(request, AuditKind.FACTOR_ENROLLED, person)


@never_cache
@require_POST
@sensitive_post_parameters("code")
def new_recovery_codes(request: SignedInRequest) -> HttpResponse:
    if not _confirmed(request):
        return redirect("my-settings")
    codes = SecondFactor(request.user).make_codes()
    AuditEntry.note(request, AuditKind.RECOVERY_CODES_MADE, request.user)
    return _codes_shown(request, codes, onwards="/settings/")


@require_POST
@sensitive_post_parameters("code")
def take_off_second_factor(request: SignedInRequest) -> HttpResponse:
    if must_have_factor(request.user):
        messages.error(request, gettext("Your role needs a second factor: it stays. An admin can take it off."))
    elif not sessions.is_fresh(request):
        return _sign_in_once_more(request, "my-settings")
    elif _confirmed(request):
        SecondFactor(request.user).take_off()
        request.session["factor"] = "none"
        AuditEntry.note(request, AuditKind.FACTOR_RESET, request.user)
        messages.success(request, gettext("The second factor is off: the password alone lets you in from now on."))
    return redirect("my-settings")


def _confirmed(request: SignedInRequest) -> bool:
    """Whether a right code was sent along: an open browser on a bench is not enough."""
    if lockouts.is_shut_out(request, request.user):
        messages.error(request, gettext("Too many wrong codes. Try again later."))
        return False
    if SecondFactor(request.user).accepts(request.POST.get("code", "")):
        return True
    lockouts.count_wrong_factor(request, request.user)
    messages.error(request, gettext("This code is not right, or was used already. Nothing was changed."))
    return False


def _codes_shown(request: HttpRequest, codes: list[str], *, onwards: str) -> HttpResponse:
    """In the answer that makes them and never again."""
    return render(request, "registration/recovery_codes.html", {"codes": codes, "next": onwards})
