"""Alloy maps: as figures, side by side, and as a table to take away."""

from __future__ import annotations

import csv

from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404, render

from mlmodels.models import ModelVersion
from samples.models import AlloySystem
from samples.sheets.cells import shielded
from screening.map_figures import alloy_map_figure
from screening.maps import AlloyMap
from screening.scores import system_standings

MOST_SIDE_BY_SIDE = 6


@permission_required("samples.view_alloysystem", raise_exception=True)
def side_by_side(request: HttpRequest) -> HttpResponse:
    """The maps of the systems that were marked; of those with the highest scores where none was."""
    standings = [one for one in system_standings(request.user) if one.n_samples and len(one.system.elements) > 1]
    marked = request.GET.getlist("system")
    shown = [one for one in standings if one.system.key in marked] or standings
    context = {
        "maps": [(one, AlloyMap(one.system, request.user)) for one in shown[:MOST_SIDE_BY_SIDE]],
        "n_left_out": max(len(marked) - MOST_SIDE_BY_SIDE, 0),
        "most": MOST_SIDE_BY_SIDE,
    }
    return render(request, "screening/system_maps.html", context)


@permission_required("samples.view_sample", raise_exception=True)
def map_figure(request: HttpRequest, key: str) -> HttpResponse:
    alloys = _map(request, key)
    if len(alloys.corners) < 2:
        raise Http404  # of one element there is no map, and no page asks for it
    return JsonResponse(alloy_map_figure(alloys, request.GET.get("colour", "class")))


@permission_required("samples.view_sample", raise_exception=True)
def map_csv(request: HttpRequest, key: str) -> HttpResponse:
    """What the map shows, a row a marker."""
    alloys = _map(request, key)
    disposition = f'attachment; filename="{alloys.system.key}-map.csv"'
    response = HttpResponse(content_type="text/csv; charset=utf-8", headers={"Content-Disposition": disposition})
    writer = csv.writer(response, lineterminator="\n")
    facts = ("class", "class_by_model", "outcome", "structure", "technique", "simulated_sample")
    version = ModelVersion.objects.defer("config").production()
    writer.writerow(["marker", "sample", "composition_at%", *(f"{name}_%" for name in alloys.names), *facts])
    for sample in alloys.samples:
        by = shielded(str(version)) if version and sample.level else ""
        told = (sample.level, by, sample.verdict, "", "", "yes" if sample.simulated else "")
        writer.writerow(["sample", sample.code, sample.formula, *_rounded(sample.position), *told])
    for one in alloys.phases:
        told = ("", "", "", one.phase.structure, one.phase.technique, "yes" if one.sample.simulated else "")
        writer.writerow(["phase", one.sample.code, one.phase.composition, *_rounded(one.position), *told])
    return response


def _map(request: HttpRequest, key: str) -> AlloyMap:
    return AlloyMap(get_object_or_404(AlloySystem, key=key), request.user, request.GET.getlist("axis"))


def _rounded(position: tuple[float, ...]) -> list[float]:
    return [round(part, 4) for part in position]
