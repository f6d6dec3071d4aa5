"""Training runs: ask for one, watch it, stop it, let it go on."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import permission_required
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST, require_safe

from mlmodels.figures import learning_curve
from mlmodels.models import Dataset, TrainerHeartbeat, TrainingRun
from mlmodels.training_forms import TrainingForm
from samples.requests import SignedInRequest

PAGE_SIZE = 30
LOG_SHOWN = 6000
"""Characters of the log on the page; the API has all that is kept."""
look = permission_required("mlmodels.view_trainingrun", raise_exception=True)
change = permission_required("mlmodels.change_trainingrun", raise_exception=True)


@look
def training_list(request: SignedInRequest) -> HttpResponse:
    """All of them, the newest first; a fixed number of queries."""
    rows = _runs().defer("log", "curve", "material")
    page = Paginator(rows, PAGE_SIZE).get_page(request.GET.get("page"))
    return render(request, "mlmodels/training_list.html", {"page": page, "trainers": _trainers()})


@permission_required("mlmodels.add_trainingrun", raise_exception=True)
def new(request: SignedInRequest) -> HttpResponse:
    """The form; what is asked for waits for a trainer at once."""
    newest = Dataset.objects.frozen().filter(archived_at=None).order_by("-frozen_at").first()
    chosen = {name: request.GET[name] for name in ("dataset", "start_version") if name in request.GET}
    form = TrainingForm(request.POST or None, initial={"dataset": newest} | chosen)
    if form.is_valid() and (run := form.start(request.user)):
        messages.success(request, _("%(name)s waits for a trainer. This page shows how it goes.") % {"name": run.name})
        return redirect(run)
    context = {"form": form, "trainers": _trainers()}
    return render(request, "mlmodels/training_new.html", context, status=422 if form.errors else 200)


@look
@require_safe
def training(request: SignedInRequest, pk: int) -> HttpResponse:
    """One run: how far, what it learns from, its curve and its log."""
    return render(request, "mlmodels/training.html", _context(pk))


@look
@require_safe
def progress(request: SignedInRequest, pk: int) -> HttpResponse:
    """The part of the page that changes while it runs."""
    return render(request, "mlmodels/_training_progress.html", _context(pk))


@look
@require_safe
def curve(request: HttpRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(TrainingRun.objects.only("curve", "config", "steps"), pk=pk)
    return HttpResponse(learning_curve(run.curve).to_json(), content_type="application/json")


@change
@require_POST
def cancel(request: SignedInRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(TrainingRun, pk=pk)
    if run.cancel():
        messages.success(request, _("The training is being stopped. What it learnt so far is kept: it can be resumed."))
    else:
        messages.info(request, _("This training had ended already."))
    return redirect(run)


@change
@require_POST
def resume(request: SignedInRequest, pk: int) -> HttpResponse:
    run = get_object_or_404(TrainingRun, pk=pk)
    if run.resume():
        said = _("The training waits for a trainer, and goes on from step %(step)s.") % {"step": run.saved_step}
        messages.success(request, said)
    else:
        messages.info(request, _("Only a training that was cancelled or failed can be resumed."))
    return redirect(run)


def _context(pk: int) -> dict[str, Any]:
    run = get_object_or_404(_runs(), pk=pk)
    return {
        "run": run,
        "trainers": _trainers() if run.is_unfinished else [],
        "minutes_left": _minutes_left(run),
        "log": run.log[-LOG_SHOWN:],
    }


def _runs() -> Any:
    related = ("start_version", "dataset", "version", "started_by")
    return TrainingRun.objects.select_related(*related).defer("start_version__config", "version__config")


def _trainers() -> list[TrainerHeartbeat]:
    return list(TrainerHeartbeat.objects.alive())


def _minutes_left(run: TrainingRun) -> int | None:
    """At the speed of the last points of the learning curve; None where it does not run, or has not said how fast it is."""
    if run.state != run.State.RUNNING or len(run.curve) < 2:
        return None
    before, last = run.curve[-2], run.curve[-1]
    minutes = (last["minutes"] - before["minutes"]) * (run.n_steps - last["step"]) / (last["step"] - before["step"])
    return max(1, round(float(minutes)))
