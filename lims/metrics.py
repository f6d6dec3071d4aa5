"""`GET /metrics`: the lab in numbers, as OpenMetrics text for Prometheus; for whoever has the token ICOSA_METRICS_TOKEN.

All numbers come from the database, so that any web process gives the same ones. No question grows with the archive beyond
the counting of an index, and no label holds a name of a person, a sample or a file.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.decorators import login_not_required
from django.db.models import Count, Sum
from django.http import HttpRequest, HttpResponse
from django.utils import timezone, translation
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.openmetrics.exposition import CONTENT_TYPE_LATEST, generate_latest
from prometheus_client.registry import Collector

from lims import __version__
from lims.health import disk_free, oldest_urgent
from lims.models import Fault, Upkeep
from samples.models import THE_LAB, Pattern
from screening.drift import newest_warnings
from screening.failures import Failures, failed_jobs, refused_uploads
from screening.models import InstrumentHeartbeat, ScreeningResult, WorkerHeartbeat

SPEED_OVER = timedelta(minutes=5)
UPLOADS_OVER = timedelta(hours=1)
MOST_REASONS = 20


@require_safe
@never_cache
@login_not_required
def metrics(request: HttpRequest) -> HttpResponse:
    """Refused without the token; localhost alone would be no proof, since a web server before us is there too."""
    scheme, _space, sent = request.headers.get("Authorization", "").partition(" ")
    if not settings.METRICS_TOKEN:
        return HttpResponse("Set ICOSA_METRICS_TOKEN to open /metrics.\n", status=403, content_type="text/plain")
    if scheme != "Bearer" or not secrets.compare_digest(sent.encode(), settings.METRICS_TOKEN.encode()):
        return HttpResponse("Send the token: Authorization: Bearer ….\n", status=403, content_type="text/plain")
    registry = CollectorRegistry()
    registry.register(Lab())
    with translation.override("en"):
        told = generate_latest(registry)  # type: ignore[no-untyped-call]
    return HttpResponse(told, content_type=CONTENT_TYPE_LATEST)


class Lab(Collector):
    """Asks the database anew at each scrape."""

    def describe(self) -> Iterable[Metric]:
        return []  # so that to register it asks nothing

    def collect(self) -> Iterator[Metric]:
        yield _gauge("icosa_version", "The version of Icosa that answers", {__version__: 1}, "version")
        yield from _queue()
        yield from _workers()
        yield from _failures()
        yield from _upkeep()
        drifts = len(newest_warnings(THE_LAB))
        yield _gauge("icosa_drift_warnings", "Warnings of drift, of this month and the one before", {"": drifts})
        yield _gauge("icosa_disk_free_bytes", "Free where the data lies", {"": disk_free()})


def _queue() -> Iterator[Metric]:
    now, oldest = timezone.now(), oldest_urgent()
    age = (now - oldest).total_seconds() if oldest else 0.0
    yield _gauge("icosa_queue_age_seconds", "Wait of the oldest pattern, rescreens apart", {"": age})
    not_done = ScreeningResult.objects.not_done().order_by().values_list("state").annotate(n=Count("state"))
    states = dict.fromkeys(ScreeningResult.State.values, 0) | dict(not_done)
    states["done"] = ScreeningResult.objects.count() - sum(states.values())  # SQLite counts a whole index far sooner
    yield _gauge("icosa_results", "Screening results by state", states, "state")
    screened = ScreeningResult.objects.done().filter(finished_at__gte=now - SPEED_OVER).count()
    speed = screened / SPEED_OVER.total_seconds()
    yield _gauge("icosa_screened_per_second", "Patterns screened a second, over five minutes", {"": speed})
    uploads = Pattern.objects.filter(uploaded_at__gte=now - UPLOADS_OVER).count()
    yield _gauge("icosa_uploads_last_hour", "Patterns that came in within an hour", {"": uploads})


def _workers() -> Iterator[Metric]:
    now, workers = timezone.now(), list(WorkerHeartbeat.objects.exclude(beat_at=None))
    ages = {str(worker): (now - worker.beat_at).total_seconds() for worker in workers if worker.beat_at}
    yield _gauge("icosa_worker_beat_age_seconds", "Since the last sign of life", ages, "worker")
    use = {str(worker): worker.gpu_use for worker in workers if worker.gpu_use is not None}
    yield _gauge("icosa_gpu_use_percent", "Of the time in which the GPU works", use, "worker")
    memory = {str(worker): worker.gpu_memory for worker in workers if worker.gpu_memory is not None}
    yield _gauge("icosa_gpu_memory_percent", "Of its memory that is taken", memory, "worker")
    heard = InstrumentHeartbeat.objects.values_list("pk", "heard_at")[:100]
    ages = {str(pk): (now - at).total_seconds() for pk, at in heard}
    yield _gauge("icosa_instrument_heard_age_seconds", "Since an instrument was heard, by its row", ages, "instrument")


def _failures() -> Iterator[Metric]:
    yield _by_reason("icosa_failed_jobs", "Patterns set aside, by the kind of error, of the newest 1000", failed_jobs())
    refused = refused_uploads()
    yield _by_reason("icosa_refused_uploads", "Files not kept or not readable, of the newest 2000", refused)
    counted = Fault.objects.values_list("kind").annotate(n=Sum("n_times")).order_by("-n")[:MOST_REASONS]
    faults = CounterMetricFamily("icosa_faults", "Unhandled exceptions", labels=["kind"])
    for kind, n in counted:
        faults.add_metric([kind], n)
    yield faults


def _upkeep() -> Iterator[Metric]:
    standing = Upkeep.objects.of_each_task()
    good = {task: one.good.timestamp() for task, one in standing.items() if one.good}
    yield _gauge("icosa_upkeep_good_timestamp_seconds", "When a task of the night went well last", good, "task")
    well = {task: float(not one.is_bad) for task, one in standing.items() if task != Upkeep.Task.NIGHT}
    yield _gauge(
        "icosa_upkeep_well", "1 where the task went well the last time; trail: the signed entries", well, "task"
    )
    last = Upkeep.objects.filter(task=Upkeep.Task.BACKUP, went_well=True).first()
    if last:
        yield _gauge("icosa_backup_bytes", "Of the last good backup, unpacked", {"": last.facts.get("bytes", 0)})


def _by_reason(name: str, said: str, found: list[Failures]) -> Metric:
    return _gauge(name, said, {failures.reason: failures.n for failures in found[:MOST_REASONS]}, "reason")


def _gauge(name: str, said: str, values: Mapping[str, float], label: str = "") -> Metric:
    family = GaugeMetricFamily(name, said, labels=[label] if label else [])
    for key, value in values.items():
        family.add_metric([key] if label else [], value)
    return family
