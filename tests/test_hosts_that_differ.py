"""What one host finds out about another: its key, its clock, and that both start at once."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import TypeVar

import pytest
import time_machine
from django.core.management import call_command
from django.db import connection
from django.test import Client
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import Settings

from lims import clocks, schema
from lims.management.commands.migrate import ALONE
from lims.models import KeyMark, Upkeep
from screening.bell import BELLS_OF_EVERY_MINUTE, ring_every_minute
from screening.models import WorkerHeartbeat
from tests.factories import UserFactory, make_pattern

needs_postgresql = pytest.mark.skipif(
    connection.vendor != "postgresql", reason="several hosts need PostgreSQL: SQLite is a file of one"
)


T = TypeVar("T")


def at_once(n: int, does: Callable[[], T]) -> list[T]:
    """What ``n`` of them got that did it in the same moment, each on a connection of its own."""
    barrier = threading.Barrier(n)

    def do(_number: int) -> T:
        barrier.wait()
        try:
            return does()
        finally:
            connection.close()

    with ThreadPoolExecutor(n) as doers:
        return list(doers.map(do, range(n)))


@needs_postgresql
@pytest.mark.django_db
def test_a_host_with_another_secret_key_serves_nothing_until_that_was_meant(settings: Settings) -> None:
    assert schema.find_misfit() is None, "the first one that asks"
    mark = KeyMark.objects.get()
    assert settings.SECRET_KEY not in mark.mark
    settings.SECRET_KEY = "y" * 50
    assert schema.find_misfit() == schema.OTHER_KEY
    call_command("new_secret_key", stdout=io.StringIO())
    assert schema.find_misfit() is None
    assert KeyMark.objects.get().mark != mark.mark


@pytest.mark.django_db
@pytest.mark.skipif(connection.vendor == "postgresql", reason="of SQLite")
def test_on_sqlite_a_lab_may_move_with_its_file_alone(settings: Settings) -> None:
    assert schema.find_misfit() is None
    settings.SECRET_KEY = "y" * 50
    assert schema.find_misfit() is None


@needs_postgresql
@pytest.mark.django_db
def test_a_clock_that_is_wrong_is_told_on_the_page_and_in_the_log(
    client: Client, caplog: pytest.LogCaptureFixture
) -> None:
    client.force_login(UserFactory.create(roles=["admin"]))
    worker = WorkerHeartbeat.objects.create(host="gpu1", process_id=7)
    clocks.note(worker)
    page = client.get("/well-being/").text
    assert "differ by" not in page
    with time_machine.travel(datetime.now(UTC) + timedelta(minutes=3)):
        clocks.note(worker)
        assert "The clock of this web server and the database's differ by 180.0 s" in client.get("/well-being/").text
    worker.refresh_from_db()
    assert worker.clock_ahead == pytest.approx(180, abs=1)
    assert "its clock and the database's differ by 180.0 s: have NTP set both" in client.get("/well-being/").text
    assert "The clock of this host is +180.0 s ahead of the database's" in caplog.text


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_workers_that_start_at_once_schedule_each_thing_once() -> None:
    at_once(4, ring_every_minute)
    names = Schedule.objects.filter(name__in=BELLS_OF_EVERY_MINUTE).values_list("name", flat=True)
    assert sorted(names) == sorted(BELLS_OF_EVERY_MINUTE)


@pytest.mark.django_db
def test_a_web_host_with_a_folder_of_its_own_is_told(client: Client, settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "of one"
    make_pattern(name="one.xy")
    client.force_login(UserFactory.create(roles=["admin"]))
    told = "is ICOSA_FILES the same on every web server?"
    assert told not in client.get("/well-being/").text
    settings.MEDIA_ROOT = tmp_path / "of the other"
    assert told in client.get("/well-being/").text


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_a_night_falls_to_one_of_the_hosts_that_reach_for_it_at_once() -> None:
    assert sorted(at_once(4, lambda: Upkeep.objects.claim_night(date(2026, 11, 27)))) == [False, False, False, True]


@needs_postgresql
@pytest.mark.django_db(transaction=True)
def test_of_two_hosts_that_migrate_one_waits() -> None:
    said = io.StringIO()
    with ThreadPoolExecutor(1) as other:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [ALONE])
            waiting = other.submit(migrate, said)
            with pytest.raises(TimeoutError):
                waiting.result(1)
            cursor.execute("SELECT pg_advisory_unlock(%s)", [ALONE])
        waiting.result(60)
    assert "Another host migrates this database; waiting for it." in said.getvalue()


def migrate(said: io.StringIO) -> None:
    try:
        call_command("migrate", verbosity=0, stderr=said)
    finally:
        connection.close()


@pytest.mark.django_db
def test_what_an_older_version_scheduled_twice_is_once_again_and_keeps_its_time() -> None:
    name, func = next(iter(BELLS_OF_EVERY_MINUTE.items()))
    due = timezone.now() + timedelta(seconds=30)
    for _ in range(2):
        Schedule.objects.create(name=name, func="older.name", next_run=due)
    ring_every_minute()
    row = Schedule.objects.get(name=name)
    assert (row.func, row.minutes, row.next_run) == (func, 1, due)
