"""Follow-ups: the question that a call raised, who looks into it until when, what was found and what was signed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, OuterRef, Q, Subquery
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import cached_property
from django.utils.translation import gettext_lazy as _

from samples.models import Following, Notice, NoticeKind, Sample
from samples.models.acts import changes_by, remember
from samples.models.projects import RecordQuerySet
from samples.models.traced import TracedModel
from samples.xrd.sentences import sentence
from screening.models.observations import LatticeMeasurement, ObservedPhase, Technique, check_shares
from screening.models.outcomes import MEANINGS, OVERALL, FollowUpError, Outcome, check_right_to_sign
from screening.models.results import ScreeningResult
from screening.models.reviews import Review

if TYPE_CHECKING:
    from screening.models.evidence_files import EvidenceFile

Row = TypeVar("Row", ObservedPhase, LatticeMeasurement)

CALLS_WITH_A_LATTICE = ("A", "B", "C")
"""In class D the a_R of a call is no prediction."""


class FollowUpConflict(Exception):  # noqa: N818 - two people did nothing wrong
    """Somebody else saved the follow-up since this edition of it was read; `stored` is how it stands now."""

    def __init__(self, stored: FollowUp) -> None:
        super().__init__(str(stored))
        self.stored = stored


class FollowUpQuerySet(RecordQuerySet["FollowUp"]):
    project_paths = ("sample__project",)

    def unfinished(self) -> FollowUpQuerySet:
        return self.filter(state__in=FollowUp.UNFINISHED)

    def finished(self) -> FollowUpQuerySet:
        return self.exclude(state__in=FollowUp.UNFINISHED)

    def bare_and_called_off(self) -> FollowUpQuerySet:
        """Called off before anything was found: what the trash holds."""
        bare = self.filter(phases=None, lattice_measurements=None, files=None, outcomes=None)
        return bare.filter(state=FollowUp.State.CALLED_OFF)

    def assigned_to(self, person: User) -> FollowUpQuerySet:
        return self.filter(assigned_to=person)

    def overdue(self) -> FollowUpQuerySet:
        return self.unfinished().filter(due_on__lt=timezone.localdate())

    def by_urgency(self) -> FollowUpQuerySet:
        return self.order_by(F("due_on").asc(nulls_last=True), "pk")

    def with_outcome(self) -> FollowUpQuerySet:
        """Each with `verdict`, its standing overall outcome; None where nothing is signed."""
        standing = Outcome.objects.standing().overall().filter(follow_up=OuterRef("pk"))
        return self.annotate(verdict=Subquery(standing.values("verdict")[:1]))

    def of_sample(self, sample: Sample) -> FollowUpQuerySet:
        """Those of one sample with their outcomes, as its page shows them."""
        outcomes = models.Prefetch("outcomes", Outcome.objects.select_related("signer"))
        rows = self.filter(sample=sample).with_outcome().select_related("assigned_to", "opened_by")
        return rows.prefetch_related(outcomes)

    def open(self, sample: Sample, by: User, *, review: Review | None = None, **asked: Any) -> FollowUp:
        """Ask for a follow-up of ``sample``; ``asked``: question, assigned_to, due_on, reference, prompted_by."""
        if not by.has_perm("screening.add_followup"):
            raise FollowUpError(
                sentence("Follow-ups are opened by reviewers and microscopists. Ask an administrator for that role.")
            )
        with changes_by(by):
            sample = Sample.objects.select_for_update().get(pk=sample.pk)
            if review:
                asked["prompted_by"] = review.result
                here = self.filter(review=review).first()
                if here:
                    raise FollowUpError(
                        sentence("A follow-up of this verdict is open already: number %(number)s.", number=here.pk)
                    )
            opened = self.create(sample=sample, review=review, opened_by=by, changed_by=by, **asked)
            opened.tell_the_assigned(by)
        return opened


class FollowUp(TracedModel):
    """What is to be found out about one sample, by whom and until when."""

    untraced = frozenset(
        {"prompted_by", "review", "opened_by", "opened_at", "changed_by", "changed_at", "closed_at", "edition"}
    )

    class State(models.TextChoices):
        ASKED = "asked", _("asked for")
        IN_PROGRESS = "in_progress", _("in progress")
        DONE = "done", _("done")
        CALLED_OFF = "called_off", _("called off")

    UNFINISHED = (State.ASKED, State.IN_PROGRESS)

    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="follow_ups", verbose_name=_("sample"))
    prompted_by = models.ForeignKey(
        ScreeningResult,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="follow_ups",
        verbose_name=_("call that prompted it"),
    )
    review = models.OneToOneField(
        Review,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="follow_up",
        verbose_name=_("review that asked for it"),
    )
    question = models.CharField(_("what is asked"), max_length=500, blank=True)
    assigned_to = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="follow_ups",
        verbose_name=_("assigned to"),
    )
    due_on = models.DateField(_("due on"), null=True, blank=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.ASKED)
    reference = models.CharField(
        _("source"), max_length=300, blank=True, help_text=_("Where the evidence was published, if it was.")
    )
    opened_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("opened by")
    )
    opened_at = models.DateTimeField(_("opened at"), auto_now_add=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("changed by")
    )
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)
    closed_at = models.DateTimeField(_("closed at"), null=True, editable=False)
    closing_words = models.CharField(_("why it was called off"), max_length=300, blank=True)
    edition = models.PositiveIntegerField(_("edition"), default=1, editable=False)

    objects = FollowUpQuerySet.as_manager()

    class Meta:
        verbose_name = _("follow-up")
        verbose_name_plural = _("follow-ups")
        ordering = ["-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(state__in=["asked", "in_progress"], closed_at=None)
                | Q(state__in=["done", "called_off"], closed_at__isnull=False),
                name="closed_follow_ups_have_a_day",
            ),
        ]
        indexes = [
            models.Index(fields=["due_on", "id"], condition=Q(closed_at=None), name="follow_up_due"),
            models.Index(fields=["assigned_to", "due_on"], condition=Q(closed_at=None), name="follow_up_of_a_person"),
        ]

    def __str__(self) -> str:
        return f"{self.sample} #{self.pk}"

    @property
    def name_in_history(self) -> str:
        """Beside the sample that the page is about."""
        return str(_("follow-up %(n)s") % {"n": self.pk})

    def get_absolute_url(self) -> str:
        return reverse("screening:follow-up", args=[self.pk])

    @property
    def is_finished(self) -> bool:
        return self.state not in self.UNFINISHED

    @property
    def is_overdue(self) -> bool:
        return not self.is_finished and self.due_on is not None and self.due_on < timezone.localdate()

    # What was found

    @cached_property
    def predicted_a_r(self) -> float | None:
        """Å, by the call that prompted this; else by the newest call of the version in production on the sample."""
        prompted = self.prompted_by
        if prompted and prompted.quasilattice_constant and prompted.level in CALLS_WITH_A_LATTICE:
            return prompted.quasilattice_constant
        calls = ScreeningResult.objects.current().production().done().filter(level__in=CALLS_WITH_A_LATTICE)
        newest = calls.filter(reading__pattern__sample=self.sample_id).order_by("-pk")
        return newest.values_list("quasilattice_constant", flat=True).first()

    def evidence(self, technique: str = OVERALL) -> dict[str, list[dict[str, Any]]]:
        """What lies there, by one technique or all of them, as it is signed and hashed; empty lists are left out."""
        kinds = {
            "phases": [phase.as_evidence() for phase in self.phases.all() if technique in (OVERALL, phase.technique)],
            "lattice": [
                measurement.as_evidence()
                for measurement in self.lattice_measurements.all()
                if technique in (OVERALL, measurement.technique)
            ],
            "files": [file.as_evidence() for file in self.kept_files if technique in (OVERALL, file.technique)],
        }
        return {kind: rows for kind, rows in kinds.items() if rows}

    def evidence_sha256(self, technique: str = OVERALL) -> str:
        return _sha256(self.evidence(technique))

    @property
    def kept_files(self) -> list[EvidenceFile]:
        """Without those that were put away."""
        return [file for file in self.files.all() if file.archived_at is None]

    @property
    def techniques_used(self) -> list[Technique]:
        """Those by which something was found."""
        found = (self.phases.all(), self.lattice_measurements.all(), self.kept_files)
        used = {row.technique for rows in found for row in rows}
        return [technique for technique in Technique if technique in used]

    def revise(
        self,
        *,
        by: User,
        edition: int,
        phases: Sequence[ObservedPhase],
        measurements: Sequence[LatticeMeasurement],
        why: str = "",
    ) -> None:
        """Make these the phases and lattice measurements, unless somebody saved since ``edition`` was read."""
        if not by.has_perm("screening.change_followup"):
            raise FollowUpError(sentence("Evidence is entered by microscopists. Ask an administrator for that role."))
        check_shares(phases)
        self._check_rows(phases)
        self._check_rows(measurements)
        with changes_by(by, why):
            self._take_edition(edition, by)
            self.start()
            self._write_rows(list(self.phases.order_by("position")), phases)
            self._write_rows(list(self.lattice_measurements.order_by("position")), measurements)

    def plan(self, *, by: User, edition: int, why: str = "", **asked: Any) -> None:
        """Change what is asked, of whom and until when."""
        with changes_by(by, why):
            before = FollowUp.objects.values_list("assigned_to", flat=True).get(pk=self.pk)
            self._take_edition(edition, by, **asked)
            if self.assigned_to_id != before:
                self.tell_the_assigned(by)

    def tell_the_assigned(self, by: User) -> None:
        assigned = [self.assigned_to_id] if self.assigned_to_id else []
        Notice.objects.tell(
            NoticeKind.ASSIGNED,
            assigned,
            about=str(self.sample),
            address=self.get_absolute_url(),
            by=by,
            sample=self.sample,
        )

    def call_off(self, by: User, why: str) -> None:
        """Close it without an outcome; it can be taken up again."""
        self._move(by, FollowUp.objects.unfinished(), State.CALLED_OFF, closed_at=timezone.now(), closing_words=why)

    def take_up(self, by: User) -> None:
        """Open it again after it was called off."""
        called_off = FollowUp.objects.filter(state=State.CALLED_OFF)
        self._move(by, called_off, State.IN_PROGRESS, closed_at=None, closing_words="")

    # What is signed

    @transaction.atomic
    def sign(
        self,
        signer: User,
        verdict: str,
        reason: str,
        *,
        technique: str = OVERALL,
        amends: Outcome | None = None,
        seen: str = "",
    ) -> Outcome:
        """Sign an outcome by one technique, or overall, which closes the follow-up; FollowUpError says why it cannot be.

        ``amends``: the standing outcome that this one takes the place of; ``seen``: the hash of
        the evidence that the signer looked at.
        """
        check_right_to_sign(signer)
        locked = FollowUp.objects.select_for_update().get(pk=self.pk)
        evidence = locked.evidence(technique)
        self._check(locked, verdict, reason, technique, amends, evidence)
        if seen and seen != _sha256(evidence):
            raise FollowUpError(
                sentence(
                    "The evidence was changed while you read it. Look at it again, then sign. Nothing was signed; your"
                    " reason is still here."
                )
            )
        outcome = Outcome.objects.create(
            follow_up=self,
            sample=locked.sample,
            technique=technique,
            verdict=verdict,
            evidence=evidence,
            evidence_sha256=_sha256(evidence),
            amends=amends,
            signer=signer,
            meaning=_meaning(verdict, technique, amends),
            reason=reason.strip(),
        )
        if technique == OVERALL and not locked.is_finished:
            self._move(signer, FollowUp.objects.unfinished(), State.DONE, closed_at=timezone.now())
        followers = Following.objects.followers_of(locked.sample)
        Notice.objects.tell(
            NoticeKind.OUTCOME,
            followers,
            about=str(locked.sample),
            address=self.get_absolute_url(),
            by=signer,
            sample=locked.sample,
        )
        return outcome

    def _check(
        self,
        locked: FollowUp,
        verdict: str,
        reason: str,
        technique: str,
        amends: Outcome | None,
        evidence: dict[str, Any],
    ) -> None:
        if verdict not in MEANINGS:
            raise FollowUpError(sentence("Choose confirmed, refuted or inconclusive. Nothing was signed."))
        if locked.state == State.CALLED_OFF:
            raise FollowUpError(sentence("This follow-up was called off. Take it up again first. Nothing was signed."))
        if not reason.strip():
            raise FollowUpError(sentence("An outcome needs its reason: say what it rests on. Nothing was signed yet."))
        if not evidence:
            raise FollowUpError(
                sentence(
                    "An outcome needs evidence: enter a phase or a lattice measurement, or attach a file, by this"
                    " technique. Nothing was signed; your reason is still here."
                )
            )
        standing = locked.outcomes.standing().filter(technique=technique).select_related("signer").first()
        if standing != amends:
            raise FollowUpError(
                sentence(
                    "%(person)s has signed this outcome. It can only be amended: read that entry, then sign again."
                    " Nothing was signed; your reason is still here.",
                    person=str(standing.signer),
                )
                if standing
                else sentence("What you want to amend was not signed here. Nothing was signed.")
            )

    # Writing

    def _move(self, by: User, from_those: FollowUpQuerySet, state: str, **fields: Any) -> None:
        """Into ``state``, from the states of ``from_those``; nothing where somebody else was first."""
        with changes_by(by):
            from_those.filter(pk=self.pk).update(
                state=state, changed_by=by, changed_at=timezone.now(), edition=F("edition") + 1, **fields
            )
        self.refresh_from_db()

    def _take_edition(self, edition: int, by: User, **fields: Any) -> None:
        now = {"edition": edition + 1, "changed_by": by, "changed_at": timezone.now(), **fields}
        if not FollowUp.objects.filter(pk=self.pk, edition=edition).update(**now):
            raise FollowUpConflict(FollowUp.objects.get(pk=self.pk))
        self.refresh_from_db()

    def start(self) -> None:
        """The first evidence is here."""
        if FollowUp.objects.filter(pk=self.pk, state=State.ASKED).update(state=State.IN_PROGRESS):
            self.state = State.IN_PROGRESS

    def _check_rows(self, rows: Sequence[Row]) -> None:
        for row in rows:
            row.follow_up = self
            row.full_clean(exclude=["id"])

    def _write_rows(self, before: Sequence[Row], rows: Sequence[Row]) -> None:
        """Make these the rows, in this order; a row is kept where there was one before."""
        remember(before)
        for position, row in enumerate(rows, start=1):
            row.pk = before[position - 1].pk if position <= len(before) else None
            row.position = position
            row.save()
        for surplus in before[len(rows) :]:
            surplus.delete()


State = FollowUp.State


def _sha256(evidence: dict[str, Any]) -> str:
    text = json.dumps(evidence, sort_keys=True, ensure_ascii=False, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()


def _meaning(verdict: str, technique: str, amends: Outcome | None) -> str:
    with translation.override("en"):
        by = f"By {Technique(technique).label}" if technique else "All evidence weighed"
    said = f"{by}, {MEANINGS[verdict]}."
    return f"I amend entry {amends.number}: {said}" if amends else f"I stand for this outcome: {said}"
