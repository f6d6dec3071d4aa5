"""Uploaded files in a bucket that speaks S3. The server is a stand-in (tests/buckets.py), in a process of its own."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from django.conf import settings as lab_settings
from django.core.checks import CheckMessage, run_checks
from django.core.files.base import ContentFile
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from lims import environment
from lims.backup.making import make_backup
from lims.backup.restoring import _put_back
from lims.backup.vault import BackupError, Vault
from lims.checks import BUCKET
from lims.kept_files import check_files
from mlmodels.export.writing import Wanted
from samples.models import Pattern, PatternFile
from samples.originals import keep
from samples.store import store
from screening.exports import jobs
from screening.models import DatasetExport, DatasetImport, PackedFolder, ScreeningRun
from screening.models.jobs import Job
from tests.buckets import KEYS, S3Server
from tests.buckets import s3_server as s3_server
from tests.factories import UserFactory, make_pattern, pattern_text
from tests.screening.frozen import make_set
from tests.screening.test_packed_files import zipped

pytestmark = [pytest.mark.django_db, pytest.mark.xdist_group("bucket")]


@pytest.fixture
def bucket(s3_server: S3Server, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    name = f"lab-{uuid4().hex[:8]}"
    for key, value in KEYS.items():
        monkeypatch.setenv(key, value)
    place = environment.files_place(s3_server.make_bucket(name))
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = tmp_path / "data" / "files"
    settings.DATA_DIR.mkdir()
    settings.FILES = place
    settings.STORAGES = {
        **lab_settings.STORAGES,
        "default": {"BACKEND": "samples.bucket.Bucket", "OPTIONS": place.bucket},
    }
    return name


def test_what_is_sent_lies_in_the_bucket_once_under_its_hash_and_nowhere_else(
    bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    content = pattern_text(1)
    first, again = keep(content), keep(ContentFile(content, "again.xy"))
    sha256 = hashlib.sha256(content).hexdigest()
    assert first == again
    assert s3_server.names_in(bucket) == [f"lab/patterns/{sha256[:2]}/{sha256[2:4]}/{sha256}"]
    assert first.read() == content
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [], "nothing is left on this host"
    with pytest.raises(NotImplementedError):
        store.url(first.name)


def test_people_get_their_files_through_the_lab_alone(bucket: str, client: Client) -> None:
    content = pattern_text(2)
    pattern = make_pattern(name="scan.xy", content=content)
    address = f"/patterns/{pattern.pk}/original/"
    assert client.get(address).status_code == 302, "nobody who is not signed in"
    client.force_login(UserFactory.create(roles=["member"]))
    answer = client.get(address)
    assert b"".join(answer) == content
    assert answer["Content-Length"] == str(len(content))
    assert answer["Content-Disposition"] == 'attachment; filename="scan.xy"'


def test_a_process_that_is_copied_takes_no_connection_along(bucket: str) -> None:
    original = keep(pattern_text(9))
    before = store.connection  # type: ignore[attr-defined]
    store.close_connections()
    assert store.connection is not before  # type: ignore[attr-defined]
    assert store.sha256_of(original.name) == original.sha256


def test_a_large_file_is_read_in_pieces_from_anywhere(bucket: str) -> None:
    content = bytes(range(256)) * 12_000  # 3 MB: three pieces
    original = keep(content)
    with store.open(original.name) as file:
        assert file.read() == content
        file.seek(2_999_999)
        assert file.read(10) == content[2_999_999:3_000_009]
    assert store.sha256_of(original.name) == original.sha256


def test_an_archive_is_taken_out_of_the_bucket(bucket: str, client: Client, s3_server: S3Server) -> None:
    client.force_login(UserFactory.create(roles=["member"]))
    upload = SimpleUploadedFile("june.zip", zipped(("a.xy", pattern_text(3)), ("b.xy", pattern_text(4))).read())
    client.post("/upload/", {"files": [upload]})
    assert any("/archives/" in name for name in s3_server.names_in(bucket))
    client.post(f"/runs/{ScreeningRun.objects.get().pk}/unpack/")
    assert Pattern.objects.count() == 2
    assert not PackedFolder.objects.unfinished().exists()
    assert not any("/archives/" in name for name in s3_server.names_in(bucket))


def test_an_export_is_made_downloaded_taken_in_and_removed(bucket: str, client: Client, s3_server: S3Server) -> None:
    curator = UserFactory.create(roles=["curator"])
    export = DatasetExport.objects.ask(make_set(curator), curator, Wanted(originals=True))
    jobs.do_waiting()
    export.refresh_from_db()
    assert export.state == Job.State.DONE, export.reason
    client.force_login(curator)
    archive = b"".join(client.get(f"/exports/{export.pk}/download/"))
    assert hashlib.sha256(archive).hexdigest() == export.sha256
    part = client.get(f"/exports/{export.pk}/parts/manifest.json/")
    assert b"sha256" in b"".join(part)
    sent = DatasetImport.objects.receive(ContentFile(archive, "again.eln"), curator)
    jobs.do_waiting()
    sent.refresh_from_db()
    assert (sent.state, sent.known) == (Job.State.DONE, True)
    DatasetExport.objects.update(finished_at=timezone.now() - timedelta(days=99))
    DatasetExport.objects.remove_old()
    assert not any("/exports/" in name for name in s3_server.names_in(bucket))


def test_check_files_finds_what_is_missing_altered_and_of_no_row(bucket: str, s3_server: S3Server) -> None:
    one, two = make_pattern(name="one.xy"), make_pattern(name="two.xy")
    assert check_files().is_sound
    s3_server.client.delete_object(Bucket=bucket, Key=f"lab/{one.file.content.name}")
    s3_server.client.put_object(Bucket=bucket, Key=f"lab/{two.file.content.name}", Body=b"other")
    report = check_files()
    assert one.file.sha256 in report.missing[0]
    assert two.file.sha256 in report.altered[0]
    assert report.orphaned == [], "what came within the hour may get its row yet"


@pytest.mark.django_db(transaction=True)
def test_a_backup_holds_what_the_bucket_holds_and_gives_it_back(
    bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    content = pattern_text(5)
    pattern = make_pattern(name="one.xy", content=content)
    made = make_backup(tmp_path / "backups", "")
    assert (made.n_files, made.missing, made.altered) == (1, [], [])
    s3_server.client.put_object(Bucket=bucket, Key=f"lab/{pattern.file.content.name}", Body=b"other")
    vault = Vault.open(tmp_path / "backups", "")
    _put_back(vault, vault.backup(made.name).files[0])
    assert store.read(str(pattern.file.content.name)) == content
    assert sum("before-restore" in name for name in s3_server.names_in(bucket)) == 1


def test_another_host_with_an_empty_data_folder_reads_the_same_files(
    bucket: str, s3_server: S3Server, tmp_path: Path
) -> None:
    """A restart, too: nothing of the files is kept in a process or on a host."""
    original = keep(pattern_text(6))
    code = f"import django; django.setup(); from samples.store import store; print(store.sha256_of({original.name!r}))"
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=lab_settings.BASE_DIR,
        env={
            "PATH": "/usr/bin",
            "DJANGO_SETTINGS_MODULE": "lims.settings",
            "ICOSA_DATA": str(tmp_path / "host-b"),
            "ICOSA_FILES": f"s3://{bucket}/lab?endpoint={s3_server.endpoint}&region=us-east-1",
            **KEYS,
        },
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.strip() == original.sha256, done.stderr


def said_of_files() -> list[CheckMessage]:
    return [
        message
        for message in run_checks(tags=[BUCKET], include_deployment_checks=True)
        if message.id == "icosa.ICOSA_FILES"
    ]


@pytest.fixture
def elsewhere(settings: Settings) -> Callable[..., None]:
    """Have the lab use another bucket, or another way to it."""

    def change(**options: str) -> None:
        default = {"BACKEND": "samples.bucket.Bucket", "OPTIONS": {**settings.FILES.bucket, **options}}
        settings.STORAGES = {**settings.STORAGES, "default": default}

    return change


def test_a_bucket_that_is_absent_stops_the_start(bucket: str, elsewhere: Callable[..., None]) -> None:
    assert said_of_files() == []
    elsewhere(bucket_name="nowhere")
    (said,) = said_of_files()
    assert said.msg == "ICOSA_FILES: The bucket nowhere is not there. Make it, or mend its name."
    assert said.is_serious()


@pytest.mark.parametrize(
    ("command", "status"), [("check", 1), ("check --deploy", 1), ("worker", 3), ("showmigrations lims", 0)]
)
def test_check_and_worker_ask_the_bucket_and_other_commands_do_not(
    s3_server: S3Server, tmp_path: Path, command: str, status: int
) -> None:
    done = subprocess.run(
        [sys.executable, "manage.py", *command.split()],
        cwd=lab_settings.BASE_DIR,
        env={
            "PATH": "/usr/bin",
            "ICOSA_DATA": str(tmp_path),
            "ICOSA_FILES": f"s3://nowhere/lab?endpoint={s3_server.endpoint}&region=us-east-1",
            **KEYS,
        },
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == status, done.stderr
    assert done.stderr.count("The bucket nowhere is not there. Make it, or mend its name.") == (status > 0)


def test_a_bucket_that_strangers_can_read_stops_the_start(bucket: str, s3_server: S3Server) -> None:
    keep(pattern_text(8))
    assert said_of_files() == []
    s3_server.open_to_everybody(bucket)
    (said,) = said_of_files()
    assert said.msg == f"ICOSA_FILES: Anybody can read the bucket {bucket} without a key. Make it private."
    assert said.is_serious()


def test_a_bucket_without_a_key_stops_the_start(
    bucket: str, elsewhere: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    for key in KEYS:
        monkeypatch.delenv(key)
    for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
        monkeypatch.setenv(name, "/nowhere")
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    elsewhere()
    (said,) = said_of_files()
    assert "There is no key for the bucket" in said.msg
    assert "Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in said.msg
    assert said.is_serious()


def test_a_key_that_the_bucket_refuses_stops_the_start(bucket: str, s3_server: S3Server) -> None:
    with s3_server.trusting_nobody():
        (said,) = said_of_files()
    assert f"The bucket {bucket} refuses this key. Mend AWS_ACCESS_KEY_ID" in said.msg
    assert said.is_serious()


def test_a_bucket_that_does_not_answer_is_doubted_refuses_uploads_and_judges_no_file(
    bucket: str, elsewhere: Callable[..., None], client: Client, tmp_path: Path
) -> None:
    make_pattern(name="one.xy")
    elsewhere(endpoint_url="http://127.0.0.1:9")
    (said,) = said_of_files()
    assert "does not answer" in said.msg
    assert not said.is_serious(), "most pages and the workers need no files"
    client.force_login(UserFactory.create(roles=["member"]))
    client.raise_request_exception = False
    answer = client.post("/upload/", {"files": [SimpleUploadedFile("new.xy", pattern_text(7))]})
    assert answer.status_code == 503
    assert "store of files does not answer. What you did last was not saved" in answer.text
    assert PatternFile.objects.count() == 1
    with pytest.raises(CommandError, match="The kept files cannot be looked at"):
        call_command("check_files")
    with pytest.raises(BackupError, match="no backup was made"):
        make_backup(tmp_path / "backups", "")


def test_the_package_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "find_spec", lambda name: None)
    with pytest.raises(ValueError, match=r"not installed: pip install -r requirements-s3\.txt"):
        environment.files_place("s3://lab")


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("files", "must be a whole path"),
        ("gs://lab", "must be a whole path that begins with /, or s3://bucket"),
        ("/nowhere/at/all", "names a folder that is not there"),
        ("s3://", "names no bucket"),
        ("s3://lab?endpont=https://s3.lab.example", "only endpoint and region are known"),
        ("s3://lab?endpoint=s3.lab.example", "must begin with http"),
    ],
)
def test_a_wrong_place_for_files_has_its_sentence(value: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        environment.files_place(value)


def test_half_a_key_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "x")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY", raising=False)
    with pytest.raises(ValueError, match="needs both AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY"):
        environment.files_place("s3://lab")
