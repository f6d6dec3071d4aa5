"""Samples and alloy systems with the calls on their patterns."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from django.contrib.auth.decorators import permission_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render

from samples.comparison import compositions_by_element
from samples.models import AlloySystem, Pattern, Sample
from screening.models import ScreeningResult
from screening.sample_table import SampleFilterForm, SampleTable, with_calls
from screening.scores import LEVEL_POINTS, system_standings
from screening.timeline import timeline


@permission_required("samples.view_sample", raise_exception=True)
def sample_list(request: HttpRequest) -> HttpResponse:
    form = SampleFilterForm(request.GET)
    table = SampleTable(form.samples(), request.GET)
    return render(request, "screening/sample_list.html", {"form": form, "table": table})


@permission_required("samples.view_sample", raise_exception=True)
def sample(request: HttpRequest, code: str) -> HttpResponse:
    shown = get_object_or_404(
        Sample.objects.select_related("system", "parent", "made_by", "changed_by").prefetch_related(
            "steps", "weighed_masses"
        ),
        code=code,
    )
    patterns = Pattern.objects.current().filter(sample=shown).select_related("uploaded_by").with_current_reading()
    results = list(
        ScreeningResult.objects.for_patterns(patterns)
        .of_newest_readings()
        .select_related("reading", "model_version")
        .defer("evidence")
    )
    rows = _pattern_rows(list(patterns), results)
    context = {
        "sample": shown,
        "compositions": compositions_by_element(shown),
        "rows": rows,
        "has_readings": any(row.pattern.current_reading for row in rows),
        "has_other_calls": any(row.others for row in rows),
        "events": timeline(shown, patterns, results),
        "pieces": with_calls(shown.pieces.current().select_related("parent")),
    }
    return render(request, "screening/sample.html", context)


@dataclass(frozen=True, slots=True)
class PatternRow:
    """A pattern, the call to show, and the calls of other model versions."""

    pattern: Pattern
    result: ScreeningResult | None
    others: list[ScreeningResult]


def _pattern_rows(patterns: list[Pattern], results: list[ScreeningResult]) -> list[PatternRow]:
    calls = defaultdict(list)
    for result in sorted(results, key=lambda r: (r.model_version.standing, r.pk), reverse=True):
        calls[result.reading.pattern_id].append(result)
    return [PatternRow(p, next(iter(calls[p.pk]), None), calls[p.pk][1:]) for p in patterns]


@permission_required("samples.view_alloysystem", raise_exception=True)
def system_list(request: HttpRequest) -> HttpResponse:
    context = {"standings": system_standings(), "points": LEVEL_POINTS}
    return render(request, "screening/system_list.html", context)


@permission_required("samples.view_alloysystem", raise_exception=True)
def system(request: HttpRequest, key: str) -> HttpResponse:
    """One system; its elements may stand in the address in any order."""
    in_order = AlloySystem.key_of(key.split("-"))
    if in_order != key:
        return redirect("screening:system", in_order)
    shown = get_object_or_404(AlloySystem, key=key)
    table = SampleTable(Sample.objects.current().for_system(shown), request.GET)
    standing = next(standing for standing in system_standings() if standing.system == shown)
    context = {"system": shown, "standing": standing, "table": table, "points": LEVEL_POINTS}
    return render(request, "screening/system.html", context)
