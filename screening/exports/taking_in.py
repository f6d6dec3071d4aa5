"""An export of another lab becomes a frozen set of this one: all of it under its hash, or nothing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.db import transaction
from django.utils.dateparse import parse_datetime

from mlmodels.export.contents import ExportedPattern, ExportRefused, SetFacts
from mlmodels.export.opening import OpenedExport
from mlmodels.export.writing import LABELS, SAMPLES
from mlmodels.models import Dataset, DatasetEntry, DatasetError, Label, ModelVersion, Split, content_sha256
from samples.models import Pattern, PatternFile, Reading
from samples.models.readings import ReadingArrays, arrays_sha256
from samples.originals import Original, keep
from samples.store import store
from samples.xrd.sentences import PatternFileError
from screening.bell import ring_on_commit
from screening.exports.facts import keep_facts
from screening.exports.samples_in import Samples
from screening.models import DatasetRecord, ScreeningResult, ScreeningRun

REASON = "Imported: frozen in another lab under the same hash."


@dataclass(frozen=True, slots=True)
class Taken:
    """dataset: what the export became · known: it was here already, and nothing was written"""

    dataset: Dataset
    known: bool


def take_in(path: Path, by: User, noted: Callable[[int], None] = lambda n: None) -> Taken:
    """Restore the set, its readings and samples; ExportRefused says why not, and then nothing was taken in.

    Sent again, the same set is found again.  ``noted`` is told of each batch.
    """
    with OpenedExport(path, work=store.work_folder) as export:
        if here := Dataset.objects.frozen().filter(sha256=export.facts.sha256).first():
            return Taken(here, known=True)
        _check_content(export)
        files = _Files(export)
        try:
            with transaction.atomic():
                dataset = _restore(export, by, files, noted)
        except DatasetError as error:
            files.take_back()
            raise ExportRefused(error.sentence.template, **error.sentence.values) from error
        except BaseException:
            files.take_back()
            raise
        finally:
            files.close()
    return Taken(dataset, known=False)


def _check_content(export: OpenedExport) -> None:
    """All that was frozen is there, number by number: the hash of the set is over it."""

    def rows() -> Iterable[Sequence[Any]]:
        for patterns in export.patterns():
            for pattern in patterns:
                _check_pattern(pattern)
                yield _hashed(pattern)

    if content_sha256(rows()) != export.facts.sha256:
        raise ExportRefused(
            "The export is not what was frozen under its hash: something in it was altered. Nothing was taken in. Ask for "
            "the export once more."
        )


def _hashed(pattern: ExportedPattern) -> Sequence[Any]:
    """The values of mlmodels.models.dataset_entries.HASHED."""
    return (
        pattern.file_sha256,
        pattern.scan_number,
        pattern.arrays_sha256,
        pattern.wavelength,
        pattern.label,
        pattern.a_r,
        pattern.a_r_sigma,
        pattern.lattice_type,
        pattern.label_origin,
        pattern.label_words,
        pattern.weight,
        pattern.split,
        pattern.lineage,
    )


def _check_pattern(pattern: ExportedPattern) -> None:
    """The numbers are a powder pattern with the hash that they should have, and the words those of this version."""
    two_theta, intensity = _stored(pattern)
    if arrays_sha256(two_theta, intensity) != pattern.arrays_sha256:
        raise ExportRefused(
            "The numbers of %(name)s (entry %(position)s) are not those that were frozen. Nothing was taken in. Ask for the "
            "export once more.",
            name=pattern.file_name[:100],
            position=pattern.position,
        )
    try:
        pattern.as_pattern()
    except PatternFileError as error:
        raise ExportRefused(
            "%(name)s (entry %(position)s) is no powder pattern: %(reason)s",
            name=pattern.file_name[:100],
            position=pattern.position,
            reason=str(error),
        ) from error
    known = (
        pattern.label in Label.values
        and pattern.split in Split.values
        and pattern.label_origin in DatasetEntry.Origin.values
        and 0 < pattern.weight <= 1
        and len(pattern.file_name) <= 255
        and pattern.scan_number > 0
        and isinstance(json.loads(pattern.metadata), dict)
        and isinstance(json.loads(pattern.warnings), list)
    )
    if not known:
        raise ExportRefused(
            "Entry %(position)s says what this version does not know. Update Icosa and import again.",
            position=pattern.position,
        )


def _stored(pattern: ExportedPattern) -> tuple[bytes, bytes]:
    return pattern.two_theta.astype("<f8").tobytes(), pattern.intensity.astype("<f4").tobytes()


class _Files:
    """The original files of an export, kept as they come; taken back where the rest could not be written."""

    def __init__(self, export: OpenedExport) -> None:
        self.originals = export.originals(settings.MAX_PATTERN_FILE_SIZE) if export.has_originals else None
        self.made: list[Original] = []

    def content_of(self, pattern: ExportedPattern) -> str:
        """The name under which the bytes are kept; "" where the export came without them."""
        if self.originals is None:
            return ""
        content = self.originals.read(pattern)
        if hashlib.sha256(content).hexdigest() != pattern.file_sha256:
            raise ExportRefused(
                "The original file of %(name)s was altered: its SHA-256 is another. Nothing was taken in.",
                name=pattern.file_name[:100],
            )
        original = keep(content)
        self.made.append(original)
        return original.name

    def take_back(self) -> None:
        """Take the bytes that came out of the store again, but what somebody else sent in meanwhile."""
        for original in self.made:
            if not PatternFile.objects.filter(sha256=original.sha256).exists():
                store.delete(original.name)

    def close(self) -> None:
        if self.originals:
            self.originals.close()


class _Screening:
    """What this lab's version in production will say of the readings that come in: they are queued behind all uploads."""

    def __init__(self, by: User) -> None:
        self.by = by
        self.version = ModelVersion.objects.production()
        self.run: ScreeningRun | None = None

    def queue(self, readings: Sequence[Reading]) -> None:
        if not (readings and self.version):
            return
        if self.run is None:
            self.run = ScreeningRun.objects.start(ScreeningRun.Why.IMPORT, self.by)
            ring_on_commit()
        ScreeningResult.objects.queue_behind(self.run, [reading.pk for reading in readings], self.version)


