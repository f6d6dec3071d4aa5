"""A large set is frozen by a worker: what was signed for and nothing else, whole or not at all, whoever is killed meanwhile."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from mlmodels.models import Dataset, DatasetEntry, DatasetError, Freeze
from samples.models import Pattern
from screening.curation import freezing
from screening.curation.drawing import Drawing
from screening.exports import jobs
from screening.models import DatasetExport, FreezingJob
from screening.models.jobs import Job
from tests.factories import UserFactory
from tests.screening.curated import draft_of, judged_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(client: Client) -> User:
    person = UserFactory.create(roles=["curator", "microscopist"])
    client.force_login(person)
    return person


@pytest.fixture
def draft(curator: User) -> Dataset:
    for verdict in ("confirmed", "refuted", "refuted"):
        judged_pattern(curator, verdict)
    return draft_of(curator)


def ask(draft: Dataset, by: User) -> FreezingJob:
    drawing = Drawing(draft, by)
    return FreezingJob.objects.ask(draft, by, "all of it", seen=drawing.sha256, n_entries=len(drawing.entries))


def test_it_is_frozen_as_it_was_seen(draft: Dataset, curator: User) -> None:
    job = ask(draft, curator)
    assert ask(draft, curator) == job
    jobs.do_waiting()
    job.refresh_from_db()
    draft = Dataset.objects.get(pk=draft.pk)
    assert (job.state, job.n_done) == (Job.State.DONE, 3)
    assert (draft.sha256, draft.n_entries) == (job.seen, 3)
    signed = Freeze.objects.get()
    assert (signed.signer, signed.reason) == (curator, "all of it")


def test_what_was_signed_meanwhile_is_in_none_that_nobody_saw(draft: Dataset, curator: User) -> None:
    job = ask(draft, curator)
    judged_pattern(curator, "confirmed")
    jobs.do_waiting()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (Job.State.FAILED, 1)
    assert "The record was changed while you looked" in str(job.reason)
    assert not DatasetEntry.objects.exists()
    assert not FreezingJob.objects.unfinished().exists()


def test_a_file_that_is_missing_is_named(draft: Dataset, curator: User) -> None:
    (Path(Pattern.objects.earliest("pk").file.content.path)).unlink()
    job = ask(draft, curator)
    jobs.do_waiting()
    job.refresh_from_db()
    assert "original files are missing" in str(job.reason)
    assert not Dataset.objects.get(pk=draft.pk).is_frozen


def test_killed_midway_nothing_is_written_and_another_worker_freezes_it(
    draft: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Killed(BaseException):
        pass

    def die(*_arguments: object, **_options: object) -> None:
        raise Killed

    job = ask(draft, curator)
    with monkeypatch.context() as killed:
        killed.setattr("screening.curation.freezing.LabelEvidence.objects.bulk_create", die)
        with pytest.raises(Killed):
            jobs.do_waiting()
    assert not DatasetEntry.objects.exists()
    assert not Freeze.objects.exists()
    assert FreezingJob.objects.claim() is None  # the lease of the one that was killed
    FreezingJob.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    jobs.do_waiting()
    job.refresh_from_db()
    assert (job.state, job.attempts) == (Job.State.DONE, 2)
    assert Dataset.objects.get(pk=draft.pk).n_entries == 3


def test_killed_between_the_freeze_and_its_note_it_is_done(draft: Dataset, curator: User) -> None:
    job = ask(draft, curator)
    FreezingJob.objects.claim()
    freezing.freeze(draft, curator, "all of it", seen=job.seen)
    FreezingJob.objects.update(leased_until=timezone.now() - timedelta(seconds=1))
    jobs.do_waiting()
    job.refresh_from_db()
    assert job.state == Job.State.DONE
    assert Freeze.objects.count() == 1


def test_who_may_not_freeze_or_gives_no_reason_asks_in_vain(draft: Dataset, curator: User) -> None:
    for by, reason, sentence in (
        (UserFactory.create(roles=["member"]), "mine", "frozen by curators"),
        (curator, " ", "Say what this version is for"),
    ):
        with pytest.raises(DatasetError, match=sentence):
            FreezingJob.objects.ask(draft, by, reason, seen="", n_entries=3)
    assert not FreezingJob.objects.exists()


def test_a_host_without_the_files_leaves_it_to_one_that_has_them(
    draft: Dataset, curator: User, settings: Settings, tmp_path: Path
) -> None:
    ask(draft, curator)
    settings.MEDIA_ROOT = tmp_path / "of a GPU host"
    assert FreezingJob.objects.claim() is None


def test_the_bell_of_every_minute_rings_for_it(draft: Dataset, curator: User, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[str] = []
    monkeypatch.setattr(jobs, "ring_jobs", lambda: rung.append("rung"))
    jobs.ring_if_any_waits()
    assert not rung
    ask(draft, curator)
    jobs.ring_if_any_waits()
    assert rung
    assert not DatasetExport.objects.exists()


class TestPages:
    def sign(self, client: Client, draft: Dataset, curator: User) -> str:
        seen = Drawing(draft, curator).sha256
        sent = {"seen": seen, "n": 3, "reason": "all of it", "agreed": "on"}
        return client.post(f"{draft.get_absolute_url()}freeze/", sent, follow=True).content.decode()

    def test_a_small_set_is_frozen_at_once(self, client: Client, curator: User, draft: Dataset) -> None:
        assert "All outcomes v1 is frozen." in self.sign(client, draft, curator)
        assert not FreezingJob.objects.exists()

    def test_a_large_one_says_how_far_it_is(
        self, client: Client, curator: User, draft: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("screening.views.datasets.MOST_TO_FREEZE_HERE", 2)
        shown = self.sign(client, draft, curator)
        job = FreezingJob.objects.get()
        assert "It is signed for, and waits for a worker" in shown
        assert "Freeze…" not in shown
        assert "It is being frozen just now." in self.sign(client, draft, curator)
        part = f"/freezings/{job.pk}/"
        assert f'hx-get="{part}"' in shown
        FreezingJob.objects.update(state="running", n_done=2)
        assert "The files and numbers of 2 of 3 patterns are looked at" in client.get(part).content.decode()
        FreezingJob.objects.update(state="queued", n_done=0)
        jobs.do_waiting()
        assert client.get(part).headers["HX-Refresh"] == "true"
        assert "frozen by" in client.get(draft.get_absolute_url()).content.decode()

    def test_one_that_failed_says_why_and_may_be_signed_for_again(
        self, client: Client, curator: User, draft: Dataset, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("screening.views.datasets.MOST_TO_FREEZE_HERE", 2)
        self.sign(client, draft, curator)
        judged_pattern(curator, "confirmed")
        jobs.do_waiting()
        shown = client.get(draft.get_absolute_url()).content.decode()
        assert "The record was changed while you looked at it" in shown
        assert "Freeze…" in shown


class TestCommand:
    def test_it_signs_for_a_person(self, curator: User, draft: Dataset, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("freeze_dataset", draft.name, person=curator.username, reason="all of it")
        assert "All outcomes v1 is frozen: 3 entries" in capsys.readouterr().out
        assert Freeze.objects.get().signer == curator

    @pytest.mark.parametrize(
        ("said", "sentence"),
        [
            ({"name": "Nothing"}, "There is no draft of “Nothing”"),
            ({"person": "nobody"}, "There is no active person “nobody”"),
            ({"reason": ""}, "Say what this version is for"),
        ],
    )
    def test_what_it_lacks(self, curator: User, draft: Dataset, said: dict[str, str], sentence: str) -> None:
        asked = {"name": draft.name, "person": curator.username, "reason": "all of it"} | said
        with pytest.raises(CommandError, match=sentence):
            call_command("freeze_dataset", asked["name"], person=asked["person"], reason=asked["reason"])
        assert not Freeze.objects.exists()
