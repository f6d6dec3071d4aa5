"""The short form of benchmarks/chaos.py: a lab of its own is mistreated while files come in, and then everything is counted."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.db import connection

from benchmarks.own_lab import postgresql_tools

pytestmark = [pytest.mark.workers, pytest.mark.slow]


def test_a_lab_that_is_mistreated_loses_doubles_and_leaves_nothing(tmp_path: Path) -> None:
    """On a PostgreSQL of its own, where the tests run on one: theirs is not to be killed."""
    on_postgresql = connection.vendor == "postgresql"
    if on_postgresql and postgresql_tools() is None:
        pytest.skip("PostgreSQL's programs are not on this machine, only a server elsewhere")
    command = [sys.executable, "-m", "benchmarks.chaos", "--short", "--port", "0", "--folder", str(tmp_path / "lab")]
    environment = {name: value for name, value in os.environ.items() if name not in {"DATABASE_URL", "ICOSA_DATA"}}
    done = subprocess.run(
        [*command, *([] if on_postgresql else ["--sqlite"])],
        cwd=settings.BASE_DIR,
        env=environment | {"DJANGO_SETTINGS_MODULE": "tests.worker_settings"},
        check=False,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=240,
    )
    assert done.returncode == 0, done.stdout[-6000:]
    assert "WRONG" not in done.stdout
    assert re.search(r"^ok +60 of 60 files acknowledged$", done.stdout, re.MULTILINE)
    assert "kill the queues master" in done.stdout
    assert ("kill postgresql" in done.stdout) is on_postgresql
