"""`make sbom` lists what Icosa runs on and nothing else; `make audit` never takes silence for good news."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import sysconfig
from importlib.machinery import SourceFileLoader
from importlib.metadata import version
from importlib.util import module_from_spec, spec_from_loader
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="module")
def sbom() -> ModuleType:
    spec = spec_from_loader("sbom", SourceFileLoader("sbom", str(ROOT / ".ci" / "sbom")))
    assert spec
    assert spec.loader
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_files_of_requirements_are_read_with_extras_and_versions(sbom: ModuleType) -> None:
    text = "# What for\n-c constraints.txt\n-r requirements.txt\nDjango==5.2  # why\npsycopg[binary]==3.3\n"
    assert sbom.wanted(text) == ["Django==5.2", "psycopg[binary]==3.3"]
    for name in sbom.WANTED:
        assert sbom.wanted((ROOT / name).read_text()), name


def test_what_icosa_runs_on_and_not_what_it_is_tested_with(sbom: ModuleType) -> None:
    site = sysconfig.get_path("purelib")
    packages = [package for name in sbom.WANTED for package in sbom.wanted((ROOT / name).read_text())]
    needed = sbom.needed(packages, site)
    assert {"django", "torch", "asgiref", "psycopg-binary", "drf-spectacular-sidecar", "botocore"} <= needed
    assert not needed & {"pytest", "ruff", "mypy", "moto", "pip"}
    assert sbom.needed(["not-installed-here==1.0"], site) == set()


def test_the_rest_is_left_out_of_the_graph_too(sbom: ModuleType) -> None:
    bom = {
        "metadata": {"component": {"bom-ref": "root"}},
        "components": [{"name": name, "bom-ref": f"{name}==1"} for name in ("Some.Thing", "pytest")],
        "dependencies": [
            {"ref": "root", "dependsOn": ["Some.Thing==1"]},
            {"ref": "Some.Thing==1", "dependsOn": ["pytest==1"]},
            {"ref": "pytest==1"},
        ],
    }
    left = sbom.without_the_rest(bom, {"some-thing"})
    assert [component["name"] for component in left["components"]] == ["Some.Thing"]
    assert left["dependencies"] == [
        {"ref": "root", "dependsOn": ["Some.Thing==1"]},
        {"ref": "Some.Thing==1", "dependsOn": []},
    ]


KNOWN = {"name": "torch", "version": "2.13.0", "vulns": [{"id": "PYSEC-1", "fix_versions": ["2.13.1"]}]}
FINE = {"name": "django", "version": version("Django"), "vulns": []}
UNKNOWN = {"name": "ours", "skip_reason": "Dependency not found on PyPI"}


@pytest.mark.parametrize(
    ("found", "status", "said"),
    [
        ([FINE], 0, "1 of 1 packages were asked for; 0 known vulnerabilities."),
        ([FINE, KNOWN], 1, "torch 2.13.0: PYSEC-1, mended in 2.13.1"),
        ([FINE, UNKNOWN], 2, "The source did not know the others"),
        ([UNKNOWN], 2, "Nothing was asked: whoever was reached knows none of the 1 packages."),
        (None, 2, "Nothing was asked: the source of known vulnerabilities cannot be reached. No route to host"),
    ],
    ids=["none known", "one known", "some not asked for", "none asked for", "source away"],
)
def test_the_audit_says_what_it_could_not_ask(
    tmp_path: Path, found: list[dict[str, Any]] | None, status: int, said: str
) -> None:
    """With a stand-in for pip-audit, which writes what that would have found."""
    report = json.dumps({"dependencies": found})
    writes = f"open(sys.argv[sys.argv.index('--output') + 1], 'w').write({report!r})"
    refuses = "sys.exit('No route to host')"
    (tmp_path / "pip_audit.py").write_text(f"import sys\n{writes if found else refuses}\n")
    done = subprocess.run(
        [sys.executable, str(ROOT / ".ci" / "audit")],
        cwd=tmp_path, env=os.environ | {"PYTHONPATH": str(tmp_path)}, check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert (done.returncode, said in done.stdout) == (status, True), done.stdout + done.stderr
