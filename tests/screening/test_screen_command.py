"""`manage.py screen`: its promises to scripts, from a process of its own with no database to reach."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings

from mlmodels.net.checkpoint import save
from tests.factories import pattern_text
from tests.networks import tiny_checkpoint

KEYS = [
    "file", "screenable", "reason", "probability", "level", "quasilattice_constant", "quasilattice_constant_sigma",
    "lattice_type", "phases", "model", "warnings",
]  # fmt: skip
DATA = Path(__file__).parents[1] / "data"


@pytest.fixture
def model(tmp_path: Path) -> str:
    return str(save(tiny_checkpoint(), tmp_path))


def screen(*arguments: str | Path) -> subprocess.CompletedProcess[str]:
    environment = {
        **os.environ,
        "DJANGO_SETTINGS_MODULE": "lims.settings",
        "DATABASE_URL": "postgresql://nobody@127.0.0.1:1/none",
    }
    return subprocess.run(
        [sys.executable, "manage.py", "screen", *map(str, arguments)],
        cwd=settings.BASE_DIR,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def lines_of(run: subprocess.CompletedProcess[str]) -> list[dict[str, Any]]:
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_one_json_object_a_file_in_order_whatever_is_wrong_with_some(model: str, tmp_path: Path) -> None:
    good = tmp_path / "good.xy"
    good.write_bytes(pattern_text(1))
    narrow = tmp_path / "narrow.xy"
    narrow.write_bytes(pattern_text(2, first=20, last=30))
    empty = tmp_path / "empty.xy"
    empty.touch()
    files = [good, empty, tmp_path / "missing.xy", narrow, tmp_path, good]
    run = screen(*files, "--jsonl", "--model", model)
    assert run.returncode == 1
    assert run.stderr == ""
    rows = lines_of(run)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    assert [list(row) for row in rows] == [KEYS] * len(files)
    assert [row["screenable"] for row in rows] == [True, False, False, False, False, True]
    for row in rows:
        assert row["model"] == "tiny"
        if row["screenable"]:
            assert row["reason"] is None
            assert list(row["phases"]) == ["icosahedral", "approximant_1_1", "approximant_2_1", "none"]
            assert sum(row["phases"].values()) == pytest.approx(1)
            assert row["phases"]["icosahedral"] == row["probability"]
        else:
            assert row["reason"]
            assert [row[key] for key in KEYS[3:9]] == [None] * 6
    assert "was assumed" in rows[0]["warnings"][0]
    assert rows[0] == rows[-1]


def test_many_files_are_read_in_other_processes_and_come_out_the_same(model: str, tmp_path: Path) -> None:
    files = [tmp_path / f"{n}.xy" for n in range(40)]
    for n, file in enumerate(files):
        file.write_bytes(pattern_text(n, step=0.05))
    run = screen(*files, "--jsonl", "--model", model)
    assert run.returncode == 0, run.stderr
    rows = lines_of(run)
    assert [row["file"] for row in rows] == [str(file) for file in files]
    (alone,) = lines_of(screen(files[37], "--jsonl", "--model", model))
    assert alone["probability"] == pytest.approx(rows[37]["probability"], rel=1e-4)


def test_in_words(tmp_path: Path, model: str) -> None:
    run = screen(DATA / "simulated_icosahedral.xy", tmp_path / "missing.xy", "--model", model)
    screened, not_screened = run.stdout.splitlines()
    assert "class " in screened
    assert ", p " in screened
    assert "not screened. The file cannot be opened" in not_screened
    assert run.returncode == 1


def test_a_wavelength_that_is_asked_for_is_used_and_said(model: str) -> None:
    run = screen(DATA / "simulated_icosahedral.ras", "--jsonl", "--wavelength", "1.5444", "--model", model)
    assert run.returncode == 0
    (row,) = lines_of(run)
    assert row["warnings"][-1] == "The file names 1.54059 Å; 1.5444 Å was used, as asked."


@pytest.mark.parametrize("arguments", [("--wavelength", "50"), ("--wavelength", "0"), ("--model", "no-such-network")])
def test_what_cannot_be_meant_gets_a_sentence(arguments: tuple[str, str]) -> None:
    run = screen(DATA / "simulated_icosahedral.xy", *arguments)
    assert run.returncode == 1
    assert run.stderr.startswith("CommandError: ")
    assert "Traceback" not in run.stderr


def test_the_shipped_network_knows_an_icosahedral_quasicrystal() -> None:
    run = screen(*sorted(DATA.glob("simulated_icosahedral.*")), "--jsonl")
    assert run.returncode == 0
    for row in lines_of(run):
        assert row["level"] == "A"
        assert row["quasilattice_constant"] == pytest.approx(4.353, abs=0.01)
