"""What another lab exported comes in under its hash, whole or not at all."""

from __future__ import annotations

import hashlib
import io
import zipfile
from pathlib import Path

import h5py
import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from mlmodels.export.contents import ExportRefused
from mlmodels.export.opening import OpenedExport
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset, DatasetEntry, Freeze, ModelVersion
from samples.models import Pattern, PatternFile, Reading, Sample
from screening.exports.rows import write_export
from screening.exports.taking_in import take_in
from screening.models import DatasetRecord, ScreeningResult, ScreeningRun
from tests.factories import SampleFactory, make_pattern, pattern_text
from tests.mlmodels.test_export_formats import ALL, part_named, repacked
from tests.screening.frozen import elsewhere, freeze

pytestmark = pytest.mark.django_db


def kept_files(settings: Settings) -> set[str]:
    return {
        str(path.relative_to(settings.MEDIA_ROOT)) for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()
    }


def test_another_lab_restores_it_under_its_hash(sent: Path, curator: User) -> None:
    assert not Dataset.objects.exists()
    taken = take_in(sent, curator)
    dataset = taken.dataset
    assert not taken.known
    assert dataset.is_frozen
    assert str(dataset) == "icosahedral v1"
    assert [entry.label for entry in dataset.entries.all()] == ["icosahedral", "icosahedral", "none", "approximant_1_1"]
    assert Freeze.objects.get().dataset_sha256 == dataset.sha256
    piece = Sample.objects.get(code="ASR-001-1")
    assert str(piece.parent) == "ASR-001"
    assert piece.composition == "Al43Si32Ru25"
    assert str(piece.system) == "Al-Si-Ru"
    assert "Came with the data set icosahedral v1" in piece.notes
    pattern = piece.patterns.get()
    scan = pattern.readings.get().as_pattern()
    assert scan.wavelength == pytest.approx(1.540593)
    assert scan.metadata["reader"] == "text"
    assert hashlib.sha256(pattern.file.original.read()).hexdigest() == pattern.file.sha256
    simulated = Pattern.objects.get(name="simulated.xy")
    assert simulated.simulated
    assert simulated.sample
    assert simulated.sample.simulated


def test_what_is_new_is_screened_here_behind_all_uploads(sent: Path, curator: User) -> None:
    version = ModelVersion.objects.production()
    assert version
    take_in(sent, curator)
    waiting = ScreeningResult.objects.claimable().filter(model_version=version)
    assert set(waiting.values_list("reading", flat=True)) == set(Reading.objects.values_list("pk", flat=True))
    assert {row.priority for row in waiting} == {ScreeningResult.Priority.RESCREEN}
    assert {(row.run.why, row.run.started_by) for row in waiting} == {("import", curator)}
    n = ScreeningRun.objects.count()
    take_in(sent, curator)
    assert ScreeningRun.objects.count() == n


def test_where_no_version_is_in_production_nothing_is_queued(sent: Path, curator: User) -> None:
    ModelVersion.objects.update(state=ModelVersion.State.RETIRED)
    assert take_in(sent, curator).dataset.n_entries == 4
    assert not ScreeningResult.objects.exists()


def test_exported_from_there_it_is_the_same_file(sent: Path, curator: User, tmp_path: Path) -> None:
    dataset = take_in(sent, curator).dataset
    write_export(dataset, tmp_path / "again" / sent.name, ALL)
    assert sha256_of(tmp_path / "again" / sent.name) == sha256_of(sent)


def test_sent_twice_it_brings_nothing(sent: Path, curator: User, settings: Settings) -> None:
    first = take_in(sent, curator)
    before = kept_files(settings), Sample.objects.count(), Reading.objects.count(), DatasetRecord.objects.count()
    second = take_in(sent, curator)
    assert second.known
    assert second.dataset == first.dataset
    assert before == (
        kept_files(settings),
        Sample.objects.count(),
        Reading.objects.count(),
        DatasetRecord.objects.count(),
    )


