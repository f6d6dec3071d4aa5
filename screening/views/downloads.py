"""What can be taken away from a pattern: its figures, its numbers and the original file."""

from __future__ import annotations

import csv
from datetime import datetime
from typing import Any

import numpy as np
from django.contrib.auth.decorators import permission_required
from django.http import Http404, HttpRequest, HttpResponse, JsonResponse
from django.shortcuts import get_object_or_404
from django.utils.http import content_disposition_header

from samples.models import Reading, Sample
from samples.sentences import translated
from samples.xrd.bragg import d_from_two_theta, q_from_two_theta
from screening import figures
from screening.models import ScreeningResult
from screening.why import argued_now

MOST_STACKED = 8
"""Patterns in the figure of a sample; more would be too low to be read."""


@permission_required("samples.view_pattern", raise_exception=True)
def pattern_figure(request: HttpRequest, pk: int) -> HttpResponse:
    reading = _reading(request, pk)
    figure = figures.pattern_figure(reading.as_pattern(), str(reading.pattern), simulated=reading.pattern.simulated)
    return HttpResponse(figure.to_json(), content_type="application/json")


@permission_required("samples.view_pattern", raise_exception=True)
def sample_figure(request: HttpRequest, code: str) -> HttpResponse:
    """The newest patterns of a sample above each other, the newest on top."""
    sample = get_object_or_404(Sample.objects.visible_to(request.user), code=code)
    of_sample = Reading.objects.current().filter(pattern__sample=sample, pattern__archived_at=None)
    newest = of_sample.select_related("pattern", "arrays").order_by("-pattern_id")[:MOST_STACKED]
    readings = list(reversed(newest))
    figure = figures.stacked_figure(
        [reading.as_pattern() for reading in readings],
        [str(reading.pattern) for reading in readings],
        simulated=any(reading.pattern.simulated for reading in readings),
    )
    return HttpResponse(figure.to_json(), content_type="application/json")


@permission_required("samples.view_pattern", raise_exception=True)
def evidence_figure(request: HttpRequest, pk: int) -> HttpResponse:
    result = get_object_or_404(
        ScreeningResult.objects.visible_to(request.user).select_related("reading__pattern"), pk=pk
    )
    evidence = result.evidence_values
    if evidence is None:
        raise Http404
    figure = figures.evidence_figure(evidence, simulated=result.reading.pattern.simulated)
    return HttpResponse(figure.to_json(), content_type="application/json")


@permission_required("samples.view_pattern", raise_exception=True)
def numbers(request: HttpRequest, pk: int) -> HttpResponse:
    return numbers_of(_reading(request, pk))


@permission_required("samples.view_pattern", raise_exception=True)
def record(request: HttpRequest, pk: int) -> HttpResponse:
    return record_of(_reading(request, pk))


def numbers_of(reading: Reading) -> HttpResponse:
    """Angles and intensities of a reading, with Q and d where the wavelength is known, as CSV."""
    pattern = reading.as_pattern()
    columns = {"two_theta_deg": pattern.two_theta, "intensity": pattern.intensity}
    if pattern.wavelength:
        columns["q_per_angstrom"] = q_from_two_theta(pattern.two_theta, pattern.wavelength)
        columns["d_angstrom"] = d_from_two_theta(pattern.two_theta, pattern.wavelength)
    response = _attachment(reading, "text/csv; charset=utf-8", "csv")
    if reading.pattern.simulated:
        response.write("# SIMULATED\n")
    if pattern.wavelength:
        response.write(f"# wavelength {pattern.wavelength:.6f} angstrom\n")
    writer = csv.writer(response, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([f"{value:.8g}" for value in row] for row in np.stack([*columns.values()], axis=1).tolist())
    return response


def record_of(reading: Reading) -> HttpResponse:
    """Everything that the page shows of a reading, with every call on it, as JSON."""
    response = _attachment(reading, "application/json", "json")
    response.content = JsonResponse(_record(reading)).content
    return response


def _reading(request: HttpRequest, pk: int) -> Reading:
    readings = Reading.objects.visible_to(request.user).select_related("pattern__sample", "pattern__file", "arrays")
    return get_object_or_404(readings, pk=pk)


def _attachment(reading: Reading, content_type: str, ending: str) -> HttpResponse:
    """An answer that is saved under the file's name, marked where it is simulated."""
    stem = reading.pattern.name.rpartition(".")[0] or reading.pattern.name
    mark = "-SIMULATED" if reading.pattern.simulated else ""
    disposition = content_disposition_header(as_attachment=True, filename=f"{stem}{mark}.{ending}") or "attachment"
    return HttpResponse(content_type=content_type, headers={"Content-Disposition": disposition})


def _record(reading: Reading) -> dict[str, Any]:
    pattern = reading.as_pattern()
    return {
        "file": reading.pattern.name,
        "sha256": reading.pattern.file.sha256,
        "scan_number": reading.pattern.scan_number,
        "sample": reading.pattern.sample.code if reading.pattern.sample else None,
        "simulated": reading.pattern.simulated,
        "reading": reading.number,
        "wavelength": reading.wavelength,
        "wavelength_assumed": reading.wavelength_assumed,
        "metadata": reading.metadata,
        "warnings": [translated(warning) for warning in reading.warnings],
        "results": [_result_record(result) for result in reading.results.select_related("model_version", "argument")],
        "two_theta": pattern.two_theta.tolist(),
        "intensity": pattern.intensity.tolist(),
    }


def _result_record(result: ScreeningResult) -> dict[str, Any]:
    evidence = result.evidence_values
    finished: datetime | None = result.finished_at
    return {
        "model": result.model_version.name,
        "weights_sha256": result.model_version.sha256 or None,
        "thresholds_version": result.thresholds_version or None,
        "state": result.state,
        "reason": translated(result.reason) or None,
        "level": result.level or None,
        "probability": result.probability,
        "phases": result.phases,
        "quasilattice_constant": result.quasilattice_constant,
        "quasilattice_constant_sigma": result.quasilattice_constant_sigma,
        "lattice_type": result.lattice_type or None,
        "evidence": None if evidence is None else evidence.tolist(),
        "argument": result.argument.content if hasattr(result, "argument") else argued_now(result),
        "finished_at": finished.isoformat() if finished else None,
    }
