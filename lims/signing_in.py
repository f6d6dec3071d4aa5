"""The doors: name and password, then the second factor of those who have one."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.views import LoginView, RedirectURLMixin
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.urls import reverse
from django.utils.http import urlencode
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from lims import lockouts, sessions, sso
from lims.models import AuditEntry, AuditKind, SecondFactor, Session
from lims.roles import ROLES
from lims.sessions import HalfSignedIn
from samples.fields import StyledBoundField
from samples.requests import SignedInRequest


class SignIn(LoginView):
    """The sign-in page, the admin's too; in demo mode it shows the people of the demonstration."""

    request: HalfSignedIn

    def get(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        if self.request.half_signed_in:
            return redirect(f"{reverse('sign-in-code')}?{urlencode({'next': self.get_redirect_url()})}")
        return super().get(request, *args, **kwargs)

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        shown = {"demo_people": demo_people() if settings.DEMO else [], "sso_name": sso.name()}
        return super().get_context_data(**kwargs) | shown | {"with_passwords": settings.PASSWORDS}


def demo_people() -> list[dict[str, str]]:
    """One person for each role, with the password that `manage.py demo` gives."""
    from lims.demo import password_of

    return [{"name": role, "password": password_of(role)} for role in ROLES]


class CodeField(forms.CharField):
    """A number of six digits, or a recovery code; full-width digits, spaces and dashes do not matter."""

    def __init__(self, **options: Any) -> None:
        attrs = {"autocomplete": "one-time-code", "inputmode": "text", "autocapitalize": "none", "autofocus": True}
        super().__init__(max_length=40, widget=forms.TextInput(attrs=attrs), **options)


class CodeForm(forms.Form):
    bound_field_class = StyledBoundField

    code = CodeField(
        label=pgettext_lazy("second factor", "Code"),
        help_text=_("The six digits that your app shows now, or one of your recovery codes."),
    )


@never_cache
@login_not_required
@sensitive_post_parameters("code")
def sign_in_code(request: HalfSignedIn) -> HttpResponse:
    """The second step, after the password: the code of the app, or setting one up where a role demands it."""
    person = request.half_signed_in
    onwards = where_to(request)
    if person is None:
        return redirect(onwards)
    if "leave" in request.POST:
        logout(request)
        return redirect("login")
    factor = SecondFactor(person)
    if not factor.is_set_up:
        return redirect(f"{reverse('second-factor')}?{urlencode({'next': onwards})}")
    form = CodeForm(request.POST if request.method == "POST" else None)
    if form.is_valid() and not lockouts.is_shut_out(request, person):
        accepted = factor.accepts(form.cleaned_data["code"])
        if accepted:
            sessions.give_factor(request, person)
            if accepted == "recovery code":
                AuditEntry.note(request, AuditKind.RECOVERY_CODE_USED, person, left=factor.n_codes_left)
                left = gettext("You used a recovery code. %(n)s are left; make new ones under “My settings”.")
                messages.warning(request, left % {"n": factor.n_codes_left})
            return redirect(onwards)
        lockouts.count_wrong_factor(request, person)
        form.add_error("code", gettext("This code is not right, or was used already. Wait for the next one."))
    elif form.is_bound and not form.errors:
        return lockouts.locked_out(request, None, {"username": person.get_username()})
    context = {"form": form, "next": onwards, "person": person}
    return render(request, "registration/code.html", context, status=422 if form.errors else 200)


class _Next(RedirectURLMixin):
    next_page = "home"


def where_to(request: HttpRequest) -> str:
    """The page that was asked for before signing in, if it is one of ours."""
    asked = _Next()
    asked.request = request  # type: ignore[attr-defined]
    return asked.get_success_url()


@require_POST
def sign_out_everywhere(request: SignedInRequest) -> HttpResponse:
    """Every browser that is signed in as me is signed out, this one too."""
    AuditEntry.note(request, AuditKind.SIGNED_OUT_EVERYWHERE, request.user)
    Session.objects.end(request.user)
    logout(request)
    messages.success(request, gettext("You are signed out everywhere. API keys still work: revoke them one by one."))
    return redirect("login")
