"""What does not start, and says why: wrong settings, and a database that does not belong to the program."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.db import connection
from django.db.migrations.recorder import MigrationRecorder
from django.test import Client

from lims import environment
from lims.checks import TAG
from lims.schema import find_misfit, fit
from tests.factories import UserFactory

PROJECT = Path(settings.BASE_DIR)

WRONG = {
    "DATABASE_URL": "mysql://icosa:hunter2@db/icosa",
    "ICOSA_ADDRESS": "lab.example",
    "ICOSA_BREACHED_PASSWORDS": "/nowhere/hashes.txt",
    "ICOSA_LOCKOUT": "soon",
    "ICOSA_OIDC_ISSUER": "http://sso.lab.example/",
    "ICOSA_OIDC_ROLES": "heads=king",
    "ICOSA_PASSWORDS": "0",
    "ICOSA_PASSWORD_LENGTH": "8",
    "ICOSA_PROXIES": "one",
    "ICOSA_SECOND_FACTOR_FOR": "curator,king",
    "ICOSA_SESSION_IDLE": "0",
    "ICOSA_BACKUP": "backups",
    "ICOSA_BACKUP_AT": "half past two",
    "ICOSA_BACKUP_KEEP": "7,4",
    "ICOSA_BACKUP_KEY": "hunter2",
    "ICOSA_DEVICE": "gpu",
    "ICOSA_DISK_FREE": "some",
    "ICOSA_FOUR_EYES": "sure",
    "ICOSA_HOSTS": "https://lab.example/",
    "ICOSA_LABEL_FONT": "/nowhere/font.ttf",
    "ICOSA_LANGUAGE": "de",
    "ICOSA_LOG": "xml",
    "ICOSA_MAIL": "mail.lab.example",
    "ICOSA_METRICS_TOKEN": "hunter2",
    "ICOSA_REVIEW_C": "20%",
    "ICOSA_SECOND_READER": "AX",
    "ICOSA_TIME_ZONE": "Tokyo",
    "ICOSA_WAVELENGTH": "0",
    "ICOSA_WORKERS": "0",
}


def manage(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    ours = {
        name: value for name, value in os.environ.items() if not name.startswith(("ICOSA_", "DATABASE_", "DJANGO_"))
    }
    environment = {**ours, "ICOSA_DATA": str(settings.DATA_DIR), **variables}
    return subprocess.run(
        [sys.executable, *command],
        cwd=PROJECT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )


def test_check_says_all_that_is_wrong_at_once_and_tells_no_secret() -> None:
    done = manage("manage.py", "check", **WRONG)
    assert done.returncode == 1
    for name in WRONG:
        assert f"{name} " in done.stderr.replace("(icosa.", ""), name
    assert "hunter2" not in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    "command",
    [("manage.py", "worker"), ("-m", "gunicorn", "lims.wsgi", "--bind", "127.0.0.1:0")],
    ids=["worker", "web"],
)
def test_nothing_starts_with_wrong_settings(command: tuple[str, ...]) -> None:
    done = manage(*command, ICOSA_WORKERS="two", ICOSA_LANGUAGE="de")
    assert done.returncode != 0
    assert "ICOSA_WORKERS must be a whole number from 1, not “two”." in done.stderr
    assert "ICOSA_LANGUAGE must be one of en, ja, not “de”." in done.stderr


def test_a_data_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    done = manage("manage.py", "check", ICOSA_DATA=str(tmp_path / "file" / "data"))
    assert "ICOSA_DATA names a folder that cannot be made" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_command_on_a_folder_without_a_lab_says_what_to_do(tmp_path: Path) -> None:
    done = manage("manage.py", "retrain", "--no-wait", ICOSA_DATA=str(tmp_path))
    assert done.returncode == 1
    assert "python manage.py migrate" in done.stderr
    assert f"The data folder is {tmp_path}" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_mistyped_name_is_doubted_and_does_not_stop_the_start() -> None:
    done = manage("manage.py", "check", ICOSA_WORKER="2")
    assert done.returncode == 0
    assert "There is no setting ICOSA_WORKER. Do you mean ICOSA_WORKERS?" in done.stderr


def test_the_tests_own_settings_are_right() -> None:
    assert [message for message in run_checks(tags=[TAG]) if message.is_serious()] == []


def test_right_values_are_read() -> None:
    assert environment.days_weeks_months("7, 4,12") == (7, 4, 12)
    assert environment.host_names("lab.example, localhost") == ["lab.example", "localhost"]
    assert environment.classes("ab") == "AB"
    assert environment.device("cuda:1") == "cuda:1"
    assert environment.yes_or_no("OFF") is False
    assert environment.web_address("https://lab.example/") == "https://lab.example"


@pytest.fixture
def recorder() -> Iterator[MigrationRecorder]:
    yield MigrationRecorder(connection)
    fit.trust()


@pytest.mark.django_db
class TestDatabaseAndProgram:
    def test_they_belong_together(self) -> None:
        assert find_misfit() is None

    def test_an_older_database_serves_nothing_and_says_which_command_to_run(
        self, client: Client, recorder: MigrationRecorder
    ) -> None:
        recorder.record_unapplied("screening", "0007_follow_ups")
        fit.doubt()
        for address in ("/", "/sign-in/", "/samples/"):
            response = client.get(address)
            assert response.status_code == 503
            assert response["Retry-After"] == "30"
            assert "python manage.py migrate" in response.content.decode()
        said = client.get("/api/v1/samples/")
        assert said.status_code == 503
        assert "python manage.py migrate" in said.json()["error"]["message"]

    def test_a_newer_database_serves_nothing_and_names_the_migration(
        self, client: Client, recorder: MigrationRecorder
    ) -> None:
        recorder.record_applied("samples", "9999_from_the_future")
        fit.doubt()
        said = client.get("/", headers={"Accept-Language": "en"}).content.decode()
        assert "newer than the program" in said
        assert "samples.9999_from_the_future" in said
        assert "<h1>研究室" in client.get("/", headers={"Accept-Language": "ja"}).content.decode()

    def test_it_serves_again_by_itself(
        self, client: Client, recorder: MigrationRecorder, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("lims.schema.LOOK_AGAIN_AFTER", 0.0)
        client.force_login(UserFactory.create(roles=["member"]))
        recorder.record_applied("samples", "9999_from_the_future")
        fit.doubt()
        assert client.get("/").status_code == 503
        recorder.record_unapplied("samples", "9999_from_the_future")
        assert client.get("/").status_code == 200

    def test_migrations_of_other_packages_do_not_make_it_newer(self, recorder: MigrationRecorder) -> None:
        recorder.record_applied("an_app_that_was_removed", "0001_initial")
        assert find_misfit() is None


def test_a_worker_waits_with_the_same_sentence(tmp_path: Path) -> None:
    environment = {"PATH": os.environ["PATH"], "ICOSA_DATA": str(tmp_path)}
    worker = subprocess.Popen(
        [sys.executable, "manage.py", "worker"], cwd=PROJECT, env=environment, stderr=subprocess.PIPE, text=True
    )
    assert worker.stderr
    said = next((line for line in worker.stderr if "The database is older than the program" in line), "")
    assert worker.poll() is None
    worker.terminate()
    worker.communicate(timeout=60)
    assert "python manage.py migrate" in said
