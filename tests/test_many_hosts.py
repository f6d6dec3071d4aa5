"""Two hosts with a web server and a worker each, in processes of their own with data folders of their own, on one PostgreSQL.

Their files lie in a bucket. The server that speaks S3 is a stand-in (tests/buckets.py), and the two hosts are one machine.
"""

from __future__ import annotations

import hashlib
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

import dj_database_url
import pytest
from django.conf import settings
from django.db import connection, connections
from django_q.models import Schedule
from pytest_django import DjangoDbBlocker

from benchmarks.own_lab import wait_for_port
from benchmarks.upload import Browser
from lims.uploader import icosa_upload
from samples.models import Pattern
from samples.store import MARKER
from screening.models import ArchiveScreening, DatasetExport, ScreeningResult, WorkerHeartbeat
from screening.models.results import ARCHIVE_BATCHES, ScreeningResultQuerySet
from tests.buckets import KEYS, S3Server, free_port
from tests.buckets import s3_server as s3_server
from tests.factories import pattern_text
from tests.labs import ALIAS, Databases, Lab, is_alive

pytestmark = [pytest.mark.workers, pytest.mark.slow, pytest.mark.xdist_group("hosts")]

N_SENT = 24
N_ARCHIVED = 2000
N_FRESH = 2
AT_ONCE = 32 * ARCHIVE_BATCHES
"""Rows of the archive that a worker claims."""
SECRET_KEY = "the same on both hosts, as it must be: fifty characters or more"


class Host(Lab):
    """One of them. It has a folder that was empty, a worker with one process that screens, and a web server."""

    def __init__(self, name: str, folder: Path, database_url: str, files: str) -> None:
        folder.mkdir()
        super().__init__(folder, database_url)
        self.name, self.port = name, free_port()
        self.address = f"http://127.0.0.1:{self.port}"
        self.environment |= {
            **KEYS,
            "ICOSA_FILES": files,
            "ICOSA_HOST_NAME": name,
            "SECRET_KEY": SECRET_KEY,
            "SCREENING_WORKERS": "1",
            "SCREENING_LEASE": "60",  # and patience as in a lab: here it is about order, and two stop at once
            "WORKER_SILENCE": "30",
        }
        self.web: subprocess.Popen[bytes] | None = None

    def begin(self) -> None:
        """Start both; whoever calls waits."""
        self.watchdog = self._start("worker")
        self.begin_web()

    def begin_web(self) -> None:
        command = ("-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{self.port}", "--worker-class", "gthread")
        with self.log.open("ab") as log:
            self.web = subprocess.Popen(
                [sys.executable, *command, "--threads", "4", "--preload", "--log-level", "warning"],
                cwd=settings.BASE_DIR, env=self.environment, stdout=log, stderr=log,
            )  # fmt: skip

    def end(self) -> list[int]:
        if self.web:
            self.web.terminate()
            self.web.wait(10)
        return self.stop(within=30) if self.watchdog and is_alive(self.watchdog.pid) else []


@dataclass
class Hosts:
    one: Host
    other: Host
    key: str
    bucket: str

    @property
    def both(self) -> tuple[Host, Host]:
        return self.one, self.other

    @property
    def results(self) -> ScreeningResultQuerySet:
        return self.one.results

    def logs(self) -> str:
        return "".join(f"{host.name}:\n{host.log.read_text()[-3000:]}\n" for host in self.both)

    def send(self, names: list[str]) -> dict[str, bytes]:
        """Send files by the API, to one host and the other in turn."""
        doors = [icosa_upload.Lab(host.address, self.key, "hosts") for host in self.both]
        contents = {name: pattern_text(seed=int.from_bytes(name.encode()), step=0.05) for name in names}
        for number, (name, content) in enumerate(contents.items()):
            doors[number % 2].deliver(name, content)
        return contents


