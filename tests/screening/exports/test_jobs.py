"""An export is a job: asked for once, killed and taken again, stopped by a full disk with a sentence, kept for a while."""

from __future__ import annotations

import resource
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.utils import timezone
from pytest_django import Settings

from mlmodels.export.contents import ExportRefused
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset
from samples.models import Reading, Sample
from samples.models.projects import Project
from samples.store import store
from screening import tasks
from screening.exports import jobs
from screening.models import DatasetExport, DatasetImport, ScreeningResult
from screening.models.exports import stem_of
from screening.models.jobs import LEASE, Job
from tests.factories import UserFactory
from tests.mlmodels.test_export_formats import ALL
from tests.screening.frozen import alter, freeze

pytestmark = pytest.mark.django_db

PLAIN = Wanted()


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
    assert export.sha256 == sha256_of(Path(store.path(export.stored_name)))
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
    assert list(Path(store.path(export.stored_name)).parent.iterdir()) == []
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
    assert list(Path(store.path(export.stored_name)).parent.iterdir()) == []


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
    assert not store.exists(export.stored_name)
    export.refresh_from_db()
    assert not export.can_be_downloaded
    again = done(ask(dataset, curator))
    assert again != export
    assert again.sha256 == export.sha256


def test_a_file_that_somebody_took_away_is_made_anew(dataset: Dataset, curator: User) -> None:
    export = done(ask(dataset, curator))
    store.delete(export.stored_name)
    assert ask(dataset, curator) != export


def test_an_import_is_a_job_too(sent: Path, curator: User) -> None:
    job = DatasetImport.objects.receive(ContentFile(sent.read_bytes(), "from Sendai.eln"), curator)
    jobs.do_waiting()
    job.refresh_from_db()
    assert (job.state, job.known) == (Job.State.DONE, False)
    assert job.dataset == Dataset.objects.get()
    assert not store.exists(job.file)
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
