"""The night's work: a backup, a restore of it on trial, and a look at every file and every signed entry.

`manage.py worker` starts it as a process of its own on one host that holds the files, and not as a task of django-q2: any
host's worker may get a task, a task keeps patterns waiting, and one that lasts longer than five minutes is killed.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import time

from django.conf import settings
from django.db import Error
from django.utils import timezone

from lims.models import Upkeep
from samples.store import store

logger = logging.getLogger("icosa.night")

STOP_WITHIN = 10.0
LOOK_EVERY = 30.0
"""Seconds."""


class Watch:
    """Starts the work of each night once, whatever the number of hosts, and ends it where it is told to."""

    def __init__(self) -> None:
        self.process: subprocess.Popen[bytes] | None = None
        self.next_look = 0.0

    def look(self) -> None:
        if self.process and self.process.poll() is not None:
            self.process = None
        if self.process or time.monotonic() < self.next_look:
            return
        self.next_look = time.monotonic() + LOOK_EVERY
        if is_ours():
            logger.info("The night's work begins.")
            command = [sys.executable, str(settings.BASE_DIR / "manage.py"), "nightly"]
            self.process = subprocess.Popen(command)  # noqa: S603 - our own

    def stop(self) -> None:
        """A backup that is cut short leaves those from before as they were."""
        if self.process and self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(timeout=STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self.process.kill()


def is_ours() -> bool:
    """Whether tonight's work is due and falls to this host; a new lab's first night is the next one."""
    now = timezone.localtime()
    if now.time() < settings.BACKUP_AT or not keeps_files():
        return False
    nights = Upkeep.objects.filter(task=Upkeep.Task.NIGHT)
    try:
        if nights.filter(night=now.date()).exists():
            return False
        is_new = not nights.exists()
        return Upkeep.objects.claim_night(now.date()) and not is_new
    except Error:
        return False


def keeps_files() -> bool:
    """A host with a GPU alone has the database and no files."""
    return bool(settings.BACKUP_FOLDER) or store.is_there()
