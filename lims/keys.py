"""The page where people make and revoke their API keys."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError
from django.http import FileResponse, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST

from lims.models import ApiKey
from samples.fields import StyledBoundField
from samples.requests import SignedInRequest

UPLOADER = Path(__file__).with_name("uploader") / "icosa_upload.py"

NAME_TAKEN = _("You have a key of this name already. Revoke it first, or take another name.")


class KeyForm(forms.Form):
    """What a new key is for, and for how long."""

    bound_field_class = StyledBoundField

    name = forms.CharField(
        label=_("Name"),
        max_length=60,
        help_text=_("The instrument or script that will use it."),
        widget=forms.TextInput(attrs={"placeholder": _("SmartLab in room 204"), "autocomplete": "off"}),
    )
    scopes = forms.MultipleChoiceField(
        label=_("What it may do"),
        choices=ApiKey.Scope,
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": _("Choose at least one thing that the key may do.")},
    )
    days = forms.TypedChoiceField(
        label=_("Valid for"),
        coerce=int,
        initial=365,
        choices=[(30, _("30 days")), (90, _("90 days")), (365, _("one year")), (1095, _("three years"))],
    )

    def __init__(self, *args: Any, owner: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.owner = owner

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        if ApiKey.objects.unrevoked().filter(owner=self.owner, name=name).exists():
            raise ValidationError(NAME_TAKEN)
        return name


@never_cache
def keys(request: SignedInRequest) -> HttpResponse:
    """My keys; a new one is shown in the answer that makes it and never again."""
    form = KeyForm(request.POST if request.method == "POST" else None, owner=request.user)
    made: dict[str, Any] = {}
    if form.is_valid():
        chosen = form.cleaned_data
        try:
            key, secret = ApiKey.objects.issue(
                request.user, name=chosen["name"], scopes=chosen["scopes"], valid_for=timedelta(days=chosen["days"])
            )
        except IntegrityError:  # the form was sent twice at once
            form.add_error("name", NAME_TAKEN)
        else:
            made = {"made": key, "secret": secret}
            form = KeyForm(owner=request.user)
    context = {"form": form, "keys": ApiKey.objects.filter(owner=request.user), **made}
    return render(request, "keys/keys.html", context, status=422 if form.errors else 200)


def uploader(request: SignedInRequest) -> FileResponse:
    """The program for the computer of an instrument."""
    return FileResponse(UPLOADER.open("rb"), as_attachment=True, filename=UPLOADER.name)


@require_POST
def revoke(request: SignedInRequest, pk: int) -> HttpResponse:
    key = get_object_or_404(ApiKey, pk=pk, owner=request.user)
    key.revoke()
    messages.success(request, gettext("The key “%(name)s” is revoked.") % {"name": key.name})
    return redirect("keys")
