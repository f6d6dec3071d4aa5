"""Reviews: what people say of a call, signed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from samples.models import SignedEntry
from samples.models.projects import VisibleQuerySet
from samples.xrd.sentences import Sentence, sentence
from screening.models.reference_phases import ReferencePhase
from screening.models.results import ScreeningResult

if TYPE_CHECKING:
    from screening.models.candidates import Candidate


class ReviewError(ValueError):
    """A verdict that cannot be signed; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


class ReviewQuerySet(VisibleQuerySet["Review"]):
    project_paths = ("result__reading__pattern__sample__project", "result__reading__pattern__project")

    def standing(self) -> ReviewQuerySet:
        """Verdicts that were not taken back."""
        return self.filter(withdraws=None, withdrawn_by=None)

    def decided(self) -> ReviewQuerySet:
        return self.exclude(verdict=Review.Verdict.UNSURE)

    @transaction.atomic
    def sign(
        self,
        result: ScreeningResult,
        reviewer: User,
        verdict: str,
        reason: str,
        *,
        phase: ReferencePhase | None = None,
        phase_name: str = "",
        blind: bool = False,
    ) -> Review:
        """Add a verdict on ``result``; ReviewError says why it cannot be."""
        candidate = _locked(result)
        phase_name = phase.name if phase else phase_name.strip()
        self._check(candidate, reviewer, verdict, reason, phase_name)
        has_seen_the_call = self.filter(result=result, signer=reviewer).exists()  # it came with the verdict taken back
        review = self.create(
            result=result,
            verdict=verdict,
            phase=phase if verdict == Review.Verdict.KNOWN_PHASE else None,
            phase_name=phase_name if verdict == Review.Verdict.KNOWN_PHASE else "",
            blind=blind and not has_seen_the_call,
            uploader_id=candidate.uploader_id,
            four_eyes=settings.REVIEW_FOUR_EYES,
            signer=reviewer,
            meaning=f"I have looked at the evidence of this call, and my verdict is: {MEANINGS[verdict]}.",
            reason=reason.strip(),
        )
        candidate.settle()
        return review

    def _check(self, candidate: Candidate, reviewer: User, verdict: str, reason: str, phase_name: str) -> None:
        check_right(reviewer)
        if verdict not in MEANINGS:
            raise ReviewError(sentence("Choose one of the six verdicts. Nothing was signed."))
        if settings.REVIEW_FOUR_EYES and candidate.uploader_id == reviewer.pk:
            raise ReviewError(
                sentence("You uploaded this pattern yourself, so somebody else signs its verdict. Nothing was signed.")
            )
        if not reason.strip():
            raise ReviewError(
                sentence("A verdict needs its reason: say in a few words what you saw. Nothing was signed yet.")
            )
        if verdict == Review.Verdict.KNOWN_PHASE and not phase_name:
            raise ReviewError(
                sentence(
                    "Say which known phase it is: choose it from the list or type its name. Nothing was signed yet."
                )
            )
        holder = candidate.holder
        if holder and holder != reviewer:
            raise ReviewError(
                sentence(
                    "%(person)s is looking at this candidate now. What you typed is still here; nothing was signed.",
                    person=str(holder),
                )
            )
        standing = self.standing().filter(result=candidate.result)
        if standing.filter(signer=reviewer).exists():
            raise ReviewError(
                sentence("You have judged this call already. Take that verdict back first, then sign another.")
            )
        if candidate.closed_at and standing.exists():
            raise ReviewError(
                sentence(
                    "%(person)s has judged this call meanwhile. What you typed is still here; nothing was signed.",
                    person=str(standing.latest("number").signer),
                )
            )


