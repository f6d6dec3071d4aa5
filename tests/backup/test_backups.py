"""Backups of a lab that people work in, restores of them on trial, and the look at every kept file."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pyrage
import pytest
from django.core.files.base import ContentFile
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from pytest_django import Settings

from lims.backup.making import UnreadableError, _Source, make_backup
from lims.backup.restoring import try_restore
from lims.backup.vault import BackupError, DamagedPieceError, Vault
from lims.models import Upkeep
from samples.models import Pattern, PatternFile
from screening.models import PackedFolder, ScreeningRun
from tests.factories import UserFactory, make_pattern

pytestmark = pytest.mark.django_db(transaction=True)

KEY = str(pyrage.x25519.Identity.generate())


@pytest.fixture(autouse=True)
def lab(settings: Settings, tmp_path: Path) -> Iterator[Path]:
    """A data folder with two patterns; yields the folder for backups."""
    settings.DATA_DIR = tmp_path / "data"
    settings.MEDIA_ROOT = tmp_path / "data" / "files"
    settings.MEDIA_ROOT.mkdir(parents=True)
    make_pattern(name="one.xy")
    make_pattern(name="two.xy")
    yield tmp_path / "backups"
    assert not list(settings.DATA_DIR.glob(".backup-*"))


def paths_of(*names: str) -> list[Path]:
    return [Path(pattern.file.content.path) for pattern in Pattern.objects.filter(name__in=names)]


def run(command: str, *arguments: object, **options: object) -> tuple[int, str]:
    """Exit status and output."""
    said = io.StringIO()
    try:
        call_command(command, *map(str, arguments), stdout=said, **options)
    except CommandError as error:
        return 1, f"{said.getvalue()}{error}"
    except SystemExit as end:
        return int(str(end.code)), said.getvalue()
    return 0, said.getvalue()


@pytest.mark.parametrize("key", ["", KEY], ids=["plain", "encrypted"])
def test_a_backup_can_be_restored_and_the_next_one_is_small(lab: Path, key: str) -> None:
    first = make_backup(lab, key)
    assert (first.n_files, first.missing, first.altered) == (2, [], [])
    tried = try_restore(lab, key)
    assert (tried.name, tried.n_files, tried.loaded) == (first.name, 2, True)
    assert tried.n_rows > 100
    make_pattern(name="three.xy")
    second = make_backup(lab, key)
    assert second.n_files == 3
    assert second.grown < first.grown
    assert second.name > first.name
    assert try_restore(lab, key, first.name).n_files == 2
    assert try_restore(lab, key).n_rows > tried.n_rows


def test_an_untouched_file_is_not_read_again_and_a_changed_one_is(lab: Path) -> None:
    make_backup(lab, "")
    (one,) = paths_of("one.xy")
    changed = one.stat()
    one.write_bytes(one.read_bytes().replace(b"1", b"2"))
    os.utime(one, ns=(changed.st_atime_ns, changed.st_mtime_ns))
    assert make_backup(lab, "").altered == []  # which is what check_files is for
    os.utime(one)
    (altered,) = make_backup(lab, "").altered
    assert altered.startswith(str(Pattern.objects.get(name="one.xy").file.content.name))


def test_a_file_that_is_gone_is_said_and_the_rest_is_backed_up(lab: Path) -> None:
    (one,) = paths_of("one.xy")
    one.unlink()
    status, said = run("backup", lab)
    assert status == 1
    assert f"missing: {Pattern.objects.get(name='one.xy').file.content.name}, of original file" in said
    assert "1 files and the database" in said
    assert try_restore(lab, "").n_files == 1


def test_a_file_that_cannot_be_read_is_named_and_the_rest_is_backed_up(lab: Path) -> None:
    """A folder in its place gives an error of the system at the first read, as a dying disk does, also to root."""
    (one,) = paths_of("one.xy")
    name = Pattern.objects.get(name="one.xy").file.content.name
    one.unlink()
    one.mkdir()
    status, said = run("backup", lab)
    assert status == 1
    assert f"not readable: {name}, of original file" in said
    assert "Is a directory" in said
    assert "1 files and the database" in said
    assert (
        str(Upkeep.objects.light())
        == "Files that could not be read and are not in the backup: 1. Its output names them."
    )
    assert try_restore(lab, "").n_files == 1
    one.rmdir()
    make_backup(lab, "")


def test_an_error_of_the_disk_in_the_midst_of_a_file_is_told_apart_from_those_of_the_backups_disk() -> None:
    """/proc/self/mem opens, and its first page is an I/O error: what a bad sector gives."""
    with Path("/proc/self/mem").open("rb") as file:
        source = _Source(file)
        with pytest.raises(UnreadableError, match="Input/output error"):
            source.read(10)


def test_patterns_that_came_without_their_files_are_said_and_nothing_is_wrong(lab: Path) -> None:
    PatternFile.objects.create(sha256="0" * 64, content="", size=7)
    assert run("backup", lab)[0] == 0
    status, said = run("check_files")
    assert status == 0
    assert "1 more stayed in the labs that their patterns came from" in said


def test_a_damaged_piece_fails_the_trial_and_the_next_backup_mends_it(lab: Path) -> None:
    make_backup(lab, "")
    piece = lab / "pieces" / (sha := paths_of("one.xy")[0].name)[:2] / f"{sha}.gz"
    piece.write_bytes(piece.read_bytes()[:-20])
    with pytest.raises(DamagedPieceError, match="was cut off or altered"):
        try_restore(lab, "")
    make_backup(lab, "")
    assert try_restore(lab, "").n_files == 2
    assert piece.with_name(f"{piece.name}.damaged").exists()


def test_an_archive_that_is_taken_out_meanwhile_is_no_loss(lab: Path, settings: Settings) -> None:
    person = UserFactory.create()
    run_ = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)
    folder = PackedFolder(run=run_, name="many.zip", n_files=3, n_taken=1)
    folder.content.save("many.zip", ContentFile(b"zip"), save=False)
    folder.save()
    assert make_backup(lab, "").n_files == 3
    Path(folder.content.path).unlink()
    with pytest.raises(BackupError, match="changed faster"):
        make_backup(lab, "")
    PackedFolder.objects.update(n_taken=3)
    assert make_backup(lab, "").n_files == 2
    assert run("check_files")[0] == 0


def test_a_backup_of_a_newer_program_or_another_database_is_not_restored(lab: Path) -> None:
    made = make_backup(lab, "")
    vault = Vault.open(lab)
    listed = lab / "backups" / f"{made.name}.json.gz"
    whole = vault.backup(made.name)
    whole.migrations.append("samples.9999_from_the_future")
    vault.take_over(whole)
    with pytest.raises(BackupError, match=r"newer than this program.*samples\.9999_from_the_future"):
        try_restore(lab, "")
    assert listed.exists()
    other = "sqlite" if connection.vendor == "postgresql" else "postgresql"
    object.__setattr__(whole, "database", other)
    vault.take_over(whole)
    with pytest.raises(BackupError, match=f"is of a {other} database"):
        try_restore(lab, "")


def test_a_damaged_list_does_not_stop_the_next_backup(lab: Path) -> None:
    listed = lab / "backups" / f"{make_backup(lab, '').name}.json.gz"
    listed.write_bytes(listed.read_bytes()[:-9])
    made = make_backup(lab, "")
    assert made.n_files == 2
    assert try_restore(lab, "").name == made.name


def test_a_database_from_before_an_upgrade_is_backed_up(lab: Path) -> None:
    executor = MigrationExecutor(connection)
    newest = executor.loader.graph.leaf_nodes()
    executor.migrate([("lims", "0002_people_and_links")])
    try:
        status, said = run("backup", lab)
    finally:
        MigrationExecutor(connection).migrate(newest)
    assert status == 0, said
    assert "2 files and the database" in said


def test_rows_that_are_lost_on_the_way_are_noticed(lab: Path) -> None:
    made = make_backup(lab, "")
    vault = Vault.open(lab)
    whole = vault.backup(made.name)
    whole.rows["auth_user"] += 1
    vault.take_over(whole)
    with pytest.raises(BackupError, match="its tables auth_user have other numbers of rows"):
        try_restore(lab, "")


def test_a_lab_with_people_is_not_overwritten(lab: Path) -> None:
    make_backup(lab, "")
    status, said = run("restore", lab)
    assert status == 1
    assert "holds people and their work. Nothing was restored." in said


def test_retention_takes_out_old_backups_alone(lab: Path) -> None:
    names = [make_backup(lab, "").name for _ in range(3)]
    status, said = run("backup", lab, keep="1,0,0")
    assert status == 0
    assert "Older backups taken out: 3" in said
    assert len(Vault.open(lab).names()) == 1
    assert not set(names) & set(Vault.open(lab).names())
    assert try_restore(lab, "").n_files == 2
    assert run("backup", lab, keep="some")[0] == 1


def test_list_and_help(lab: Path, settings: Settings) -> None:
    made = make_backup(lab, "")
    assert made.name in run("restore", lab, list=True)[1]
    assert "There is no backup 2025" in run("restore", lab, backup="2025")[1]
    assert run("backup", new_key=True)[1].startswith("AGE-SECRET-KEY-1")
    assert "Say where" in run("backup")[1]
    assert "Say from where" in run("restore")[1]


class TestCheckFiles:
    def test_whole_files_pass(self) -> None:
        assert run("check_files") == (0, "2 files: 0 missing, 0 altered, 0 orphaned.\n")
        assert Upkeep.objects.get().went_well

    def test_missing_altered_and_orphaned_ones_are_named_and_left(self, settings: Settings) -> None:
        one, two = *paths_of("one.xy"), *paths_of("two.xy")
        one.unlink()
        two.write_bytes(b"1 2\n")
        stray = settings.MEDIA_ROOT / "patterns" / "stray"
        stray.write_bytes(b"?")
        arriving = settings.MEDIA_ROOT / "patterns" / ".just.part"
        arriving.write_bytes(b"?")
        os.utime(stray, (0, 0))
        status, said = run("check_files")
        assert status == 1
        assert f"missing: {one.relative_to(settings.MEDIA_ROOT)}, of original file" in said
        assert f"altered: {two.relative_to(settings.MEDIA_ROOT)}, of original file" in said
        assert "no row names: patterns/stray (1 bytes)" in said
        assert "1 missing, 1 altered, 1 orphaned." in said
        assert stray.exists()
        assert not Upkeep.objects.get().went_well

    def test_orphans_alone_lose_nothing(self, settings: Settings) -> None:
        stray = settings.MEDIA_ROOT / "stray"
        stray.write_bytes(b"?")
        os.utime(stray, (0, 0))
        assert run("check_files")[0] == 1
        assert Upkeep.objects.get().went_well


class TestNight:
    def test_it_backs_up_tries_and_checks(self, lab: Path, settings: Settings) -> None:
        settings.BACKUP_FOLDER = str(lab)
        status, said = run("nightly")
        assert status == 0, said
        tasks = Upkeep.objects.filter(went_well=True).values_list("task", flat=True)
        assert set(tasks) == {"backup", "restore", "files", "trail"}

    def test_without_a_folder_it_checks(self) -> None:
        assert run("nightly")[0] == 0
        assert set(Upkeep.objects.values_list("task", flat=True)) == {"files", "trail"}

    def test_the_other_steps_follow_one_that_failed(self, lab: Path, settings: Settings) -> None:
        lab.mkdir()
        (lab / "thesis.tex").touch()
        settings.BACKUP_FOLDER = str(lab)
        assert run("nightly", stderr=io.StringIO())[0] == 1
        went = dict(Upkeep.objects.values_list("task", "went_well"))
        assert went == {"backup": False, "restore": False, "files": True, "trail": True}
        assert "holds other things" in str(Upkeep.objects.get(task="backup").problem)

    def test_a_night_falls_to_one_host(self) -> None:
        tonight = timezone.localdate()
        assert Upkeep.objects.claim_night(tonight)
        assert not Upkeep.objects.claim_night(tonight)
        assert Upkeep.objects.claim_night(tonight + timedelta(days=1))
