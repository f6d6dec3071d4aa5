"""From a proof to production: one person asks, another approves where the lab wants two, and the archive is screened anew."""

from __future__ import annotations

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion, Promotion, PromotionError
from samples.models import Notice, NoticeKind
from samples.models.signed import SignedEntry
from samples.xrd.sentences import sentence
from screening.models.archive_screenings import ArchiveScreening
from screening.models.proofs import Proof

MAY_PROMOTE = "mlmodels.promote_modelversion"

ASKED = "Asks that this version screens new patterns from now on."
ASKED_AND_DONE = "New patterns are screened by this version from now on."
APPROVED = "Approves: new patterns are screened by this version from now on."
DECLINED = "Declines: the version in production stays."
"""What is signed, whatever language is read."""


class PromotionRequestQuerySet(models.QuerySet["PromotionRequest"]):
    def unanswered(self) -> PromotionRequestQuerySet:
        return self.filter(answer=None)

    @transaction.atomic
    def ask(self, proof: Proof, by: User, reason: str, *, override: str = "") -> PromotionRequest:
        """Sign the wish to promote what ``proof`` is about; where the lab wants no second person, that promotes it.

        PromotionError where the proof does not carry it, or speaks against it and ``override`` does not say why all the same.
        """
        check_right_to_promote(by)
        check_proof(proof)
        if proof.is_worse and not override:
            raise PromotionError(
                sentence(
                    "%(name)s raises more false alarms than %(former)s. Say why it is to be promoted all the same, or leave it.",
                    name=proof.candidate.name,
                    former=proof.production.name,
                )
            )
        waiting = self.unanswered().filter(proof__candidate=proof.candidate, proof=proof).first()
        if waiting:
            raise PromotionError(
                sentence(
                    "%(person)s has asked for this already. Somebody else approves it or declines.",
                    person=waiting.signer.get_username(),
                )
            )
        asked = self.create(
            proof=proof,
            proof_sha256=proof.sha256,
            override=override or None,
            signer=by,
            meaning=ASKED if settings.PROMOTE_BY_TWO else ASKED_AND_DONE,
            reason=reason,
        )
        if not settings.PROMOTE_BY_TWO:
            asked.promote(by)
            return asked
        approvers = User.objects.with_perm(
            MAY_PROMOTE, include_superusers=False, backend="django.contrib.auth.backends.ModelBackend"
        )
        Notice.objects.tell(
            NoticeKind.TO_APPROVE,
            approvers.values_list("pk", flat=True),
            about=proof.candidate.name,
            address=asked.get_absolute_url(),
            by=by,
        )
        return asked


class PromotionRequest(SignedEntry):
    """One person's word that a candidate should go into production, on the proof that lay before them."""

    proof = models.ForeignKey(Proof, on_delete=models.PROTECT, related_name="requests", verbose_name=_("proof"))
    proof_sha256 = models.CharField(_("hash of the proof"), max_length=64, editable=False)
    override = models.CharField(_("why although the proof speaks against it"), max_length=1000, null=True)

    objects = PromotionRequestQuerySet.as_manager()

    class Meta:
        verbose_name = _("request for a promotion")
        verbose_name_plural = _("requests for promotions")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.proof.candidate}: {self.reason}"

    def get_absolute_url(self) -> str:
        return reverse("screening:promotion-request", args=[self.pk])

    @property
    def is_answered(self) -> bool:
        return hasattr(self, "answer")

    @transaction.atomic
    def approve(self, by: User, reason: str) -> Promotion:
        """Sign that it shall be so: the version goes into production, and the archive before it."""
        self._check_may_answer(by)
        if by == self.signer:
            raise PromotionError(
                sentence(
                    "You asked for this promotion yourself. Another curator or an admin approves it; nothing was changed."
                )
            )
        check_proof(self.proof)
        PromotionAnswer.objects.create(
            request=self, verdict=PromotionAnswer.Verdict.APPROVED, signer=by, meaning=APPROVED, reason=reason
        )
        return self.promote(by)

    @transaction.atomic
    def decline(self, by: User, reason: str) -> PromotionAnswer:
        """Sign that it shall not be so; who asked for it takes it back this way."""
        self._check_may_answer(by)
        return PromotionAnswer.objects.create(
            request=self, verdict=PromotionAnswer.Verdict.DECLINED, signer=by, meaning=DECLINED, reason=reason
        )

    def promote(self, by: User) -> Promotion:
        promotion = self.proof.candidate.promote(
            by,
            self.reason,
            proof=self.proof.reference,
            in_place_of=self.proof.production,
            asked_by=None if by == self.signer else self.signer,
            override=self.override or "",
        )
        _begin_anew(promotion, by)
        return promotion

    def _check_may_answer(self, by: User) -> None:
        check_right_to_promote(by)
        PromotionRequest.objects.select_for_update().get(pk=self.pk)
        answer = PromotionAnswer.objects.filter(request=self).select_related("signer").first()
        if answer:
            raise PromotionError(
                sentence(
                    "%(person)s has answered already, while you looked at it. Nothing was changed.",
                    person=answer.signer.get_username(),
                )
            )


class PromotionAnswer(SignedEntry):
    """Another person's word on a request: once, for good."""

    class Verdict(models.TextChoices):
        APPROVED = "approved", _("approved")
        DECLINED = "declined", _("declined")

    request = models.OneToOneField(
        PromotionRequest, on_delete=models.PROTECT, related_name="answer", verbose_name=_("request")
    )
    verdict = models.CharField(_("answer"), max_length=8, choices=Verdict)

    class Meta:
        verbose_name = _("answer to a request")
        verbose_name_plural = _("answers to requests")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.request}: {self.get_verdict_display()}"


@transaction.atomic
def roll_back(by: User, reason: str, *, seen: int | None = None) -> Promotion:
    """Put the version before the one in production back, by one person and at once: an alarm does not wait for a second one."""
    check_right_to_promote(by)
    promotion = ModelVersion.objects.roll_back(by, reason, seen=seen)
    _begin_anew(promotion, by)
    return promotion


def _begin_anew(promotion: Promotion, by: User) -> None:
    """Proofs against the former version answer nothing any more; the archive is shown to the new one."""
    reason = sentence("%(name)s was put into production meanwhile. Prove against that.", name=promotion.version.name)
    for proof in Proof.objects.unfinished():
        proof.stop(reason)
    ArchiveScreening.objects.rescreen(by)


def check_proof(proof: Proof) -> None:
    if reason := proof.why_not_promotable():
        raise PromotionError(reason)


def check_right_to_promote(person: User) -> None:
    if not person.has_perm(MAY_PROMOTE):
        raise PromotionError(
            sentence("Versions are promoted by curators. Ask an administrator for that role. Nothing was changed.")
        )
