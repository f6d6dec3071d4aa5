"""The uploader as a process of its own against a server that is really there; and `manage.py watch`."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django.live_server_helper import LiveServer

from lims.management.commands.watch import Lab as OwnLab
from lims.models import ApiKey
from lims.uploader import icosa_upload
from lims.uploader.icosa_upload import Folder, Journal, Lab, NotLetIn, Refused, Standing, Unreachable, Watcher
from mlmodels.models import ModelVersion
from samples.models import Pattern, PatternFile
from screening.models import InstrumentHeartbeat, ScreeningRun
from tests.factories import SampleFactory, UserFactory, pattern_text

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def secret() -> str:
    owner = UserFactory.create(username="diffractometer", roles=["member"])
    return ApiKey.objects.issue(owner, name="SmartLab", scopes=["upload"], valid_for=timedelta(days=1))[1]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "measured"
    folder.mkdir()
    return folder


Start = Callable[[], "subprocess.Popen[bytes]"]


@pytest.fixture
def start(live_server: LiveServer, secret: str, folder: Path, tmp_path: Path) -> Iterator[Start]:
    started: list[subprocess.Popen[bytes]] = []
    (tmp_path / "key.txt").write_text(f"{secret}\n", encoding="utf-8-sig")

    def start() -> subprocess.Popen[bytes]:
        command = [
            *(sys.executable, icosa_upload.__file__, live_server.url, str(folder), "--instrument", "SmartLab"),
            *("--key-file", str(tmp_path / "key.txt"), "--every", "0.1", "--still", "0.3"),
            *("--journal", str(tmp_path / "journal.sqlite3"), "--log", str(tmp_path / "log.txt")),
        ]
        started.append(subprocess.Popen(command, env={"PATH": os.environ["PATH"]}))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def wait_for(condition: Callable[[], bool], seconds: float = 60) -> None:
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.05)


def test_killed_in_the_middle_nothing_is_lost_and_nothing_doubled(
    start: Start, folder: Path, tiny_version: ModelVersion
) -> None:
    names = [f"scan {number:02d} 測定.xy" for number in range(24)]
    for number, name in enumerate(names):
        (folder / name).write_bytes(pattern_text(number, step=0.1))
    for n_there in (3, 9, 15):
        process = start()
        wait_for(partial(_has_sent, folder, n_there))
        process.send_signal(signal.SIGKILL)
        process.wait()
    process = start()
    wait_for(lambda: sent_from(folder) == len(names))
    stop(process)
    assert PatternFile.objects.count() == len(names)
    assert sorted(Pattern.objects.values_list("name", flat=True)) == names
    assert sorted(path.name for path in folder.iterdir()) == names


def _has_sent(folder: Path, n: int) -> bool:
    return sent_from(folder) >= n


def sent_from(folder: Path) -> int:
    """By the journal: the database of the tests cannot be asked while the server writes into it."""
    journal = Journal(str(folder.parent / "journal.sqlite3"))
    try:
        return len(journal.looked_at())
    finally:
        journal.close()


def stop(process: subprocess.Popen[bytes]) -> None:
    time.sleep(1)  # the server may still be writing what it was told last
    process.kill()
    process.wait()


def test_a_key_that_is_revoked_in_the_middle_keeps_the_queue(
    start: Start, folder: Path, tmp_path: Path, tiny_version: ModelVersion
) -> None:
    (folder / "first.xy").write_bytes(pattern_text(1, step=0.1))
    process = start()
    wait_for(lambda: sent_from(folder) == 1)
    time.sleep(1)
    ApiKey.objects.get().revoke()
    (folder / "second.xy").write_bytes(pattern_text(2, step=0.1))
    wait_for(lambda: "was revoked" in (tmp_path / "log.txt").read_text(encoding="utf-8"))
    assert process.poll() is None
    stop(process)
    owner = Pattern.objects.get().uploaded_by
    secret = ApiKey.objects.issue(owner, name="new", scopes=["upload"], valid_for=timedelta(days=1))[1]
    (tmp_path / "key.txt").write_text(secret)
    process = start()
    wait_for(lambda: sent_from(folder) == 2)
    stop(process)
    assert Pattern.objects.count() == 2


class TestLab:
    def test_the_folder_finds_the_sample_and_a_day_is_one_upload(
        self, live_server: LiveServer, secret: str, tiny_version: ModelVersion
    ) -> None:
        SampleFactory.create(code="ASR-001")
        lab = Lab(live_server.url, secret, "SmartLab")
        assert lab.deliver("ASR-001/long scan.xy", pattern_text(1)) == ""
        lab.deliver('a "b" \\ 測定.xy', pattern_text(2))
        assert "here already" in lab.deliver("again.xy", pattern_text(1))
        run = ScreeningRun.objects.get()
        assert {row.path for row in run.received.all()} >= {"ASR-001/long scan.xy"}

        run.undo(run.started_by)
        lab.deliver("after.xy", pattern_text(3))
        assert ScreeningRun.objects.count() == 2

    def test_what_the_lab_refuses_comes_with_its_sentence(self, live_server: LiveServer, secret: str) -> None:
        lab = Lab(live_server.url, secret, "SmartLab")
        with pytest.raises(Refused, match="MB"):
            lab.deliver("huge.xy", b"1 2\n" * 6_000_000)
        assert not Pattern.objects.exists()

    def test_a_wrong_key_a_wrong_address_and_no_server(self, live_server: LiveServer, secret: str) -> None:
        with pytest.raises(NotLetIn, match="not known here"):
            Lab(live_server.url, "icosa_wrong", "x").deliver("a.xy", b"1")
        with pytest.raises(NotLetIn):
            Lab(f"{live_server.url}/somewhere", secret, "x").deliver("a.xy", b"1")
        with pytest.raises(Unreachable, match="Files wait here"):
            Lab("http://127.0.0.1:9", secret, "x", timeout=2).deliver("a.xy", b"1")

    def test_a_sign_of_life_is_shown_on_the_home_page(
        self, live_server: LiveServer, secret: str, client: Client
    ) -> None:
        Lab(live_server.url, secret, "SmartLab").beat(Standing(3, 1, "scan.ras", ""))
        client.force_login(UserFactory.create(roles=["member"]))
        page = " ".join(client.get("/").content.decode().split())
        assert "SmartLab</strong> is connected" in page
        assert "3 files wait there" in page
        assert "last file: scan.ras" in page
        InstrumentHeartbeat.objects.update(heard_at=timezone.now() - timedelta(minutes=25))
        assert "not heard for 25" in " ".join(client.get("/").content.decode().split())
        InstrumentHeartbeat.objects.update(heard_at=timezone.now() - timedelta(days=40))
        assert "SmartLab" not in client.get("/").content.decode()


class TestHeartbeat:
    def send(self, client: Client, secret: str, **said: object) -> int:
        headers = {"Authorization": f"Bearer {secret}"}
        return client.post("/api/v1/heartbeats/", said, "application/json", headers=headers).status_code

    def test_the_last_word_counts(self, client: Client, secret: str) -> None:
        assert self.send(client, secret, instrument="SmartLab", n_waiting=4) == 200
        assert self.send(client, secret, instrument="SmartLab", n_waiting=2) == 200
        assert InstrumentHeartbeat.objects.get().n_waiting == 2

    def test_bad_input(self, client: Client, secret: str) -> None:
        assert self.send(client, secret) == 400
        assert self.send(client, secret, instrument="x", n_waiting=-1) == 400
        assert self.send(client, secret, instrument="x" * 61) == 400
        assert not InstrumentHeartbeat.objects.exists()

    def test_needs_the_scope(self, client: Client) -> None:
        owner = UserFactory.create(roles=["member"])
        secret = ApiKey.objects.issue(owner, name="reads", scopes=["read"], valid_for=timedelta(days=1))[1]
        assert self.send(client, secret, instrument="x") == 403
        assert client.get("/api/v1/heartbeats/", headers={"Authorization": f"Bearer {secret}"}).json()["results"] == []


def test_the_uploader_is_offered_on_the_page_of_keys(client: Client) -> None:
    client.force_login(UserFactory.create(roles=["member"]))
    assert "/keys/icosa_upload.py" in client.get("/keys/").content.decode()
    sent = client.get("/keys/icosa_upload.py")
    assert b"".join(sent) == Path(icosa_upload.__file__).read_bytes()
    assert "attachment" in sent["Content-Disposition"]


class TestWatchCommand:
    def test_it_takes_in_what_lies_in_a_folder(self, folder: Path, tmp_path: Path, tiny_version: ModelVersion) -> None:
        SampleFactory.create(code="ASR-001")
        UserFactory.create(username="share", roles=["member"])
        lab = OwnLab("share", "share: measured")
        journal = Journal(str(tmp_path / "journal.sqlite3"))
        watcher = Watcher(Folder(str(folder)), journal, lab.deliver, lab.beat, still_for=0)
        (folder / "ASR-001 a.xy").write_bytes(pattern_text(1))
        (folder / "huge.xy").write_bytes(b"1 2\n" * 6_000_000)
        watcher.step()
        watcher.step()
        pattern = Pattern.objects.get()
        assert pattern.sample
        assert (pattern.sample.code, pattern.uploaded_by.username) == ("ASR-001", "share")
        watcher.next_beat = 0
        watcher.step()
        heartbeat = InstrumentHeartbeat.objects.get()
        assert (heartbeat.n_waiting, heartbeat.n_refused, heartbeat.last_file) == (0, 1, "ASR-001 a.xy")

    def test_whoever_may_not_upload_is_told_so(self, folder: Path) -> None:
        UserFactory.create(username="guest")
        with pytest.raises(CommandError, match="may upload"):
            call_command("watch", str(folder), person="guest")
        with pytest.raises(CommandError, match="There is no folder"):
            call_command("watch", str(folder / "nowhere"), person="guest")
