"""The django-q2 cluster that `manage.py worker` watches: its processes beat, come up warm, and stop when told to.

django-q2 forks all of its processes. Those that screen are spawned here instead: each in an interpreter of its own, which is
the first to import torch and to touch the GPU. A process that is forked after that hangs or fails.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
import time
from multiprocessing.context import SpawnProcess
from multiprocessing.synchronize import Event
from typing import Any
from uuid import uuid4

from django.conf import settings
from django_q import cluster as django_q_cluster
from django_q.worker import worker

from screening import tasks
from screening.bell import JOB_BELL, JOB_SECONDS, THUMBNAIL_BELL

logger = logging.getLogger(__name__)

JOBS_EVERY = 60.0
"""Seconds between two looks of each host at what needs files: exports, imports, thumbnails."""
STOP_WITHIN = 8.0
"""Seconds in which workers finish the batch that they are at."""


class SpawningSentinel(django_q_cluster.Sentinel):  # type: ignore[misc]
    """A sentinel that spawns its workers, and sends a small task through the queue that they really wait at.

    Whoever kills the idle worker that holds the lock of that queue leaves a cluster that looks alive and does nothing
    (django-q2 #23). Then the beats stop, and the watchdog starts the cluster anew.
    """

    def __init__(self, *arguments: Any) -> None:
        multiprocessing.set_start_method("spawn", force=True)  # or they could not share its queues and events
        super().__init__(*arguments)

    def spawn_worker(self) -> None:
        timer = multiprocessing.Value("f", -1)
        process = SpawnProcess(
            target=screen, args=(self.task_queue, self.result_queue, timer, self.timeout, self.event_out), daemon=True
        )
        process.timer = timer  # type: ignore[attr-defined]  # where the guard looks
        self.pool.append(process)
        process.start()

    def guard(self) -> None:
        threading.Thread(target=self._beat, daemon=True).start()
        super().guard()

    def _beat(self) -> None:
        next_jobs = 0.0
        while not self.stop_event.wait(settings.WORKER_BEAT):
            if not self.task_queue.empty():  # then the tasks in it are the test
                continue
            self._put("screening.tasks.look")
            if time.monotonic() > next_jobs:  # of several hosts, one without the lab's files may have got the bell
                next_jobs = time.monotonic() + JOBS_EVERY
                self._put(JOB_BELL, timeout=JOB_SECONDS)
                self._put(THUMBNAIL_BELL)

    def _put(self, func: str, **more: int) -> None:
        """Give this host's own processes something to do."""
        name = uuid4().hex
        self.task_queue.put({"id": name, "name": name, "func": func, "args": (), "kwargs": {}, "save": False, **more})


def run() -> None:
    """Run a cluster until it is told to stop or its sentinel dies; it also stops where its watchdog is gone."""
    django_q_cluster.Sentinel = SpawningSentinel
    watchdog = os.getppid()
    cluster = django_q_cluster.Cluster()
    cluster.start()
    sentinel: multiprocessing.Process = cluster.sentinel
    while sentinel.is_alive():
        time.sleep(0.2)
        if os.getppid() != watchdog:
            logger.error("The watchdog is gone: the cluster stops.")
            cluster.sig_handler(0, None)


def screen(task_queue: Any, result_queue: Any, timer: Any, timeout: int, stopping: Event) -> None:
    """What each spawned process does, until ``stopping`` is set: django-q2's work, with the network loaded beforehand."""
    tasks.stopping = stopping
    try:
        tasks.warm_up()  # so that the first upload need not wait for torch
    except Exception:
        logger.exception("The network could not be loaded; it will be tried again with the next pattern")
    worker(task_queue, result_queue, timer, timeout)
