"""Frozen data sets for tests: an ingot and a piece of it, an outcome, two reviews, and a simulated pattern."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from django.contrib.auth.models import User
from django.db import connection, transaction

from mlmodels.models import Dataset, DatasetEntry, content_sha256
from samples.models import Pattern, Reading
from screening.models import LabelEvidence
from tests.factories import SampleFactory, make_pattern
from tests.screening.judged import judge
from tests.screening.reviewing import make_candidate, make_reviewer


def freeze(patterns: Sequence[tuple[Pattern, dict[str, Any]]], by: User, name: str = "icosahedral") -> Dataset:
    """A frozen set of the newest readings of ``patterns``, each with what its entry says."""
    dataset = Dataset.objects.begin(name, by, licence="CC-BY-4.0", notes="For tests.")
    entries = []
    for position, (pattern, said) in enumerate(patterns, start=1):
        reading = pattern.current_reading
        assert reading
        fields: dict[str, Any] = {
            "label": "none",
            "origin": DatasetEntry.Origin.OUTCOME,
            "origin_words": "signed",
            "split": ("train", "validation", "test")[position % 3],
            "lineage": position,
            **{name: value for name, value in said.items() if name != "rests_on"},
        }
        entries.append(
            DatasetEntry(
                dataset=dataset,
                position=position,
                reading=reading,
                file_sha256=pattern.file.sha256,
                arrays_sha256=reading.arrays_sha256,
                **fields,
            )
        )
    written = dataset.write(entries, by=by)
    for entry, (_pattern, said) in zip(written, patterns, strict=True):
        if rests_on := said.get("rests_on"):
            LabelEvidence.objects.create(entry=entry, **rests_on)
    sha256 = content_sha256(dataset.hashed_rows())
    dataset.freeze(by=by, reason="for tests", sha256=sha256, left_out=[{"reason": "blank", "n": 2}])
    return dataset


def make_set(by: User, name: str = "icosahedral") -> Dataset:
    """Four entries: two measured on an ingot and its piece, one judged by a reviewer, one simulated."""
    ingot = SampleFactory.create(code="ASR-001")
    piece = SampleFactory.create(code="ASR-001-1", parent=ingot, origin="cut")
    first, second = (make_pattern(name=f"{sample.code}.xy", sample=sample, by=by) for sample in (ingot, piece))
    outcome = judge(ingot, "confirmed", a_f="0.8706")
    call = make_candidate("D", 0.2)
    review = call.add_review(make_reviewer(), "not_a_quasicrystal", "only crystalline lines")
    simulated = make_pattern(
        name="simulated.xy", by=by, simulated=True, sample=SampleFactory.create(code="SIM-1", simulated=True)
    )
    icosahedral = {
        "label": "icosahedral",
        "quasilattice_constant": 4.353,
        "quasilattice_constant_sigma": 0.004,
        "lattice_type": "F",
    }
    return freeze(
        [
            (first, {**icosahedral, "rests_on": {"outcome": outcome}}),
            (second, {**icosahedral, "lineage": 1}),
            (call.reading.pattern, {"origin": "review", "weight": 0.5, "rests_on": {"review": review}}),
            (simulated, {"label": "approximant_1_1", "origin": "simulated", "weight": 0.5}),
        ],
        by,
        name,
    )


@contextmanager
def elsewhere() -> Iterator[None]:
    """A lab of which nothing is left in the database afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def alter(reading: Reading) -> None:
    """As somebody would who goes round the application."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE samples_readingarrays SET intensity = two_theta WHERE reading_id = %s", [reading.pk])
