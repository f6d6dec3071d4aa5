"""`manage.py backup`: the database at one moment, and every file that it names."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from tempfile import mkdtemp
from typing import BinaryIO, cast
from zoneinfo import ZoneInfo

from django.conf import settings
from django.db import connection
from django.utils import timezone

from lims import __version__
from lims.backup import database
from lims.backup.vault import Backup, BackupError, StoredFile, Vault
from lims.kept_files import KeptFile, named_files
from samples.store import store

SIDE_NAME = ".backup-"
ATTEMPTS = 3
NAMED = "%Y%m%dT%H%M%SZ"


class UnreadableError(Exception):
    """A file of the lab that cannot be read: its disk fails, or it belongs to somebody else."""


class _Source:
    """A file of the lab while it is read: what its own store refuses is told apart from what the backup's disk does."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, size: int = -1) -> bytes:
        try:
            return self.file.read(size)
        except OSError as error:
            raise UnreadableError(error.strerror) from error


class ChangedMeanwhileError(Exception):
    """An archive that the frozen database still needs was taken out and went: the next moment is as good."""


@dataclass(frozen=True, slots=True)
class Made:
    """grown: bytes that the folder of backups grew by; size: of all that belongs to this backup, unpacked."""

    name: str
    n_files: int
    size: int
    grown: int
    missing: list[str]
    altered: list[str]
    unreadable: list[str]


def make_backup(folder: Path, key: str) -> Made:
    """Add a backup of the lab as it is now to ``folder``; nothing counts before the list of it is written, last."""
    if trouble := store.trouble():
        raise BackupError(
            "The lab's files cannot be read, so no backup was made. Those from before are as they were. %(said)s",
            said=trouble.said,
        )
    vault = Vault.begin(folder, key)
    with vault.locked(), space_of_its_own() as side, _no_room_said(folder):
        for _attempt in range(ATTEMPTS):
            try:
                return _make(vault, Path(mkdtemp(dir=side)))
            except ChangedMeanwhileError:
                continue
        raise BackupError("The lab's files changed faster than they could be copied. Try again at a quieter hour.")


def keep_some(folder: Path, key: str, keep: tuple[int, int, int]) -> tuple[list[str], int]:
    """Take out the backups that ``keep`` (days, weeks, months) leaves no place for: their names, and the bytes set free."""
    vault = Vault.open(folder, key)
    with vault.locked():
        names = vault.names()
        leaving = sorted(set(names) - set(worth_keeping(names, keep)))
        return leaving, vault.forget(leaving) if leaving else 0


def worth_keeping(names: list[str], keep: tuple[int, int, int]) -> list[str]:
    """The newest of each of the last so many days, weeks and months that have one, in the lab's time zone; the newest always."""
    kept = set(names[-1:])
    for number, period in zip(keep, ("%Y-%m-%d", "%G-%V", "%Y-%m"), strict=True):
        newest = {made_at(name).strftime(period): name for name in names}
        kept |= set(list(newest.values())[-number:] if number else [])
    return sorted(kept)


def made_at(name: str) -> datetime:
    """Of a backup of this name, in the lab's time zone."""
    moment = datetime.strptime(name.partition("-")[0], NAMED).replace(tzinfo=ZoneInfo("UTC"))
    return moment.astimezone(timezone.get_default_timezone())


@contextmanager
def space_of_its_own() -> Iterator[Path]:
    """A folder beside the data, for a database that is not packed yet; what killed runs left there goes first."""
    for left in settings.DATA_DIR.glob(f"{SIDE_NAME}*"):
        shutil.rmtree(left, ignore_errors=True)
    side = Path(mkdtemp(prefix=SIDE_NAME, dir=settings.DATA_DIR))
    try:
        yield side
    finally:
        shutil.rmtree(side, ignore_errors=True)


@contextmanager
def _no_room_said(folder: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise BackupError(
            "The backup stopped: %(error)s. The backups from before in %(folder)s are as they were.",
            error=f"{error.strerror}: {error.filename}" if error.filename else str(error),
            folder=str(folder),
        ) from error


def _make(vault: Vault, side: Path) -> Made:
    before = _files_of_newest(vault)
    missing, altered, unreadable, files = [], [], [], []
    passing = {}
    for kept in named_files():
        if kept.is_passing:
            with suppress(UnreadableError):  # said below
                passing[kept.name] = _stored(vault, kept, before)
    now = timezone.now()
    with database.frozen(side) as alias:
        dump = [_store(vault, path) for path in sorted(side.iterdir())]
        for kept in named_files(alias):
            try:
                stored = passing.get(kept.name) or _stored(vault, kept, before)
            except UnreadableError as error:
                unreadable.append(f"{kept.name}, of {kept.what}: {error}")
                continue
            if stored is None:
                if kept.is_passing:
                    raise ChangedMeanwhileError
                missing.append(f"{kept.name}, of {kept.what}")
                continue
            files.append(stored)
            if kept.sha256 not in {"", stored.sha256}:
                altered.append(f"{kept.name}, of {kept.what}")
        backup = Backup(
            name=_free_name(vault, now),
            version=__version__,
            database=connection.vendor,
            migrations=database.migrations_of(alias),
            rows=database.rows_of(alias),
            dump=dump,
            files=files,
            missing=[*missing, *unreadable],
        )
    grown = vault.take_over(backup)
    return Made(backup.name, len(files), sum(s.size for s in (*dump, *files)), grown, missing, altered, unreadable)


def _files_of_newest(vault: Vault) -> dict[str, StoredFile]:
    try:
        return {stored.name: stored for name in vault.names()[-1:] for stored in vault.backup(name).files}
    except BackupError:  # its list is damaged: every file is read anew
        return {}


def _stored(vault: Vault, kept: KeptFile, before: dict[str, StoredFile]) -> StoredFile | None:
    """The file in the vault, by its former entry where it did not change since; None where it is not in the store.

    UnreadableError where it is there, and its disk or its permissions do not give it.
    """
    try:
        said, source = store.said_of(kept.name), _Source(cast("BinaryIO", store.open(kept.name)))
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UnreadableError(error.strerror) from error
    with source.file:
        known = before.get(kept.name)
        if known and (known.size, known.changed) == (said.size, said.changed) and vault.holds(known):
            return known
        return vault.store(kept.name, cast("BinaryIO", source), said.changed)


def _store(vault: Vault, path: Path) -> StoredFile:
    with path.open("rb") as content:
        return vault.store(path.name, content, path.stat().st_mtime_ns)


def _free_name(vault: Vault, now: datetime) -> str:
    """Of this second; the second one of a second is numbered, and sorts behind it."""
    name = now.astimezone(ZoneInfo("UTC")).strftime(NAMED)
    taken = sum(other.startswith(name) for other in vault.names())
    return f"{name}-{taken + 1}" if taken else name
