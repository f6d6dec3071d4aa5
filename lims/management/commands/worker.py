"""`manage.py worker`: screens what is queued, until it is told to stop; a watchdog over a django-q2 cluster."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from argparse import ArgumentParser
from datetime import datetime, timedelta
from types import FrameType
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand
from django.db import Error, close_old_connections

from lims import clocks, cluster, gpu, night
from lims.checks import BUCKET, stop_if_wrong
from lims.digests import send_every_day
from lims.schema import find_misfit
from lims.trash import empty_every_day
from mlmodels.gpu import gpu_name
from mlmodels.trainer import Trainer
from screening.bell import ring_every_minute
from screening.models import WorkerHeartbeat
from screening.tasks import HEARTBEAT

logger = logging.getLogger("icosa.worker")

START_WITHIN = 120.0
"""Seconds in which a new cluster must give its first sign of life: torch loads slowly from a cold disk."""
PAUSES = (0.5, 1, 2, 5, 10, 30)
"""Seconds before the next start after a first, second, … cluster in a row that never lived."""
LOOK_EVERY = 0.2
NOTE_GPU_EVERY = 15.0


class Command(BaseCommand):
    help = (
        "Screen what is queued. One worker process for each core, or a single one where there is a GPU; on a host with "
        "several GPUs, start this once for each, with CUDA_VISIBLE_DEVICES. SIGTERM or Ctrl-C stops it cleanly. "
        "With --training it trains networks instead, one at a time: start one such worker where a GPU or idle cores are."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--unwatched", action="store_true", help="run the bare cluster: what the watchdog starts")
        parser.add_argument("--training", action="store_true", help="train the networks that were asked for")

    def handle(self, *args: Any, unwatched: bool, training: bool, **options: Any) -> None:
        if training:
            Trainer().run()
        elif unwatched:
            cluster.run()
        else:
            stop_if_wrong(BUCKET)
            Watchdog().run()


class Watchdog:
    """Keeps one cluster running: it is started anew when it dies or falls silent, and no process of it is left behind."""

    def __init__(self) -> None:
        self.told_to_stop = False
        self.night_watch = night.Watch()

    def run(self) -> None:
        signal.signal(signal.SIGTERM, self._stop)
        signal.signal(signal.SIGINT, self._stop)
        fruitless = 0
        while not self.told_to_stop:
            lived = self._keep_one_cluster()
            fruitless = 0 if lived else fruitless + 1
            if not self.told_to_stop:
                logger.error("The cluster is started anew." if lived else "No cluster runs; it is tried again.")
                self._wait(PAUSES[min(fruitless, len(PAUSES) - 1)])
        self.night_watch.stop()
        with contextlib.suppress(Error):
            WorkerHeartbeat.objects.register().delete()

    def _keep_one_cluster(self) -> bool:
        """Until it ends or we are told to stop; whether it ever gave a sign of life."""
        try:
            close_old_connections()
            if misfit := find_misfit():
                logger.error("%s", misfit)
                return False
            heartbeat = _register()
        except Error as error:
            logger.error("The database does not answer: %s", error)
            return False
        process = self._start(heartbeat)
        lived = self._watch(process, heartbeat)
        self._end(process)
        return lived

    def _start(self, heartbeat: WorkerHeartbeat) -> subprocess.Popen[bytes]:
        """A cluster in a session, and so a process group, of its own."""
        environment = {**os.environ, HEARTBEAT: str(heartbeat.pk), "OMP_NUM_THREADS": "1"}
        if "ICOSA_WORKERS" not in environment and gpu_name():
            environment["ICOSA_WORKERS"] = "1"
        command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "worker", "--unwatched"]
        return subprocess.Popen(command, env=environment, start_new_session=True)

    def _watch(self, process: subprocess.Popen[bytes], heartbeat: WorkerHeartbeat) -> bool:
        """Return when we are told to stop, or the cluster has died or fallen silent; whether it ever gave a sign of life."""
        lived, last_beat = False, heartbeat.beat_at
        deadline, next_look, next_note = time.monotonic() + START_WITHIN, 0.0, 0.0
        while not self.told_to_stop:
            now = time.monotonic()
            if process.poll() is not None:
                logger.error("The cluster has died (exit status %s).", process.returncode)
                break
            if now > next_look:
                next_look = now + settings.WORKER_BEAT
                try:
                    beat, misfit = _last_beat(heartbeat), find_misfit()
                except Error as error:  # then silence proves nothing
                    logger.error("The database does not answer: %s", error)
                    deadline = max(deadline, now + settings.WORKER_SILENCE)
                else:
                    if misfit:  # somebody migrates
                        logger.error("%s", misfit)
                        break
                    self.night_watch.look()
                    if now > next_note:
                        next_note = now + NOTE_GPU_EVERY
                        gpu.note_use(heartbeat)
                        clocks.note(heartbeat)
                    if beat != last_beat:
                        lived, last_beat, deadline = True, beat, now + settings.WORKER_SILENCE
            if now > deadline:
                logger.error("The cluster is silent.")
                break
            time.sleep(LOOK_EVERY)
        return lived

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Let the cluster stop by itself if it can; then kill whatever is left of its group."""
        if process.poll() is None and self.told_to_stop:
            process.terminate()
            try:
                process.wait(timeout=cluster.STOP_WITHIN)
            except subprocess.TimeoutExpired:
                logger.error("The cluster did not stop by itself.")
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _wait(self, seconds: float) -> None:
        until = time.monotonic() + seconds
        while not self.told_to_stop and time.monotonic() < until:
            time.sleep(LOOK_EVERY)

    def _stop(self, _signal: int, _frame: FrameType | None) -> None:
        self.told_to_stop = True


def _register() -> WorkerHeartbeat:
    """The row for this worker's signs of life; and what the queue needs beside it."""
    ring_every_minute()
    send_every_day()
    empty_every_day()
    WorkerHeartbeat.objects.silent_for(timedelta(days=1)).delete()
    return WorkerHeartbeat.objects.register()


def _last_beat(heartbeat: WorkerHeartbeat) -> datetime | None:
    close_old_connections()
    return WorkerHeartbeat.objects.filter(pk=heartbeat.pk).values_list("beat_at", flat=True).first()
