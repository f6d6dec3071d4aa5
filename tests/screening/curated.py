"""A lab with something to make a data set of."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from mlmodels.models import Dataset, DatasetEntry
from samples.models import Pattern, Sample
from screening.curation.drawing import Drawing
from screening.curation.freezing import freeze
from screening.curation.question import Question
from screening.models import FollowUp, LatticeMeasurement, ObservedPhase, Technique
from tests.factories import SampleFactory, make_pattern


def draft_of(by: User, name: str = "All outcomes", **question: Any) -> Dataset:
    return Dataset.objects.begin(name, by, question=Question(**question).as_json())


def judged_pattern(
    by: User,
    verdict: str,
    *,
    structures: tuple[str, ...] = (),
    techniques: dict[str, str] | None = None,
    lattice: dict[str, Any] | None = None,
    sample: Sample | None = None,
    **received: Any,
) -> Pattern:
    """A pattern whose sample has a signed outcome; with "" nothing overall is signed, but what ``techniques`` say."""
    sample = sample or SampleFactory.create()
    pattern = make_pattern(sample=sample, by=by, **received)
    follow_up = FollowUp.objects.open(sample, by)
    found = structures or (("icosahedral",) if verdict == "confirmed" else ("crystalline",))
    phases = [ObservedPhase(technique=Technique.EDX, structure=structure) for structure in found]
    lengths = [LatticeMeasurement(technique=Technique.TEM, **lattice)] if lattice else []
    phases += [ObservedPhase(technique=technique, structure="unknown") for technique in techniques or {}]
    follow_up.revise(by=by, edition=follow_up.edition, phases=phases, measurements=lengths)
    for technique, said in (techniques or {}).items():
        follow_up.sign(by, said, "for tests", technique=technique)
    if verdict:
        follow_up.sign(by, verdict, "for tests")
    return pattern


def drawn(dataset: Dataset, by: User) -> dict[str, str]:
    """What a draft makes of each pattern, by its name: the label, or the reason why it is left out."""
    drawing = Drawing(dataset, by)
    labels = {entry.scan.name: str(entry.labelled.label) for entry in drawing.entries}
    return labels | {one.scan.name: str(one.reason) for one in drawing.left_out}


def frozen_set(by: User, **question: Any) -> Dataset:
    """A small one with both labels."""
    for verdict in ("confirmed", "refuted"):
        for _ in range(3):
            judged_pattern(by, verdict)
    dataset = draft_of(by, **question)
    freeze(dataset, by, "for tests")
    return dataset


def sides_of(dataset: Dataset) -> dict[str, str]:
    entries = DatasetEntry.objects.filter(dataset=dataset)
    return dict(entries.values_list("reading__pattern__name", "split"))
