"""A lab that is gone comes back from its backup: every row, every byte.  In processes of their own, on both databases."""

from __future__ import annotations

import hashlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import LiteralString
from uuid import uuid4

import psycopg
import pyrage
import pytest
from django.conf import settings
from django.db import connection
from psycopg import sql

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("restore")]

KEY = str(pyrage.x25519.Identity.generate())


class Machine:
    """A host with a data folder and a database of its own, both empty at first."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir()
        self.data = folder / "data"
        self.name = f"icosa_restore_{uuid4().hex[:8]}"
        self.server = os.environ["DATABASE_URL"] if connection.vendor == "postgresql" else ""
        url = f"{self.server.rpartition('/')[0]}/{self.name}" if self.server else f"sqlite:///{self.data}/lab.sqlite3"
        self.environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith("ICOSA_")},
            "ICOSA_DATA": str(self.data),
            "DATABASE_URL": url,
            "DJANGO_SETTINGS_MODULE": "lims.settings",
            "PYTHONPATH": str(settings.BASE_DIR),
            "SECRET_KEY": "for tests alone",
            "ICOSA_BACKUP_KEY": KEY,
        }
        self.sql("CREATE DATABASE {}")

    def sql(self, command: LiteralString) -> None:
        if self.server:
            with psycopg.connect(self.server, autocommit=True) as server:
                server.execute(sql.SQL(command).format(sql.Identifier(self.name)))

    def start(self, *command: str, **variables: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        environment = self.environment | variables
        return subprocess.Popen(
            [sys.executable, *command], cwd=settings.BASE_DIR, env=environment, stdout=pipe, stderr=pipe, text=True
        )

    def manage(self, *command: str, **variables: str) -> tuple[int, str]:
        """Exit status, and all that was said."""
        process = self.start("manage.py", *command, **variables)
        said = "".join(process.communicate(timeout=120))
        return process.returncode, said

    def files(self) -> dict[str, str]:
        """SHA-256 of every kept file by its name."""
        root = self.data / "files"
        paths = (path for path in root.rglob("*") if path.is_file())
        return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}

    def rows(self) -> dict[str, int]:
        program = "import django; django.setup(); from lims.backup.database import rows_of; print(rows_of('default'))"
        done = self.start("-c", program)
        said, errors = done.communicate(timeout=60)
        assert done.returncode == 0, errors
        counts: dict[str, int] = eval(said)
        return counts


@pytest.fixture(scope="module")
def backups(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("disk") / "backups"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory, backups: Path) -> Iterator[Machine]:
    """A lab with some of everything, and an encrypted backup of it."""
    machine = Machine(tmp_path_factory.mktemp("first") / "machine")
    assert machine.manage("migrate", "--verbosity=0") == (0, "")
    filling = machine.start("tests/backup/fill_lab.py")
    assert filling.communicate(timeout=120)[1] == ""
    status, said = machine.manage("backup", str(backups))
    assert status == 0, said
    yield machine
    machine.sql("DROP DATABASE {} WITH (FORCE)")


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[Machine]:
    machine = Machine(tmp_path / "machine")
    yield machine
    machine.sql("DROP DATABASE {} WITH (FORCE)")


def test_an_empty_machine_has_every_row_and_every_byte_again(lab: Machine, empty: Machine, backups: Path) -> None:
    status, said = empty.manage("restore", str(backups))
    assert status == 0, said
    assert "files have their SHA-256" in said
    assert "former database" not in said
    assert empty.files() == lab.files()
    assert len(empty.files()) == 8
    rows = empty.rows()
    assert rows == lab.rows()
    assert (rows["samples_pattern"], rows["mlmodels_promotion"], rows["auth_user"]) == (5, 2, 1)
    assert empty.manage("check_trail")[0] == 0
    assert "0 missing, 0 altered, 0 orphaned" in empty.manage("check_files")[1]
    refused, said = empty.manage("restore", str(backups))
    assert refused == 1
    assert "holds people and their work. Nothing was restored." in said


def test_a_used_database_is_put_aside_where_one_says_so(lab: Machine, empty: Machine, backups: Path) -> None:
    assert empty.manage("migrate", "--verbosity=0")[0] == 0
    person = "from django.contrib.auth.models import User; User.objects.create_user('somebody')"
    assert empty.manage("shell", "-c", person)[0] == 0
    status, said = empty.manage("restore", str(backups), "--replace")
    assert status == 0, said
    assert "The former database is kept:" in said
    assert "before" in said
    assert empty.rows() == lab.rows()
    if not empty.server:
        (aside,) = empty.data.glob("lab.sqlite3.before-restore-*")
        assert aside.stat().st_size > 0


def test_a_damaged_backup_leaves_the_database_alone(
    lab: Machine, empty: Machine, backups: Path, tmp_path: Path
) -> None:
    worse = tmp_path / "copy"
    subprocess.run(["cp", "-r", backups, worse], check=True)
    for piece in (worse / "pieces").glob("??/*"):
        piece.write_bytes(piece.read_bytes()[:-9])
    status, said = empty.manage("restore", str(worse))
    assert status == 1
    assert "was cut off or altered" in said
    assert "The lab's database was not touched." in said
    assert "Traceback" not in said
    assert empty.rows() == {}


def test_a_wrong_key_is_said(empty: Machine, lab: Machine, backups: Path) -> None:
    other = str(pyrage.x25519.Identity.generate())
    status, said = empty.manage("restore", str(backups), ICOSA_BACKUP_KEY=other)
    assert status == 1
    assert "ICOSA_BACKUP_KEY is not the key of the backups" in said
    assert "Set ICOSA_BACKUP_KEY" in empty.manage("restore", str(backups), ICOSA_BACKUP_KEY="")[1]


def test_a_backup_that_is_killed_leaves_the_one_before_as_it_was(lab: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "backups"
    assert lab.manage("backup", str(folder))[0] == 0
    (archive,) = (lab.data / "files" / "archives").iterdir()
    archive.write_bytes(os.urandom(20_000_000))
    listed = list((folder / "backups").iterdir())
    backup = lab.start("manage.py", "backup", str(folder))
    until = time.monotonic() + 60
    while not (folder / "arriving").exists():
        assert time.monotonic() < until
        time.sleep(0.005)
    backup.send_signal(signal.SIGKILL)
    backup.communicate()
    assert backup.returncode == -signal.SIGKILL
    assert (folder / "arriving").exists()
    assert list((folder / "backups").iterdir()) == listed
    status, said = lab.manage("restore", str(folder), "--trial")
    assert status == 0, said
    status, said = lab.manage("backup", str(folder))
    assert status == 0, said
    assert not (folder / "arriving").exists()
