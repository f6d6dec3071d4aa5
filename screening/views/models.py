"""Which network screens, which came before, and which could be next."""

from __future__ import annotations

from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, render

from mlmodels.models import ModelVersion, Promotion
from screening.model_figures import described, figures_of, headings
from screening.models import ScreeningResult
from screening.views import PageRequest

PROMOTIONS_SHOWN = 20
State = ModelVersion.State


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def model_list(request: PageRequest) -> HttpResponse:
    """Production now and since when; candidates beside it; and the history, signed; a fixed number of queries."""
    versions = list(ModelVersion.objects.all())
    rows = {
        state: [(version, figures_of(version)) for version in versions if version.state == state] for state in State
    }
    context = {
        "production": next(iter(rows[State.PRODUCTION]), None),
        "candidates": rows[State.CANDIDATE],
        "retired": rows[State.RETIRED],
        "records": [version for version, _figures in rows[State.RECORD]],
        "headings": headings(),
        "promotions": _history()[:PROMOTIONS_SHOWN],
    }
    return render(request, "screening/model_list.html", context)


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def model(request: PageRequest, pk: int) -> HttpResponse:
    """One version: what it is, how good, when it was in production."""
    version = get_object_or_404(ModelVersion, pk=pk)
    context = {
        "version": version,
        "figures": list(zip(headings(), figures_of(version), strict=True)),
        "facts": list(described(version)),
        "has_results": ScreeningResult.objects.filter(model_version=version).exists(),
        "promotions": _history().filter(version=version),
    }
    return render(request, "screening/model.html", context)


def _history() -> QuerySet[Promotion]:
    return Promotion.objects.select_related("version", "former", "signer").defer("version__config", "former__config")
