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
from uuid import UUID

from django.db import Error, InterfaceError, OperationalError, models, transaction
from django.utils import timezone

from mlmodels.models import ModelVersion
from mlmodels.net.preprocess import NetworkInput
from mlmodels.registry import BATCH_SIZE, ScreeningNetwork, network_for
from samples.log_ids import run_id
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Sentence, sentence
from screening import pipeline
from screening.bell import ring
from screening.models import (
    ArchiveScreening,
    Argument,
    Candidate,
    InputMeasures,
    Proof,
    ScreeningResult,
    WorkerHeartbeat,
)
from screening.telling import tell_followers

if TYPE_CHECKING:
    from multiprocessing.synchronize import Event

logger = logging.getLogger(__name__)

SHIFT = 60.0
"""Seconds of batches after which the bell is handed on, so that no task comes near django-q2's timeout."""

HEARTBEAT = "ICOSA_HEARTBEAT"
"""Environment variable with the id of the heartbeat row, set by `manage.py worker` for its processes."""

stopping: Event | threading.Event = threading.Event()
"""Set when no further batch shall be taken; a cluster puts the event here that all its processes share."""

interrupted: set[UUID] = set()
"""Leases of the rows that this process could not write, since the database was away."""


told_unusable: set[int] = set()
"""Versions of which the log of this process has the reason."""


class NetworkUnusableError(Exception):
    """The network that rows wait for cannot be loaded here: they wait on, and nothing is counted as an attempt."""


def screen_waiting() -> None:
    """Screen queued rows, batch by batch, until none is left, and put what was found before reviewers.

    A second delivery of the same bell finds nothing to do.
    """
    take_up_interrupted()
    ScreeningResult.objects.release_expired()
    end_of_shift = time.monotonic() + SHIFT
    rung = False
    while not stopping.is_set() and (batch := next_batch()):
        if not rung and ScreeningResult.objects.claimable().exists():
            ring()  # for another worker to join in
            rung = True
        if not screen_batch(batch):
            break  # whoever looks again does so after a while
        beat()
        if time.monotonic() > end_of_shift:
            ring()
            break
    Candidate.objects.catch_up()
    Proof.objects.ring()


def screen_fresh() -> None:
    """Screen what people wait for, in the midst of longer work."""
    while batch := ScreeningResult.objects.filter(priority__lt=ScreeningResult.Priority.RESCREEN).claim(BATCH_SIZE):
        if not screen_batch(batch):
            break
        Candidate.objects.catch_up()


def next_batch() -> list[ScreeningResult]:
    """What waits most urgently; where nothing does, the next slice of the archive is queued first."""
    batch = ScreeningResult.objects.claim(BATCH_SIZE)
    while not batch and ArchiveScreening.objects.queue_more():
        batch = ScreeningResult.objects.claim(BATCH_SIZE)
    return batch


def screen_batch(batch: Sequence[ScreeningResult]) -> bool:
    """Screen rows that are leased to us; those that the database went away from are taken up again, and no attempt is counted.

    False where their network cannot be loaded: it is no pattern's fault, so they wait with that reason.
    """
    try:
        _screen(batch)
    except NetworkUnusableError:
        version = batch[0].model_version
        if version.pk not in told_unusable:  # it is tried again every few seconds
            told_unusable.add(version.pk)
            logger.exception("The network %s cannot be loaded", version)
        ScreeningResult.objects.put_off({row.lease for row in batch if row.lease}, unusable(version.name))
        return False
    except (InterfaceError, OperationalError):
        interrupted.update({row.lease for row in batch if row.lease})
        raise
    return True


def unusable(name: str) -> Sentence:
    return sentence(
        "The weights of the network %(name)s are missing or damaged, or there is no room to load them. Patterns wait and none"
        " is lost. Bring the database back from a backup, or put another network into production under Models; the log of"
        " the worker has the reason.",
        name=name,
    )


def _load(version_id: int) -> ScreeningNetwork:
    try:
        return network_for(version_id)
    except Error:  # of the database
        raise
    except Exception as error:
        raise NetworkUnusableError from error


