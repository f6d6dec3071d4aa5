"""What is done each night so that nothing is lost, and how it went."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import Error, IntegrityError, models, transaction
from django.db.models import Max, Q
from django.utils import timezone
from django.utils.timesince import timesince
from django.utils.translation import gettext_lazy as _

from samples.sentences import restored, translated
from samples.xrd.sentences import Sentence, sentence

BACKUP_DUE_AFTER = timedelta(hours=36)
"""A night's backup may be late by half a day; then the home page says so."""


class UpkeepQuerySet(models.QuerySet["Upkeep"]):
    @contextmanager
    def noted(self, task: str) -> Iterator[Upkeep]:
        """A row for what is done inside; it went well unless that raises, or says so by `fail`.

        None is written where the database is too old to have the table: a backup before an upgrade must not fail by it.
        """
        row = Upkeep(task=task, host=settings.HOST_NAME)
        with suppress(Error), transaction.atomic():
            row.save()
        try:
            yield row
        except BaseException as error:
            row.fail(
                getattr(error, "sentence", None) or sentence("It broke off: %(error)s.", error=type(error).__name__)
            )
            raise
        finally:
            row.ended_at = timezone.now()
            row.went_well = row.problem is None
            if row.pk:
                row.save()

    def claim_night(self, night: date) -> bool:
        """Whether the work of this night is ours; of several hosts, one gets it."""
        try:
            with transaction.atomic():
                self.create(task=Upkeep.Task.NIGHT, night=night, host=settings.HOST_NAME)
        except IntegrityError:
            return False
        return True

    def of_each_task(self) -> dict[str, Standing]:
        """How each task stands, by its name; one query."""
        good = Max("ended_at", filter=Q(went_well=True))
        bad = Max("ended_at", filter=Q(went_well=False))
        rows = self.order_by().values("task").annotate(good=good, bad=bad)
        return {row["task"]: Standing(row["good"], row["bad"]) for row in rows}

    def newest_of_each_task(self) -> UpkeepQuerySet:
        tasks = self.exclude(task=Upkeep.Task.NIGHT).order_by().values("task")
        return self.filter(pk__in=tasks.annotate(newest=Max("pk")).values("newest")).order_by("task")

    def light(self) -> Light:
        """Of the home page: are there good backups, and are the files whole?"""
        tasks = Upkeep.Task
        standing = self.of_each_task()
        backup = standing.get(tasks.BACKUP, Standing())
        if standing.get(tasks.FILES, Standing()).is_bad:
            return Light("bad", sentence("Kept files are missing or were altered"))
        if standing.get(tasks.TRAIL, Standing()).is_bad:
            return Light("bad", sentence("A signed entry was tampered with"))
        if backup.good is None and not backup.is_bad:
            return Light("bad" if settings.BACKUP_FOLDER else "idle", sentence("No backup yet"))
        short = self.filter(task=tasks.BACKUP, went_well=False).first() if backup.is_bad else None
        if short and short.problem and short.facts.get("name"):  # it is made, and lacks something
            return Light("bad", restored(short.problem))
        if backup.good is None:
            return Light("bad", sentence("The backup failed, and there is none yet"))
        ago = timesince(backup.good)
        if backup.is_bad or backup.good < timezone.now() - BACKUP_DUE_AFTER:
            return Light("bad", sentence("The last good backup is from %(ago)s ago", ago=ago))
        if standing.get(tasks.RESTORE, Standing()).is_bad:
            return Light("bad", sentence("The backup of %(ago)s ago could not be restored on trial", ago=ago))
        return Light("good", sentence("Last backup %(ago)s ago", ago=ago))


@dataclass(frozen=True, slots=True)
class Standing:
    """When a task went well last, and when not."""

    good: datetime | None = None
    bad: datetime | None = None

    @property
    def is_bad(self) -> bool:
        return self.bad is not None and (self.good is None or self.bad > self.good)


@dataclass(frozen=True, slots=True)
class Light:
    """colour: good, bad or idle"""

    colour: str
    said: Sentence

    def __str__(self) -> str:
        return translated(self.said)


class Upkeep(models.Model):
    """One piece of the night's work, or the same done by hand; `went_well` is null while it goes on, or where it was killed."""

    class Task(models.TextChoices):
        NIGHT = "night", _("the night's work")
        BACKUP = "backup", _("backup")
        RESTORE = "restore", _("restore on trial")
        FILES = "files", _("check of the files")
        TRAIL = "trail", _("check of the signed entries")

    task = models.CharField(_("task"), max_length=10, choices=Task)
    night = models.DateField(_("night"), null=True, unique=True, editable=False)
    host = models.CharField(_("host"), max_length=200)
    began_at = models.DateTimeField(_("began at"), auto_now_add=True, db_index=True)
    ended_at = models.DateTimeField(_("ended at"), null=True)
    went_well = models.BooleanField(_("went well"), null=True)
    problem = models.JSONField(_("what was wrong"), null=True)
    facts = models.JSONField(_("in numbers"), default=dict)

    objects = UpkeepQuerySet.as_manager()

    class Meta:
        verbose_name = _("upkeep")
        verbose_name_plural = _("upkeep")
        ordering = ["-began_at", "-pk"]

    def __str__(self) -> str:
        return f"{self.get_task_display()} {self.began_at:%Y-%m-%d %H:%M}"

    def fail(self, why: Sentence) -> None:
        self.problem = why.as_json()

    def note(self, **facts: Any) -> None:
        self.facts |= facts