def _restore(export: OpenedExport, by: User, files: _Files, noted: Callable[[int], None]) -> Dataset:
    facts = export.facts
    before = Dataset.objects.frozen().filter(sha256=facts.based_on.get("sha256", "?")).first()
    dataset = Dataset(
        name=_free_name(facts, before),
        version=facts.version,
        based_on=before,
        question=dict(facts.question),
        seed=facts.seed,
        validation_percent=facts.validation_percent,
        test_percent=facts.test_percent,
        licence=facts.licence,
        notes=facts.notes,
        made_by=by,
        changed_by=by,
    )
    dataset.full_clean(validate_constraints=False)
    dataset.save()
    samples = Samples(export, by)
    entries: list[DatasetEntry] = []
    screening = _Screening(by)
    for patterns in export.patterns():
        readings = _readings_of(patterns, samples, files, by, screening)
        entries += [_entry(dataset, *pair) for pair in zip(patterns, readings, strict=True)]
        noted(len(patterns))
    dataset.write(entries, by=by)
    dataset.freeze(by=by, reason=REASON, sha256=facts.sha256, left_out=facts.left_out, changes=facts.changes)
    keep_facts(dataset, facts)
    for name in (SAMPLES, LABELS):
        DatasetRecord.objects.keep(dataset, name, export.lines(name))
    return dataset


def _free_name(facts: SetFacts, before: Dataset | None) -> str:
    """As it was called, and as the version before is called here; "… (2)" where this lab has another set of that name."""
    names = set(Dataset.objects.filter(name__startswith=facts.name[:72]).values_list("name", flat=True))
    if before and not Dataset.objects.filter(name=before.name, version=facts.version).exists():
        return before.name
    tries = (facts.name if n == 1 else f"{facts.name[:72]} ({n})" for n in range(1, len(names) + 2))
    return next(name for name in tries if name not in names)


def _entry(dataset: Dataset, pattern: ExportedPattern, reading: Reading) -> DatasetEntry:
    return DatasetEntry(
        dataset=dataset,
        position=pattern.position,
        reading=reading,
        label=pattern.label,
        quasilattice_constant=pattern.a_r,
        quasilattice_constant_sigma=pattern.a_r_sigma,
        lattice_type=pattern.lattice_type,
        origin=pattern.label_origin,
        origin_words=pattern.label_words,
        weight=pattern.weight,
        split=pattern.split,
        lineage=pattern.lineage,
        file_sha256=pattern.file_sha256,
        arrays_sha256=pattern.arrays_sha256,
    )


