"""A database on another host, over TLS, as docs/deploy.md has it: only the server that the lab's authority vouches for is asked."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from benchmarks.own_lab import own_postgresql, postgresql_tools, wait_for_port
from tests.deployment.served import free_port

ASKED = "SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
PROGRAM = (
    *("shell", "--no-imports", "--command"),
    f"from django.db import connection as c\nwith c.cursor() as cursor: print(*cursor.execute('{ASKED}').fetchone())",
)
TOOLS = ("dbshell", "--", "-Atc", ASKED)
"""How Icosa asks, and how `backup` and `restore` have PostgreSQL's own tools ask."""


def make_certificate(folder: Path, name: str, *more: str) -> None:
    made = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    files = ["-keyout", str(folder / f"{name}.key"), "-out", str(folder / f"{name}.pem")]
    subprocess.run([*made, "-days", "2", "-subj", f"/CN={name}", *files, *more], check=True, capture_output=True)


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    """Of a server that the authority calls localhost, and that lets in by TLS alone."""
    if connection.vendor != "postgresql" or not postgresql_tools():
        pytest.skip("runs where the tests run on PostgreSQL and its programs are on this machine")
    for authority in ("our-authority", "another"):
        make_certificate(tmp_path, authority)
    signed = ("-CA", str(tmp_path / "our-authority.pem"), "-CAkey", str(tmp_path / "our-authority.key"))
    make_certificate(tmp_path, "server", "-addext", "subjectAltName=DNS:localhost", *signed)
    port = free_port()
    server = own_postgresql(tmp_path, port)
    assert server.place
    for ending in ("pem", "key"):
        kept = Path(shutil.copy(tmp_path / f"server.{ending}", server.place))
        kept.chmod(0o600)
        shutil.chown(kept, server.place.owner())
    (server.place / "pg_hba.conf").write_text("hostssl all icosa 127.0.0.1/32 trust\n")
    server.command += ["-c", "ssl=on", "-c", "ssl_cert_file=server.pem", "-c", "ssl_key_file=server.key"]
    server.start()
    try:
        wait_for_port(port)
        yield port
    finally:
        server.stop()
        shutil.rmtree(server.place.parent)


def test_only_the_server_that_the_authority_vouches_for(port: int, tmp_path: Path) -> None:
    def ask(how: tuple[str, ...], host: str, authority: str) -> str:
        address = (
            f"postgresql://icosa@{host}:{port}/postgres?sslmode=verify-full&sslrootcert={tmp_path}/{authority}.pem"
        )
        environment = os.environ | {"DATABASE_URL": address, "DJANGO_SETTINGS_MODULE": "lims.settings"}
        done = subprocess.run(
            [sys.executable, "manage.py", *how],
            cwd=settings.BASE_DIR, env=environment, check=False, capture_output=True, text=True,
        )  # fmt: skip
        return done.stdout + done.stderr

    assert ask(PROGRAM, "localhost", "our-authority") == "TLSv1.3\n"
    assert "certificate verify failed" in ask(PROGRAM, "localhost", "another")
    assert "does not match host name" in ask(PROGRAM, "127.0.0.1", "our-authority")
    assert ask(TOOLS, "localhost", "our-authority") == "TLSv1.3\n"
    assert "certificate verify failed" in ask(TOOLS, "localhost", "another")
