"""Signs of life of the workers that screen."""

from __future__ import annotations

from django.db import models
from django.utils.translation import gettext_lazy as _

from mlmodels.models.heartbeats import Heartbeat, HeartbeatQuerySet


class WorkerHeartbeatQuerySet(HeartbeatQuerySet["WorkerHeartbeat"]):
    pass


class WorkerHeartbeat(Heartbeat):
    """The sign of life of one `manage.py worker`; the home page, /healthz and its own watchdog read it."""

    gpu_use = models.FloatField(_("use of the GPU (%)"), null=True, editable=False)
    gpu_memory = models.FloatField(_("memory of the GPU in use (%)"), null=True, editable=False)

    objects = WorkerHeartbeatQuerySet.as_manager()

    class Meta(Heartbeat.Meta):
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
        constraints = [models.UniqueConstraint(fields=["host", "process_id"], name="one_heartbeat_a_worker")]
