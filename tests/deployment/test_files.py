"""The files of `deploy/` are such that systemd, nginx and the shell take them, and say what the program says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings

from lims import settings as table
from lims.checks import NOT_WORTH_ANOTHER_TRY
from lims.cluster import STOP_WITHIN
from mlmodels.importing import LARGEST_DESCRIPTION, LARGEST_WEIGHTS
from screening.models.evidence_files import LARGEST_FILE
from screening.packed_files import MOST_UNPACKED_BYTES
from tests.deployment.served import DEPLOY, Nginx

UNITS = sorted(path for path in DEPLOY.iterdir() if path.suffix in {".service", ".socket"})
SERVICES = [path for path in UNITS if path.suffix == ".service"]

needs_systemd = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd is not here")


def write_units(folder: Path) -> list[str]:
    """As they are but for the programs, which lie elsewhere here; a unit with @ by one of its names."""
    named = []
    for unit in UNITS:
        written = folder / unit.name
        text = unit.read_text().replace("/opt/icosa/.venv/bin/", f"{Path(sys.executable).parent}/")
        written.write_text(text.replace("WorkingDirectory=/opt/icosa", f"WorkingDirectory={settings.BASE_DIR}"))
        named.append(str(folder / unit.name.replace("@.", "@smartlab.")))
    return named


@needs_systemd
def test_systemd_takes_every_unit(tmp_path: Path) -> None:
    units = write_units(tmp_path)
    environment = {**os.environ, "SYSTEMD_UNIT_PATH": f"{tmp_path}:"}
    said = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False, env=environment
    )
    assert (said.returncode, said.stdout, said.stderr) == (0, "", "")


@needs_systemd
@pytest.mark.parametrize("service", SERVICES, ids=lambda path: path.name)
def test_services_are_shut_in(service: Path, tmp_path: Path) -> None:
    """Ten points is a service that may do what it likes, two one that systemd calls OK."""
    copied = tmp_path / service.name.replace("@.", "@smartlab.")
    shutil.copy(service, copied)
    said = subprocess.run(
        ["systemd-analyze", "security", "--offline=yes", "--threshold=25", "--no-pager", str(copied)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if "unrecognized option" in said.stderr:
        pytest.skip("systemd is older than 250")
    assert said.returncode == 0, said.stdout[-3000:] + said.stderr


def value_of(unit: str, name: str) -> str:
    (value,) = re.findall(rf"^{name}=(.*)$", (DEPLOY / unit).read_text(), re.MULTILINE)
    return str(value)


def test_services_stop_and_start_as_the_program_expects() -> None:
    for unit in ("icosa-web.service", "icosa-worker.service", "icosa-training.service"):
        assert value_of(unit, "KillMode") == "mixed"
    from_file: dict[str, object] = {}
    exec((DEPLOY / "gunicorn.conf.py").read_text(), from_file)
    assert int(value_of("icosa-web.service", "TimeoutStopSec")) > int(str(from_file["graceful_timeout"]))
    assert int(value_of("icosa-worker.service", "TimeoutStopSec")) > 2 * STOP_WITHIN
    assert int(value_of("icosa-web.service", "RestartPreventExitStatus")) == NOT_WORTH_ANOTHER_TRY
    idle = re.search(r"keepalive_timeout (\d+)s;", (DEPLOY / "nginx.conf").read_text())
    assert idle
    assert int(str(from_file["keepalive"])) > int(idle[1]) > 2


def test_nginx_takes_its_file(tmp_path: Path) -> None:
    nginx = Nginx(tmp_path, ["unix:/run/icosa-web.sock", "127.0.0.1:8001"])
    said = subprocess.run(nginx.command("-t"), capture_output=True, text=True, check=False)
    assert said.returncode == 0, said.stderr
    assert "[warn]" not in said.stderr, said.stderr


def test_nginx_lets_in_what_icosa_takes() -> None:
    text = (DEPLOY / "nginx.conf").read_text()
    in_general, *elsewhere = [int(size) * 2**20 for size in re.findall(r"client_max_body_size (\d+)m;", text)]
    assert in_general > LARGEST_WEIGHTS + LARGEST_DESCRIPTION
    assert in_general > max(settings.MAX_PATTERN_FILE_SIZE, LARGEST_FILE)
    for address, largest in (
        ("= /upload/", MOST_UNPACKED_BYTES),
        ("~ ^/follow-ups/", 10 * LARGEST_FILE),
        ("= /data-sets/import/", settings.MAX_DATASET_FILE_SIZE),
    ):
        block = text.partition(f"location {address}")[2].partition("}")[0]
        (size,) = re.findall(r"client_max_body_size (\d+)m;", block)
        assert int(size) * 2**20 > largest, address
        assert int(size) * 2**20 in elsewhere


def assignments(text: str) -> dict[str, str]:
    return dict(re.findall(r"^#?([A-Z_]+)='(.*)'$", text, re.MULTILINE))


def test_the_example_of_settings_names_real_ones() -> None:
    known = set(re.findall(r"^\| (\w+) ", table.__doc__ or "", re.MULTILINE)) | {"WEB_CONCURRENCY"}
    assert set(assignments((DEPLOY / "icosa.env.example").read_text())) <= known


def test_the_shell_reads_the_example_as_systemd_does(tmp_path: Path) -> None:
    text = re.sub(r"(?m)^#(?=[A-Z_]+=')", "", (DEPLOY / "icosa.env.example").read_text())
    (tmp_path / "icosa.env").write_text(text)
    done = subprocess.run(
        ["sh", "-euc", "set -a; . ./icosa.env; exec env -0"], cwd=tmp_path, env={}, capture_output=True, check=True
    )
    by_shell = dict(line.split("=", 1) for line in done.stdout.decode().rstrip("\0").split("\0"))
    assert assignments(text).items() <= by_shell.items()
