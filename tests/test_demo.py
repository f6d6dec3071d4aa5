"""`make demo` as a stranger sees it: it comes up, shows the case, and Ctrl-C leaves nothing behind."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from lims.demo import SAMPLES

ROOT = Path(__file__).resolve().parent.parent


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def start_demo(folder: Path, port: int) -> subprocess.Popen[str]:
    environment = {
        **os.environ,
        "ICOSA_DATA": str(folder),
        "ICOSA_WORKERS": "1",
        "DJANGO_SETTINGS_MODULE": "lims.settings",
    }
    environment.pop("DATABASE_URL", None)
    return subprocess.Popen(
        [sys.executable, "manage.py", "demo", "--port", str(port)],
        cwd=ROOT,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def lines_until(demo: subprocess.Popen[str], wanted: str) -> Iterator[str]:
    assert demo.stdout
    for line in demo.stdout:
        yield line
        if wanted in line:
            return


def processes_that_name(folder: Path) -> list[str]:
    """Command lines of the processes whose environment names ``folder``."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            if str(folder).encode() in (process / "environ").read_bytes():
                found.append((process / "cmdline").read_text().replace("\0", " "))
        except OSError:
            continue
    return found


@pytest.mark.workers
@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks for left-over processes in /proc")
def test_demo_comes_up_shows_the_case_and_stops(tmp_path: Path) -> None:
    port = free_port()
    demo = start_demo(tmp_path, port)
    try:
        said = "".join(lines_until(demo, "Ctrl-C stops everything."))
        assert f"http://localhost:{port}" in said, said
        with urllib.request.urlopen(f"http://localhost:{port}/healthz") as answer:
            assert json.load(answer)["ok"] is True
        with urllib.request.urlopen(f"http://localhost:{port}/") as answer:
            sign_in = answer.read().decode()
        for role in ("member", "reviewer", "microscopist", "curator", "admin"):
            assert f"icosa-demo-{role}" in said
            assert f"icosa-demo-{role}" in sign_in
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=60) == 0
    finally:
        if demo.poll() is None:
            os.killpg(demo.pid, signal.SIGKILL)
    assert processes_that_name(tmp_path) == []

    with sqlite3.connect(tmp_path / "icosa.sqlite3") as database:
        calls = database.execute(
            "SELECT s.code, r.level, r.probability, v.state FROM screening_screeningresult r"
            " JOIN samples_reading g ON g.id = r.reading_id JOIN samples_pattern p ON p.id = g.pattern_id"
            " JOIN samples_sample s ON s.id = p.sample_id JOIN mlmodels_modelversion v ON v.id = r.model_version_id"
        ).fetchall()
        assert database.execute("SELECT count(*) FROM samples_pattern WHERE NOT simulated").fetchone() == (0,)
    reported = {code: (level, p) for code, level, p, state in calls if state == "record"}
    assert reported == {"ASR-I": ("A", None), "ASR-II": ("B", None), "ASR-III": ("B", None), "ASR-IV": ("C", None)}
    ours = {code: p for code, _level, p, state in calls if state == "production"}
    assert len(ours) == len(SAMPLES)
    assert all(p is not None for p in ours.values())


def test_demo_says_which_port_is_in_use(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        demo = start_demo(tmp_path, port)
        said, _nothing = demo.communicate(timeout=60)
    assert demo.returncode != 0
    assert re.search(rf"Port {port} is in use\. Choose another: make demo PORT={port + 1}", said)
    assert "Traceback" not in said
