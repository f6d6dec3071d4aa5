"""The documents say what is true of the project: their links lead somewhere, their commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.core.management import get_commands

from mlmodels.export.writing import ABOUT
from tests.mlmodels.exported import make_patterns
from tests.mlmodels.test_export_formats import write

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#)([^)#\s]+)", document.read_text(encoding="utf-8"))
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_commands_exist(document: Path) -> None:
    named = set(re.findall(r"manage\.py ([a-z_]+)", document.read_text(encoding="utf-8")))
    assert named <= set(get_commands())


def test_make_bench_runs_what_the_figures_come_from() -> None:
    quoted = set(re.findall(r"`benchmarks\.([a-z_]+)", (ROOT / "docs" / "benchmarks.md").read_text(encoding="utf-8")))
    run = re.findall(r"for name in ([a-z_ ]+);.*benchmarks|-m benchmarks\.([a-z_]+)", (ROOT / "Makefile").read_text())
    assert quoted <= {name for names in run for name in " ".join(names).split()}


def test_makefile_has_the_commands_of_the_readme() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"(?:^    |`)make ([a-z]+)", (ROOT / "README.md").read_text(), re.MULTILINE)) <= targets


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")
def test_service_of_the_uploader_is_one_that_systemd_takes(tmp_path: Path) -> None:
    blocks = re.findall(r"(?:^    .*\n|^\n)+", (ROOT / "docs/connecting-an-instrument.md").read_text(), re.MULTILINE)
    (unit,) = (textwrap.dedent(block) for block in blocks if "[Service]" in block)
    service = tmp_path / "icosa-upload.service"
    service.write_text(unit.replace("/usr/bin/python3", sys.executable))
    said = subprocess.run(["systemd-analyze", "verify", str(service)], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


def test_the_examples_of_the_page_on_exports_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = write(tmp_path / "icosahedral-v1.eln", make_patterns(8))
    with zipfile.ZipFile(archive) as opened:
        opened.extractall(tmp_path)
    monkeypatch.chdir(tmp_path / "icosahedral-v1" / "data-set")
    page = (ROOT / "docs" / "exporting-data-sets.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 2
    named: dict[str, Any] = {}
    for example in examples:
        exec(example, named)
    assert named["X"].shape == named["mask"].shape == (named["train"].sum(), 2048)
    assert named["two_theta"].shape == named["intensity"].shape
    assert len(named["index"]) == len(named["patterns"]) == 8


def test_the_page_on_exports_names_every_part() -> None:
    page = (ROOT / "docs" / "exporting-data-sets.md").read_text(encoding="utf-8")
    assert [name for name in ABOUT if f"`{name}`" not in page] == []
