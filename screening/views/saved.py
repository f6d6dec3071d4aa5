"""Searches that people keep: saving, renaming, sharing, and the trash."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.exceptions import ValidationError
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _
from django.views.decorators.http import require_POST

from samples.fields import StyledBoundField
from samples.requests import SignedInRequest
from screening.models import SavedView
from screening.sample_table import known_columns, known_sort
from screening.search import Search


class SavedViewForm(forms.ModelForm):  # type: ignore[type-arg]
    """A name for what the sample list shows; whatever else stood in its address is not kept."""

    bound_field_class = StyledBoundField

    columns = forms.CharField(required=False, widget=forms.HiddenInput)
    sort = forms.CharField(required=False, widget=forms.HiddenInput)
    query = forms.CharField(
        label=_("Search"), required=False, max_length=1000, widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    class Meta:
        model = SavedView
        fields = ["name", "query", "sort", "columns", "shared"]

    def clean_columns(self) -> list[str]:
        return [column.name for column in known_columns(self.cleaned_data["columns"].split(","))]

    def clean_sort(self) -> str:
        return known_sort(self.cleaned_data["sort"])

    def clean_query(self) -> str:
        search = Search.read(self.cleaned_data["query"])
        if search.doubts:
            raise ValidationError(list(search.doubts))
        return search.text

    def clean_name(self) -> str:
        name: str = self.cleaned_data["name"]
        same = SavedView.objects.kept().filter(owner=self.instance.owner_id, name=name).exclude(pk=self.instance.pk)
        if same.exists():
            raise ValidationError(_("You have a view of this name already. Take another name, or change that one."))
        return name


def _form(request: SignedInRequest, view: SavedView) -> SavedViewForm:
    if request.method == "POST":
        return SavedViewForm(request.POST, instance=view)
    initial: dict[str, Any] = {"columns": ",".join(view.columns)}
    if view._state.adding:  # as the list shows it now
        asked = request.GET
        initial = {"query": asked.get("q"), "sort": asked.get("sort"), "columns": asked.get("columns")}
    return SavedViewForm(instance=view, initial=initial)


def _edited(request: SignedInRequest, view: SavedView) -> HttpResponse:
    form = _form(request, view)
    if form.is_valid():
        saved = form.save()
        messages.success(request, gettext("The view “%(name)s” is saved.") % {"name": saved.name})
        return redirect(saved)
    return render(
        request, "screening/saved_view.html", {"form": form, "view": view}, status=422 if form.errors else 200
    )


@permission_required("samples.view_sample", raise_exception=True)
def save_view(request: SignedInRequest) -> HttpResponse:
    return _edited(request, SavedView(owner=request.user))


@permission_required("samples.view_sample", raise_exception=True)
def edit_view(request: SignedInRequest, pk: int) -> HttpResponse:
    return _edited(request, get_object_or_404(SavedView.objects.kept(), pk=pk, owner=request.user))


@permission_required("samples.view_sample", raise_exception=True)
def saved_views(request: SignedInRequest) -> HttpResponse:
    """Mine, those that others share, and my trash."""
    context = {
        "views": SavedView.objects.kept().visible_to(request.user),
        "trashed": SavedView.objects.filter(owner=request.user).exclude(trashed_at=None).order_by("-trashed_at"),
    }
    return render(request, "screening/saved_views.html", context)


@require_POST
@permission_required("samples.view_sample", raise_exception=True)
def trash_view(request: SignedInRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView.objects.kept(), pk=pk, owner=request.user)
    view.trash()
    messages.success(
        request, gettext("The view “%(name)s” is in the trash, from where you can take it back.") % {"name": view.name}
    )
    return redirect("screening:saved-views")


@require_POST
@permission_required("samples.view_sample", raise_exception=True)
def restore_view(request: SignedInRequest, pk: int) -> HttpResponse:
    view = get_object_or_404(SavedView.objects.exclude(trashed_at=None), pk=pk, owner=request.user)
    view.restore()
    messages.success(request, gettext("The view “%(name)s” is back.") % {"name": view.name})
    return redirect("screening:saved-views")
