"""A PostgreSQL that does not die but freezes: it takes what it is sent, and answers nothing. On one that the test starts for itself."""

from __future__ import annotations

import hashlib
import json
import signal
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg
import pytest
from django.db import OperationalError, connection
from pytest_django import DjangoDbBlocker

from benchmarks.api_upload import MAKE_KEY
from benchmarks.chaos_onlookers import WHY, plain
from benchmarks.own_lab import OwnLab, postgresql_tools, tell, three_free_ports
from benchmarks.upload import MAKE_PERSON, Browser
from lims import patience
from lims.patience import GRACE
from lims.uploader import icosa_upload
from tests.factories import pattern_text

pytestmark = [pytest.mark.workers, pytest.mark.slow, pytest.mark.xdist_group("frozen")]

PATIENCE = 3
FROZEN = 20.0
PROMPT = 3.0
"""Seconds on a machine that is busy with other tests, for what needs no database."""


@dataclass
class Answer:
    status: int
    said: str
    seconds: float

    @property
    def why(self) -> str:
        found = WHY.search(self.said)
        return plain(found.group(1)) if found else self.said[:200]


class FrozenLab(OwnLab):
    browser: Browser
    key: str

    def ask(self, path: str, language: str = "en") -> Answer:
        """As somebody who is signed in; under /api/ as an instrument, and under /healthz as a monitor."""
        headers = {"Accept-Language": language}
        if path.startswith("/api/"):
            headers["Authorization"] = f"Bearer {self.key}"
        elif not path.startswith("/healthz"):
            headers["Cookie"] = "; ".join(f"{cookie.name}={cookie.value}" for cookie in self.browser.cookies)
        began = time.monotonic()
        try:
            with urllib.request.urlopen(
                urllib.request.Request(self.address + path, headers=headers), timeout=60
            ) as answer:
                status, said = answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read().decode()
        return Answer(status, said, time.monotonic() - began)

    def send(self, seed: int) -> str:
        """SHA-256 of a file that the lab acknowledged."""
        content = pattern_text(seed=seed, step=0.05)
        icosa_upload.Lab(self.address, self.key, "frozen", timeout=60.0).deliver(f"{seed}.xy", content)
        return hashlib.sha256(content).hexdigest()

    def database(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(f"postgresql://icosa@127.0.0.1:{self.port + 2}/postgres")

    @contextmanager
    def frozen(self) -> Iterator[None]:
        assert self.server
        processes = self.server.processes()
        tell(processes, signal.SIGSTOP)
        try:
            yield
        finally:
            tell(processes, signal.SIGCONT)

    def wait_until(self, condition: Callable[[], bool], what: str, within: float = 90.0) -> None:
        until = time.monotonic() + within
        while not condition():
            assert time.monotonic() < until, f"waited {within} s for {what}\n{self.logs()}"
            time.sleep(0.2)

    def logs(self) -> str:
        return "".join((self.folder / f"{name}.log").read_text()[-3000:] for name in ("web", "worker"))


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrozenLab]:
    if connection.vendor != "postgresql" or postgresql_tools() is None:
        pytest.skip("needs PostgreSQL, and its programs on this machine")
    lab = FrozenLab(tmp_path_factory.mktemp("frozen"), three_free_ports(), on_postgresql=True)
    lab.environment |= {"ICOSA_DATABASE_PATIENCE": str(PATIENCE), "ICOSA_WORKERS": "1"}
    for service in (lab.web, lab.worker):
        service.environment |= lab.environment
    try:
        lab.start()
        for script in (MAKE_PERSON, MAKE_KEY):
            made = lab.manage("shell", "-v0", "-c", script)
            assert made.returncode == 0, made.stdout
        lab.key = made.stdout.split()[-1]
        lab.browser = Browser(lab.address)
        lab.wait_until(lambda: lab.ask("/healthz").status == 200, "the lab's start")
        yield lab
    finally:
        lab.stop()


@pytest.mark.skipif(connection.vendor != "postgresql", reason="SQLite has no server")
def test_a_question_has_an_end_where_it_was_given_one(django_db_blocker: DjangoDbBlocker) -> None:
    own = connection.copy()
    with django_db_blocker.unblock():
        try:
            with patience.at_most(0.5), own.cursor() as cursor, pytest.raises(OperationalError, match="not answer"):
                cursor.execute("SELECT pg_sleep(2)")
            own.close_if_unusable_or_obsolete()
            with own.cursor() as cursor:
                cursor.execute("SELECT pg_sleep(3)")
        finally:
            own.close()


