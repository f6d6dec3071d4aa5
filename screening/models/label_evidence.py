"""What a label of a data set rests on: the outcome or the reviews that people signed."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from mlmodels.models import DatasetEntry
from samples.append_only import Guard
from samples.models.unchanging import Unchanging
from screening.models.outcomes import Outcome
from screening.models.reviews import Review


class LabelEvidence(Unchanging):
    """One signed entry that the label of one entry of a data set rests on."""

    database_guard = Guard(
        refuses_new=(
            'EXISTS (SELECT 1 FROM "mlmodels_datasetentry" e JOIN "mlmodels_dataset" d ON d."id" = e."dataset_id" '
            'WHERE e."id" = {row}."entry_id" AND d."state" = \'frozen\')'
        )
    )

    entry = models.ForeignKey(
        DatasetEntry, on_delete=models.PROTECT, related_name="evidence", verbose_name=_("entry of a data set")
    )
    outcome = models.ForeignKey(
        Outcome, on_delete=models.PROTECT, null=True, related_name="label_evidence", verbose_name=_("outcome")
    )
    review = models.ForeignKey(
        Review, on_delete=models.PROTECT, null=True, related_name="label_evidence", verbose_name=_("review")
    )

    class Meta:
        verbose_name = _("evidence of a label")
        verbose_name_plural = _("evidence of labels")
        ordering = ["entry", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["entry", "outcome"], name="outcome_once_a_label"),
            models.UniqueConstraint(fields=["entry", "review"], name="review_once_a_label"),
            models.CheckConstraint(
                condition=Q(outcome=None, review__isnull=False) | Q(outcome__isnull=False, review=None),
                name="evidence_is_an_outcome_or_a_review",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.entry}: {self.outcome or self.review}"
