"""The whole archive before one model version: a rescreen after a promotion, or the shadow of a candidate that is being proved."""

from __future__ import annotations

from datetime import timedelta
from math import ceil
from typing import NamedTuple

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from samples.models import Pattern, Reading
from screening.bell import ring_on_commit
from screening.models.results import ScreeningResult
from screening.models.runs import ScreeningRun

SLICE = 2_000
"""Rows that are queued at once: little enough to be held back within a moment, and a tenth of a second's work to queue."""

HELD_BACK = ScreeningResult.Priority.HELD_BACK


class ArchiveProgress(NamedTuple):
    n_done: int
    n: int
    left: timedelta | None
    """Where it never paused and goes on; else nobody can tell."""

    @property
    def percent(self) -> int:
        return 100 * self.n_done // self.n if self.n else 100

    @property
    def left_minutes(self) -> int | None:
        return None if self.left is None else ceil(self.left / timedelta(minutes=1))


class ArchiveScreeningQuerySet(models.QuerySet["ArchiveScreening"]):
    def unfinished(self) -> ArchiveScreeningQuerySet:
        return self.filter(finished_at=None, stopped_at=None)

    def going_on(self) -> ArchiveScreeningQuerySet:
        return self.unfinished().filter(paused_at=None)

    def rescreens(self) -> ArchiveScreeningQuerySet:
        return self.filter(run__why=ScreeningRun.Why.RESCREEN)

    @transaction.atomic
    def start(self, version: ModelVersion, by: User, why: ScreeningRun.Why) -> ArchiveScreening:
        """Begin with every pattern that ``version`` has not seen; one that is begun already goes on.

        What comes in from now on is not waited for: it is screened by production anyway.
        """
        begun = self.unfinished().filter(version=version).first()
        if begun:
            begun.resume()
            return begun
        run = ScreeningRun.objects.start(why, by)
        held_back = ScreeningResult.objects.queued().filter(model_version=version, priority=HELD_BACK)
        n_taken_over = held_back.update(run=run, priority=ScreeningResult.Priority.RESCREEN)
        unseen = unseen_by(version).aggregate(n=Count("pk"), last=Max("pk"))
        begun = self.create(
            run=run, version=version, n_readings=unseen["n"] + n_taken_over, last_reading=unseen["last"] or 0
        )
        ring_on_commit()
        return begun

    def queue_more(self) -> bool:
        """Queue the next slice of one that goes on; False where nothing of the archive waits to be screened."""
        return any(screening.queue_more() for screening in self.going_on().order_by("pk"))

    @transaction.atomic
    def rescreen(self, by: User) -> ArchiveScreening | None:
        """Put the archive before the version in production, and stop what goes on for others; None where none is."""
        version = ModelVersion.objects.production()
        for other in self.unfinished().exclude(version=version):
            other.stop()
        return self.start(version, by, ScreeningRun.Why.RESCREEN) if version else None


def unseen_by(version: ModelVersion) -> QuerySet[Reading]:
    """The newest reading of each measurement that is not archived, where ``version`` has neither called it nor is about to."""
    seen = ScreeningResult.objects.filter(reading=OuterRef("pk"), model_version=version)
    measured = Reading.objects.current().filter(pattern__kind=Pattern.Kind.MEASUREMENT, pattern__archived_at=None)
    return measured.filter(~Exists(seen)).order_by("pk")


class ArchiveScreening(models.Model):
    """A screening run over the archive.  Its rows are queued slice by slice, behind all fresh uploads."""

    run = models.OneToOneField(
        ScreeningRun, on_delete=models.PROTECT, related_name="archive", verbose_name=_("screening run")
    )
    version = models.ForeignKey(
        ModelVersion, on_delete=models.PROTECT, related_name="archive_screenings", verbose_name=_("model version")
    )
    n_readings = models.PositiveIntegerField(_("patterns to screen"))
    last_reading = models.PositiveBigIntegerField(_("id of the last reading to screen"))
    reached = models.PositiveBigIntegerField(_("id of the last reading queued"), default=0)
    paused_at = models.DateTimeField(_("paused at"), null=True)
    paused_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("paused by")
    )
    ever_paused = models.BooleanField(_("ever paused"), default=False)
    stopped_at = models.DateTimeField(_("stopped at"), null=True)
    finished_at = models.DateTimeField(_("finished at"), null=True)

    objects = ArchiveScreeningQuerySet.as_manager()

    class Meta:
        verbose_name = _("screening of the archive")
        verbose_name_plural = _("screenings of the archive")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["version"],
                condition=Q(finished_at=None, stopped_at=None),
                name="one_archive_screening_a_version_at_once",
            )
        ]

    def __str__(self) -> str:
        return f"{self.run.get_why_display()}: {self.version}"

    @property
    def is_unfinished(self) -> bool:
        return self.finished_at is None and self.stopped_at is None

    @property
    def is_going_on(self) -> bool:
        return self.is_unfinished and self.paused_at is None

    @property
    def progress(self) -> ArchiveProgress:
        n_done = self.run.results.answered().count()
        if self.finished_at:
            return ArchiveProgress(n_done, n_done, None)
        n = max(self.n_readings, n_done)
        left = None
        if n_done and self.is_going_on and not self.ever_paused:
            left = (timezone.now() - self.run.started_at) / n_done * (n - n_done)
        return ArchiveProgress(n_done, n, left)

    @transaction.atomic
    def queue_more(self) -> bool:
        """Queue the next slice; True where there is something to claim, be it queued by another worker meanwhile."""
        now = ArchiveScreening.objects.select_for_update(of=("self",)).select_related("run", "version").get(pk=self.pk)
        if not now.is_going_on:
            return False
        if now.run.results.claimable().exists():
            return True
        unseen = unseen_by(now.version).filter(pk__gt=now.reached, pk__lte=now.last_reading)
        readings = list(unseen.values_list("pk", flat=True)[:SLICE])
        ScreeningResult.objects.queue_behind(now.run, readings, now.version)
        now.reached = readings[-1] if readings else now.last_reading
        if not readings and not now.run.results.awaiting().exists():
            now.finished_at = timezone.now()
        now.save(update_fields=["reached", "finished_at"])
        return bool(readings)

    @transaction.atomic
    def pause(self, by: User) -> bool:
        """Hold back what is queued; what is being screened just now is finished.  False where there is nothing to pause."""
        paused = ArchiveScreening.objects.going_on().filter(pk=self.pk)
        if not paused.update(paused_at=timezone.now(), paused_by=by, ever_paused=True):
            return False
        self._move_queued(ScreeningResult.Priority.RESCREEN, HELD_BACK)
        self.refresh_from_db()
        return True

    @transaction.atomic
    def resume(self) -> bool:
        resumed = ArchiveScreening.objects.unfinished().filter(pk=self.pk).exclude(paused_at=None)
        if not resumed.update(paused_at=None, paused_by=None):
            return False
        self._move_queued(HELD_BACK, ScreeningResult.Priority.RESCREEN)
        self.refresh_from_db()
        ring_on_commit()
        return True

    @transaction.atomic
    def stop(self) -> None:
        """For good; what was screened stays, and what was queued is taken up where the version is put before the archive again."""
        if ArchiveScreening.objects.unfinished().filter(pk=self.pk).update(stopped_at=timezone.now()):
            self._move_queued(ScreeningResult.Priority.RESCREEN, HELD_BACK)
            self.refresh_from_db()

    def _move_queued(self, priority: int, to: int) -> None:
        self.run.results.queued().filter(priority=priority).update(priority=to)
