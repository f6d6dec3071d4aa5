"""What admins and monitors see: /metrics, faults as rows, the page that asks whether the lab is well, the light on Home."""

from __future__ import annotations

import errno
import logging
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from django.db import InternalError, OperationalError, connection
from django.test import Client
from django.utils import timezone
from prometheus_client.openmetrics.parser import text_string_to_metric_families
from pytest_django import DjangoAssertNumQueries, Settings

from lims.gpu import read_use
from lims.models import Fault, Upkeep
from lims.postgresql.base import SilentServerError
from lims.request_ids import logger as request_logger
from lims.schema import fit
from samples.xrd.sentences import sentence
from screening.models import InstrumentHeartbeat, ScreeningRun, WorkerHeartbeat
from screening.models.received import RefusedFile
from tests.factories import UserFactory, make_pattern, make_reading
from tests.screening.calls import a_version, make_result

pytestmark = pytest.mark.django_db

TOKEN = "a token of more than twenty characters"
SECRET = "Yamada's Al43Si32Ru25"


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.fixture(autouse=True)
def kept_apart(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path


@pytest.fixture
def admin(client: Client) -> Client:
    client.force_login(UserFactory.create(roles=["admin"]))
    return client


def scrape(client: Client) -> dict[tuple[str, str], float]:
    """Value by name and label."""
    response = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}"})
    assert response["Content-Type"].startswith("application/openmetrics-text")
    families = text_string_to_metric_families(response.content.decode())  # type: ignore[no-untyped-call]
    return {(s.name, "".join(s.labels.values())): s.value for family in families for s in family.samples}


