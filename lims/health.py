"""`GET /healthz`: does the lab work?  For monitors: no sign-in, and no word of what is in the database."""

from __future__ import annotations

import shutil
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db import Error
from django.db.models import Max, Min
from django.http import HttpRequest, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from lims import patience
from lims.schema import LOOK_WITHIN, UNREACHABLE, fit
from samples.models import PatternFile
from samples.store import store
from screening.models import ScreeningResult, WorkerHeartbeat

QUEUE_AGE_LIMIT = timedelta(minutes=10)
"""A pattern that has waited longer than this is one that nobody screens; a rescreen of the archive may take its time."""


@require_safe
@never_cache
@login_not_required
def live(request: HttpRequest) -> JsonResponse:
    """200 where this process answers at all: whoever restarts processes asks this."""
    return JsonResponse({"ok": True})


@require_safe
@never_cache
@login_not_required
def ready(request: HttpRequest) -> JsonResponse:
    """200 where all is well, else 503: database, its version, a living worker, the queue, room on the disk. Ages in seconds."""
    free = disk_free()
    said: dict[str, Any] = {
        "ok": False,
        "database": False,
        "migrated": fit.look() is None,
        "queue_age": None,
        "worker": None,
        "disk_free_gb": round(free / 1e9, 1),
    }
    if fit.misfit is UNREACHABLE:
        return JsonResponse(said, status=503)
    try:
        with patience.at_most(LOOK_WITHIN):
            now, oldest = timezone.now(), oldest_urgent()
            beat = WorkerHeartbeat.objects.aggregate(at=Max("beat_at"))["at"]
            alive = WorkerHeartbeat.objects.alive().exists()
    except Error:
        return JsonResponse(said, status=503)
    queue_age = (now - oldest).total_seconds() if oldest else 0.0
    said |= {
        "database": True,
        "queue_age": round(queue_age, 1),
        "worker": {"alive": alive, "last_beat": round((now - beat).total_seconds(), 1) if beat else None},
    }
    is_screened = alive and queue_age < QUEUE_AGE_LIMIT.total_seconds()
    said["ok"] = said["migrated"] and is_screened and free >= settings.DISK_FREE_LIMIT
    return JsonResponse(said, status=200 if said["ok"] else 503)


def oldest_urgent() -> datetime | None:
    """Since when the oldest pattern waits that somebody waits for."""
    urgent = ScreeningResult.objects.not_done().awaiting().filter(priority__lt=ScreeningResult.Priority.RESCREEN)
    found: datetime | None = urgent.aggregate(at=Min("queued_at"))["at"]
    return found


def nearly_full() -> int | None:
    """Bytes that are left on the disk, where that is less than the lab should have; None where there is room."""
    free = disk_free()
    return free if free < settings.DISK_FREE_LIMIT else None


def lacks_files() -> bool:
    """Whether this host cannot reach the newest file that the lab was sent: web hosts that each keep their own do not."""
    newest = PatternFile.objects.exclude(content="").order_by("-pk").values_list("content", flat=True).first()
    try:
        return newest is not None and not store.exists(str(newest))
    except OSError:
        return True


def disk_free() -> int:
    """Bytes that are free where the data lies; of the fuller disk, where the files have one of their own."""
    places = {settings.DATA_DIR, store.disk or settings.DATA_DIR}
    return min(shutil.disk_usage(place).free for place in places)
