"""Screening runs: why, by whom, and the one entry through which patterns come in to be screened."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.core.files.base import File
from django.db import models, transaction
from django.utils.translation import gettext_lazy as _

from samples.models import Pattern, Reading, Receipt, Sample
from screening.bell import ring_on_commit
from screening.models.results import ScreeningResult


class ScreeningRunQuerySet(models.QuerySet["ScreeningRun"]):
    def start(self, why: ScreeningRun.Why, by: User) -> ScreeningRun:
        return self.create(why=why, started_by=by)

    def uploads_of(self, person: User) -> ScreeningRunQuerySet:
        """The uploads that this person started, and may send more files into."""
        return self.filter(started_by=person, why=ScreeningRun.Why.UPLOAD)

    @transaction.atomic
    def correct(
        self,
        pattern: Pattern,
        by: User,
        *,
        wavelength: float,
        blank: Reading | None = None,
        blank_scale: float = 1.0,
        reason: str,
    ) -> Reading:
        """Correct ``pattern`` by a new reading and screen that; PatternFileError where the correction makes no sense."""
        reading = pattern.correct(by, wavelength=wavelength, blank=blank, blank_scale=blank_scale, reason=reason)
        self.start(ScreeningRun.Why.CORRECTION, by).enqueue([reading])
        return reading

    @transaction.atomic
    def mark(self, pattern: Pattern, kind: Pattern.Kind, by: User) -> None:
        """Say whether ``pattern`` is a measurement or a blank; a measurement that was none before is screened."""
        pattern.mark_as(kind, by)
        if kind == Pattern.Kind.MEASUREMENT and (reading := pattern.current_reading):
            self.start(ScreeningRun.Why.CORRECTION, by).enqueue([reading])

    @transaction.atomic
    def retry(self, pattern: Pattern, by: User) -> ScreeningRun:
        """Try again what went wrong with ``pattern``: to read its file, or to screen it."""
        run = self.start(ScreeningRun.Why.RETRY, by)
        if pattern.failure:
            receipt = pattern.read_file(by)
            run.enqueue([reading for scan in receipt.patterns if (reading := scan.current_reading)])
        for result in ScreeningResult.objects.failed().filter(reading__pattern=pattern):
            result.retry(run)
        return run


class ScreeningRun(models.Model):
    """One reason to screen: an upload batch, a retry, a rescreen of the archive, calls recorded from elsewhere."""

    class Why(models.TextChoices):
        UPLOAD = "upload", _("upload")
        CORRECTION = "correction", _("correction")
        RETRY = "retry", _("retry")
        RESCREEN = "rescreen", _("rescreen")
        RECORD = "record", _("record of calls made elsewhere")

    why = models.CharField(_("why"), max_length=12, choices=Why)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("started by")
    )
    started_at = models.DateTimeField(_("started at"), auto_now_add=True)
    patterns = models.ManyToManyField(
        Pattern, through="screening.ReceivedPattern", related_name="runs", verbose_name=_("patterns received")
    )

    objects = ScreeningRunQuerySet.as_manager()

    class Meta:
        verbose_name = _("screening run")
        verbose_name_plural = _("screening runs")
        ordering = ["-started_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_why_display()} {self.pk}"

    @transaction.atomic
    def receive(
        self,
        content: bytes | File[bytes],
        *,
        name: str,
        sample: Sample | None = None,
        kind: str = Pattern.Kind.MEASUREMENT,
        simulated: bool = False,
    ) -> Receipt:
        """Take in one file of this batch: keep it, read it, and queue its scans.  The browser, the API and commands call this.

        The pattern and its place in the queue are written together, so that none is ever forgotten.
        """
        receipt = Pattern.objects.receive(
            content, name=name, by=self.started_by, sample=sample, kind=kind, simulated=simulated
        )
        ReceivedPattern.objects.bulk_create(
            (ReceivedPattern(run=self, pattern=pattern, known=receipt.known) for pattern in receipt.patterns),
            ignore_conflicts=True,  # the same file twice in one batch
        )
        self.enqueue([reading for pattern in receipt.patterns if (reading := pattern.current_reading)])
        return receipt

    def enqueue(self, readings: list[Reading]) -> list[ScreeningResult]:
        """Queue ``readings`` for the production version, and ring for a worker once that is committed."""
        results = ScreeningResult.objects.enqueue(self, readings)
        if any(result.state == ScreeningResult.State.QUEUED for result in results):
            ring_on_commit()
        return results


class ReceivedPattern(models.Model):
    """A pattern that came in with a run; ``known`` where its bytes were here before."""

    run = models.ForeignKey(
        ScreeningRun, on_delete=models.PROTECT, related_name="received", verbose_name=_("screening run")
    )
    pattern = models.ForeignKey(Pattern, on_delete=models.PROTECT, related_name="received", verbose_name=_("pattern"))
    known = models.BooleanField(_("was here before"), default=False)

    class Meta:
        verbose_name = _("received pattern")
        verbose_name_plural = _("received patterns")
        ordering = ["pk"]
        constraints = [models.UniqueConstraint(fields=["run", "pattern"], name="one_receipt_a_run_and_pattern")]

    def __str__(self) -> str:
        return f"{self.run}: {self.pattern}"
