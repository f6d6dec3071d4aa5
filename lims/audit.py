"""Who came in, who took data out, and what was done to accounts, keys, rights and projects: one page for admins.

Two tables are told together, both only added to: AuditEntry, and of the history (Change) what is about people and projects.
"""

from __future__ import annotations

import csv
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from heapq import merge
from typing import Any

from django import forms
from django.contrib.auth.decorators import permission_required
from django.contrib.auth.models import User
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import render
from django.utils.translation import gettext_lazy as _

from lims.models.audit import AuditEntry, AuditKind
from samples.fields import StyledBoundField
from samples.models import Change, Project
from samples.models.changes import ChangeQuerySet, label_of
from samples.requests import SignedInRequest, sent_number
from samples.sheets.cells import shielded
from samples.story import Story

ROWS_A_PAGE = 50
AT_ONCE = 500

DOWNLOADS = {
    *("samples:sheet-original", "screening:sample-export", "screening:system-map-csv", "screening:agreement-csv"),
    *("screening:export-download", "screening:export-part", "screening:model-weights", "screening:dossier-pdf"),
    *("api:datasetexport-download", "audit-csv"),
}
"""Addresses by which much leaves the lab at once; who asks for one is noted."""

PARTS = {label_of(User): _("accounts, roles, keys, links"), label_of(Project): _("projects and their members")}
"""Of the history of everything, what is told here too."""

DETAILS = {
    "by": _("by means of"),
    "second_factor": _("with a second factor"),
    "wrong": _("what was wrong"),
    "minutes": _("minutes"),
    "why": _("why"),
    "what": _("address"),
    "left": _("codes left"),
    "address": _("address"),
    "issuer": _("sign-in service"),
    "subject": _("account there"),
    "error": _("error"),
    "key": _("API key"),
    "given": _("given"),
    "taken": _("taken away"),
}
WORDS: dict[Any, Any] = {
    True: _("yes"),
    False: _("no"),
    "password": _("password"),
    "second factor": _("second factor"),
    "link": _("one-time link"),
    "sso": _("sign-in service"),
    "command": _("command line"),
    "admin": _("admin pages"),
}
"""What entries tell besides, in words."""


class NoteDownloads:
    """Middleware: a download that was answered is noted, by whose session or key it was asked for."""

    def __init__(self, get_response: Callable[[HttpRequest], HttpResponseBase]) -> None:
        self.get_response = get_response

    def __call__(self, request: HttpRequest) -> HttpResponseBase:
        response = self.get_response(request)
        match = request.resolver_match
        if match and match.view_name in DOWNLOADS and response.status_code == 200 and request.method == "GET":
            key = getattr(request, "auth", None)
            by_key = {"key": key.name} if key is not None else {}
            AuditEntry.note(request, AuditKind.DOWNLOADED, what=request.get_full_path()[:300], **by_key)
        return response


