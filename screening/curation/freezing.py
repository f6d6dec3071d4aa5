"""Freezing a draft: what it holds now is written down and signed, if nothing speaks against it."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from django.contrib.auth.models import User
from django.db import transaction

from mlmodels.models import Dataset, DatasetEntry, DatasetError, Label
from mlmodels.models.datasets import AT_ONCE
from mlmodels.soundness import damage_of
from samples.xrd.sentences import Sentence, sentence
from screening.curation.drawing import Drawing, DrawnEntry
from screening.models import LabelEvidence


def freeze(
    dataset: Dataset, by: User, reason: str, seen: str = "", looked_at: Callable[[int], None] = lambda n: None
) -> Drawing:
    """Freeze what the draft holds now; DatasetError says why it cannot be, DatasetConflict that somebody changed it.

    seen: the hash of what the person looked at, so that nobody signs for what they did not see
    looked_at: called now and then while files and numbers are looked at, with how many readings more that were
    """
    dataset.check_right_to_freeze(by, reason)
    drawing = Drawing(dataset, by)
    contrary = why_not(drawing, seen)
    if contrary:
        raise DatasetError(contrary)
    damage = damage_of(
        (entry.scan.file_sha256 for entry in drawing.entries),
        {entry.scan.reading or 0: entry.scan.arrays_sha256 for entry in drawing.entries},
        looked_at,
    )
    if damage.sentences:
        raise DatasetError(
            sentence("%(damage)s Nothing was frozen.", damage=" ".join(str(said) for said in damage.sentences))
        )
    left_out = [{"reason": why.value, "n": n} for why, n in drawing.left_out_by_reason.most_common()]
    with transaction.atomic():
        for first in range(0, len(drawing.entries), AT_ONCE):  # as rows of the ORM, they would weigh much more
            _write(dataset, by, first, drawing.entries[first : first + AT_ONCE])
        changes = drawing.changes._asdict() if drawing.changes else {}
        dataset.freeze(by=by, reason=reason, sha256=drawing.sha256, left_out=left_out, changes=changes)
    return drawing


def why_not(drawing: Drawing, seen: str = "") -> Sentence | None:
    """Why the draft cannot be frozen as it is."""
    if not drawing.entries:
        return sentence("Nothing would be in it. Change the question, or take patterns in by hand.")
    labels = drawing.counts(lambda entry: entry.labelled.label)
    if len(labels) == 1:
        return sentence(
            "All of it is “%(label)s”, and a network learns from differences. Ask for patterns of another label too.",
            label=str(Label(next(iter(labels))).label),
        )
    before = drawing.dataset.based_on
    if before and before.sha256 == drawing.sha256:
        return sentence("It holds exactly what %(before)s holds. There is nothing to freeze.", before=str(before))
    if seen and seen != drawing.sha256:
        return sentence(
            "The record was changed while you looked at it: an outcome, a review or a pattern. Look again, then freeze."
            " Nothing was frozen."
        )
    return None


def _write(dataset: Dataset, by: User, n_before: int, drawn: Sequence[DrawnEntry]) -> None:
    """Some entries, each with what its label rests on."""
    written = dataset.write(
        (_entry(dataset, position, one) for position, one in enumerate(drawn, start=n_before + 1)), by=by
    )
    LabelEvidence.objects.bulk_create(
        evidence
        for entry, one in zip(written, drawn, strict=True)
        for evidence in (
            *(LabelEvidence(entry=entry, outcome_id=pk) for pk in one.labelled.outcomes),
            *(LabelEvidence(entry=entry, review_id=pk) for pk in one.labelled.reviews),
        )
    )


def _entry(dataset: Dataset, position: int, drawn: DrawnEntry) -> DatasetEntry:
    scan, said = drawn.scan, drawn.labelled
    assert scan.reading is not None  # or it would be left out
    return DatasetEntry(
        dataset=dataset,
        position=position,
        reading_id=scan.reading,
        label=said.label,
        quasilattice_constant=said.a_r,
        quasilattice_constant_sigma=said.a_r_sigma,
        lattice_type=said.lattice_type,
        origin=said.origin,
        origin_words=said.words,
        weight=drawn.weight,
        split=drawn.split,
        lineage=drawn.lineage,
        file_sha256=scan.file_sha256,
        arrays_sha256=scan.arrays_sha256,
    )
