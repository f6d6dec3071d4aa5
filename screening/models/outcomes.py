"""Outcomes: what a person stands for after a follow-up, for each technique and overall; signed, with what they saw."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db import models
from django.db.models import Exists, OuterRef, Q
from django.utils.translation import gettext_lazy as _

from samples.models import Sample, SignedEntry
from samples.models.projects import VisibleQuerySet
from samples.xrd.sentences import Sentence, sentence
from screening.models.observations import Technique

OVERALL = ""
"""The technique of an outcome that weighs all of them."""


class FollowUpError(ValueError):
    """Something about a follow-up that cannot be done; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


class OutcomeQuerySet(VisibleQuerySet["Outcome"]):
    project_paths = ("sample__project",)

    def standing(self) -> OutcomeQuerySet:
        """Not amended by a further entry."""
        return self.filter(amended_by=None)

    def overall(self) -> OutcomeQuerySet:
        return self.filter(technique=OVERALL)

    def answering(self) -> OutcomeQuerySet:
        """The one that answers for a sample: overall, standing, and of several follow-ups the newest."""
        newer = Outcome.objects.standing().overall().filter(sample=OuterRef("sample"), number__gt=OuterRef("number"))
        return self.standing().overall().filter(~Exists(newer))


class Outcome(SignedEntry):
    """One person's word on one follow-up, by one technique or overall; `evidence` is what lay before them."""

    class Verdict(models.TextChoices):
        CONFIRMED = "confirmed", _("confirmed")
        REFUTED = "refuted", _("refuted")
        INCONCLUSIVE = "inconclusive", _("inconclusive")

    follow_up = models.ForeignKey(
        "screening.FollowUp", on_delete=models.PROTECT, related_name="outcomes", verbose_name=_("follow-up")
    )
    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="outcomes", verbose_name=_("sample"))
    technique = models.CharField(_("technique"), max_length=10, choices=Technique, blank=True)
    verdict = models.CharField(_("outcome"), max_length=12, choices=Verdict)
    evidence = models.JSONField(_("evidence that was signed on"), editable=False)
    evidence_sha256 = models.CharField(_("hash of the evidence"), max_length=64, editable=False)
    amends = models.OneToOneField(
        "self", on_delete=models.PROTECT, null=True, related_name="amended_by", verbose_name=_("amends")
    )

    objects = OutcomeQuerySet.as_manager()

    class Meta:
        verbose_name = _("outcome")
        verbose_name_plural = _("outcomes")
        ordering = ["-number"]
        constraints = [
            models.UniqueConstraint(
                fields=["follow_up", "technique"], condition=Q(amends=None), name="one_first_outcome_a_technique"
            ),
            models.CheckConstraint(condition=~Q(reason=""), name="outcome_has_a_reason"),
            models.CheckConstraint(condition=~Q(evidence_sha256=""), name="outcome_has_evidence"),
        ]
        indexes = [models.Index(fields=["technique", "sample", "number"], name="outcome_of_a_sample")]

    def __str__(self) -> str:
        return f"{self.get_verdict_display()} ({self.scope})"

    def save(self, **options: Any) -> None:
        if self._state.adding:
            check_right_to_sign(self.signer)
        super().save(**options)

    @property
    def scope(self) -> str:
        return self.get_technique_display() if self.technique else str(_("overall"))

    @property
    def is_on_earlier_evidence(self) -> bool:
        """The evidence was changed after this was signed."""
        return self.evidence_sha256 != self.follow_up.evidence_sha256(self.technique)


def check_right_to_sign(person: User) -> None:
    if not person.has_perm("screening.add_outcome"):
        raise FollowUpError(
            sentence("Outcomes are signed by microscopists. Ask an administrator for that role. Nothing was signed.")
        )


MEANINGS: dict[str, str] = {
    Outcome.Verdict.CONFIRMED: "an icosahedral quasicrystal is in the sample",
    Outcome.Verdict.REFUTED: "no icosahedral quasicrystal is in the sample",
    Outcome.Verdict.INCONCLUSIVE: "whether an icosahedral quasicrystal is in the sample cannot be told",
}
"""What is signed, whatever language is read."""
