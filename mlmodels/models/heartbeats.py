"""Signs of life of the processes that do the work: those that screen (a floor up) and those that train."""

from __future__ import annotations

import os
from datetime import timedelta
from typing import Self, TypeVar

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

HeartbeatT = TypeVar("HeartbeatT", bound="Heartbeat", covariant=True)


class HeartbeatQuerySet(models.QuerySet[HeartbeatT]):
    def register(self) -> HeartbeatT:
        """The row of this process."""
        return self.get_or_create(host=settings.HOST_NAME, process_id=os.getpid())[0]

    def alive(self) -> Self:
        """Those that gave a sign of life of late."""
        return self.filter(beat_at__gte=timezone.now() - timedelta(seconds=settings.WORKER_SILENCE))

    def silent_for(self, time: timedelta) -> Self:
        """Those that were killed at least ``time`` ago, and could not take their row away."""
        since = timezone.now() - time
        return self.filter(started_at__lt=since).exclude(beat_at__gte=since)


class Heartbeat(models.Model):
    """The sign of life of one process."""

    host = models.CharField(_("host"), max_length=200)
    process_id = models.PositiveIntegerField(_("process"))
    device = models.CharField(_("device"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    beat_at = models.DateTimeField(_("last sign of life"), null=True)

    class Meta:
        abstract = True
        ordering = ["host", "process_id"]

    def __str__(self) -> str:
        return f"{self.host}:{self.process_id}"


class TrainerHeartbeatQuerySet(HeartbeatQuerySet["TrainerHeartbeat"]):
    def with_gpu(self) -> Self:
        return self.exclude(device=TrainerHeartbeat.CPU)


class TrainerHeartbeat(Heartbeat):
    """The sign of life of one `manage.py worker --training`; ``device`` is the name of its GPU, or CPU."""

    CPU = "cpu"

    objects = TrainerHeartbeatQuerySet.as_manager()

    class Meta(Heartbeat.Meta):
        verbose_name = _("trainer")
        verbose_name_plural = _("trainers")
        constraints = [models.UniqueConstraint(fields=["host", "process_id"], name="one_heartbeat_a_trainer")]

    @property
    def has_gpu(self) -> bool:
        return self.device != self.CPU

    def beat(self) -> None:
        """Say that we live; the row comes back where somebody took it away."""
        self.beat_at = timezone.now()
        self.save()
