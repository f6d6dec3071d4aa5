"""Signs of life of the workers."""

from __future__ import annotations

import os
import socket
from datetime import timedelta

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _


class WorkerHeartbeatQuerySet(models.QuerySet["WorkerHeartbeat"]):
    def register(self) -> WorkerHeartbeat:
        """The row of this process."""
        return self.get_or_create(host=socket.gethostname(), process_id=os.getpid())[0]

    def alive(self) -> WorkerHeartbeatQuerySet:
        """Workers that gave a sign of life of late."""
        return self.filter(beat_at__gte=timezone.now() - timedelta(seconds=settings.WORKER_SILENCE))

    def silent_for(self, time: timedelta) -> WorkerHeartbeatQuerySet:
        """Workers that were killed, with their watchdog, at least ``time`` ago."""
        since = timezone.now() - time
        return self.filter(started_at__lt=since).exclude(beat_at__gte=since)


class WorkerHeartbeat(models.Model):
    """The sign of life of one `manage.py worker`; the home page, /healthz and its own watchdog read it."""

    host = models.CharField(_("host"), max_length=200)
    process_id = models.PositiveIntegerField(_("process"))
    device = models.CharField(_("device"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    beat_at = models.DateTimeField(_("last sign of life"), null=True)
    gpu_use = models.FloatField(_("use of the GPU (%)"), null=True, editable=False)
    gpu_memory = models.FloatField(_("memory of the GPU in use (%)"), null=True, editable=False)

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        ordering = ["host", "process_id"]
        constraints = [models.UniqueConstraint(fields=["host", "process_id"], name="one_heartbeat_a_worker")]

    def __str__(self) -> str:
        return f"{self.host}:{self.process_id}"