def test_patterns_that_are_here_are_found_and_others_codes_kept(sent: Path, curator: User, tmp_path: Path) -> None:
    """The lab has one of the files under a sample of its own, and gave another code to something else."""
    with (
        zipfile.ZipFile(sent) as archive,
        zipfile.ZipFile(archive.open(part_named(dict.fromkeys(archive.namelist(), b""), "originals.zip"))) as originals,
    ):
        contents = [originals.read(name) for name in originals.namelist()]
    own = SampleFactory.create(code="OURS-1")
    taken_code = SampleFactory.create(code="sim-1", composition_text="Cd85Yb15")
    here = make_pattern(name="same.xy", content=contents[0], sample=own, by=curator)
    dataset = take_in(sent, curator).dataset
    assert dataset.entries.get(position=1).reading.pattern == here
    assert here.readings.count() == 1
    assert Sample.objects.get(code="ASR-001-1").parent == own
    assert not Sample.objects.filter(code="ASR-001").exists()
    taken_code.refresh_from_db()
    assert taken_code.composition == "Cd85Yb15"
    assert Sample.objects.get(code="SIM-1-import").patterns.get().name == "simulated.xy"


def test_a_reading_with_other_numbers_or_wavelength_is_added_and_the_labs_own_stays(
    sent: Path, curator: User, settings: Settings
) -> None:
    dataset = take_in(sent, curator).dataset
    assert dataset.entries.get(position=1).reading.number == 1
    with elsewhere():
        pattern = dataset.entries.get(position=1).reading.pattern
        reading = pattern.correct(curator, wavelength=0.7093, reason="it was Mo")
        assert reading.number == 2


def test_without_the_original_files_the_numbers_come_and_the_file_may_follow(
    settings: Settings, curator: User, tmp_path: Path
) -> None:
    here, content = settings.MEDIA_ROOT, pattern_text(5)
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    with elsewhere():
        write_export(freeze([(make_pattern(content=content, by=curator), {})], curator), tmp_path / "x.eln", Wanted())
    settings.MEDIA_ROOT = here
    reading = take_in(tmp_path / "x.eln", curator).dataset.entries.get().reading
    assert reading.as_pattern().n_points == 3000
    assert not reading.pattern.file.content
    with pytest.raises(ExportRefused, match="came from another lab without its file"):
        write_export(reading.dataset_entries.get().dataset, tmp_path / "y.eln", ALL)
    received = Pattern.objects.receive(content, name="it.xy", by=curator)
    assert received.known
    file = PatternFile.objects.get(pk=reading.pattern.file_id)
    assert file.original.read() == content


def test_the_next_version_joins_the_one_before(settings: Settings, curator: User, tmp_path: Path) -> None:
    here = settings.MEDIA_ROOT
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    with elsewhere():
        pattern = make_pattern(by=curator)
        one = freeze([(pattern, {})], curator)
        write_export(one, tmp_path / "1.eln", Wanted())
        write_export(freeze([(pattern, {}), (make_pattern(by=curator), {})], curator), tmp_path / "2.eln", Wanted())
    settings.MEDIA_ROOT = here
    first, second = (take_in(tmp_path / f"{n}.eln", curator).dataset for n in (1, 2))
    assert (str(first), str(second)) == ("icosahedral v1", "icosahedral v2")
    assert second.based_on == first
    assert Pattern.objects.count() == 2


def test_a_name_that_another_set_bears_is_left_to_it(sent: Path, curator: User) -> None:
    freeze([(make_pattern(by=curator), {})], curator)
    assert str(take_in(sent, curator).dataset) == "icosahedral (2) v1"


