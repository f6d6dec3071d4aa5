"""Frozen data sets for tests, written as freezing writes them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from django.contrib.auth.models import User
from django.utils import timezone

from mlmodels.models import Dataset, DatasetEntry
from samples.models import Reading
from samples.models.readings import arrays_sha256


def entry_of(reading: Reading, split: str = "train", label: str = "none", **other: Any) -> DatasetEntry:
    """An entry that is not saved yet."""
    fields = {"origin": "outcome", "origin_words": "for tests", "lineage": reading.pk} | other
    return DatasetEntry(
        reading=reading,
        split=split,
        label=label,
        file_sha256=reading.pattern.file.sha256,
        arrays_sha256=arrays_sha256(reading.arrays.two_theta, reading.arrays.intensity),
        **fields,
    )


def freeze(entries: Iterable[DatasetEntry], by: User, name: str = "Outcomes") -> Dataset:
    dataset = Dataset.objects.create(name=name, made_by=by, changed_by=by)
    rows = list(entries)
    for position, row in enumerate(rows, start=1):
        row.dataset, row.position = dataset, position
    DatasetEntry.objects.bulk_create(rows)
    dataset.state, dataset.sha256, dataset.n_entries = Dataset.State.FROZEN, f"{dataset.pk:064d}", len(rows)
    dataset.frozen_by, dataset.frozen_at = by, timezone.now()
    dataset.save()
    return dataset
