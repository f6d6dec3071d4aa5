"""A database as it is at one moment, while people go on writing to it; and back again."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from uuid import uuid4

from django.db import connection, connections, transaction
from django.db.backends.postgresql.client import DatabaseClient
from django.db.migrations.recorder import MigrationRecorder
from django.utils import timezone

from lims.backup.vault import BackupError

FROZEN = "frozen"
"""Alias of the connection that sees the database as it was when the backup began."""

SQLITE_FILE = "database.sqlite3"
SET_ASIDE = "before_restore_"
"""How the schema begins that a restore put aside."""


@contextmanager
def frozen(folder: Path) -> Iterator[str]:
    """Write the database into ``folder``, and give an alias by which the same moment can be asked."""
    with _sqlite(folder / SQLITE_FILE) if connection.vendor == "sqlite" else _postgresql(folder) as alias:
        yield alias


def rows_of(alias: str) -> dict[str, int]:
    """How many rows each table has."""
    asked = connections[alias]
    with asked.cursor() as cursor:
        counts = {}
        for table in sorted(asked.introspection.table_names(cursor)):
            cursor.execute(f"SELECT count(*) FROM {asked.ops.quote_name(table)}")  # noqa: S608 - a table's own name
            counts[table] = cursor.fetchone()[0]
    return counts


def migrations_of(alias: str) -> list[str]:
    return sorted(f"{app}.{name}" for app, name in MigrationRecorder(connections[alias]).applied_migrations())


def is_used() -> bool:
    """Whether the lab's database holds people or anything else that a restore would put aside."""
    with connection.cursor() as cursor:
        if "auth_user" not in connection.introspection.table_names(cursor):
            return False
        cursor.execute("SELECT count(*) FROM auth_user")
        return bool(cursor.fetchone()[0])


def load(folder: Path) -> str:
    """Put the database in ``folder`` into the place of the lab's own; where the former one is now, or "" for none."""
    return _replace_sqlite(folder / SQLITE_FILE) if connection.vendor == "sqlite" else _replace_schema(folder)


@contextmanager
def on_trial(folder: Path) -> Iterator[str | None]:
    """Load the database in ``folder`` beside the lab's own; an alias to ask it by, or None where we may not make one."""
    if connection.vendor == "sqlite":
        with _connected(str(folder / SQLITE_FILE)) as alias:
            with connections[alias].cursor() as cursor:
                cursor.execute("PRAGMA integrity_check")
                if (said := cursor.fetchone()[0]) != "ok":
                    raise BackupError("The database in the backup is damaged: %(said)s.", said=said)
            yield alias
        return
    with connection.cursor() as cursor:
        cursor.execute("SELECT rolcreatedb OR rolsuper FROM pg_roles WHERE rolname = current_user")
        if not cursor.fetchone()[0]:
            _run("pg_restore", "--list", str(folder))
            yield None
            return
        name = f"icosa_trial_{uuid4().hex[:12]}"
        cursor.execute(f"CREATE DATABASE {name}")
    try:
        _pg_restore(folder, name)
        with _connected(name) as alias:
            yield alias
    finally:
        with connection.cursor() as cursor:
            cursor.execute(f"DROP DATABASE {name}")


@contextmanager
def _connected(name: str) -> Iterator[str]:
    """A connection beside the lab's own, to the database of this name."""
    beside = connection.copy(alias=FROZEN)
    beside.settings_dict["NAME"] = name
    if beside.vendor == "sqlite":
        beside.settings_dict["OPTIONS"] = {}  # a copy stays the one file that it is
    connections[FROZEN] = beside
    try:
        yield FROZEN
    finally:
        beside.close()
        del connections[FROZEN]


@contextmanager
def _sqlite(path: Path) -> Iterator[str]:
    connection.ensure_connection()
    with closing(sqlite3.connect(path)) as copy:
        connection.connection.backup(copy)  # in one step: a writer that goes on does not make it begin again
        copy.execute("PRAGMA journal_mode=DELETE")  # one file, with nothing beside it
    with _connected(str(path)) as alias:
        yield alias


@contextmanager
def _postgresql(folder: Path) -> Iterator[str]:
    with _connected(_database()) as alias, transaction.atomic(using=alias), connections[alias].cursor() as cursor:
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        cursor.execute("SELECT pg_export_snapshot()")
        snapshot = cursor.fetchone()[0]
        _run(
            *("pg_dump", "--format=directory", "--compress=0", f"--file={folder / 'dump'}", f"--snapshot={snapshot}"),
            *(f"--exclude-schema={SET_ASIDE}*", "--no-owner", "--no-privileges", "--no-sync", *_where(), _database()),
        )
        for path in (folder / "dump").iterdir():
            path.rename(folder / path.name)
        (folder / "dump").rmdir()
        yield alias


def _replace_sqlite(restored: Path) -> str:
    here, is_empty = Path(connection.settings_dict["NAME"]), _is_empty()
    connection.close()
    beside = here.with_name(f".{here.name}.restored")
    shutil.move(restored, beside)  # which may be another disk
    aside = f"{here}.before-restore-{timezone.now():%Y%m%dT%H%M%SZ}"
    for ending in ("-wal", "-shm", ""):  # which belong to the former one
        if (part := Path(f"{here}{ending}")).exists():
            part.rename(f"{aside}{ending}")
            if is_empty:
                Path(f"{aside}{ending}").unlink()
    beside.rename(here)
    return "" if is_empty else aside


def _is_empty() -> bool:
    with connection.cursor() as cursor:
        return not connection.introspection.table_names(cursor)


def _replace_schema(folder: Path) -> str:
    """In one transaction each: pg_restore fills a new schema, and where it cannot, the former one comes back."""
    aside, is_empty = f"{SET_ASIDE}{timezone.now():%Y%m%dt%H%M%Sz}", _is_empty()
    if not is_empty:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(f"ALTER SCHEMA public RENAME TO {aside}")
            cursor.execute("CREATE SCHEMA public")
    try:
        _pg_restore(folder, _database())
    except BackupError:
        if not is_empty:
            with transaction.atomic(), connection.cursor() as cursor:
                cursor.execute("DROP SCHEMA public CASCADE")
                cursor.execute(f"ALTER SCHEMA {aside} RENAME TO public")
        raise
    connection.close()
    return "" if is_empty else f"schema {aside}"


def _pg_restore(folder: Path, database: str) -> None:
    owner = ("--single-transaction", "--no-owner", "--no-privileges")
    _run("pg_restore", *owner, *_where(), f"--dbname={database}", str(folder))


def _database() -> str:
    return str(connection.settings_dict["NAME"])


def _where() -> list[str]:
    """User, host and port, as psql is told them."""
    told, _environment = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    return list(told[1:-1])


def _run(*command: str) -> None:
    """A tool of PostgreSQL; the password goes by the environment, where a command line is seen by everybody."""
    _told, secrets = DatabaseClient.settings_to_cmd_args_env(connection.settings_dict, [])
    try:
        subprocess.run(command, env={**os.environ, **(secrets or {})}, check=True, capture_output=True, text=True)  # noqa: S603
    except FileNotFoundError:
        raise BackupError(
            "%(tool)s is not installed. It comes with PostgreSQL's client: apt-get install postgresql-client.",
            tool=command[0],
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.strip().splitlines()
        raise BackupError("%(tool)s failed: %(said)s", tool=command[0], said=said[0] if said else "") from None
