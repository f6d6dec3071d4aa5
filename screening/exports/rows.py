"""From the rows of a frozen set to the patterns of an export, some at a time, each checked against what was frozen."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from mlmodels.export.contents import AT_ONCE, Batch, ExportedPattern, ExportRefused
from mlmodels.export.data_sheet import LEAVES_OUT
from mlmodels.export.packing import Part
from mlmodels.export.writing import LABELS, SAMPLES, Wanted, write_archive
from mlmodels.models import Dataset
from samples.models import PatternFile
from samples.models.readings import arrays_sha256
from samples.originals import MissingOriginalError
from screening.exports.facts import kept_facts, kept_samples, moment, take_down
from screening.models import DatasetRecord

_READ = {
    "position": "position",
    "label": "label",
    "a_r": "quasilattice_constant",
    "a_r_sigma": "quasilattice_constant_sigma",
    "lattice_type": "lattice_type",
    "label_origin": "origin",
    "label_words": "origin_words",
    "weight": "weight",
    "split": "split",
    "lineage": "lineage",
    "file_sha256": "file_sha256",
    "arrays_sha256": "arrays_sha256",
    "simulated": "reading__pattern__simulated",
    "file_name": "reading__pattern__name",
    "scan_number": "reading__pattern__scan_number",
    "file_size": "reading__pattern__file__size",
    "stored_sha256": "reading__pattern__file__sha256",
    "wavelength": "reading__wavelength",
    "wavelength_assumed": "reading__wavelength_assumed",
    "radiation": "reading__radiation",
    "measured_at": "reading__measured_at",
    "instrument": "reading__instrument",
    "reader": "reading__reader",
    "reader_version": "reading__reader_version",
    "correction": "reading__reason",
    "metadata": "reading__metadata",
    "warnings": "reading__warnings",
    "blank_sha256": "reading__blank__pattern__file__sha256",
    "blank_scale": "reading__blank_scale",
    "two_theta": "reading__arrays__two_theta",
    "intensity": "reading__arrays__intensity",
}


def write_export(
    dataset: Dataset, path: Path, wanted: Wanted, noted: Callable[[int], None] = lambda n: None
) -> list[Part]:
    """Write the archive of a frozen set at ``path``, whole or not at all; ``noted`` is told of each batch."""
    take_down(dataset)
    records = {name: DatasetRecord.objects.read(dataset, name) for name in (SAMPLES, LABELS)}
    return write_archive(
        path,
        kept_facts(dataset),
        batches_of(dataset),
        records=records,
        wanted=wanted,
        read_original=read_original,
        written=noted,
    )


def batches_of(dataset: Dataset) -> Iterator[Batch]:
    samples = _SamplesOfEntries(dataset)
    entries = dataset.entries.order_by("position").values_list(*_READ.values())
    last = -1
    while rows := list(entries.filter(position__gt=last)[:AT_ONCE]):
        said = [dict(zip(_READ, row, strict=True)) for row in rows]
        yield Batch.of([_pattern(one, samples) for one in said])
        last = said[-1]["position"]


def read_original(sha256: str) -> bytes:
    """The bytes of an original file, if they are still what the instrument wrote."""
    file = PatternFile.objects.get(sha256=sha256)
    name = file.patterns.values_list("name", flat=True)[0]
    if not file.content:
        raise ExportRefused(
            "%(name)s came from another lab without its file. Export without the original files.", name=name
        )
    try:
        content = file.original.read()
    except MissingOriginalError as error:
        raise ExportRefused(
            "The original file of %(name)s cannot be read: it is missing from the lab's folder. Restore it from the backup, "
            "or export without the original files.",
            name=name,
        ) from error
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ExportRefused(
            "The original file of %(name)s was altered on the disk: its SHA-256 is another. Restore it from the backup, or "
            "export without the original files.",
            name=name,
        )
    return content


class _SamplesOfEntries:
    """Code, composition and system of the sample of each entry, as they were taken down."""

    def __init__(self, dataset: Dataset) -> None:
        self.facts: list[tuple[str, str, str]] = [("", "", "")]
        self.of_entry: dict[int, int] = {}
        for sample in kept_samples(dataset):
            self.of_entry.update(dict.fromkeys(sample["entries"], len(self.facts)))
            self.facts.append((sample["code"], sample["composition"], sample["system"]))

    def __getitem__(self, position: int) -> tuple[str, str, str]:
        return self.facts[self.of_entry.get(position, 0)]


def _pattern(said: dict[str, Any], samples: _SamplesOfEntries) -> ExportedPattern:
    two_theta, intensity = said.pop("two_theta"), said.pop("intensity")
    if arrays_sha256(two_theta, intensity) != said["arrays_sha256"] or said.pop("stored_sha256") != said["file_sha256"]:
        raise ExportRefused(
            "The numbers of %(name)s (entry %(position)s) are not those that were frozen: somebody altered the database. "
            "Restore it from the backup.",
            name=said["file_name"],
            position=said["position"],
        )
    metadata = {name: value for name, value in said["metadata"].items() if name not in LEAVES_OUT}
    if blank := said.pop("blank_sha256"):
        metadata["subtracted_blank"] = f"{said['blank_scale']} times {blank}"
    del said["blank_scale"]
    code, composition, system = samples[said["position"]]
    return ExportedPattern(
        **{
            **said,
            "measured_at": moment(said["measured_at"]),
            "metadata": json.dumps(metadata, sort_keys=True, ensure_ascii=False),
            "warnings": json.dumps(said["warnings"], sort_keys=True, ensure_ascii=False),
        },
        sample=code,
        composition=composition,
        system=system,
        two_theta=np.frombuffer(two_theta, "<f8"),
        intensity=np.frombuffer(intensity, "<f4"),
    )
