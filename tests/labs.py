"""Labs with databases and workers of their own, in processes of their own, for tests that kill them."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
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
        self.watchdog: subprocess.Popen[bytes] | None = None
        self.trainers: list[subprocess.Popen[bytes]] = []

    def run(self, *command: str) -> None:
        subprocess.run([sys.executable, *command], cwd=settings.BASE_DIR, env=self.environment, check=True)

    def start_worker(self) -> None:
        self.watchdog = self._start("worker")
        self.wait_until(self.has_beaten, "the first sign of life")

    def start_trainer(self, **environment: str) -> subprocess.Popen[bytes]:
        self.trainers.append(self._start("worker", "--training", **environment))
        return self.trainers[-1]

    def _start(self, *command: str, **environment: str) -> subprocess.Popen[bytes]:
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [sys.executable, "manage.py", *command],
                cwd=settings.BASE_DIR,
                env=self.environment | environment,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def fill(self, n_patterns: int, *beginning_at: float) -> None:
        self.run("tests/screening/fill_lab.py", str(n_patterns), *map(str, beginning_at))

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
        assert self.watchdog
        return sorted(descendants(self.watchdog.pid))

    def screeners(self) -> list[int]:
        """The processes that screen: the ones that have torch."""
        return [pid for pid in self.processes() if b"libtorch" in read_proc(pid, "maps")]

    def wait_until(self, condition: Callable[[], bool], what: str, within: float = PATIENCE) -> None:
        until = time.monotonic() + within
        while not condition():
            assert time.monotonic() < until, f"waited {within} s for {what}:\n{self.log.read_text()[-4000:]}"
            time.sleep(0.1)

    def stop(self, how: signal.Signals = signal.SIGTERM, within: float = 10) -> list[int]:
        """Ask the worker to stop; returns what of it was still there after ``within`` seconds, and ends that."""
        assert self.watchdog
        everything = [self.watchdog.pid, *self.processes()]
        self.watchdog.send_signal(how)
        with suppress(subprocess.TimeoutExpired):
            self.watchdog.wait(within)
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


@pytest.fixture(scope="session")
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
        if lab.watchdog and is_alive(lab.watchdog.pid):
            assert lab.stop() == []
        for trainer in lab.trainers:
            trainer.terminate()
            assert trainer.wait(20) in (0, -signal.SIGKILL), lab.log.read_text()[-4000:]
        connections[ALIAS].close()
        del connections[ALIAS], connections.settings[ALIAS]


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