@pytest.mark.parametrize(
    ("what", "old", "new", "says"),
    [
        ("labels.jsonl", b"confirmed", b"refuted  ", "labels.jsonl is not as it was exported"),
        ("samples.jsonl", b"Al43", b"Al44", "samples.jsonl is not as it was exported"),
    ],
)
def test_an_altered_one_is_refused_and_nothing_is_left(
    sent: Path, curator: User, tmp_path: Path, settings: Settings, what: str, old: bytes, new: bytes, says: str
) -> None:
    def change(files: dict[str, bytes]) -> None:
        name = part_named(files, what)
        files[name] = files[name].replace(old, new)

    before = kept_files(settings)
    with pytest.raises(ExportRefused, match=says):
        take_in(repacked(sent, tmp_path, change), curator)
    assert kept_files(settings) == before
    assert not Pattern.objects.exists()


def test_a_label_changed_with_all_hashes_written_anew_is_refused(sent: Path, curator: User, tmp_path: Path) -> None:
    def relabel(files: dict[str, bytes]) -> None:
        name = part_named(files, "patterns.h5")
        content = io.BytesIO(files[name])
        with h5py.File(content, "r+") as table:
            table["patterns/label"][2] = b"icosahedral"
        files[name] = content.getvalue()

    with pytest.raises(ExportRefused, match="not what was frozen under its hash"):
        take_in(repacked(sent, tmp_path, relabel, honest=True), curator)


@pytest.mark.parametrize("part", ["manifest.json", "patterns.h5", "originals.zip"])
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_damage_on_the_way_is_said(sent: Path, curator: User, tmp_path: Path, part: str, method: int) -> None:
    """Any byte of a part or of its entry in the archive, packed by us or by another program."""
    with zipfile.ZipFile(sent) as archive, zipfile.ZipFile(tmp_path / "packed.eln", "w", method) as packed:
        for name in archive.namelist():
            packed.writestr(name, archive.read(name))
        member = packed.getinfo(next(name for name in archive.namelist() if name.endswith(f"/{part}")))
    content = bytearray((tmp_path / "packed.eln").read_bytes())
    begins, n = member.header_offset, len(member.filename)
    for place in (begins, begins + 31, *range(begins + 30 + n, begins + 30 + n + member.compress_size, 499)):
        spoilt = bytearray(content)
        spoilt[place] ^= 0xFF
        (tmp_path / "spoilt.eln").write_bytes(spoilt)
        with pytest.raises(ExportRefused):
            OpenedExport(tmp_path / "spoilt.eln", work=tmp_path)


def test_what_fails_in_the_middle_leaves_nothing(sent: Path, curator: User, tmp_path: Path, settings: Settings) -> None:
    """The samples are changed with all hashes: only when the last of them is made it turns out to be none."""

    def spoil(files: dict[str, bytes]) -> None:
        name = part_named(files, "samples.jsonl")
        files[name] = files[name].replace(b'"SIM-1"', b'"a code with spaces"')

    before = kept_files(settings), User.objects.count()
    with pytest.raises(ExportRefused, match="The sample a code with spaces cannot be taken in"):
        take_in(repacked(sent, tmp_path, spoil, honest=True), curator)

    def swap(files: dict[str, bytes]) -> None:
        name = part_named(files, "originals.zip")
        (tmp_path / "o.zip").write_bytes(files[name])
        with zipfile.ZipFile(tmp_path / "o.zip") as packed, zipfile.ZipFile(tmp_path / "p.zip", "w") as written:
            *firsts, last = packed.namelist()
            for one in firsts:
                written.writestr(one, packed.read(one))
            written.writestr(last, b"another file")
        files[name] = (tmp_path / "p.zip").read_bytes()

    with pytest.raises(ExportRefused, match="was altered: its SHA-256 is another"):
        take_in(repacked(sent, tmp_path, swap, honest=True), curator)
    assert (kept_files(settings), User.objects.count()) == before
    for model in (Dataset, DatasetEntry, Sample, Pattern, PatternFile, Reading, DatasetRecord, Freeze):
        assert not model.objects.exists()
