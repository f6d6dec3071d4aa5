"""Candidates: the calls that people look at, all of class A and B and a drawn part of C and D, and who holds which."""

from __future__ import annotations

import hmac
from collections.abc import Iterable
from datetime import timedelta

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.db.models.functions import Coalesce
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from samples.models import Change, Pattern, Reading, Sample
from samples.models.projects import VisibleQuerySet
from screening.models.results import ScreeningResult

CLAIM = timedelta(minutes=15)
"""How long a candidate is one reviewer's alone; each look at it begins this anew."""

AT_ONCE = 1_000
"""Results that are considered in one go."""

COMMITTED_WITHIN = timedelta(minutes=2)
"""How long after its moment an entry of the history may still come to be seen."""


class CandidateQuerySet(VisibleQuerySet["Candidate"]):
    project_paths = ("result__reading__pattern__sample__project", "result__reading__pattern__project")

    def waiting(self) -> CandidateQuerySet:
        """Drawn, and not yet judged by as many readers as the lab wants."""
        return self.filter(drawn=True, closed_at=None)

    def current(self) -> CandidateQuerySet:
        """Without patterns that were archived, or whose sample was, or that were read anew, and without calls of former versions.

        The version is asked of each candidate, as in ScreeningResult.objects.production(), so that the queue is walked.
        """
        in_production = ModelVersion.objects.filter(pk=OuterRef("result__model_version"), state="production")
        newer = Reading.objects.filter(
            pattern=OuterRef("result__reading__pattern"), number__gt=OuterRef("result__reading__number")
        )
        kept = {f"result__reading__{of}archived_at": None for of in ("pattern__", "pattern__sample__")}
        return self.filter(~Exists(newer), Exists(in_production), **kept)

    def open_to(self, reviewer: User) -> CandidateQuerySet:
        """Waiting and theirs to see, held by nobody else, not judged by them before and, where four eyes are asked for, not their own."""
        from screening.models.reviews import Review

        judged = Review.objects.standing().filter(result=OuterRef("result"), signer=reviewer)
        free = Q(claimed_until=None) | Q(claimed_until__lt=timezone.now()) | Q(claimed_by=reviewer)
        candidates = self.visible_to(reviewer).waiting().filter(free, ~Exists(judged))
        return candidates.exclude(uploader=reviewer) if settings.REVIEW_FOUR_EYES else candidates

    def consider(self, results: Iterable[ScreeningResult]) -> None:
        """Make each of these calls a candidate, or note that chance left it out.  Once for each call, whatever comes later.

        All of class A and B are drawn. Of C and D, those whose draw (a number from 0 to 1 that the lab's secret key and
        the id of the result fix) lies below the rate of their class; draw and rate stay on the row, so that 1 / rate weighs
        what was found among them.
        """
        rows = []
        results = list(results)
        for result in results:
            rate, draw = settings.REVIEW_RATES[result.level], _draw(result.pk)
            pattern = result.reading.pattern
            rows.append(
                Candidate(
                    result=result,
                    level=result.level,
                    doubt=0.0 if result.probability is None else 0.5 - abs(result.probability - 0.5),
                    system_key=pattern.sample.system.key if pattern.sample else "",
                    uploader_id=pattern.uploaded_by_id,
                    draw=draw,
                    inclusion_probability=rate,
                    drawn=draw < rate,
                    readers=2 if result.level in settings.REVIEW_SECOND_READER else 1,
                )
            )
        with transaction.atomic():
            self.bulk_create(rows, ignore_conflicts=True)
            considered = ScreeningResult.objects.filter(pk__in=[result.pk for result in results], considered_at=None)
            considered.update(considered_at=timezone.now())

    def catch_up(self) -> int:
        """Consider every call of the version in production that was not yet, and follow patterns to their samples.

        How many there were.  Calls on readings that people have judged already, by an earlier version's call, are noted and
        not asked about again. What it takes grows with what is new, and not with what waits.
        """
        unconsidered = ScreeningResult.objects.unconsidered().order_by("pk")
        fresh = unconsidered.select_related("reading__pattern__sample__system").defer("evidence")
        n_considered = 0
        while rows := list(fresh[:AT_ONCE]):
            with transaction.atomic():
                self.consider(rows)
                judged = Candidate.objects.filter(result__reading=OuterRef("result__reading"), closed_at__isnull=False)
                fresh_rows = self.filter(result__in=rows, closed_at=None)
                fresh_rows.filter(Exists(judged.exclude(pk=OuterRef("pk")))).update(closed_at=timezone.now())
            n_considered += len(rows)
        self._follow_moved()
        return n_considered

    def _follow_moved(self) -> None:
        """Write anew the alloy system of those whose pattern has another sample, or whose sample another composition, since the last look."""
        now = timezone.now()
        mark = QueueMark.objects.first()
        waiting = self.waiting()
        if mark is not None:
            changes = Change.objects.since(mark.seen_until - COMMITTED_WITHIN)
            patterns = changes.of_field(Pattern, "sample").values("thing_id")
            samples = changes.of_field(Sample, "system").values("thing_id")
            of_moved = ScreeningResult.objects.filter(reading__pattern__in=patterns)
            of_changed = ScreeningResult.objects.filter(reading__pattern__sample__in=samples)
            waiting = waiting.filter(Q(result__in=of_moved.values("pk")) | Q(result__in=of_changed.values("pk")))
        now_of = Coalesce(F("result__reading__pattern__sample__system__key"), models.Value(""))
        moved = waiting.annotate(system_now=now_of).exclude(system_key=F("system_now"))
        for pk, key in moved.values_list("pk", "system_now"):
            self.filter(pk=pk).update(system_key=key)
        QueueMark.objects.update_or_create(pk=1, defaults={"seen_until": now})


