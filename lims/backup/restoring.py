"""`manage.py restore`: a lab from its backup, on an empty machine; and the trial that shows each night that it can be."""

from __future__ import annotations

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from django.db import Error, connection, transaction

from lims.backup import database
from lims.backup.making import space_of_its_own
from lims.backup.vault import Backup, BackupError, DamagedPieceError, StoredFile, Vault
from lims.models import KeyMark
from lims.schema import OUR_APPS, migrations_of_program
from samples.store import store
from screening.models import WorkerHeartbeat

Say = Callable[[str], object]


@dataclass(frozen=True, slots=True)
class Restored:
    """aside: where the former database is now, "" for none; behind: migrations that this program has and the backup lacks."""

    name: str
    n_files: int
    n_rows: int
    aside: str
    behind: int


@dataclass(frozen=True, slots=True)
class Tried:
    """loaded: False where this user of PostgreSQL may make no database, so that the dump was read and not loaded."""

    name: str
    n_files: int
    n_rows: int
    loaded: bool


def restore(folder: Path, key: str, name: str = "", *, replace: bool = False) -> Restored:
    """Files first, then the database: it is in its place only once all that it names is there and every hash was checked."""
    if trouble := store.trouble():
        raise BackupError("There is no place for the lab's files, so nothing was restored. %(said)s", said=trouble.said)
    vault = Vault.open(folder, key)
    backup = chosen(vault, name)
    _check_it_belongs_here(backup)
    _check_nothing_is_in_the_way(replace=replace)
    with space_of_its_own() as side:
        _assemble(vault, backup, side)
        for stored in backup.files:
            _put_back(vault, stored)
        os.sync()
        aside = database.load(side)
    _compare_rows(backup, database.rows_of("default"))
    _forget_the_former_key()
    behind = len(migrations_of_program() - {_split(name) for name in backup.migrations})
    return Restored(backup.name, len(backup.files), sum(backup.rows.values()), aside, behind)


def try_restore(folder: Path, key: str, name: str = "") -> Tried:
    """Read every piece of a backup, and load its database beside the lab's own; the lab is not touched.

    A damaged piece is set aside, so that the next backup writes it anew where the lab still has the file.
    """
    vault = Vault.open(folder, key)
    backup = chosen(vault, name)
    _check_it_belongs_here(backup)
    with space_of_its_own() as side:
        for stored in backup.files:
            _read_through(vault, stored)
        _assemble(vault, backup, side)
        with database.on_trial(side) as alias:
            if alias:
                _compare_rows(backup, database.rows_of(alias))
    return Tried(backup.name, len(backup.files), sum(backup.rows.values()), alias is not None)


def chosen(vault: Vault, name: str) -> Backup:
    """The backup of this name; the newest for none."""
    if not name and not vault.names():
        raise BackupError("%(folder)s holds no finished backup.", folder=str(vault.folder))
    return vault.backup(name or vault.names()[-1])


def _check_it_belongs_here(backup: Backup) -> None:
    if backup.database != connection.vendor:
        raise BackupError(
            "The backup is of a %(theirs)s database, and this lab's is %(ours)s. Set DATABASE_URL to one of the same kind.",
            theirs=backup.database,
            ours=connection.vendor,
        )
    known = migrations_of_program()
    unknown = [name for name in backup.migrations if _split(name)[0] in OUR_APPS and _split(name) not in known]
    if unknown:
        raise BackupError(
            "The backup was made by Icosa %(version)s, which is newer than this program: it has the migration %(migration)s."
            " Install that version, and restore with it.",
            version=backup.version,
            migration=unknown[-1],
        )


def _check_nothing_is_in_the_way(*, replace: bool) -> None:
    if not database.is_used():
        return
    if not replace:
        raise BackupError(
            "This lab's database holds people and their work. Nothing was restored. Name an empty database in DATABASE_URL, or"
            " say --replace, which puts the present one aside."
        )
    try:
        is_alive = WorkerHeartbeat.objects.alive().exists()
    except Error:  # of an older version, or damaged
        return
    if is_alive:
        raise BackupError("A worker is running. Stop the workers and the web server first, and start them afterwards.")


def _forget_the_former_key() -> None:
    """It went with the machine that the backup was made on, most often."""
    with suppress(Error), transaction.atomic():  # of an older version
        KeyMark.objects.forget()


def _assemble(vault: Vault, backup: Backup, side: Path) -> None:
    for stored in backup.dump:
        _write(vault, stored, side / stored.name)


def _put_back(vault: Vault, stored: StoredFile) -> None:
    """Write a file to its place; one that is there and right stays, one that is there and wrong is put aside."""
    if not store.holds_name(stored.name):
        raise BackupError("The backup is damaged: it names the file %(name)s.", name=stored.name)
    is_here = store.exists(stored.name)
    if is_here and store.sha256_of(stored.name) == stored.sha256:
        return
    with store.arriving(stored.name.rpartition("/")[0]) as path:
        _write(vault, stored, path)
        if is_here:
            store.put_aside(stored.name)
        store.take_over(path, stored.name)


def _write(vault: Vault, stored: StoredFile, path: Path) -> None:
    try:
        with path.open("xb") as file:
            for piece in vault.read(stored):
                file.write(piece)
    except DamagedPieceError as error:
        raise BackupError(
            "%(error)s It belongs to %(name)s. The lab's database was not touched. Take another backup: `restore --list`.",
            error=str(error),
            name=stored.name,
        ) from error


def _read_through(vault: Vault, stored: StoredFile) -> None:
    try:
        for _piece in vault.read(stored):
            pass
    except DamagedPieceError:
        for sha256 in stored.pieces:
            vault.set_aside_if_damaged(sha256)
        raise


def _compare_rows(backup: Backup, found: dict[str, int]) -> None:
    wrong = {table for table, n in backup.rows.items() if found.get(table) != n}
    if wrong:
        raise BackupError(
            "The restored database is not the one that was backed up: its tables %(tables)s have other numbers of rows.",
            tables=", ".join(sorted(wrong)),
        )


def _split(name: str) -> tuple[str, str]:
    app, _dot, migration = name.partition(".")
    return app, migration
