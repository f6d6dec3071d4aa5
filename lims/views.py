"""The home page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.decorators import login_not_required
from django.contrib.auth.models import User
from django.db.models import Count, Min, Q
from django.http import HttpResponse
from django.shortcuts import render
from django.utils import timezone
from django.views.i18n import set_language as django_set_language

from lims.health import nearly_full
from lims.models import Upkeep
from mlmodels.models import TrainerHeartbeat, TrainingRun
from samples.models import Pattern, Sample
from samples.requests import SignedInRequest
from screening.drift import newest_warnings
from screening.models import ArchiveScreening, FollowUp, InstrumentHeartbeat, ScreeningResult, WorkerHeartbeat
from screening.models.follow_ups import FollowUpQuerySet
from screening.review_queue import ReviewQueue
from screening.scores import system_standings

RUNS_THE_LAB = "mlmodels.promote_modelversion"
"""Who decides which network screens is told when it meets patterns that it does not know."""

SHOWN = 6
"""Rows of each list on the home page; the rest is one click away."""

SYSTEMS_SHOWN = 12
"""Of hundreds of alloy systems, those that stand highest."""

set_language = login_not_required(django_set_language)


def home(request: SignedInRequest) -> HttpResponse:
    """What waits for me, how the alloy systems stand, and whether the machines work; a fixed number of queries."""
    current = (
        ScreeningResult.objects.visible_to(request.user)
        .current()
        .production()
        .select_related("reading__pattern__sample__system")
        .defer("evidence")
    )
    candidates = current.done().filter(level__in=["A", "B"]).order_by("-finished_at")
    troubled = current.not_done().filter(state__in=[ScreeningResult.State.FAILED, ScreeningResult.State.NOT_SCREENABLE])
    unreadable = Pattern.objects.visible_to(request.user).unreadable().select_related("sample")
    standings = [standing for standing in system_standings(request.user) if standing.n_samples]
    context = {
        "candidates": candidates[:SHOWN],
        "for_review": ReviewQueue(request.user).left() if request.user.has_perm("screening.add_review") else None,
        "troubled": troubled[:SHOWN],
        "unreadable": unreadable[:SHOWN],
        "follow_ups": follow_ups_for(request.user)[:SHOWN],
        "n_in_inbox": Pattern.objects.visible_to(request.user).in_inbox().count(),
        "standings": standings[:SYSTEMS_SHOWN],
        "n_systems": len(standings),
        "n_most": max((standing.n_screened for standing in standings[:SYSTEMS_SHOWN]), default=0) or 1,
        "machines": machines(),
        "backup_light": Upkeep.objects.light(),
        "disk_nearly_full": nearly_full(),
        "instruments": InstrumentHeartbeat.objects.shown(),
        "drift_warnings": newest_warnings(request.user) if request.user.has_perm(RUNS_THE_LAB) else [],
        "is_new_lab": not Sample.objects.visible_to(request.user).exists(),
    }
    return render(request, "home.html", context)


def follow_ups_for(person: User) -> FollowUpQuerySet:
    """One's own that are not finished, and those of the lab that are overdue; the most urgent first."""
    unfinished = FollowUp.objects.visible_to(person).unfinished().select_related("sample", "assigned_to")
    return unfinished.filter(Q(assigned_to=person) | Q(due_on__lt=timezone.localdate())).by_urgency()


def machines() -> dict[str, Any]:
    """Workers and trainers that are alive, what people wait for, and the archive that they screen besides."""
    waiting = ScreeningResult.objects.not_done().awaiting().filter(priority__lt=ScreeningResult.Priority.RESCREEN)
    queue = waiting.aggregate(n=Count("pk"), oldest=Min("queued_at"))
    put_off = waiting.filter(attempts=0).exclude(reason=None).values_list("reason", flat=True)
    active = Q(state__in=TrainingRun.ACTIVE)
    hosts = list(WorkerHeartbeat.objects.alive().values_list("host", flat=True))
    trainings = TrainingRun.objects.unfinished().aggregate(n=Count("pk"), n_active=Count("pk", filter=active))
    return {
        "n_workers": len(hosts),
        "worker_hosts": sorted(set(hosts)),
        "n_trainers": TrainerHeartbeat.objects.alive().count(),
        "n_trainings": trainings["n"],
        "n_active_trainings": trainings["n_active"],
        "n_waiting": queue["n"],
        "waiting_since": queue["oldest"],
        "waiting_because": put_off.first() if queue["n"] else None,
        "archive": ArchiveScreening.objects.unfinished().select_related("run", "version").first(),
    }