class Candidate(models.Model):
    """One call, whether chance drew it for review, who holds it now, and when enough readers had judged it.

    What is copied here from the call (class, doubt, system, uploader) lets the queue find the next of fifty thousand
    by an index.
    """

    result = models.OneToOneField(
        ScreeningResult, on_delete=models.PROTECT, related_name="candidate", verbose_name=_("screening result")
    )
    level = models.CharField(_("class"), max_length=1, choices=ScreeningResult.Level)
    doubt = models.FloatField(_("doubt"), default=0)
    system_key = models.CharField(_("alloy system"), max_length=200, blank=True)
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    draw = models.FloatField(_("draw"))
    inclusion_probability = models.FloatField(_("probability of being drawn"))
    drawn = models.BooleanField(_("drawn for review"))
    readers = models.PositiveSmallIntegerField(_("readers wanted"), default=1)
    entered_at = models.DateTimeField(_("waiting since"), auto_now_add=True)
    claimed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, related_name="+", verbose_name=_("held by")
    )
    claimed_until = models.DateTimeField(_("held until"), null=True)
    closed_at = models.DateTimeField(_("judged at"), null=True)

    objects = CandidateQuerySet.as_manager()

    class Meta:
        verbose_name = _("candidate")
        verbose_name_plural = _("candidates")
        ordering = ["pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(drawn=True, draw__lt=F("inclusion_probability"))
                | Q(drawn=False, draw__gte=F("inclusion_probability")),
                name="drawn_as_the_draw_says",
            ),
        ]
        indexes = [
            models.Index(fields=["level", "id"], condition=Q(drawn=True, closed_at=None), name="candidate_by_class"),
            models.Index(fields=["-doubt", "id"], condition=Q(drawn=True, closed_at=None), name="candidate_by_doubt"),
            models.Index(
                fields=["system_key", "level", "id"],
                condition=Q(drawn=True, closed_at=None),
                name="candidate_by_system",
            ),
            models.Index(fields=["id"], condition=Q(drawn=True, closed_at=None), name="candidate_by_age"),
            models.Index(fields=["-closed_at"], condition=Q(closed_at__isnull=False), name="candidate_judged"),
        ]

    def __str__(self) -> str:
        return str(self.result)

    def claim(self, reviewer: User) -> bool:
        """Hold this candidate for CLAIM; False where somebody else does, or it was judged meanwhile."""
        now = timezone.now()
        free = Q(claimed_until=None) | Q(claimed_until__lt=now) | Q(claimed_by=reviewer)
        taken = Candidate.objects.filter(free, pk=self.pk, closed_at=None)
        return taken.update(claimed_by=reviewer, claimed_until=now + CLAIM) == 1

    def release(self, reviewer: User) -> None:
        Candidate.objects.filter(pk=self.pk, claimed_by=reviewer).update(claimed_by=None, claimed_until=None)

    @property
    def holder(self) -> User | None:
        """Who looks at it now."""
        return self.claimed_by if self.claimed_until and self.claimed_until > timezone.now() else None

    def settle(self) -> None:
        """Close this candidate once enough readers have come to a verdict, or open it again; the caller holds its lock."""
        enough = self.result.reviews.standing().decided().count() >= self.readers
        if enough != (self.closed_at is not None):
            self.closed_at = timezone.now() if enough else None
        self.claimed_by = self.claimed_until = None
        self.save(update_fields=["closed_at", "claimed_by", "claimed_until"])


class QueueMark(models.Model):
    """Up to when the queue has looked through the history for patterns that moved; one row."""

    seen_until = models.DateTimeField()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.seen_until:%Y-%m-%d %H:%M}"


def _draw(result_id: int) -> float:
    """From 0 up to 1, the same for the same result in this lab, and known to nobody beforehand."""
    digest = hmac.digest(settings.SECRET_KEY.encode(), f"review {result_id}".encode(), "sha256")
    return float(int.from_bytes(digest[:6], "big")) / 2**48