def test_what_takes_too_long_is_withdrawn_and_said(lab: FrozenLab) -> None:
    with lab.database() as other:
        other.execute("LOCK TABLE samples_sample IN ACCESS EXCLUSIVE MODE")
        page, api, japanese = (
            lab.ask(path, language)
            for path, language in (("/samples/", "en"), ("/api/v1/samples/", "en"), ("/samples/", "ja"))
        )
        assert lab.ask("/healthz/ready").status == 200  # one table is not the database
    assert (page.status, api.status, japanese.status) == (503, 503, 503)
    assert page.why.startswith("The database took too long to answer, so what was asked of it was withdrawn.")
    assert json.loads(api.said)["error"]["message"] == page.why
    assert "データベース" in japanese.why
    assert max(page.seconds, api.seconds, japanese.seconds) < PATIENCE + GRACE
    assert "This could not be done now" in page.said
    assert lab.ask("/samples/").status == 200
    with lab.database() as connection:
        during = connection.execute("SELECT during FROM lims_fault ORDER BY during").fetchall()
    assert during == [("GET api/v1/samples/$",), ("GET samples/",)], "for the admins' page"


def test_commands_and_jobs_wait_as_long_as_it_takes(lab: FrozenLab) -> None:
    asked = "from django.db import connection as c; k = c.cursor(); k.execute('SHOW statement_timeout'); print(k.fetchone())"
    assert "('0',)" in lab.manage("shell", "-v0", "-c", asked).stdout


def test_a_frozen_database_holds_nobody_and_all_goes_on_by_itself(lab: FrozenLab) -> None:
    acknowledged = {lab.send(seed) for seed in range(4)}
    with ThreadPoolExecutor(16) as threads, lab.database() as other:
        other.execute("LOCK TABLE samples_sample IN ACCESS EXCLUSIVE MODE")
        in_the_midst = [threads.submit(lab.ask, "/samples/")]
        time.sleep(1.0)  # it waits for its answer now
        with lab.frozen():
            began = time.monotonic()
            pages = [threads.submit(lab.ask, path) for path in ("/", "/samples/", "/api/v1/samples/")]
            ready, live = threads.submit(lab.ask, "/healthz/ready"), threads.submit(lab.ask, "/healthz/live")
            sent: Future[str] = threads.submit(lab.send, 5)
            assert (live.result().status, live.result().seconds < PROMPT) == (200, True)
            assert ready.result().status == 503
            assert json.loads(ready.result().said)["database"] is False
            assert ready.result().seconds < 4 + PROMPT
            answers = [page.result() for page in pages + in_the_midst]
            assert [answer.status for answer in answers] == [503] * 4
            assert all("The database" in answer.why for answer in answers)
            assert max(answer.seconds for answer in answers) < PATIENCE + GRACE + PROMPT
            with pytest.raises(icosa_upload.Unreachable, match="Files wait here"):
                sent.result()
            later = [lab.ask("/", "en"), lab.ask("/samples/", "ja")]  # who comes now need not find out anew
            assert [answer.status for answer in later] == [503, 503]
            assert min(answer.seconds for answer in later) < 1.0
            time.sleep(max(0.0, began + FROZEN - time.monotonic()))
    lab.wait_until(lambda: lab.ask("/").status == 200, "pages again", within=15)
    lab.wait_until(lambda: lab.ask("/healthz/ready").status == 200, "a worker that beats")
    acknowledged |= {lab.send(seed) for seed in (5, 6)}

    def screened() -> bool:
        with lab.database() as connection:
            done = connection.execute("SELECT count(*) FROM screening_screeningresult WHERE state = 'done'").fetchone()
        return done == (len(acknowledged),)

    lab.wait_until(screened, "everything screened")
    with lab.database() as connection:
        kept = {str(sha) for (sha,) in connection.execute("SELECT sha256 FROM samples_patternfile")}
    assert kept == acknowledged
    assert (lab.web.n_starts, lab.worker.n_starts) == (1, 1)