class Review(SignedEntry):
    """One verdict of one person on one call, or that person's taking back of it."""

    class Verdict(models.TextChoices):
        FOLLOW_UP = "follow_up", _("follow up")
        KNOWN_PHASE = "known_phase", _("known phase")
        NOT_A_QUASICRYSTAL = "not_a_quasicrystal", _("not a quasicrystal")
        ARTEFACT = "artefact", _("artefact")
        MEASURE_AGAIN = "measure_again", _("measure again")
        UNSURE = "unsure", _("unsure")
        WITHDRAWN = "withdrawn", _("taken back")

    result = models.ForeignKey(
        ScreeningResult, on_delete=models.PROTECT, related_name="reviews", verbose_name=_("screening result")
    )
    verdict = models.CharField(_("verdict"), max_length=20, choices=Verdict)
    phase = models.ForeignKey(
        ReferencePhase,
        on_delete=models.PROTECT,
        null=True,
        related_name="reviews",
        verbose_name=_("reference phase"),
    )
    phase_name = models.CharField(_("which known phase"), max_length=120, blank=True)
    blind = models.BooleanField(_("read without the network's call"), default=False)
    uploader = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    four_eyes = models.BooleanField(_("the uploader may not sign"))
    withdraws = models.OneToOneField(
        "self",
        on_delete=models.PROTECT,
        null=True,
        related_name="withdrawn_by",
        verbose_name=_("takes back"),
    )

    objects = ReviewQuerySet.as_manager()

    class Meta:
        verbose_name = _("review")
        verbose_name_plural = _("reviews")
        ordering = ["-number"]
        constraints = [
            models.CheckConstraint(
                condition=Q(four_eyes=False) | ~Q(signer=F("uploader")), name="uploader_does_not_sign"
            ),
            models.CheckConstraint(
                condition=Q(verdict="known_phase") & ~Q(phase_name="") | ~Q(verdict="known_phase") & Q(phase_name=""),
                name="known_phase_says_which",
            ),
            models.CheckConstraint(
                condition=Q(verdict="withdrawn", withdraws__isnull=False)
                | (~Q(verdict="withdrawn") & Q(withdraws__isnull=True)),
                name="withdrawal_names_its_verdict",
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="review_has_a_reason"),
        ]

    def __str__(self) -> str:
        return self.said

    @property
    def said(self) -> str:
        """The verdict as people say it: "known phase: Al13Fe4"."""
        verdict = self.get_verdict_display()
        return f"{verdict}: {self.phase_name}" if self.phase_name else verdict

    @transaction.atomic
    def withdraw(self, by: User, reason: str) -> Review:
        """Take this verdict back by a further signed entry; the candidate waits again, held for the same person."""
        candidate = _locked(self.result)
        check_right(by)
        if by.pk != self.signer_id:
            raise ReviewError(sentence("Only the person who signed a verdict takes it back. Nothing was changed."))
        if not Review.objects.standing().filter(pk=self.pk).exists():
            raise ReviewError(sentence("This verdict was taken back already. Nothing was changed."))
        withdrawal = Review.objects.create(
            result=self.result,
            verdict=self.Verdict.WITHDRAWN,
            withdraws=self,
            uploader=self.uploader,
            four_eyes=self.four_eyes,
            signer=by,
            meaning=f"I take back my verdict: {MEANINGS[self.verdict]}.",
            reason=reason,
        )
        candidate.settle()
        candidate.claim(by)
        return withdrawal


MEANINGS: dict[str, str] = {
    Review.Verdict.FOLLOW_UP: "follow up",
    Review.Verdict.KNOWN_PHASE: "known phase",
    Review.Verdict.NOT_A_QUASICRYSTAL: "not a quasicrystal",
    Review.Verdict.ARTEFACT: "artefact",
    Review.Verdict.MEASURE_AGAIN: "measure again",
    Review.Verdict.UNSURE: "unsure",
}
"""The verdicts in the order of their keys, 1 to 6, in the words that stand in the signature whatever language is read."""


def check_right(person: User) -> None:
    if not person.has_perm("screening.add_review"):
        raise ReviewError(
            sentence("Verdicts are signed by reviewers. Ask an administrator for that role. Nothing was signed.")
        )


def _locked(result: ScreeningResult) -> Candidate:
    """The candidate of ``result``, made where there is none yet, locked so that two who sign at once take turns."""
    from screening.models.candidates import Candidate

    if result.state != ScreeningResult.State.DONE:
        raise ReviewError(
            sentence("Only a call that stands can be judged: this pattern has no class. Nothing was signed.")
        )
    if not Candidate.objects.filter(result=result).exists():
        Candidate.objects.consider([result])
    return Candidate.objects.select_for_update().get(result=result)