@pytest.fixture(scope="module")
def hosts(
    s3_server: S3Server,  # first: it starts while the database is made
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[Hosts]:
    if connection.vendor != "postgresql":
        pytest.skip("several hosts need PostgreSQL: SQLite is a file of one")
    folder, url, bucket = tmp_path_factory.mktemp("hosts"), databases.copy(), f"lab-{uuid4().hex[:8]}"
    files = s3_server.make_bucket(bucket)
    one, other = (Host(name, folder / name, url, files) for name in ("host-a", "host-b"))
    with django_db_blocker.unblock():
        connections.settings[ALIAS] = {**settings.DATABASES["default"], **dj_database_url.parse(url)}
        try:
            for host in (one, other):
                host.begin()
            filled = subprocess.run(
                [sys.executable, "tests/screening/hosts_lab.py", "fill", str(N_ARCHIVED)],
                cwd=settings.BASE_DIR, env=one.environment, check=True, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            hosts = Hosts(one, other, filled.stdout.split()[-1], bucket)
            for host in hosts.both:
                wait_for_port(host.port)
            one.wait_until(lambda: set(alive()) == {"host-a", "host-b"}, "signs of life of both")
            yield hosts
        finally:
            with ThreadPoolExecutor() as threads:
                left = [pid for pids in threads.map(Host.end, (one, other)) for pid in pids]
            connections[ALIAS].close()
            del connections[ALIAS], connections.settings[ALIAS]
    assert left == []


def alive() -> list[str]:
    return list(WorkerHeartbeat.objects.using(ALIAS).exclude(beat_at=None).values_list("host", flat=True))


def test_what_is_sent_through_two_doors_is_screened_once_and_given_out_by_both(hosts: Hosts) -> None:
    sent = hosts.send([f"sent-{number}.xy" for number in range(N_SENT)])
    mine = hosts.results.filter(reading__pattern__name__startswith="sent-")
    hosts.one.wait_until(lambda: mine.done().count() == N_SENT, "all that was sent, screened")
    assert mine.values("reading", "model_version").distinct().count() == mine.count() == N_SENT
    assert set(mine.values_list("attempts", flat=True)) == {1}
    browser = Browser(hosts.one.address)  # signed in on one host, and thereby on the other
    for host in hosts.both:
        browser.address = host.address
        for pattern in Pattern.objects.using(ALIAS).filter(name__in=sorted(sent)[:4]):
            assert browser.get(f"/patterns/{pattern.pk}/original/").encode() == sent[pattern.name]
        page = browser.get("/")
        assert "2 workers are running" in page
        assert "host-a, host-b" in page


def test_each_host_keeps_nothing_but_its_own_passing_things(hosts: Hosts, s3_server: S3Server) -> None:
    sent = hosts.send(["kept-0.xy", "kept-1.xy"])
    kept = [path for host in hosts.both for path in Path(host.environment["ICOSA_DATA"]).rglob("*") if path.is_file()]
    assert {path.name for path in kept} <= {"worker.log"}
    in_the_bucket = {name.rpartition("/")[2] for name in s3_server.names_in(hosts.bucket) if "/patterns/" in name}
    assert in_the_bucket >= {hashlib.sha256(content).hexdigest() for content in sent.values()}


def test_an_export_is_made_by_a_host_that_had_an_empty_folder_and_given_out_by_both(hosts: Hosts) -> None:
    exports = DatasetExport.objects.using(ALIAS)
    hosts.one.wait_until(lambda: exports.get().state in {"done", "failed"}, "an export")
    export = exports.get()
    assert export.state == "done", export.reason
    browser = Browser(hosts.one.address)
    for host in hosts.both:
        with browser.opener.open(f"{host.address}/exports/{export.pk}/download/") as answer:
            assert hashlib.sha256(answer.read()).hexdigest() == export.sha256


def test_two_workers_that_start_at_once_schedule_nothing_twice(hosts: Hosts) -> None:
    names = list(Schedule.objects.using(ALIAS).values_list("name", flat=True))
    assert sorted(names) == sorted({*names})
    assert {"screen what waits", "empty the trash"} <= set(names)


def test_two_web_servers_share_a_folder(hosts: Hosts, tmp_path: Path) -> None:
    """The workers are those from before, which have not mounted it: they need no files to screen."""
    share, url = tmp_path / "share", hosts.one.environment["DATABASE_URL"]
    share.mkdir()
    (share / MARKER).touch()
    one, other = (Host(name, tmp_path / name, url, str(share)) for name in ("host-d", "host-e"))
    webs = Hosts(one, other, hosts.key, "")
    try:
        for web in webs.both:
            web.begin_web()
        for web in webs.both:
            wait_for_port(web.port)
        sent = webs.send([f"shared-{number}.xy" for number in range(4)])
        mine = hosts.results.filter(reading__pattern__name__startswith="shared-")
        hosts.one.wait_until(lambda: mine.done().count() == len(sent), "all that was sent, screened")
        browser = Browser(webs.one.address)
        for web in webs.both:
            browser.address = web.address
            for pattern in Pattern.objects.using(ALIAS).filter(name__in=sent):
                assert browser.get(f"/patterns/{pattern.pk}/original/").encode() == sent[pattern.name]
        assert len([path for path in (share / "patterns").rglob("*") if path.is_file()]) == len(sent)
    finally:
        assert [pid for web in webs.both for pid in web.end()] == []


def test_a_host_with_another_key_is_told_so_and_takes_nothing(hosts: Hosts, tmp_path: Path) -> None:
    stranger = Host("host-c", tmp_path / "host-c", hosts.one.environment["DATABASE_URL"], "")
    stranger.environment["SECRET_KEY"] = "x" * 50
    stranger.watchdog = stranger._start("worker")
    stranger.wait_until(lambda: "The SECRET_KEY of this host is not that" in stranger.log.read_text(), "the sentence")
    assert "Set the same SECRET_KEY on each host" in stranger.log.read_text()
    assert "host-c" not in alive()
    assert stranger.end() == []


def test_fresh_uploads_overtake_a_rescreen_that_both_hosts_are_at(hosts: Hosts) -> None:
    hosts.one.run("tests/screening/hosts_lab.py", "rescreen")
    rescreened = hosts.results.filter(run__why="rescreen")
    at_work = 0
    while at_work < 2:
        at_work = rescreened.filter(state=ScreeningResult.State.RUNNING).values("lease").distinct().count()
        assert rescreened.done().count() < N_ARCHIVED // 2, "the archive is done by one of the two alone"
        time.sleep(0.01)
    hosts.send([f"fresh-{number}.xy" for number in range(N_FRESH)])
    archive = ArchiveScreening.objects.using(ALIAS)
    hosts.one.wait_until(lambda: archive.get().finished_at is not None and hosts.one.all_done(), "everything")
    fresh = list(hosts.results.filter(reading__pattern__name__startswith="fresh-"))
    assert len(fresh) == N_FRESH
    for result in fresh:
        assert result.finished_at
        before = rescreened.filter(finished_at__range=(result.queued_at, result.finished_at)).count()
        assert before <= 2 * AT_ONCE, "of the archive, only what was in hands goes first"
    assert rescreened.filter(finished_at__gt=max(one.finished_at for one in fresh if one.finished_at)).exists()
    assert rescreened.values("reading").distinct().count() == rescreened.count()
    assert set(hosts.results.filter(run__why="rescreen").values_list("attempts", flat=True)) == {1}, hosts.logs()
