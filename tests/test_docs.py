"""The documents say what is true of the project: their links lead somewhere, their commands exist."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from django.core.management import get_commands

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
