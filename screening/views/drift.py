"""Drift: what comes in against what the network was trained on."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render

from screening import drift as drifting
from screening.drift import MEASURES, Drift
from screening.drift_figures import class_figure, measure_figure, radiation_figure


@permission_required("screening.view_screeningresult", raise_exception=True)
def drift(request: HttpRequest) -> HttpResponse:
    """A fixed number of queries."""
    context = {
        "drift": _asked(request),
        "measures": MEASURES,
        "fewest": drifting.FEWEST,
        "excess": drifting.EXCESS,
        "rare": drifting.RARE,
    }
    return render(request, "screening/drift.html", context)


@permission_required("screening.view_screeningresult", raise_exception=True)
def figure(request: HttpRequest, what: str) -> HttpResponse:
    """Of the classes, the radiations, or one of the measures."""
    asked = _asked(request)
    if what in {measure.key for measure in MEASURES}:
        drawn = measure_figure(asked, what)
    elif what in {"level", "radiation"}:
        drawn = class_figure(asked) if what == "level" else radiation_figure(asked)
    else:
        raise Http404
    return HttpResponse(drawn.to_json(), content_type="application/json")


def _asked(request: HttpRequest) -> Drift:
    return Drift(request.user, simulated="simulated" in request.GET)
