"""The django-q2 cluster that `manage.py worker` watches: its processes beat, come up warm, and stop when told to.

Everything here runs before the workers fork, and must not import torch: a fork after torch or CUDA were touched hangs.
"""

from __future__ import annotations

import logging
import os
import threading
import time
from multiprocessing import Process
from types import FrameType
from typing import Any
from uuid import uuid4

from django.conf import settings
from django_q import cluster as django_q_cluster
from django_q.signals import post_spawn

from screening import tasks

logger = logging.getLogger(__name__)

STOP_WITHIN = 8.0
"""Seconds in which workers finish the batch that they are at."""


class BeatingSentinel(django_q_cluster.Sentinel):  # type: ignore[misc]
    """A sentinel that sends a small task through the queue that its workers really wait at.

    Whoever kills the idle worker that holds the lock of that queue leaves a cluster that looks alive and does nothing
    (django-q2 #23). Then the beats stop, and the watchdog starts the cluster anew.
    """

    def guard(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()
        super().guard()

    def _beat(self) -> None:
        while not self.stop_event.wait(settings.WORKER_BEAT):
            if self.task_queue.empty():  # else the tasks in it are the test
                name = uuid4().hex
                self.task_queue.put(
                    {"id": name, "name": name, "func": "screening.tasks.beat", "args": (), "kwargs": {}, "save": False}
                )


class Cluster(django_q_cluster.Cluster):  # type: ignore[misc]
    """A cluster whose workers, when it stops, finish the batch that they are at and take no other."""

    def sig_handler(self, signum: int, frame: FrameType | None) -> None:
        tasks.stopping.set()
        super().sig_handler(signum, frame)


def run() -> None:
    """Run a cluster until it is told to stop or its sentinel dies; it also stops where its watchdog is gone."""
    django_q_cluster.Sentinel = BeatingSentinel
    post_spawn.connect(_warm_up)
    watchdog = os.getppid()
    cluster = Cluster()
    cluster.start()
    sentinel: Process = cluster.sentinel
    while sentinel.is_alive():
        time.sleep(0.2)
        if os.getppid() != watchdog:
            logger.error("The watchdog is gone: the cluster stops.")
            cluster.sig_handler(0, None)


def _warm_up(**_signal: Any) -> None:
    """In each new worker process: load the network, so that the first upload need not wait for torch."""
    try:
        tasks.warm_up()
    except Exception:
        logger.exception("The network could not be loaded; it will be tried again with the next pattern")
