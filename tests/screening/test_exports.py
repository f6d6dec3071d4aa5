"""A frozen set leaves the lab as files and comes back under its hash; the same set gives the same bytes, whatever happened since."""

from __future__ import annotations

import hashlib
import io
import json
import resource
import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import h5py
import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.db import connection, transaction
from django.utils import timezone
from pytest_django import Settings

from mlmodels.export.contents import ExportRefused
from mlmodels.export.opening import OpenedExport
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset, DatasetEntry, Freeze
from samples.models import Pattern, PatternFile, Reading, Sample
from samples.models.projects import Project
from screening import tasks
from screening.exports import jobs
from screening.exports.rows import write_export
from screening.exports.taking_in import take_in
from screening.models import DatasetExport, DatasetImport, DatasetRecord, Outcome, ScreeningResult
from screening.models.exports import stem_of
from screening.models.jobs import LEASE, Job
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.mlmodels.test_export_formats import ALL, part_named, repacked
from tests.screening.frozen import freeze, make_set

pytestmark = pytest.mark.django_db

PLAIN = Wanted()


@pytest.fixture
def curator(settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path / "lab"
    Path(settings.MEDIA_ROOT).mkdir()
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def dataset(curator: User) -> Dataset:
    return make_set(curator)


@contextmanager
def elsewhere() -> Iterator[None]:
    """A lab of which nothing is left in the database afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


@pytest.fixture
def sent(settings: Settings, tmp_path: Path, curator: User) -> Path:
    """An export with everything, of a lab that is not this one."""
    here = settings.MEDIA_ROOT
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    path = tmp_path / "icosahedral-v1.eln"
    with elsewhere():
        write_export(make_set(curator), path, ALL)
    settings.MEDIA_ROOT = here
    return path


def kept_files(settings: Settings) -> set[str]:
    return {
        str(path.relative_to(settings.MEDIA_ROOT)) for path in Path(settings.MEDIA_ROOT).rglob("*") if path.is_file()
    }


# Out


def test_what_rests_on_what_is_in_it(dataset: Dataset, tmp_path: Path) -> None:
    write_export(dataset, tmp_path / "x.eln", Wanted())
    with zipfile.ZipFile(tmp_path / "x.eln") as archive:
        read = {name.rpartition("/")[2]: archive.read(name).decode(errors="replace") for name in archive.namelist()}
    labels = [json.loads(line) for line in read["labels.jsonl"].splitlines()]
    assert [(line["position"], line["rests_on"][0]["kind"]) for line in labels] == [(1, "outcome"), (3, "review")]
    assert labels[0]["rests_on"][0]["verdict"] == "confirmed"
    assert labels[0]["rests_on"][0]["sha256"] == Outcome.objects.get().sha256
    assert labels[1]["rests_on"][0]["call"]["model_version"] == "for tests"
    samples = [json.loads(line) for line in read["samples.jsonl"].splitlines()]
    assert samples[0]["code"] == "ASR-001"
    assert next(line for line in samples if line["code"] == "ASR-001-1")["parent"] == "ASR-001"
    assert [line["code"] for line in samples if line["simulated"]] == ["SIM-1"]
    assert "blank: 2" in read["data-sheet.md"]
    everything = "".join(text for name, text in read.items() if name.endswith(("json", "jsonl", "md", "csv")))
    for person in User.objects.all():
        assert person.username not in everything


def test_exported_again_it_is_bit_identical_whatever_was_corrected_since(
    dataset: Dataset, curator: User, tmp_path: Path
) -> None:
    first, again = tmp_path / "1" / "x.eln", tmp_path / "2" / "x.eln"
    write_export(dataset, first, ALL)
    Sample.objects.filter(code="ASR-001").update(code="OTHER-9", composition="Al1", composition_text="Al1")
    Pattern.objects.get(name="ASR-001-1.xy").move_to(None, curator)
    Pattern.objects.get(name="ASR-001.xy").correct(curator, wavelength=0.7093, reason="it was Mo")
    write_export(dataset, again, ALL)
    assert sha256_of(first) == sha256_of(again)


def test_more_patterns_than_one_batch(curator: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: list[tuple[Pattern, dict[str, Any]]] = [
        (make_pattern(by=curator, content=pattern_text(n, step=0.1)), {}) for n in range(7)
    ]
    dataset = freeze(patterns, curator)
    monkeypatch.setattr("screening.exports.rows.AT_ONCE", 3)
    seen: list[int] = []
    write_export(dataset, tmp_path / "x.eln", PLAIN, seen.append)
    assert seen == [3, 3, 1]
    with OpenedExport(tmp_path / "x.eln") as export:
        assert [one.file_name for some in export.patterns() for one in some] == [one.name for one, _said in patterns]


def alter(reading: Reading) -> None:
    """As somebody would who goes round the application."""
    with connection.cursor() as cursor:
        cursor.execute("UPDATE samples_readingarrays SET intensity = two_theta WHERE reading_id = %s", [reading.pk])


def test_altered_numbers_are_not_exported(dataset: Dataset, tmp_path: Path) -> None:
    alter(dataset.entries.get(position=2).reading)
    with pytest.raises(ExportRefused, match=r"ASR-001-1\.xy \(entry 2\) are not those that were frozen"):
        write_export(dataset, tmp_path / "x.eln", Wanted())
    assert list(tmp_path.glob("*")) == [tmp_path / "lab"]


def test_files_that_are_missing_or_altered_are_named(dataset: Dataset, settings: Settings, tmp_path: Path) -> None:
    file = Path(settings.MEDIA_ROOT) / dataset.entries.get(position=1).reading.pattern.file.original.name
    content = file.read_bytes()
    file.write_bytes(content.replace(b"20.0", b"20.1", 1))
    with pytest.raises(ExportRefused, match=r"ASR-001\.xy was altered on the disk"):
        write_export(dataset, tmp_path / "x.eln", ALL)
    file.unlink()
    with pytest.raises(ExportRefused, match=r"ASR-001\.xy cannot be read: it is missing"):
        write_export(dataset, tmp_path / "x.eln", ALL)
    write_export(dataset, tmp_path / "x.eln", Wanted(parquet=True))  # the numbers are in the database


# In


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


# The jobs


def ask(dataset: Dataset, by: User, wanted: Wanted = PLAIN) -> DatasetExport:
    return DatasetExport.objects.ask(dataset, by, wanted)


def done(export: DatasetExport) -> DatasetExport:
    jobs.do_waiting()
    export.refresh_from_db()
    return export


def test_asked_for_twice_it_is_one_job_and_one_file(dataset: Dataset, curator: User) -> None:
    export = ask(dataset, curator)
    assert ask(dataset, UserFactory.create(roles=["curator"])) == export
    assert ask(dataset, curator, Wanted(parquet=True)) != export
    assert done(export).state == Job.State.DONE
    assert export.can_be_downloaded
    assert export.sha256 == sha256_of(export.path)
    assert export.n_done == export.n_total == 4
    assert [part["path"] for part in export.parts][:3] == ["data-sheet.md", "index.csv", "patterns.h5"]
    assert ask(dataset, curator) == export
    assert {one.state for one in DatasetExport.objects.all()} == {Job.State.DONE}


def test_a_draft_an_empty_set_and_one_of_a_closed_project_are_refused(dataset: Dataset, curator: User) -> None:
    draft = Dataset.objects.begin("drafted", curator)
    with pytest.raises(ExportRefused, match="drafted v1 is a draft"):
        ask(draft, curator)
    with pytest.raises(ExportRefused, match="nothing to export"):
        ask(freeze([], curator, "empty"), curator)
    leader = UserFactory.create(roles=["curator"])
    project = Project.objects.begin(key="yb", name="Yb hunt", by=leader, leaders=[leader])
    Sample.objects.filter(code="ASR-001-1").update(project=project)
    with pytest.raises(ExportRefused, match="a project that is closed to you"):
        ask(dataset, User.objects.get(pk=curator.pk))
    assert ask(dataset, leader)


def test_parquet_that_is_not_installed_says_what_to_install(
    dataset: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mlmodels.export.parquet.find_spec", lambda _name: None)
    with pytest.raises(ExportRefused, match=r"pip install -r requirements-export\.txt"):
        ask(dataset, curator, Wanted(parquet=True))


def test_a_disk_that_is_too_full_to_begin_is_said_before(dataset: Dataset, curator: User, settings: Settings) -> None:
    Reading.objects.filter(dataset_entries__dataset=dataset).update(n_points=2 * 10**9)
    with pytest.raises(ExportRefused, match="the disk has"):
        ask(dataset, curator)
    assert not DatasetExport.objects.exists()


@contextmanager
def little_room(n_bytes: int) -> Iterator[None]:
    """No file may grow beyond this, as on a disk that runs full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (n_bytes, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_disk_that_runs_full_meanwhile_leaves_a_sentence_and_no_file(dataset: Dataset, curator: User) -> None:
    export = ask(dataset, curator, ALL)
    with little_room(40_000):
        done(export)
    assert export.state == Job.State.FAILED
    assert export.reason == jobs.DISK_FULL.as_json()
    assert list(export.path.parent.iterdir()) == []
    assert ask(dataset, curator, ALL) != export  # and now there is room


def test_a_worker_that_was_killed_is_followed_by_another(dataset: Dataset, curator: User) -> None:
    export = ask(dataset, curator)
    killed = DatasetExport.objects.claim()
    assert killed == export
    assert DatasetExport.objects.claim() is None
    DatasetExport.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    assert done(export).state == Job.State.DONE
    assert export.attempts == 2
    assert killed is not None
    assert not killed.finish(size=1)  # should it come to life again
    export.refresh_from_db()
    assert export.size != 1


def test_one_that_kills_its_workers_is_set_aside_and_can_be_tried_again(dataset: Dataset, curator: User) -> None:
    export = ask(dataset, curator)
    for _attempt in range(3):
        assert DatasetExport.objects.claim() == export
        DatasetExport.objects.update(leased_until=timezone.now() - LEASE)
    assert DatasetExport.objects.claim() is None
    export.refresh_from_db()
    assert export.state == Job.State.FAILED
    assert "after %(attempts)s attempts" in str(export.reason)
    assert export.try_again(curator)
    assert done(export).state == Job.State.DONE


def test_one_that_fails_for_good_says_why_at_once(dataset: Dataset, curator: User) -> None:
    alter(dataset.entries.get(position=1).reading)
    export = done(ask(dataset, curator))
    assert (export.state, export.attempts) == (Job.State.FAILED, 1)
    assert "are not those that were frozen" in str(export.reason)


def test_a_worker_that_is_told_to_stop_puts_the_job_back(
    dataset: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    export = ask(dataset, curator)
    job = DatasetExport.objects.claim()
    assert job is not None
    stopping = threading.Event()
    stopping.set()
    monkeypatch.setattr(tasks, "stopping", stopping)
    jobs.do(job)
    export.refresh_from_db()
    assert (export.state, export.attempts, export.lease) == (Job.State.QUEUED, 0, None)
    assert list(export.path.parent.iterdir()) == []


def test_a_host_that_does_not_share_the_files_leaves_it_to_one_that_does(
    dataset: Dataset, curator: User, settings: Settings, tmp_path: Path
) -> None:
    export = ask(dataset, curator)
    shared = settings.MEDIA_ROOT
    settings.MEDIA_ROOT = tmp_path / "of a GPU host"
    assert DatasetExport.objects.claim() is None
    settings.MEDIA_ROOT = shared
    assert done(export).state == Job.State.DONE


def test_old_files_go_and_come_back_bit_by_bit(dataset: Dataset, curator: User, settings: Settings) -> None:
    export = done(ask(dataset, curator))
    DatasetExport.objects.update(finished_at=timezone.now() - timedelta(days=settings.KEEP_EXPORTS_DAYS, hours=1))
    jobs.ring_if_any_waits()
    assert not export.path.exists()
    export.refresh_from_db()
    assert not export.can_be_downloaded
    again = done(ask(dataset, curator))
    assert again != export
    assert again.sha256 == export.sha256


def test_a_file_that_somebody_took_away_is_made_anew(dataset: Dataset, curator: User) -> None:
    export = done(ask(dataset, curator))
    export.path.unlink()
    assert ask(dataset, curator) != export


def test_an_import_is_a_job_too(sent: Path, curator: User) -> None:
    job = DatasetImport.objects.receive(ContentFile(sent.read_bytes(), "from Sendai.eln"), curator)
    jobs.do_waiting()
    job.refresh_from_db()
    assert (job.state, job.known) == (Job.State.DONE, False)
    assert job.dataset == Dataset.objects.get()
    assert not job.path.exists()
    spoilt = DatasetImport.objects.receive(ContentFile(b"no archive", "x.eln"), curator)
    jobs.do_waiting()
    spoilt.refresh_from_db()
    assert spoilt.state == Job.State.FAILED
    assert "no .eln archive" in str(spoilt.reason)


def test_names_of_files_are_plain(curator: User) -> None:
    for name, stem in {
        "All outcomes, 2026": "all-outcomes-2026-v1",
        "正20面体": "正20面体-v1",
        "??": "data-set-v1",
    }.items():
        assert stem_of(Dataset(name=name, version=1)) == stem


def test_uploads_pass_while_an_export_is_made(dataset: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    passed: list[str] = []
    monkeypatch.setattr(tasks, "screen_waiting", lambda: passed.append("screened"))
    ScreeningResult.objects.update(state="queued", level="")
    export = ask(dataset, curator)
    assert done(export).state == Job.State.DONE
    assert passed
