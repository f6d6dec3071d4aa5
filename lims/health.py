"""`GET /healthz`: does the lab work? For monitors: no sign-in, and no word of what is in the database."""

from __future__ import annotations

from datetime import timedelta

from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.db.models import Max, Min
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from screening.models import ScreeningResult, WorkerHeartbeat

QUEUE_AGE_LIMIT = timedelta(minutes=10)
"""A pattern that has waited longer than this is one that nobody screens; a rescreen of the archive may take its time."""


@require_safe
@never_cache
@login_not_required
def healthz(request: HttpRequest) -> JsonResponse:
    """200 where the database answers, a worker is alive and nothing has waited too long; else 503. Ages in seconds."""
    now = timezone.now()
    try:
        urgent = ScreeningResult.objects.awaiting().exclude(priority=ScreeningResult.Priority.RESCREEN)
        oldest = urgent.aggregate(at=Min("queued_at"))["at"]
        beat = WorkerHeartbeat.objects.aggregate(at=Max("beat_at"))["at"]
        alive = WorkerHeartbeat.objects.alive().exists()
    except Error:
        return JsonResponse({"ok": False, "database": False, "queue_age": None, "worker": None}, status=503)
    queue_age = (now - oldest).total_seconds() if oldest else 0.0
    ok = alive and queue_age < QUEUE_AGE_LIMIT.total_seconds()
    return JsonResponse(
        {
            "ok": ok,
            "database": True,
            "queue_age": round(queue_age, 1),
            "worker": {"alive": alive, "last_beat": round((now - beat).total_seconds(), 1) if beat else None},
        },
        status=200 if ok else 503,
    )