def _screen(batch: Sequence[ScreeningResult]) -> None:
    """Where the batch fails, each by itself, so that one bad pattern fails alone."""
    run_id.set(",".join(map(str, sorted({row.run_id for row in batch}))))
    try:
        network = _load(batch[0].model_version_id)
        patterns = [row.reading.as_pattern() for row in batch]
        batch, patterns = refuse_unscreenable(batch, patterns)
        inputs = [pipeline.prepare(pattern) for pattern in patterns]
        calls = pipeline.screen(network, inputs)
    except (Error, NetworkUnusableError):  # of the database: here is nothing to be written
        raise
    except Exception as error:
        logger.exception("Screening failed for results %s", [row.pk for row in batch])
        if len(batch) > 1:
            for row in batch:
                _screen([row])
        else:
            batch[0].give_back(sentence("%(error)s: %(text)s", error=type(error).__name__, text=str(error)[:300]))
        return
    reasons = [_reason(*those) for those in zip(batch, patterns, calls, strict=True)]
    write(network, batch, inputs, calls, reasons)


def refuse_unscreenable(
    batch: Sequence[ScreeningResult], patterns: Sequence[PowderPattern]
) -> tuple[list[ScreeningResult], list[PowderPattern]]:
    """Those that the network can judge; of the archive, the others are answered now, and of an upload when it came."""
    kept = []
    for row, pattern in zip(batch, patterns, strict=True):
        if row.is_of_archive and (reason := pipeline.check(pattern)):
            row.refuse(reason)
        else:
            kept.append((row, pattern))
    return [row for row, _pattern in kept], [pattern for _row, pattern in kept]


def _reason(row: ScreeningResult, pattern: PowderPattern, call: pipeline.Call) -> dict[str, Any] | None:
    """Why, or None where that fails: a call must not wait for its argument.

    Where there is next to nothing to argue about, that of the archive is made when somebody asks (`screening.why`).
    """
    if row.is_of_archive and not pipeline.is_weighed(call.prediction.probability):
        return None
    try:
        return pipeline.argue(pattern, call)
    except Exception:
        logger.exception("No argument could be made for a call at a_R = %s Å", call.prediction.quasilattice_constant)
        return None


@transaction.atomic
def write(
    network: ScreeningNetwork,
    batch: Sequence[ScreeningResult],
    inputs: Sequence[NetworkInput],
    calls: Sequence[pipeline.Call],
    reasons: Sequence[dict[str, Any] | None],
) -> None:
    finished = ScreeningResult.objects.finish(dict(zip(batch, calls, strict=True)), device=network.device)
    Argument.objects.bulk_create(
        Argument(result=row, content=reason)
        for row, reason in zip(batch, reasons, strict=True)
        if row.pk in finished and reason is not None
    )
    fresh = [row.pk for row in batch if row.pk in finished and not row.is_of_archive]
    if fresh:
        pairs = zip(batch, inputs, strict=True)
        InputMeasures.objects.measure((row.reading_id, one) for row, one in pairs if row.pk in fresh)
        tell_followers(ScreeningResult.objects.filter(pk__in=fresh))


def look() -> None:
    """What an idle process does every few seconds: give a sign of life, and join in where rows wait that no bell told it of.

    The cluster of another host may hold the bell, before processes that are all at work.
    """
    beat()
    if ScreeningResult.objects.claimable().exists():
        screen_waiting()


def beat() -> None:
    """Give a sign of life: a task came through the cluster's own queue, or a batch was screened.  And ring for lost rows."""
    _heartbeat().update(beat_at=timezone.now())
    if take_up_interrupted() + ScreeningResult.objects.release_expired():
        ring()


def take_up_interrupted() -> int:
    """Queue what this process had in its hands when the database went away; how many rows that were."""
    leases = set(interrupted)
    n = ScreeningResult.objects.take_back(leases) if leases else 0
    interrupted.difference_update(leases)
    return n


def warm_up() -> None:
    """Import torch and load the network in production when a worker process starts, so that the first upload need not wait."""
    if version := ModelVersion.objects.production():
        try:
            _heartbeat().update(device=_load(version.pk).device)
        except NetworkUnusableError:  # said where rows wait for it
            logger.exception("The network %s cannot be loaded", version)


def _heartbeat() -> models.QuerySet[WorkerHeartbeat]:
    """The row of the `manage.py worker` that this process belongs to; none in tests and shells."""
    return WorkerHeartbeat.objects.filter(pk=os.environ.get(HEARTBEAT, 0))
