"""Freezing a large data set as a job: somebody signed for what they saw, and a worker looks at every file and writes it down."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.models import User
from django.db import IntegrityError, models, transaction
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mlmodels.models import Dataset
from samples.originals import PATTERNS
from samples.store import store
from screening.bell import ring_jobs_on_commit
from screening.models.jobs import Job, JobQuerySet


class FreezingJobQuerySet(JobQuerySet["FreezingJob"]):
    def ask(self, dataset: Dataset, by: User, reason: str, *, seen: str, n_entries: int) -> FreezingJob:
        """Have ``dataset`` frozen as ``by`` saw it; one that waits or runs already is given back.

        seen: the hash of what was on the page · DatasetError where ``by`` may not, or gives no reason
        """
        dataset.check_right_to_freeze(by, reason)
        try:
            with transaction.atomic():
                store.reserve(PATTERNS)
                asked = self.create(dataset=dataset, asked_by=by, why=reason, seen=seen, n_total=n_entries)
                ring_jobs_on_commit()
            return asked
        except IntegrityError:  # somebody asked in the same moment
            return self.unfinished().get(dataset=dataset)


class FreezingJob(Job):
    """One freeze that was signed for. n_done: readings whose file and numbers were looked at

    It is done in one transaction at the end: killed midway, the draft is a draft, and the job is taken again.
    """

    dataset = models.ForeignKey(
        Dataset, on_delete=models.PROTECT, related_name="freezing_jobs", verbose_name=_("data set"), editable=False
    )
    why = models.TextField(_("reason"), editable=False)
    seen = models.CharField(_("hash of what was seen"), max_length=64, editable=False)

    objects = FreezingJobQuerySet.as_manager()

    class Meta:
        verbose_name = _("freezing of a data set")
        verbose_name_plural = _("freezings of data sets")
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["dataset"], condition=Q(state__in=["queued", "running"]), name="one_freezing_at_once"
            )
        ]

    def __str__(self) -> str:
        return str(self.dataset)

    @property
    def is_within_reach(self) -> bool:
        """The host that was asked has the folder of original files; one that lacks it does not share the lab's files."""
        return store.is_reserved(PATTERNS)

    def work(self, between: Callable[[], None]) -> dict[str, Any]:
        from screening.curation.freezing import freeze  # it knows the models

        if not self.dataset.is_frozen:  # or the worker was lost between the freeze and its note of it
            freeze(self.dataset, self.asked_by, self.why, seen=self.seen, looked_at=self.noting(between))
        return {}
