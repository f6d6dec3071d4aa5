"""Samples and alloy systems with the calls on their patterns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from urllib.parse import urlencode

from django.contrib.auth.decorators import permission_required
from django.http import HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect, render
from django.urls import reverse

from samples.comment_forms import CommentForm
from samples.comparison import compositions_by_element
from samples.models import AlloySystem, Comment, Following, Pattern, Sample, hidden_from
from samples.models.samples import plain_text
from samples.requests import SignedInRequest
from screening.maps import AlloyMap
from screening.models import FollowUp, SavedView, ScreeningResult
from screening.sample_table import COLUMNS, SampleTable, with_calls
from screening.scores import LEVEL_POINTS, system_standings
from screening.search import Search
from screening.search_form import SearchForm
from screening.timeline import timeline


@permission_required("samples.view_sample", raise_exception=True)
def sample_list(request: SignedInRequest) -> HttpResponse:
    """The samples that answer to the line in the search box; what the form asks is first written into that line."""
    form = SearchForm(request.GET if "form" in request.GET else None, by=request.user)
    if form.is_valid():
        return redirect(with_line(request.GET, form.line))
    search = Search.read(request.GET.get("q", ""))
    table = SampleTable(search.samples(request.user), request.GET)
    chips = [(term, table.address(q=search.without(term))) for term in search.terms]
    views = SavedView.objects.kept().visible_to(request.user)
    context = {
        "form": form,
        "search": search,
        "chips": chips,
        "table": table,
        "views": views,
        "opened": next((view for view in views if str(view.pk) == request.GET.get("view")), None),
        "all_columns": COLUMNS,
    }
    return render(request, "screening/sample_list.html", context)


def with_line(asked: QueryDict, line: str) -> str:
    """The address of the list with ``line`` added to what the search box says."""
    kept = {name: asked[name] for name in ("sort", "columns") if asked.get(name)}
    query = f"{asked.get('q', '')} {line}".strip()
    return f"{reverse('screening:sample-list')}?{urlencode({'q': query, **kept})}"


@permission_required("samples.view_sample", raise_exception=True)
def sample(request: SignedInRequest, code: str) -> HttpResponse:
    """One sample; its code may stand in the address in any case and width."""
    samples = Sample.objects.visible_to(request.user)
    related = samples.select_related("system", "parent", "made_by", "changed_by", "project")
    shown = related.prefetch_related("steps", "weighed_masses").filter(code=code).first()
    if shown is None:
        return redirect(get_object_or_404(samples, code__iexact=plain_text(code)))
    patterns = Pattern.objects.current().filter(sample=shown).select_related("uploaded_by").with_current_reading()
    results = list(
        ScreeningResult.objects.for_patterns(patterns)
        .of_the_lab()
        .of_newest_readings()
        .select_related("reading", "model_version")
        .defer("evidence")
    )
    rows = _pattern_rows(list(patterns), results)
    follow_ups = list(FollowUp.objects.of_sample(shown))
    context = {
        "sample": shown,
        "compositions": compositions_by_element(shown),
        "rows": rows,
        "has_readings": any(row.pattern.current_reading for row in rows),
        "has_other_calls": any(row.others for row in rows),
        "events": timeline(shown, patterns, results, follow_ups),
        "follow_ups": follow_ups,
        "comments": Comment.objects.about(shown),
        "comment_form": CommentForm(),
        "is_followed": Following.objects.is_followed(request.user, shown),
        "pieces": with_calls(shown.pieces.current().select_related("parent")),
    }
    return render(request, "screening/sample.html", context)


@permission_required("samples.view_sample", raise_exception=True)
def by_label(request: SignedInRequest, pk: int) -> HttpResponse:
    """Where the QR code of a label leads: short, and right also after the sample has got another code."""
    return redirect(get_object_or_404(Sample.objects.visible_to(request.user), pk=pk))


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A pattern, the call to show, and the calls of other model versions."""

    pattern: Pattern
    result: ScreeningResult | None
    others: list[ScreeningResult]


def _pattern_rows(patterns: list[Pattern], results: list[ScreeningResult]) -> list[PatternRow]:
    calls = defaultdict(list)
    for result in sorted(results, key=ScreeningResult.precedence, reverse=True):
        calls[result.reading.pattern_id].append(result)
    return [PatternRow(p, next(iter(calls[p.pk]), None), calls[p.pk][1:]) for p in patterns]


@permission_required("samples.view_alloysystem", raise_exception=True)
def system_list(request: SignedInRequest) -> HttpResponse:
    context = {
        "standings": system_standings(request.user),
        "points": LEVEL_POINTS,
        "is_in_part": bool(hidden_from(request.user)),
    }
    return render(request, "screening/system_list.html", context)


@permission_required("samples.view_alloysystem", raise_exception=True)
def system(request: SignedInRequest, key: str) -> HttpResponse:
    """One system; its elements may stand in the address in any order."""
    in_order = AlloySystem.key_of(key.split("-"))
    if in_order != key:
        return redirect("screening:system", in_order)
    shown = get_object_or_404(AlloySystem, key=key)
    table = SampleTable(Sample.objects.visible_to(request.user).current().for_system(shown), request.GET)
    standing = next(standing for standing in system_standings(request.user) if standing.system == shown)
    context = {
        "system": shown,
        "standing": standing,
        "table": table,
        "points": LEVEL_POINTS,
        "map": AlloyMap(shown, request.user, request.GET.getlist("axis")),
    }
    context["is_followed"] = Following.objects.is_followed(request.user, shown)
    return render(request, "screening/system.html", context)