class TestMetrics:
    @pytest.fixture(autouse=True)
    def token(self, settings: Settings) -> None:
        settings.METRICS_TOKEN = TOKEN

    @pytest.mark.parametrize("sent", ["", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}"])
    def test_only_the_token_opens_them(self, admin: Client, sent: str) -> None:
        refused = sent != f"Bearer {TOKEN}"
        headers = {"Authorization": sent} if sent else {}
        assert (admin.get("/metrics", headers=headers).status_code == 403) is refused

    def test_without_a_token_nobody_gets_in(self, client: Client, settings: Settings) -> None:
        settings.METRICS_TOKEN = ""
        response = client.get("/metrics", headers={"Authorization": "Bearer "})
        assert response.status_code == 403
        assert b"Set ICOSA_METRICS_TOKEN" in response.content

    def test_an_empty_lab(self, client: Client) -> None:
        found = scrape(client)
        assert found["icosa_queue_age_seconds", ""] == 0
        assert found["icosa_results", "done"] == 0
        assert found["icosa_disk_free_bytes", ""] > 0

    def test_a_lab_at_work(self, client: Client) -> None:
        version = a_version()
        for _ in range(3):
            make_result(make_pattern(), version)
        reading = make_reading()
        failed = sentence(
            "Set aside after %(attempts)s attempts. The last one ended so: %(reason)s",
            attempts=3,
            reason=f"ValueError: {SECRET}",
        )
        make_result(reading.pattern, version, state="failed", reason=failed.as_json())
        make_result(make_pattern(), version, state="queued")
        WorkerHeartbeat.objects.create(host="gpu1", process_id=7, beat_at=timezone.now(), gpu_use=37, gpu_memory=6.3)
        InstrumentHeartbeat.objects.note(UserFactory.create(), instrument="SmartLab", n_waiting=0, n_refused=0)
        run = ScreeningRun.objects.create(why="upload", started_by=UserFactory.create())
        RefusedFile.objects.create(
            run=run, path=SECRET, reason=sentence("The file “%(name)s” is empty.", name=SECRET).as_json()
        )
        with Upkeep.objects.noted("backup") as row:
            row.note(bytes=12345)
        note_a_fault()
        found = scrape(client)
        assert found["icosa_results", "done"] == 3
        assert found["icosa_results", "failed"] == found["icosa_results", "queued"] == 1
        assert found["icosa_screened_per_second", ""] == pytest.approx(3 / 300)
        assert found["icosa_uploads_last_hour", ""] == 5
        assert found["icosa_gpu_use_percent", "gpu1:7"] == 37
        assert found["icosa_failed_jobs", "ValueError"] == 1
        assert found["icosa_refused_uploads", "The file “…” is empty."] == 1
        assert found["icosa_faults_total", "KeyError"] == 1
        assert found["icosa_upkeep_well", "backup"] == 1
        assert found["icosa_backup_bytes", ""] == 12345
        assert found["icosa_drift_warnings", ""] == 0
        assert not any(SECRET in "".join(key) for key in found)

    def test_the_number_of_questions_is_fixed(
        self, client: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        version = a_version()
        make_result(make_pattern(), version)
        with django_assert_num_queries(16):
            scrape(client)
        for _ in range(5):
            make_result(make_pattern(), version)
        WorkerHeartbeat.objects.create(host="gpu1", process_id=7, beat_at=timezone.now())
        with django_assert_num_queries(16):
            scrape(client)


@pytest.mark.parametrize(
    ("said", "read"),
    [
        ("37, 5120, 81920\n", (37.0, 6.25)),
        ("20, 0, 1000\n40, 500, 1000\n", (30.0, 25.0)),
        ("[N/A], 1, 2\n", None),
        ("", None),
        ("0, 0, 0\n", None),
    ],
)
def test_what_the_driver_of_a_gpu_says(said: str, read: tuple[float, float] | None) -> None:
    assert read_use(said) == read


def note_a_fault(during: str = "job") -> None:
    try:
        raise KeyError(SECRET)
    except KeyError as error:
        Fault.objects.note(error, during=during, request_id="abcdef123456")


class TestFaults:
    def test_equal_ones_are_counted_and_their_words_are_not_kept(self) -> None:
        for _ in range(3):
            note_a_fault()
        note_a_fault(during="another job")
        fault = Fault.objects.get(during="job")
        assert (fault.n_times, fault.kind) == (3, "KeyError")
        assert fault.place.startswith("tests/test_watching_the_lab.py:")
        assert fault.place.endswith(" note_a_fault")
        assert SECRET not in str(Fault.objects.values())

    def test_one_that_was_mended_comes_back(self) -> None:
        note_a_fault()
        Fault.objects.get().mend()
        assert not Fault.objects.open().exists()
        note_a_fault()
        assert Fault.objects.open().get().n_times == 2

    def test_a_page_that_breaks_has_a_number_that_leads_to_its_row(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        break_home(monkeypatch, ValueError(SECRET))
        response = client.get("/")
        assert response.status_code == 500
        number = response["X-Request-ID"]
        assert number in response.content.decode()
        assert SECRET not in response.content.decode()
        fault = Fault.objects.get()
        assert (fault.last_request, fault.during, fault.kind) == (number, "GET ", "ValueError")

    def test_the_api_answers_in_its_shape(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))

        def breaks(*_arguments: object) -> None:
            raise ValueError(SECRET)

        monkeypatch.setattr("samples.api.SampleViewSet.list", breaks)
        response = client.get("/api/v1/samples/")
        assert response.status_code == 500
        assert response["X-Request-ID"] in response.json()["error"]["message"]
        assert SECRET not in response.content.decode()

    def test_a_database_that_went_away_is_said_so(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        break_home(monkeypatch, OperationalError("no such table"))
        assert client.get("/").status_code == 500  # it is there, and fits: the fault is ours
        monkeypatch.setattr("lims.schema.find_misfit", lambda: sentence("It is another one."))
        assert client.get("/").status_code == 503
        fit.trust()

    def test_a_connection_that_was_lost_is_said_so_also_where_the_database_is_back(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        error = OperationalError("terminating connection due to administrator command")
        error.__cause__ = psycopg.errors.AdminShutdown()
        break_home(monkeypatch, error)
        response = client.get("/")
        assert response.status_code == 503
        assert "The database was away for a moment" in response.content.decode()

    @pytest.mark.parametrize(
        "cause",
        [
            psycopg.errors.QueryCanceled(),
            psycopg.errors.LockNotAvailable(),
            psycopg.errors.IdleInTransactionSessionTimeout(),
        ],
    )
    def test_what_took_the_database_too_long_is_said_so(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, cause: psycopg.Error
    ) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        kind = InternalError if isinstance(cause, psycopg.InternalError) else OperationalError
        break_home(monkeypatch, caused(kind("a limit"), cause))
        response = client.get("/")
        assert response.status_code == 503
        assert "The database took too long to answer" in response.content.decode()

    def test_a_database_that_says_nothing_closes_the_lab_for_the_others_at_once(
        self, client: Client, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        break_home(monkeypatch, caused(OperationalError("the server does not answer"), SilentServerError()))
        assert "it says nothing at all" in client.get("/").content.decode()
        assert "The database does not answer" in client.get("/sign-in/").content.decode()
        monkeypatch.setattr("lims.schema.LOOK_AGAIN_AFTER", 0.0)
        assert client.get("/sign-in/").status_code == 200  # it was asked again, and answers

    @pytest.mark.parametrize(
        "error",
        [
            OSError(errno.ENOSPC, "No space left on device"),
            OSError(errno.EDQUOT, "Disk quota exceeded"),
            OperationalError("database or disk is full"),
            caused(OperationalError("could not extend file"), psycopg.errors.DiskFull()),
        ],
    )
    @pytest.mark.parametrize("address", ["/", "/api/v1/samples/"])
    def test_a_full_disk_is_said_so(
        self, client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, address: str
    ) -> None:
        client.raise_request_exception = False
        client.force_login(UserFactory.create(roles=["member"]))
        break_home(monkeypatch, error)
        monkeypatch.setattr("samples.api.SampleViewSet.list", raising(error))
        response = client.get(address)
        assert response.status_code == 507
        assert "The disk is full. What you did last was not saved" in response.content.decode()
        assert response["Retry-After"]

    def test_jobs_that_log_an_exception_are_counted(self) -> None:
        try:
            raise RuntimeError(SECRET)
        except RuntimeError:
            logging.getLogger("screening.tasks").exception("Screening failed")
        assert Fault.objects.get().during == "screening.tasks"

    def test_errors_without_an_exception_are_not(self) -> None:
        request_logger.error("Service Unavailable")
        assert not Fault.objects.exists()


def break_home(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    monkeypatch.setattr("lims.views.system_standings", raising(error))


def raising(error: Exception) -> Callable[..., None]:
    def breaks(*_arguments: object, **_options: object) -> None:
        raise error

    return breaks


class TestPage:
    def test_an_admin_sees_faults_nights_and_failures_by_reason(self, admin: Client) -> None:
        note_a_fault()
        reading = make_reading(name=f"{SECRET}.xy")
        why = sentence(
            "Set aside after %(attempts)s attempts. The last one ended so: %(reason)s",
            attempts=3,
            reason=f"MemoryError: {SECRET}",
        )
        make_result(reading.pattern, a_version(), state="failed", reason=why.as_json())
        with Upkeep.objects.noted("files") as row:
            row.fail(sentence("2 are gone."))
        page = admin.get("/well-being/").content.decode()
        for shown in ("KeyError", "abcdef123456", "MemoryError", "2 are gone.", "Kept files are missing"):
            assert shown in page, shown
        assert SECRET not in page

    def test_a_fault_is_called_mended(self, admin: Client) -> None:
        note_a_fault()
        fault = Fault.objects.get()
        assert admin.get(f"/well-being/faults/{fault.pk}/").status_code == 405
        page = admin.post(f"/well-being/faults/{fault.pk}/", follow=True).content.decode()
        assert "It comes back if it comes up again" in page
        assert "None that is open." in page

    def test_its_number_of_questions_is_fixed(
        self, admin: Client, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        admin.get("/well-being/")
        n_questions = 18 if connection.vendor == "postgresql" else 17  # the server is asked for its clock
        with django_assert_num_queries(n_questions):
            admin.get("/well-being/")
        for number in range(5):
            note_a_fault(during=str(number))
            WorkerHeartbeat.objects.create(host="gpu1", process_id=number, beat_at=timezone.now())
        with django_assert_num_queries(n_questions):
            admin.get("/well-being/")


class TestLight:
    def note(self, task: str, *, hours_ago: float, well: bool = True) -> None:
        row = Upkeep.objects.create(task=task, host="here", went_well=well)
        Upkeep.objects.filter(pk=row.pk).update(ended_at=timezone.now() - timedelta(hours=hours_ago))

    def said(self) -> tuple[str, str]:
        light = Upkeep.objects.light()
        return light.colour, str(light)

    def test_no_backup_is_said_and_is_bad_only_where_one_was_asked_for(self, settings: Settings) -> None:
        assert self.said() == ("idle", "No backup yet")
        settings.BACKUP_FOLDER = "/backups"
        assert self.said() == ("bad", "No backup yet")

    def test_a_good_one_says_when(self) -> None:
        self.note("backup", hours_ago=3)
        assert self.said() == ("good", "Last backup 3\N{NO-BREAK SPACE}hours ago")

    def test_one_that_failed_since_or_is_old_is_bad(self) -> None:
        self.note("backup", hours_ago=30)
        self.note("backup", hours_ago=2, well=False)
        assert self.said() == (
            "bad",
            "The last good backup is from 1\N{NO-BREAK SPACE}day, 6\N{NO-BREAK SPACE}hours ago",
        )
        Upkeep.objects.all().delete()
        self.note("backup", hours_ago=50)
        assert self.said()[0] == "bad"

    @pytest.mark.parametrize(
        ("task", "words"),
        [("restore", "could not be restored on trial"), ("files", "missing or were altered"), ("trail", "tampered")],
    )
    def test_what_else_is_wrong_is_said(self, task: str, words: str) -> None:
        self.note("backup", hours_ago=1)
        self.note(task, hours_ago=1, well=False)
        assert self.said()[0] == "bad"
        assert words in self.said()[1]

    def test_home_shows_it(self, client: Client) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        self.note("backup", hours_ago=3)
        page = client.get("/").content.decode()
        assert "Last backup 3" in page
        assert "/well-being/" not in page
        client.force_login(UserFactory.create(roles=["admin"]))
        assert 'href="/well-being/"' in client.get("/").content.decode()
