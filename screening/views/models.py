"""Which network screens, which came before, and which could be next."""

from __future__ import annotations

import json

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.db.models import QuerySet
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.http import content_disposition_header
from django.utils.translation import gettext as _

from mlmodels.importing import import_checkpoint
from mlmodels.models import ModelVersion, Promotion
from mlmodels.net.checkpoint import CheckpointError
from samples.sentences import translated
from screening.lineage import lineage_of
from screening.model_figures import ModelRow, described, figures_of, headings
from screening.models import ArchiveScreening, PromotionRequest, Proof, ScreeningResult
from screening.promotion_forms import ImportForm, RollBackForm
from screening.views import PageRequest

PROMOTIONS_SHOWN = 20
State = ModelVersion.State


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def model_list(request: PageRequest) -> HttpResponse:
    """Production now and since when; candidates and their proofs beside it; and the history, signed; a fixed number of queries."""
    versions = list(ModelVersion.objects.all())
    proofs = _newest_proofs()
    rows = {
        state: [
            ModelRow(one, figures_of(one, proofs.get(one.pk)), proofs.get(one.pk))
            for one in versions
            if one.state == state
        ]
        for state in State
    }
    production = next(iter(rows[State.PRODUCTION]), None)
    back = {"reason": _("The version before is put back."), "seen": production and production.version.pk}
    context = {
        "production": production,
        "before": ModelVersion.objects.before_production(),
        "roll_back_form": RollBackForm(initial=back),
        "archive": ArchiveScreening.objects.rescreens().select_related("run", "version", "paused_by").first(),
        "candidates": rows[State.CANDIDATE],
        "retired": rows[State.RETIRED],
        "records": [row.version for row in rows[State.RECORD]],
        "headings": headings(),
        "requests": PromotionRequest.objects.unanswered().select_related("signer", "proof__candidate"),
        "promotions": _history()[:PROMOTIONS_SHOWN],
    }
    return render(request, "screening/model_list.html", context)


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def model(request: PageRequest, pk: int) -> HttpResponse:
    """One version: what it is, how good, when it was in production."""
    version = get_object_or_404(ModelVersion, pk=pk)
    proofs = list(_proofs().filter(candidate=version))
    done = next((proof for proof in proofs if proof.content), None)
    context = {
        "model": version,
        "figures": list(zip(headings(), figures_of(version, done), strict=True)),
        "facts": list(described(version)),
        "proofs": proofs,
        "lineage": lineage_of(version),
        "has_results": ScreeningResult.objects.filter(model_version=version).exists(),
        "promotions": _history().filter(version=version),
    }
    return render(request, "screening/model.html", context)


@permission_required("mlmodels.add_modelversion", raise_exception=True)
def bring(request: PageRequest) -> HttpResponse:
    """A network from elsewhere, as a candidate."""
    form = ImportForm(request.POST or None, request.FILES or None)
    if form.is_valid():
        weights, description = form.cleaned_data["weights"], form.cleaned_data["description"]
        notes = f"Brought by {request.user} from {weights.name}."
        n_before = ModelVersion.objects.count()
        try:
            version = import_checkpoint(weights, description, notes=notes)
        except CheckpointError as error:
            form.add_error(None, translated(error.sentence))
        else:
            if ModelVersion.objects.count() == n_before:
                messages.info(request, _("These weights are here already, as %(name)s.") % {"name": version})
            else:
                messages.success(request, _("%(name)s is a candidate now. Prove it next.") % {"name": version})
            return redirect("screening:model", version.pk)
    return render(request, "screening/model_import.html", {"form": form}, status=422 if form.errors else 200)


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def weights(request: PageRequest, pk: int) -> HttpResponse:
    """The .safetensors file, for another Icosa."""
    version = get_object_or_404(ModelVersion.objects.runnable(), pk=pk)
    return _file(version.weights(), f"{version.name}.safetensors", "application/octet-stream")


@permission_required("mlmodels.view_modelversion", raise_exception=True)
def description(request: PageRequest, pk: int) -> HttpResponse:
    """The .json file beside it."""
    version = get_object_or_404(ModelVersion.objects.runnable(), pk=pk)
    text = json.dumps(version.config, indent=1, ensure_ascii=False) + "\n"
    return _file(text.encode(), f"{version.name}.json", "application/json")


def _file(content: bytes, name: str, content_type: str) -> HttpResponse:
    disposition = content_disposition_header(as_attachment=True, filename=name) or ""
    return HttpResponse(content, content_type=content_type, headers={"Content-Disposition": disposition})


def _proofs() -> QuerySet[Proof]:
    related = Proof.objects.select_related("candidate", "production", "started_by")
    return related.defer("parts", "candidate__config", "production__config")


def _newest_proofs() -> dict[int, Proof]:
    """The newest one of each candidate, by its id."""
    return {proof.candidate_id: proof for proof in _proofs().order_by("pk")}


def _history() -> QuerySet[Promotion]:
    related = Promotion.objects.select_related("version", "former", "signer", "asked_by")
    return related.defer("version__config", "former__config")
