"""Was the network right?  Calls beside outcomes, in figures and one by one."""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render

from samples.models import AlloySystem
from samples.sheets.cells import shielded
from screening.agreement import Agreement
from screening.agreement_figures import lattice_figure, reliability_figure
from screening.agreement_form import AgreementForm
from screening.ledger import MeasuredLattice, codes_of_judged_samples
from screening.models import Outcome, ScreeningResult

ROWS_A_PAGE = 25
CSV_COLUMNS = (
    *("sample", "system", "pattern", "model_version", "class", "p", "outcome", "disagrees"),
    *("a_R_called_angstrom", "a_R_measured_angstrom", "simulated_pattern"),
)


@permission_required("screening.view_outcome", raise_exception=True)
def agreement(request: HttpRequest) -> HttpResponse:
    form = AgreementForm(request.GET)
    answers = Agreement(form.asked(), request.user)
    form.show(answers.version)
    page = Paginator(answers.ledger.worst_first().result.tolist(), ROWS_A_PAGE).get_page(request.GET.get("page"))
    context = {"form": form, "agreement": answers, "page": page, "rows": _rows(answers, list(page))}
    return render(request, "screening/agreement.html", context)


@permission_required("screening.view_outcome", raise_exception=True)
def reliability(request: HttpRequest) -> HttpResponse:
    answers = Agreement(AgreementForm(request.GET).asked(), request.user)
    return HttpResponse(reliability_figure(answers.reliability).to_json(), content_type="application/json")


@permission_required("screening.view_outcome", raise_exception=True)
def lattices(request: HttpRequest) -> HttpResponse:
    answers = Agreement(AgreementForm(request.GET).asked(), request.user)
    codes = codes_of_judged_samples()
    figure = lattice_figure(answers.lattices, [codes[sample] for sample in answers.lattices.calls.sample.tolist()])
    return HttpResponse(figure.to_json(), content_type="application/json")


@permission_required("screening.view_outcome", raise_exception=True)
def ledger_csv(request: HttpRequest) -> HttpResponse:
    """Every call that the page counts beside its outcome, worst first."""
    answers = Agreement(AgreementForm(request.GET).asked(), request.user)
    response = HttpResponse(
        content_type="text/csv; charset=utf-8", headers={"Content-Disposition": 'attachment; filename="agreement.csv"'}
    )
    writer = csv.writer(response, lineterminator="\n")
    writer.writerow(CSV_COLUMNS)
    codes, versions = codes_of_judged_samples(), {version.pk: version.name for version in answers.versions}
    systems = dict(AlloySystem.objects.values_list("pk", "name"))
    calls = answers.ledger.worst_first()
    disagrees = calls.disagrees
    for n in range(len(calls)):
        measured = answers.measured.get(int(calls.sample[n]))
        writer.writerow(
            (
                codes[int(calls.sample[n])],
                systems[int(calls.system[n])],
                calls.pattern[n],
                shielded(versions[int(calls.version[n])]),
                calls.level[n],
                "" if np.isnan(calls.probability[n]) else f"{calls.probability[n]:.7g}",
                calls.verdict[n],
                "yes" if disagrees[n] else "",
                "" if np.isnan(calls.a_r[n]) else f"{calls.a_r[n]:.4f}",
                f"{measured.a_r:.5f}" if measured else "",
                "yes" if calls.simulated[n] else "",
            )
        )
    return response


@dataclass(frozen=True, slots=True)
class Row:
    """A call, the outcome that answers for it, what was measured, and what other versions said of the same reading."""

    result: ScreeningResult
    outcome: Outcome
    measured: MeasuredLattice | None
    disagrees: bool
    others: list[ScreeningResult]


def _rows(answers: Agreement, ids: Sequence[int]) -> list[Row]:
    """Three queries, whatever the number of rows."""
    calls = ScreeningResult.objects.select_related("reading__pattern__sample__system", "model_version")
    shown = calls.defer("evidence", "model_version__config").in_bulk(ids)
    samples = {result.reading.pattern.sample_id for result in shown.values()}
    outcomes = {outcome.sample_id: outcome for outcome in Outcome.objects.answering().filter(sample__in=samples)}
    beside = defaultdict(list)
    readings = {result.reading_id for result in shown.values()}
    others = ScreeningResult.objects.done().filter(reading__in=readings).select_related("model_version")
    for other in others.defer("evidence", "model_version__config").order_by("-pk"):
        beside[other.reading_id].append(other)
    disagree = set(answers.ledger.result[answers.ledger.disagrees].tolist())
    rows = []
    for pk in ids:
        result = shown[pk]
        sample = result.reading.pattern.sample_id
        assert sample is not None  # or no outcome would answer for it
        others_of_it = [other for other in beside[result.reading_id] if other.pk != pk]
        rows.append(Row(result, outcomes[sample], answers.measured.get(sample), pk in disagree, others_of_it))
    return rows
