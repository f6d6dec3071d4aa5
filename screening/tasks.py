"""What a worker does: it hears the bell, takes queued rows in batches, and screens them.

Runs in worker processes, which import torch for themselves: nothing here may import it before.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from django.db import models, transaction
from django.utils import timezone

from mlmodels.models import ModelVersion
from mlmodels.registry import BATCH_SIZE, ScreeningNetwork, network_for
from samples.log_ids import run_id
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import sentence
from screening import pipeline
from screening.bell import ring
from screening.models import Argument, Candidate, ScreeningResult, WorkerHeartbeat

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

logger = logging.getLogger(__name__)

SHIFT = 60.0
"""Seconds of batches after which the bell is handed on, so that no task comes near django-q2's timeout."""

HEARTBEAT = "ICOSA_HEARTBEAT"
"""Environment variable with the id of the heartbeat row, set by `manage.py worker` for its processes."""

stopping: Event | threading.Event = threading.Event()
"""Set when no further batch shall be taken; a cluster puts the event here that all its processes share."""


def screen_waiting() -> None:
    """Screen queued rows, batch by batch, until none is left, and put what was found before reviewers.

    A second delivery of the same bell finds nothing to do.
    """
    ScreeningResult.objects.release_expired()
    end_of_shift = time.monotonic() + SHIFT
    rung = False
    while not stopping.is_set() and (batch := ScreeningResult.objects.claim(BATCH_SIZE)):
        if not rung and ScreeningResult.objects.queued().exists():
            ring()  # for another worker to join in
            rung = True
        screen_batch(batch)
        beat()
        if time.monotonic() > end_of_shift:
            ring()
            break
    Candidate.objects.catch_up()


def screen_batch(batch: Sequence[ScreeningResult]) -> None:
    """Screen rows that are leased to us; where the batch fails, each by itself, so that one bad pattern fails alone."""
    run_id.set(",".join(map(str, sorted({row.run_id for row in batch}))))
    try:
        network = network_for(batch[0].model_version_id)
        patterns = [row.reading.as_pattern() for row in batch]
        calls = pipeline.screen(network, patterns)
    except Exception as error:
        logger.exception("Screening failed for results %s", [row.pk for row in batch])
        if len(batch) > 1:
            for row in batch:
                screen_batch([row])
        else:
            batch[0].give_back(sentence("%(error)s: %(text)s", error=type(error).__name__, text=str(error)[:300]))
        return
    write(network, batch, calls, [_reason(network, *pair) for pair in zip(patterns, calls, strict=True)])


def _reason(network: ScreeningNetwork, pattern: PowderPattern, call: pipeline.Call) -> dict[str, Any] | None:
    """Why, or None where that fails: a call must not wait for its argument."""
    try:
        return pipeline.argue(network, pattern, call)
    except Exception:
        logger.exception("No argument could be made for a call at a_R = %s Å", call.prediction.quasilattice_constant)
        return None


@transaction.atomic
def write(
    network: ScreeningNetwork,
    batch: Sequence[ScreeningResult],
    calls: Sequence[pipeline.Call],
    reasons: Sequence[dict[str, Any] | None],
) -> None:
    finished = [
        (row, reason)
        for row, call, reason in zip(batch, calls, reasons, strict=True)
        if row.finish(call, device=network.device)
    ]
    Argument.objects.bulk_create(
        [Argument(result=row, content=reason) for row, reason in finished if reason is not None]
    )
    ScreeningResult.objects.filter(pk__in=[row.pk for row, _reason in finished]).tell_followers()


def beat() -> None:
    """Give a sign of life: a task came through the cluster's own queue, or a batch was screened.  And ring for lost rows."""
    _heartbeat().update(beat_at=timezone.now())
    if ScreeningResult.objects.release_expired():
        ring()


def warm_up() -> None:
    """Import torch and load the network in production when a worker process starts, so that the first upload need not wait."""
    if version := ModelVersion.objects.production():
        _heartbeat().update(device=network_for(version.pk).device)


def _heartbeat() -> models.QuerySet[WorkerHeartbeat]:
    """The row of the `manage.py worker` that this process belongs to; none in tests and shells."""
    return WorkerHeartbeat.objects.filter(pk=os.environ.get(HEARTBEAT, 0))
