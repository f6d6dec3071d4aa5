"""What a person was told, and how they want to be told."""

from __future__ import annotations

from typing import Any

from django import forms
from django.conf import settings
from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.forms import PasswordChangeForm
from django.contrib.auth.models import User
from django.core.paginator import Paginator
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lims import sso
from lims.models import AuditEntry, AuditKind, SecondFactor, Session, SsoAccount
from lims.sessions import must_have_factor
from samples.fields import StyledBoundField
from samples.models import Notice, NoticeChoice, NoticeKind
from samples.requests import SignedInRequest

ON_A_PAGE = 50


class SettingsForm(forms.Form):
    """One's mail address, and for each kind of notice whether it comes in the app and by mail."""

    bound_field_class = StyledBoundField

    mail = forms.EmailField(label=_("Mail address"), required=False, help_text=_("Of the daily digest."))

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["mail"].initial = person.email
        choices = {choice.kind: choice for choice in NoticeChoice.objects.filter(person=person)}
        for kind in NoticeKind:
            choice = choices.get(kind, NoticeChoice())
            for way, label in (("in_app", _("in the app")), ("by_mail", _("by mail"))):
                initial = getattr(choice, way)
                self.fields[f"{kind}-{way}"] = forms.BooleanField(label=label, required=False, initial=initial)

    def rows(self) -> list[tuple[str, list[forms.BoundField]]]:
        """For the table: what happened, and its two boxes."""
        return [(str(kind.label), [self[f"{kind}-in_app"], self[f"{kind}-by_mail"]]) for kind in NoticeKind]

    @transaction.atomic
    def save(self) -> None:
        User.objects.filter(pk=self.person.pk).update(email=self.cleaned_data["mail"])
        NoticeChoice.objects.bulk_create(
            [
                NoticeChoice(
                    person=self.person,
                    kind=kind,
                    in_app=self.cleaned_data[f"{kind}-in_app"],
                    by_mail=self.cleaned_data[f"{kind}-by_mail"],
                )
                for kind in NoticeKind
            ],
            update_conflicts=True,
            unique_fields=["person", "kind"],
            update_fields=["in_app", "by_mail"],
        )


def notices(request: SignedInRequest) -> HttpResponse:
    """What I was told, newest first."""
    page = Paginator(Notice.objects.of(request.user), ON_A_PAGE).get_page(request.GET.get("page"))
    return render(request, "notices/notices.html", {"page": page, "has_unread": any(not n.read_at for n in page)})


def open_notice(request: SignedInRequest, pk: int) -> HttpResponse:
    """Go where the notice points; it is read then."""
    notice = get_object_or_404(Notice.objects.visible_to(request.user), pk=pk, person=request.user)
    Notice.objects.filter(pk=pk).mark_read()
    return redirect(notice.address)


@require_POST
def mark_all_read(request: SignedInRequest) -> HttpResponse:
    Notice.objects.filter(person=request.user).mark_read()
    messages.success(request, gettext("All notices are marked as read."))
    return redirect("notices")


@never_cache
@login_not_required
def bell(request: HttpRequest) -> HttpResponse:
    """How many wait unread: fetched by each page, so that no page waits for it."""
    if not request.user.is_authenticated:  # signed out in another tab
        return HttpResponse(status=204)
    n = Notice.objects.of(request.user).unread().count()
    return render(request, "notices/_bell.html", {"n_unread": n})


def my_settings(request: SignedInRequest) -> HttpResponse:
    form = SettingsForm(request.POST if request.method == "POST" else None, person=request.user)
    if form.is_valid():
        form.save()
        messages.success(request, gettext("Your settings are saved."))
        return redirect("my-settings")
    context = {
        "form": form,
        "sends_mail": settings.SENDS_MAIL,
        "factor": SecondFactor(request.user),
        "is_obliged": must_have_factor(request.user),
        "n_sessions": Session.objects.filter(person_id=request.user.pk, expire_date__gt=timezone.now()).count(),
        "sso_name": sso.name(),
        "is_linked": SsoAccount.objects.filter(person=request.user).exists(),
    }
    return render(request, "notices/settings.html", context, status=422 if form.errors else 200)


class PasswordForm(PasswordChangeForm):
    bound_field_class = StyledBoundField


@never_cache
def my_password(request: SignedInRequest) -> HttpResponse:
    form = PasswordForm(request.user, request.POST if request.method == "POST" else None)
    if form.is_valid():
        form.save()
        update_session_auth_hash(request, request.user)
        Session.objects.end(request.user, but=request.session.session_key)
        AuditEntry.note(request, AuditKind.PASSWORD_SET, request.user)
        messages.success(request, gettext("Your new password is set. Other browsers are signed out."))
        return redirect("my-settings")
    return render(request, "notices/password.html", {"form": form}, status=422 if form.errors else 200)
