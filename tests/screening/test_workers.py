"""Real workers in processes of their own, killed in the ways that workers get killed."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import dj_database_url
import psycopg
import pytest
from django.conf import settings
from django.db import connection, connections
from psycopg import sql
from pytest_django import DjangoDbBlocker

from screening.models import ScreeningResult, WorkerHeartbeat
from screening.models.results import ScreeningResultQuerySet

pytestmark = [pytest.mark.workers, pytest.mark.slow]

ALIAS = "lab"
PATIENCE = 120.0
"""Seconds; on an idle machine everything that is waited for here happens within ten."""


class Lab:
    """A lab with a database of its own and a real `manage.py worker`."""

    def __init__(self, folder: Path, database_url: str) -> None:
        self.environment = {
            **os.environ,
            "ICOSA_DATA": str(folder),
            "DATABASE_URL": database_url,
            "DJANGO_SETTINGS_MODULE": "tests.worker_settings",
            "PYTHONPATH": str(settings.BASE_DIR),
        }
        self.log = folder / "worker.log"

    def run(self, *command: str) -> None:
        subprocess.run([sys.executable, *command], cwd=settings.BASE_DIR, env=self.environment, check=True)

    def start_worker(self) -> None:
        command = [sys.executable, "manage.py", "worker"]
        with self.log.open("ab") as log:
            self.watchdog = subprocess.Popen(
                command, cwd=settings.BASE_DIR, env=self.environment, stdout=log, stderr=log, start_new_session=True
            )
        self.wait_until(self.has_beaten, "the first sign of life")

    def fill(self, n_patterns: int) -> None:
        self.run("tests/screening/fill_lab.py", str(n_patterns))

    @property
    def results(self) -> ScreeningResultQuerySet:
        return ScreeningResult.objects.using(ALIAS)

    def has_beaten(self) -> bool:
        return WorkerHeartbeat.objects.using(ALIAS).exclude(beat_at=None).exists()

    def all_done(self) -> bool:
        return not self.results.exclude(state=ScreeningResult.State.DONE).exists()

    def beats_again(self) -> bool:
        beat = WorkerHeartbeat.objects.using(ALIAS).get().beat_at
        time.sleep(1)
        return WorkerHeartbeat.objects.using(ALIAS).get().beat_at != beat

    def processes(self) -> list[int]:
        """The cluster's processes, in the order in which they were started: its master first."""
        return sorted(descendants(self.watchdog.pid))

    def screeners(self) -> list[int]:
        """The processes that screen: the ones that have torch."""
        return [pid for pid in self.processes() if b"libtorch" in read_proc(pid, "maps")]

    def wait_until(self, condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
        until = time.monotonic() + within
        while not condition():
            assert time.monotonic() < until, f"waited {within} s for {what}:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM) -> list[int]:
        """Ask the worker to stop; returns what of it was still there 10 s later, and ends that."""
        everything = [self.watchdog.pid, *self.processes()]
        self.watchdog.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            self.watchdog.wait(10)
        left = [pid for pid in everything if is_alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return left


class Databases:
    """Databases for labs, of the kind that the tests run on; each is a copy of one that was migrated once."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.server = os.environ["DATABASE_URL"] if connection.vendor == "postgresql" else ""
        self.names = [f"icosa_workers_{uuid4().hex[:8]}"]
        self._sql("CREATE DATABASE {}", self.names[0])
        Lab(folder, self.url(self.names[0])).run("manage.py", "migrate", "--verbosity=0")

    def url(self, name: str) -> str:
        if self.server:
            return f"{self.server.rpartition('/')[0]}/{name}"
        return f"sqlite:///{self.folder / name}.sqlite3"

    def copy(self) -> str:
        """The address of a new, migrated database."""
        self.names.append(f"{self.names[0]}_{len(self.names)}")
        self._sql("CREATE DATABASE {} TEMPLATE {}", self.names[-1], self.names[0])
        if not self.server:
            shutil.copy(self.folder / f"{self.names[0]}.sqlite3", self.folder / f"{self.names[-1]}.sqlite3")
        return self.url(self.names[-1])

    def drop(self) -> None:
        for name in reversed(self.names):
            self._sql("DROP DATABASE {} WITH (FORCE)", name)

    def _sql(self, command: LiteralString, *names: str) -> None:
        if self.server:
            with psycopg.connect(self.server, autocommit=True) as server:
                server.execute(sql.SQL(command).format(*map(sql.Identifier, names)))


@pytest.fixture(scope="module")
def databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Databases]:
    made = Databases(tmp_path_factory.mktemp("databases"))
    yield made
    made.drop()


@pytest.fixture
def lab(tmp_path: Path, databases: Databases, django_db_blocker: DjangoDbBlocker) -> Iterator[Lab]:
    url = databases.copy()
    with django_db_blocker.unblock():
        connections.settings[ALIAS] = {**settings.DATABASES["default"], **dj_database_url.parse(url)}
        lab = Lab(tmp_path, url)
        yield lab
        if is_alive(lab.watchdog.pid):
            assert lab.stop() == []
        connections[ALIAS].close()
        del connections[ALIAS], connections.settings[ALIAS]


def test_a_worker_killed_in_the_middle_of_a_batch_loses_and_doubles_nothing(lab: Lab) -> None:
    lab.start_worker()
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    filling = subprocess.Popen(
        [sys.executable, "tests/screening/fill_lab.py", "150"], cwd=settings.BASE_DIR, env=lab.environment
    )
    killed = kill_in_mid_batch(lab)
    assert filling.wait(PATIENCE) == 0
    lab.wait_until(lab.all_done, "all patterns screened, also those of the killed worker")
    attempts = Counter(lab.results.values_list("attempts", flat=True))
    assert killed > 0
    assert attempts == {1: 150 - killed, 2: killed}
    assert lab.results.values("reading").distinct().count() == 150
    assert not lab.results.filter(probability=None).exists()


def kill_in_mid_batch(lab: Lab) -> int:
    """Stop the workers' clocks until one is caught with rows in its hands, kill it, and say how many rows it held."""
    (first, second) = lab.screeners()
    for _ in range(2000):
        os.kill(first, signal.SIGSTOP)
        os.kill(second, signal.SIGSTOP)
        held = lab.results.filter(state=ScreeningResult.State.RUNNING).count()
        if held:
            os.kill(first, signal.SIGKILL)
            os.kill(second, signal.SIGKILL)
            return held
        os.kill(first, signal.SIGCONT)
        os.kill(second, signal.SIGCONT)
        time.sleep(0.01)
    raise AssertionError("no worker was ever caught in the middle of a batch")


def test_the_watchdog_starts_a_cluster_anew_that_is_silently_dead(lab: Lab) -> None:
    """Killed while idle, one of the two held the lock of the queue: whoever comes after waits for it for ever."""
    lab.start_worker()
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    before = lab.processes()
    for pid in lab.screeners():
        os.kill(pid, signal.SIGKILL)
    lab.wait_until(lambda: lab.processes() != [] and not set(before) & set(lab.processes()), "a new cluster")
    lab.wait_until(lab.beats_again, "its signs of life")
    assert not [pid for pid in before if is_alive(pid)]
    lab.fill(3)
    lab.wait_until(lab.all_done, "patterns screened by the new cluster")


def test_the_watchdog_starts_a_cluster_anew_whose_master_was_killed(lab: Lab) -> None:
    lab.start_worker()
    before = lab.processes()
    os.kill(before[0], signal.SIGKILL)
    lab.wait_until(lambda: not [pid for pid in before if is_alive(pid)], "the orphans' end")
    lab.wait_until(lab.beats_again, "signs of life of the new cluster")
    assert not set(before) & set(lab.processes())


def test_a_cluster_stops_by_itself_when_its_watchdog_was_killed(lab: Lab) -> None:
    lab.start_worker()
    before = lab.processes()
    lab.watchdog.kill()
    lab.watchdog.wait()
    lab.wait_until(lambda: not [pid for pid in before if is_alive(pid)], "the end of the cluster")


def test_only_spawned_processes_have_torch_and_ctrl_c_stops_everything_within_seconds(lab: Lab) -> None:
    """SIGTERM does so at the end of every other test here."""
    lab.start_worker()
    assert len(lab.processes()) >= 6  # master, sentinel, two workers, monitor, pusher
    lab.wait_until(lambda: len(lab.screeners()) == 2, "two warm workers")
    spawned = [pid for pid in lab.processes() if b"spawn_main" in read_proc(pid, "cmdline")]
    assert spawned == lab.screeners()  # nothing that forks ever had torch
    assert lab.stop(signal.SIGINT) == []
    assert lab.watchdog.returncode == 0
    assert not WorkerHeartbeat.objects.using(ALIAS).exists()


def read_proc(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except (FileNotFoundError, ProcessLookupError):
        return b""


def is_alive(pid: int) -> bool:
    state = read_proc(pid, "stat").rpartition(b")")[2].split()
    return bool(state) and state[0] != b"Z"


def descendants(pid: int) -> set[int]:
    parents = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := read_proc(int(folder.name), "stat").rpartition(b")")[2].split()):
            parents[int(folder.name)] = int(fields[1])
    found, new = set(), {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new and is_alive(child)}
        found |= new
    return found
