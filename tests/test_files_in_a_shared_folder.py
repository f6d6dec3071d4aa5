"""Uploaded files in a folder that hosts share, and what happens on a host that has not mounted it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from django.conf import settings as lab_settings
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from pytest_django import Settings

from lims import environment, health
from lims.backup.making import make_backup
from lims.backup.restoring import restore
from lims.backup.vault import BackupError
from samples.models import PatternFile
from samples.originals import Original, keep
from samples.store import MARKER, StoreAwayError, store
from screening import thumbnails
from screening.models import EvidenceFile, FollowUp
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.test_pages_follow_up import image_bytes

pytestmark = pytest.mark.django_db


@pytest.fixture
def share(settings: Settings, tmp_path: Path) -> Path:
    """The folder, mounted."""
    share = tmp_path / "share"
    share.mkdir()
    (share / MARKER).touch()
    settings.DATA_DIR = tmp_path / "data"
    settings.DATA_DIR.mkdir()
    settings.MEDIA_ROOT = share
    settings.STORAGES = {
        **lab_settings.STORAGES,
        "default": {"BACKEND": "samples.store.Folder", "OPTIONS": {"is_shared": True}},
    }
    return share


def unmount(share: Path) -> None:
    """The mount point stays, empty, as it does on a host that starts without its network."""
    share.rename(share.with_name("away"))
    share.mkdir()


def mount_again(share: Path) -> None:
    share.rmdir()
    share.with_name("away").rename(share)


def test_a_new_folder_is_begun_once_and_an_empty_mount_point_is_refused(tmp_path: Path) -> None:
    assert environment.FILES_MARKER == MARKER
    with pytest.raises(ValueError, match="share is not mounted on this host: mount it") as refused:
        environment.files_place(str(tmp_path))
    (tmp_path / str(refused.value).rpartition("touch ")[2]).touch()
    assert environment.files_place(str(tmp_path)).folder == tmp_path


def test_nothing_is_written_into_an_empty_mount_point_and_people_are_told(share: Path, client: Client) -> None:
    client.force_login(UserFactory.create(roles=["member"]))
    client.raise_request_exception = False
    kept = make_pattern(name="one.xy")
    unmount(share)
    answer = client.post("/upload/", {"files": [SimpleUploadedFile("new.xy", pattern_text(7))]})
    assert answer.status_code == 503
    assert "store of files does not answer. What you did last was not saved" in answer.text
    assert client.get(f"/patterns/{kept.pk}/original/").status_code == 503
    with pytest.raises(StoreAwayError), store.making("exports/1/new.eln"):
        pass
    with pytest.raises(StoreAwayError):
        store.reserve("exports/1")
    assert list(share.iterdir()) == []
    assert PatternFile.objects.count() == 1
    mount_again(share)
    assert client.post("/upload/", {"files": [SimpleUploadedFile("new.xy", pattern_text(7))]}).status_code == 302
    assert b"".join(client.get(f"/patterns/{kept.pk}/original/")) == store.read(str(kept.file.content.name))


def test_the_night_says_of_no_file_that_it_is_missing(share: Path, tmp_path: Path) -> None:
    make_pattern(name="one.xy")
    unmount(share)
    with pytest.raises(CommandError, match=r"cannot be looked at\. The folder .* is the share mounted"):
        call_command("check_files")
    with pytest.raises(BackupError, match="no backup was made"):
        make_backup(tmp_path / "backups", "")
    with pytest.raises(BackupError, match="nothing was restored"):
        restore(tmp_path / "backups", "")
    mount_again(share)
    call_command("check_files")


def test_the_marker_is_no_file_of_the_lab(share: Path) -> None:
    keep(pattern_text(1))
    assert [stored.name.split("/")[0] for stored in store.all_files()] == ["patterns"]


def test_the_fuller_of_two_disks_is_watched(share: Path, settings: Settings) -> None:
    settings.MEDIA_ROOT = Path("/dev/shm")
    fuller = min(shutil.disk_usage(place).free for place in (settings.DATA_DIR, settings.MEDIA_ROOT))
    assert health.disk_free() == pytest.approx(fuller, rel=0.1)


def test_a_host_without_the_files_leaves_images_to_others(share: Path) -> None:
    image = make_image(keep(image_bytes(), folder="follow-ups", largest=10**7))
    unmount(share)
    thumbnails.make_waiting()
    image.refresh_from_db()
    assert (image.thumbnail_state, image.attempts) == ("queued", 0)
    mount_again(share)
    thumbnails.make_waiting()
    image.refresh_from_db()
    assert image.thumbnail_state == "done"


def make_image(original: Original) -> EvidenceFile:
    person = UserFactory.create(roles=["microscopist"])
    follow_up = FollowUp.objects.open(SampleFactory.create(code="ASR-001"), person, question="which phase?")
    return EvidenceFile.objects.create(
        follow_up=follow_up,
        sha256=original.sha256,
        name="a.png",
        file=original.name,
        size=original.size,
        image_format="PNG",
        thumbnail_state="queued",
        added_by=person,
    )