class AuditForm(forms.Form):
    """What is looked for; nothing: everything."""

    bound_field_class = StyledBoundField

    person = forms.CharField(label=_("Person"), required=False, max_length=150)
    kind = forms.ChoiceField(
        label=_("What"), required=False, choices=[("", _("everything")), *PARTS.items(), *AuditKind.choices]
    )
    since = forms.DateField(label=_("From"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label=_("To"), required=False, widget=forms.DateInput(attrs={"type": "date"}))


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that happened, as both tables are told; told: further facts, a text each."""

    when: datetime
    who: str
    what: str
    about: str
    address: str
    told: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a page begins: below these rows of the two tables; 0: at the newest."""

    entry: int = 0
    change: int = 0

    @classmethod
    def read(cls, text: str) -> Place:
        entry, _dot, change = text.partition(".")
        return cls(sent_number(entry) or 0, sent_number(change) or 0)

    def __str__(self) -> str:
        return f"{self.entry}.{self.change}"


class Audit:
    """What ``asked`` names of both tables, newest first."""

    def __init__(self, asked: dict[str, Any], reader: User) -> None:
        self.reader = reader
        kind, person = asked.get("kind", ""), asked.get("person", "")
        when = Q(**({"at__date__gte": asked["since"]} if asked.get("since") else {}))
        when &= Q(**({"at__date__lte": asked["until"]} if asked.get("until") else {}))
        self.entries = AuditEntry.objects.filter(when).select_related("by").order_by("-pk")
        self.changes: ChangeQuerySet = Change.objects.filter(when, thing__in=PARTS).order_by("-pk")
        if kind:
            self.entries = self.entries.filter(kind=kind)
            self.changes = self.changes.filter(thing=kind)
        if person:
            people = User.objects.filter(username__iexact=person).values("pk")
            self.entries = self.entries.filter(Q(by__in=people) | Q(about_name__iexact=person))
            self.changes = self.changes.filter(Q(by__in=people) | Q(thing=label_of(User), thing_id__in=people))

    def page(self, place: Place, n_rows: int = ROWS_A_PAGE) -> tuple[list[Line], Place | None]:
        """The rows below ``place``, and where the next page begins."""
        entries = list((self.entries.filter(pk__lt=place.entry) if place.entry else self.entries)[: n_rows + 1])
        below = self.changes.filter(pk__lt=place.change) if place.change else self.changes
        changes = list(below.values_list("at", "pk")[: n_rows + 1])
        both: list[tuple[datetime, int, AuditEntry | None]] = [
            *merge(
                [(entry.at, entry.pk, entry) for entry in entries],
                [(at, pk, None) for at, pk in changes],
                key=lambda row: row[0],
                reverse=True,
            )
        ]
        shown = both[:n_rows]
        moments = [(at, "", pk) for at, pk, entry in shown if entry is None]
        told = iter(Story(self.reader, ("", 0), self.changes).tell(moments))
        lines = [_line_of(entry) if entry is not None else _line_of_change(next(told)) for _at, _pk, entry in shown]
        taken_entries = [pk for _at, pk, entry in shown if entry is not None]
        taken_changes = [pk for _at, pk, entry in shown if entry is None]
        last = Place(
            taken_entries[-1] if taken_entries else place.entry, taken_changes[-1] if taken_changes else place.change
        )
        return lines, last if len(both) > n_rows else None

    def all_lines(self) -> Iterator[Line]:
        place: Place | None = Place()
        while place is not None:
            lines, place = self.page(place, AT_ONCE)
            yield from lines


def _line_of(entry: AuditEntry) -> Line:
    told = tuple(f"{DETAILS.get(name, name)}: {_said(name, value)}" for name, value in entry.details.items())
    return Line(entry.at, str(entry.by or "–"), entry.what, entry.about_name, entry.address or "", told)


def _said(name: str, value: Any) -> Any:
    """What the lab itself wrote is in words; a reason or an address stays as somebody gave it."""
    return WORDS.get(value, value) if name in ("by", "second_factor", "wrong") else value


def _line_of_change(entry: Any) -> Line:
    told = [
        " ".join(
            filter(None, (line.part, line.what, f"{line.label}: {line.before} → {line.after}" if line.label else ""))
        )
        for line in entry.lines
    ]
    return Line(entry.when, entry.who, entry.what, entry.thing, "", (*told, *([entry.why] if entry.why else [])))


@permission_required("lims.view_auditentry", raise_exception=True)
def audit(request: SignedInRequest) -> HttpResponse:
    form = AuditForm(request.GET)
    asked = form.cleaned_data if form.is_valid() else {}
    lines, following = Audit(asked, request.user).page(Place.read(request.GET.get("below", "")))
    query = request.GET.copy()
    query.pop("below", None)
    context = {"form": form, "lines": lines, "following": following, "query": query.urlencode()}
    return render(request, "audit/audit.html", context)


@permission_required("lims.view_auditentry", raise_exception=True)
def audit_csv(request: SignedInRequest) -> HttpResponse:
    """The same rows, all of them."""
    form = AuditForm(request.GET)
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": 'attachment; filename="audit.csv"'}
    )
    writer = csv.writer(response, lineterminator="\n")
    writer.writerow(["when", "who", "what", "about", "from", "details"])
    for line in Audit(form.cleaned_data if form.is_valid() else {}, request.user).all_lines():
        texts = (line.who, line.what, line.about, line.address, "; ".join(line.told))
        writer.writerow([line.when.isoformat(), *map(shielded, texts)])
    return response
