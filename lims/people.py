"""Who works here: the page that everyone may read, and what admins do there."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import login
from django.contrib.auth.decorators import login_not_required, permission_required
from django.contrib.auth.forms import SetPasswordMixin
from django.contrib.auth.models import User
from django.contrib.auth.validators import UnicodeUsernameValidator
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse
from django.utils.translation import gettext, pgettext_lazy
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_POST

from lims import lockouts, sso
from lims.models import AccessLink, AuditEntry, AuditKind, PeopleError, Person, SecondFactor
from lims.roles import ROLE_WORDS
from samples.fields import PlainTextField, StyledBoundField
from samples.requests import SignedInRequest, said_why


class NameField(PlainTextField):
    """The name that somebody signs in with, and that others write after an @."""

    default_validators = [UnicodeUsernameValidator()]

    def __init__(self, **options: Any) -> None:
        attrs = {"autocomplete": "username", "autocapitalize": "none", "spellcheck": "false"}
        super().__init__(
            label=pgettext_lazy("to sign in with", "Name"),
            max_length=60,
            widget=forms.TextInput(attrs=attrs),
            **options,
        )


def check_free(name: str, *, but: int = 0) -> None:
    if User.objects.filter(username__iexact=name).exclude(pk=but).exists():
        raise ValidationError(_("Somebody has the name %(name)s already. Take another one.") % {"name": name})


class RolesForm(forms.Form):
    bound_field_class = StyledBoundField

    roles = forms.MultipleChoiceField(
        label=_("Roles"),
        choices=list(ROLE_WORDS.items()),
        widget=forms.CheckboxSelectMultiple,
        initial=["member"],
        error_messages={"required": _("Choose at least one role. To keep somebody out, deactivate them.")},
    )


class InvitationForm(RolesForm):
    username = NameField(help_text=_("To sign in with; they can change it when they come. Letters, digits and . _ - +"))
    mail = forms.EmailField(
        label=_("Mail address"), required=False, help_text=_("Optional: for the daily digest, if this lab sends mail.")
    )
    field_order = ["username", "mail", "roles"]

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        check_free(name)
        return name


class WelcomeForm(SetPasswordMixin, forms.Form):  # type: ignore[type-arg]
    """What the owner of a one-time link sets: a password, and a name on the first visit."""

    bound_field_class = StyledBoundField

    password1, password2 = SetPasswordMixin.create_password_fields()

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        if not person.has_usable_password() and person.last_login is None:
            self.fields = {"username": NameField(initial=person.username), **self.fields}

    def clean_username(self) -> str:
        name: str = self.cleaned_data["username"]
        check_free(name, but=self.person.pk)
        return name

    def clean(self) -> dict[str, Any]:
        self.validate_passwords()
        self.person.username = self.cleaned_data.get("username", self.person.username)
        self.validate_password_for_user(self.person)
        return super().clean() or {}


@permission_required("auth.view_user", raise_exception=True)
def people(request: SignedInRequest) -> HttpResponse:
    context = {"people": Person.objects.in_order(), "role_words": ROLE_WORDS, **_doors()}
    if request.user.has_perm("auth.change_user"):
        context["locked"] = lockouts.locked_now()
    return render(request, "people/people.html", context)


@never_cache
@permission_required("auth.add_user", raise_exception=True)
def invite(request: SignedInRequest) -> HttpResponse:
    if not settings.PASSWORDS:
        return _no_links(request)
    form = InvitationForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        said = form.cleaned_data
        try:
            person, secret = Person.objects.invite(
                said["username"], roles=said["roles"], by=request.user, mail=said["mail"]
            )
        except IntegrityError:  # the form was sent twice at once
            form.add_error("username", gettext("Somebody has this name already. Take another one."))
        else:
            return _handed_over(request, person, secret)
    return render(request, "people/invite.html", {"form": form}, status=422 if form.errors else 200)


@never_cache
@permission_required("auth.change_user", raise_exception=True)
def person(request: SignedInRequest, pk: int) -> HttpResponse:
    """One account: its roles, what can be done with it, and what was."""
    shown = get_object_or_404(Person, pk=pk)
    form = RolesForm(request.POST if request.method == "POST" else None, initial={"roles": shown.roles})
    if form.is_valid():
        try:
            shown.give_roles(form.cleaned_data["roles"], by=request.user, why=said_why(request))
        except PeopleError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, gettext("The roles of %(name)s are saved.") % {"name": shown.username})
            return redirect("people")
    context = {"person": Person.objects.get(pk=pk), "form": form, "factor": SecondFactor(shown), **_doors()}
    return render(request, "people/person.html", context, status=422 if form.errors else 200)


@never_cache
@require_POST
@permission_required("auth.change_user", raise_exception=True)
def make_link(request: SignedInRequest, pk: int) -> HttpResponse:
    if not settings.PASSWORDS:
        return _no_links(request)
    person = get_object_or_404(Person, pk=pk)
    try:
        return _handed_over(request, person, person.make_link(by=request.user))
    except PeopleError as error:
        return _refused(request, person, error)


@require_POST
@permission_required("auth.change_user", raise_exception=True)
def deactivate(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=pk)
    try:
        person.deactivate(by=request.user, why=said_why(request))
    except PeopleError as error:
        return _refused(request, person, error)
    messages.success(
        request,
        gettext("%(name)s is out: sessions and API keys have ended. What they signed stays.")
        % {"name": person.username},
    )
    return redirect("people")


@require_POST
@permission_required("auth.change_user", raise_exception=True)
def take_factor_off(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=pk)
    try:
        person.take_factor_off(by=request.user)
    except PeopleError as error:
        return _refused(request, person, error)
    AuditEntry.note(request, AuditKind.FACTOR_RESET, person, why=said_why(request))
    messages.success(request, gettext("The second factor of %(name)s is off.") % {"name": person.username})
    return redirect("person", pk)


@require_POST
@permission_required("auth.change_user", raise_exception=True)
def release(request: SignedInRequest) -> HttpResponse:
    """End a lock-out, of a name or of an address, before its time."""
    name, address = request.POST.get("name", ""), request.POST.get("address", "")
    if name or address:
        lockouts.release(request, name=name, address=address)
        messages.success(request, gettext("%(who)s may sign in again.") % {"who": name or address})
    return redirect("people")


@never_cache
@require_POST
@permission_required("auth.change_user", raise_exception=True)
def let_back_in(request: SignedInRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(Person, pk=pk, is_active=False)
    try:
        secret = person.let_back_in(by=request.user, why=said_why(request))
    except PeopleError as error:
        return _refused(request, person, error)
    if secret:
        return _handed_over(request, person, secret)
    messages.success(request, gettext("%(who)s may sign in again.") % {"who": person.username})
    return redirect("people")


@never_cache
@login_not_required
@sensitive_post_parameters()
def welcome(request: HttpRequest, secret: str) -> HttpResponse:
    """Where a one-time link leads: set a password, and be signed in."""
    link = AccessLink.objects.of_secret(secret)
    if link is None or not settings.PASSWORDS:
        instead = "" if settings.PASSWORDS else sso.name()
        return render(request, "people/link_ended.html", {"instead": instead}, status=410)
    form = WelcomeForm(request.POST if request.method == "POST" else None, person=link.person)
    if form.is_valid():
        try:
            used = link.use(form.cleaned_data["password1"], username=form.cleaned_data.get("username", ""))
        except IntegrityError:  # somebody took the name a moment ago
            form.add_error("username", gettext("Somebody has this name already. Take another one."))
        else:
            if not used:
                return render(request, "people/link_ended.html", status=410)
            request.signs_in_by = "link"  # type: ignore[attr-defined]
            AuditEntry.note(request, AuditKind.PASSWORD_SET, link.person, by="link")
            login(request, link.person, backend="django.contrib.auth.backends.ModelBackend")
            messages.success(request, gettext("Your password is set. Welcome, %(name)s!") % {"name": link.person})
            return redirect("home")
    context = {"form": form, "link": link, "first_visit": "username" in form.fields}
    return render(request, "people/welcome.html", context, status=422 if form.errors else 200)


def _doors() -> dict[str, Any]:
    return {"with_passwords": settings.PASSWORDS, "sso_name": sso.name()}


def _no_links(request: SignedInRequest) -> HttpResponse:
    said = gettext(
        "This lab has no passwords, so there is no link to set one: people sign in by %(name)s, and get an account at their"
        " first sign-in. Give them their roles here afterwards."
    )
    messages.error(request, said % {"name": sso.name()})
    return redirect("people")


def _handed_over(request: SignedInRequest, person: Person, secret: str) -> HttpResponse:
    """The link, in the answer that makes it and never again."""
    lab = settings.PUBLIC_ADDRESS or request.build_absolute_uri("/").rstrip("/")
    address = lab + reverse("welcome", args=[secret])
    link = AccessLink.objects.open().get(person=person)
    return render(request, "people/link.html", {"person": person, "address": address, "link": link})


def _refused(request: SignedInRequest, person: Person, error: PeopleError) -> HttpResponse:
    messages.error(request, str(error))
    return redirect("person", person.pk)