def _readings_of(
    patterns: Sequence[ExportedPattern], samples: Samples, files: _Files, by: User, screening: _Screening
) -> list[Reading]:
    """The readings of these patterns: those that are here with the same numbers and wavelength, and new ones for the others."""
    stored = _stored_files(patterns, files)
    of = _stored_patterns(patterns, stored, samples, by)
    here: dict[tuple[int, str, float | None], Reading] = {}
    last: dict[int, int] = {}
    for reading in Reading.objects.filter(pattern__in=of.values()).order_by("number").defer("metadata", "warnings"):
        here[reading.pattern_id, reading.arrays_sha256, reading.wavelength] = reading
        last[reading.pattern_id] = reading.number
    new: list[Reading] = []
    arrays: list[ReadingArrays] = []
    for exported in patterns:
        pattern = of[_scan(exported)]
        key = (pattern.pk, exported.arrays_sha256, exported.wavelength)
        if key not in here:
            last[pattern.pk] = last.get(pattern.pk, 0) + 1
            here[key] = _reading(pattern, last[pattern.pk], exported, by)
            new.append(here[key])
            two_theta, intensity = _stored(exported)
            arrays.append(ReadingArrays(reading=here[key], two_theta=two_theta, intensity=intensity))
    Reading.objects.bulk_create(new)
    for row in arrays:
        row.reading_id = row.reading.pk
    ReadingArrays.objects.bulk_create(arrays)
    screening.queue(new)
    return [here[of[_scan(one)].pk, one.arrays_sha256, one.wavelength] for one in patterns]


def _scan(exported: ExportedPattern) -> tuple[str, int]:
    return exported.file_sha256, exported.scan_number


def _stored_files(patterns: Sequence[ExportedPattern], files: _Files) -> dict[str, PatternFile]:
    """By their hashes; of a file that is new the bytes too, where the export has them."""
    first = {pattern.file_sha256: pattern for pattern in patterns}
    here = {file.sha256: file for file in PatternFile.objects.filter(sha256__in=first)}
    new = [
        PatternFile(sha256=sha256, content=files.content_of(pattern), size=pattern.file_size)
        for sha256, pattern in first.items()
        if sha256 not in here
    ]
    return here | {file.sha256: file for file in PatternFile.objects.bulk_create(new)}


def _stored_patterns(
    patterns: Sequence[ExportedPattern], stored: Mapping[str, PatternFile], samples: Samples, by: User
) -> dict[tuple[str, int], Pattern]:
    rows = Pattern.objects.filter(file__in=stored.values()).select_related("file")
    here = {(pattern.file.sha256, pattern.scan_number): pattern for pattern in rows}
    new = {
        _scan(exported): Pattern(
            file=stored[exported.file_sha256],
            scan_number=exported.scan_number,
            sample=samples.of(exported),
            name=exported.file_name,
            simulated=exported.simulated,
            uploaded_by=by,
        )
        for exported in patterns
        if _scan(exported) not in here
    }
    Pattern.objects.bulk_create(new.values())
    return here | new


def _reading(pattern: Pattern, number: int, exported: ExportedPattern, by: User) -> Reading:
    scan = exported.as_pattern()
    return Reading(
        pattern=pattern,
        number=number,
        reader=exported.reader[:40],
        reader_version=exported.reader_version[:20],
        wavelength=exported.wavelength,
        wavelength_assumed=exported.wavelength_assumed,
        radiation=exported.radiation[:20],
        n_points=scan.n_points,
        arrays_sha256=exported.arrays_sha256,
        two_theta_first=float(scan.two_theta[0]),
        two_theta_last=float(scan.two_theta[-1]),
        step=scan.step,
        measured_at=parse_datetime(exported.measured_at) if exported.measured_at else None,
        instrument=exported.instrument[:120],
        metadata=json.loads(exported.metadata),
        warnings=json.loads(exported.warnings),
        reason=exported.correction[:400],
        made_by=by,
    )
