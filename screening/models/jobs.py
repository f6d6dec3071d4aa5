"""Jobs that take minutes: rows that a worker claims under a lease, and that say how far they are and how they ended."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, Self, TypeVar
from uuid import uuid4

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.xrd.sentences import Sentence, sentence
from screening.bell import ring_jobs_on_commit

LEASE = timedelta(seconds=120)
"""Renewed while the job goes on; a worker that was killed holds it no longer."""
MAX_ATTEMPTS = 3

LOST = sentence("The worker was lost at it.")

Job_co = TypeVar("Job_co", bound="Job", covariant=True)


class LeaseLost(Exception):  # noqa: N818 - the other worker does it now
    """Another worker has the job by now."""


class JobQuerySet(models.QuerySet[Job_co]):
    def unfinished(self) -> Self:
        return self.filter(state__in=[Job.State.QUEUED, Job.State.RUNNING])

    def waiting(self) -> Self:
        """Queued, or left behind by a worker that was lost."""
        lost = Q(state=Job.State.RUNNING, leased_until__lt=timezone.now())
        return self.filter(Q(state=Job.State.QUEUED) | lost)

    def claim(self) -> Job_co | None:
        """Take the next one under a lease; None where nothing waits, and while another of its kind runs."""
        now = timezone.now()
        if self.filter(state=Job.State.RUNNING, leased_until__gte=now).exists():
            return None
        for job in self.waiting().filter(attempts__gte=MAX_ATTEMPTS):
            job.give_back(LOST)
        for job in self.waiting().order_by("attempts", "pk")[:20]:
            if job.is_within_reach and job.take(now):
                return job
        return None


class Job(models.Model):
    """One job. n_done of n_total: how far it is · reason: why it failed, or what the last attempt ended with"""

    class State(models.TextChoices):
        QUEUED = "queued", _("waiting")
        RUNNING = "running", _("in work")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")

    state = models.CharField(_("state"), max_length=8, choices=State, default=State.QUEUED, editable=False)
    n_done = models.PositiveIntegerField(_("patterns done"), default=0, editable=False)
    n_total = models.PositiveIntegerField(_("patterns"), default=0, editable=False)
    attempts = models.PositiveSmallIntegerField(_("attempts"), default=0, editable=False)
    lease = models.UUIDField(_("lease"), null=True, editable=False)
    leased_until = models.DateTimeField(_("leased until"), null=True, editable=False)
    reason = models.JSONField(_("why not"), null=True, editable=False)
    asked_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("asked by"), editable=False
    )
    asked_at = models.DateTimeField(_("asked at"), default=timezone.now, editable=False)
    finished_at = models.DateTimeField(_("finished at"), null=True, editable=False)

    class Meta:
        abstract = True

    @property
    def is_within_reach(self) -> bool:
        """Whether this host has what the job needs."""
        return True

    @property
    def is_unfinished(self) -> bool:
        return self.state in (self.State.QUEUED, self.State.RUNNING)

    @property
    def percent(self) -> int:
        return min(99, 100 * self.n_done // self.n_total) if self.n_total else 0

    def work(self, between: Callable[[], None]) -> dict[str, Any]:
        """Do it, and give what is to be written of it; ExportRefused where that makes no sense, now or later.

        ``between`` is called now and then.
        """
        raise NotImplementedError

    def take(self, now: Any) -> bool:
        mine = (
            self._row()
            .filter(attempts=self.attempts, lease=self.lease)
            .update(
                state=self.State.RUNNING, attempts=F("attempts") + 1, lease=uuid4(), leased_until=now + LEASE, n_done=0
            )
        )
        if mine:
            self.refresh_from_db()
        return bool(mine)

    def noting(self, between: Callable[[], None]) -> Callable[[int], None]:
        """What a long work calls with the number of patterns that it has done since it called last."""

        def noted(n: int) -> None:
            self.note(self.n_done + n)
            between()

        return noted

    def note(self, n_done: int) -> None:
        """Say how far it is, and keep the lease; LeaseLost where another worker has it."""
        self.n_done = n_done
        if not self._ours().update(n_done=n_done, leased_until=timezone.now() + LEASE):
            raise LeaseLost

    def finish(self, **said: Any) -> bool:
        """Write what came of it, if it is still ours."""
        done = {
            "n_done": self.n_total,
            "finished_at": timezone.now(),
            "lease": None,
            "leased_until": None,
            "reason": None,
        }
        return bool(self._ours().update(state=self.State.DONE, **{**done, **said}))

    def fail(self, reason: Sentence) -> None:
        self._ours().update(
            state=self.State.FAILED, reason=reason.as_json(), finished_at=timezone.now(), lease=None, leased_until=None
        )

    def give_back(self, reason: Sentence) -> None:
        """Put it back to be tried again, or aside where it was tried MAX_ATTEMPTS times."""
        if self.attempts >= MAX_ATTEMPTS:
            self.fail(
                sentence(
                    "Set aside after %(attempts)s attempts. The last one ended so: %(reason)s",
                    attempts=self.attempts,
                    reason=reason,
                )
            )
        else:
            self._ours().update(state=self.State.QUEUED, reason=reason.as_json(), lease=None, leased_until=None)

    def stop(self) -> None:
        """Put it back because the worker is told to stop: that was no attempt."""
        self._ours().update(state=self.State.QUEUED, attempts=F("attempts") - 1, lease=None, leased_until=None)

    @transaction.atomic
    def try_again(self, by: User) -> bool:
        """Queue a failed one once more; False where somebody was first."""
        again = (
            self._row()
            .filter(state=self.State.FAILED)
            .update(state=self.State.QUEUED, attempts=0, reason=None, finished_at=None, asked_by=by)
        )
        ring_jobs_on_commit()
        return bool(again)

    def _row(self) -> models.QuerySet[Any]:
        return type(self)._default_manager.filter(pk=self.pk)

    def _ours(self) -> models.QuerySet[Any]:
        return self._row().filter(lease=self.lease, state__in=[self.State.RUNNING, self.State.QUEUED])
