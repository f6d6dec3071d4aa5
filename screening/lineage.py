"""From a network's weights back to what people signed: weights → training run → data set → patterns → evidence."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import Count

from mlmodels.material import ancestry
from mlmodels.models import ModelVersion, TrainingRun
from mlmodels.models.dataset_entries import Label, Split
from screening.models import LabelEvidence


@dataclass(frozen=True, slots=True)
class Learnt:
    """One training on the way to a version, and what stands behind the labels that it learnt from.

    labels: (label, number of patterns in the training and the validation split)
    n_tests: patterns that the data set keeps for its test; n_outcomes, n_reviews: signed entries behind its labels
    """

    run: TrainingRun
    labels: list[tuple[str, int]]
    n_tests: int = 0
    n_outcomes: int = 0
    n_reviews: int = 0


def lineage_of(version: ModelVersion) -> list[Learnt]:
    """The trainings that led to ``version``, the last one first."""
    return [_learnt(run) for run in ancestry(version)]


def _learnt(run: TrainingRun) -> Learnt:
    if run.dataset is None:
        return Learnt(run, [])
    counts = run.dataset.entries.order_by().values_list("split", "label").annotate(n=Count("pk"))
    of_label = dict.fromkeys(Label.values, 0)
    n_tests = 0
    for split, label, n in counts:
        if split == Split.TEST:
            n_tests += n
        else:
            of_label[label] += n
    signed = LabelEvidence.objects.filter(entry__dataset=run.dataset).aggregate(
        outcomes=Count("outcome", distinct=True), reviews=Count("review", distinct=True)
    )
    labels = [(str(Label(label).label), n) for label, n in of_label.items() if n]
    return Learnt(run, labels, n_tests, signed["outcomes"], signed["reviews"])
