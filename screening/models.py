"""What was asked of the network and what it answered: runs and results, the rows that the jobs live in."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from samples.models import Reading


class ScreeningRun(models.Model):
    """One reason to screen: an upload batch, a retry, a rescreen of the archive, calls recorded from elsewhere."""

    class Why(models.TextChoices):
        UPLOAD = "upload", _("upload")
        CORRECTION = "correction", _("correction")
        RETRY = "retry", _("retry")
        RESCREEN = "rescreen", _("rescreen")
        RECORD = "record", _("record of calls made elsewhere")

    why = models.CharField(_("why"), max_length=12, choices=Why)
    started_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)

    class Meta:
        verbose_name = _("screening run")
        verbose_name_plural = _("screening runs")
        ordering = ["-started_at", "-pk"]


class ScreeningResult(models.Model):
    """One call of one model version on one reading.

    Made as `queued` in the transaction that stores the pattern; a worker claims it with a lease, and once it is
    `done` it never changes.
    """

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("screened")
        NOT_SCREENABLE = "not_screenable", _("not screenable")
        FAILED = "failed", _("failed")

    class Level(models.TextChoices):
        A = "A", "A"
        B = "B", "B"
        C = "C", "C"
        D = "D", "D"

    class Priority(models.IntegerChoices):
        UPLOAD = 0, _("fresh upload")
        RETRY = 5, _("retry")
        RESCREEN = 9, _("rescreen")

    run = models.ForeignKey(ScreeningRun, on_delete=models.PROTECT, related_name="results")
    reading = models.ForeignKey(Reading, on_delete=models.PROTECT, related_name="results")
    model_version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="results")

    state = models.CharField(_("state"), max_length=16, choices=State, default=State.QUEUED)
    priority = models.PositiveSmallIntegerField(_("priority"), choices=Priority, default=Priority.UPLOAD)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0)
    lease = models.UUIDField(_("lease"), null=True, editable=False)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    reason = models.JSONField(_("why not"), null=True, blank=True)

    level = models.CharField(_("class"), max_length=1, choices=Level, blank=True)
    probability = models.FloatField(_("probability"), null=True, blank=True)
    phases = models.JSONField(_("probabilities of the phases"), null=True, blank=True)
    quasilattice_constant = models.FloatField(_("quasilattice constant a_R (Å)"), null=True, blank=True)
    quasilattice_constant_sigma = models.FloatField(_("uncertainty of a_R (Å)"), null=True, blank=True)
    lattice_type = models.CharField(_("lattice type"), max_length=1, blank=True)
    share = models.FloatField(_("share of the scattering"), null=True, blank=True)
    evidence = models.BinaryField(_("evidence along a_R"), null=True, editable=False)  # little-endian float32
    thresholds_version = models.CharField(_("version of the class thresholds"), max_length=40, blank=True)
    device = models.CharField(_("device"), max_length=60, blank=True)
    queued_at = models.DateTimeField(_("queued at"), auto_now_add=True)
    finished_at = models.DateTimeField(_("finished at"), null=True, blank=True)

    class Meta:
        verbose_name = _("screening result")
        verbose_name_plural = _("screening results")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(fields=["reading", "model_version"], name="one_result_a_reading_and_version"),
            models.CheckConstraint(
                condition=(Q(state="done") & ~Q(level="")) | (~Q(state="done") & Q(level="")),
                name="done_results_have_a_class",
            ),
        ]
        indexes = [
            models.Index(fields=["priority", "id"], condition=Q(state="queued"), name="result_waiting"),
            models.Index(fields=["leased_until"], condition=Q(state="running"), name="result_leased"),
            models.Index(fields=["model_version", "level"], name="result_version_class"),
        ]

    def __str__(self) -> str:
        return f"{self.reading}: {self.level or self.get_state_display()}"


class WorkerHeartbeat(models.Model):
    """The sign of life that each worker host writes; the home page and /healthz read it."""

    host = models.CharField(_("host"), max_length=200, unique=True)
    device = models.CharField(_("device"), max_length=60, blank=True)
    started_at = models.DateTimeField(_("started at"))
    beat_at = models.DateTimeField(_("last sign of life"))

    class Meta:
        verbose_name = _("worker")
        verbose_name_plural = _("workers")
