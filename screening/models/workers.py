"""Signs of life of the workers that screen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mlmodels.models.heartbeats import Heartbeat, HeartbeatQuerySet

CLOCK_TOLERANCE = 2.0
"""Seconds: far less than any lease, far more than NTP leaves."""


def wrong_by(ahead: float | None) -> float | None:
    """Seconds, either way, of a clock that is ``ahead`` of the database's; None where that is tolerated or not known."""
    return abs(ahead) if ahead is not None and abs(ahead) > CLOCK_TOLERANCE else None


class WorkerHeartbeatQuerySet(HeartbeatQuerySet["WorkerHeartbeat"]):
    pass


class WorkerHeartbeat(Heartbeat):
    """The sign of life of one `manage.py worker`; the home page, /healthz and its own watchdog read it."""

    gpu_use = models.FloatField(_("use of the GPU (%)"), null=True, editable=False)
    gpu_memory = models.FloatField(_("memory of the GPU in use (%)"), null=True, editable=False)

    clock_ahead = models.FloatField(_("how far its clock is ahead of the database's (s)"), null=True, editable=False)

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta(Heartbeat.Meta):
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        constraints = [models.UniqueConstraint(fields=["host", "process_id"], name="one_heartbeat_a_worker")]

    @property
    def clock_wrong_by(self) -> float | None:
        """Seconds, either way; None where that is tolerated or not known."""
        return wrong_by(self.clock_ahead)
