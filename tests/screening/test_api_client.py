"""The examples of docs/api.md do what they say, against a server that is really there."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from datetime import timedelta
from pathlib import Path

import pytest
from django.conf import settings
from pytest_django.live_server_helper import LiveServer

from lims.models import ApiKey
from mlmodels.models import ModelVersion
from samples.models import Pattern
from screening.models import ScreeningResult
from tests.factories import SampleFactory, UserFactory, pattern_text

DOCS = Path(settings.BASE_DIR) / "docs"

pytestmark = pytest.mark.django_db(transaction=True)


def a_key(*scopes: str) -> str:
    owner = UserFactory.create(roles=["member"])
    return ApiKey.objects.issue(owner, name="example", scopes=scopes, valid_for=timedelta(days=1))[1]


def run(*command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    known = {"PATH": os.environ["PATH"], "PYTHONIOENCODING": "utf-8", **environment}
    return subprocess.run(command, cwd=folder, env=known, check=False, capture_output=True, text=True, timeout=120)


def test_the_python_client_sends_a_pattern_and_waits_for_its_class(
    live_server: LiveServer, tiny_version: ModelVersion, tmp_path: Path
) -> None:
    SampleFactory.create(code="ASR-001")
    (tmp_path / "scan.xy").write_bytes(pattern_text())
    client = [sys.executable, str(DOCS / "api_client.py"), live_server.url, "scan.xy", "asr-001"]
    key = a_key("upload", "read")
    first = run(*client, folder=tmp_path, ICOSA_KEY=key)
    assert first.returncode == 0, first.stderr
    result = ScreeningResult.objects.get()
    assert first.stdout == f"scan.xy: {result.level} (p = {result.probability})\n"
    assert Pattern.objects.get().sample.code == "ASR-001"  # type: ignore[union-attr]
    again = run(*client, folder=tmp_path, ICOSA_KEY=key)
    assert again.stdout == f"The same file is here already, with sample ASR-001, as scan.xy.\n{first.stdout}"
    ApiKey.objects.get().revoke()
    assert "was revoked" in run(*client, folder=tmp_path, ICOSA_KEY=key).stderr
    away = run(sys.executable, client[1], "http://127.0.0.1:1", "scan.xy", folder=tmp_path, ICOSA_KEY=key)
    assert "http://127.0.0.1:1/api/v1 does not answer" in away.stderr
    for arguments in (client, [*client[:3], "not-there.xy"]):
        assert "python api_client.py http://localhost:8000 scan.ras" in run(*arguments, folder=tmp_path).stderr


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is absent")
def test_the_path_of_a_pattern_by_curl(live_server: LiveServer, tiny_version: ModelVersion, tmp_path: Path) -> None:
    script = re.search(r"```sh\n(.*?)```", (DOCS / "api.md").read_text(encoding="utf-8"), re.DOTALL)
    assert script
    (tmp_path / "scan.xy").write_bytes(pattern_text())
    key = a_key("read", "upload", "write")
    ended = run("bash", "-e", "-c", script[1], folder=tmp_path, ICOSA=live_server.url, KEY=key)
    assert ended.returncode == 0, ended.stdout + ended.stderr
    assert '"state":"done"' in ended.stdout
    assert (tmp_path / "original.xy").read_bytes() == pattern_text()
    assert "two_theta_deg" in (tmp_path / "numbers.csv").read_text()
