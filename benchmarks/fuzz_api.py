"""The API asked whatever its own schema allows, and what it does not: no answer may be a 500.

A real server on a database of its own, and schemathesis as the client, with a key that may do everything that a curator may.

python -m benchmarks.fuzz_api [--seconds 600] [--port 8766]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.upload import PROJECT, wait_until_well

MAKE_KEY = """
from datetime import timedelta
from django.contrib.auth.models import Group, User
from lims.models import ApiKey
from samples.models import Sample
from screening.models import ScreeningRun
from benchmarks.patterns import pattern_text
person = User.objects.create_user("fuzzer")
person.groups.add(*Group.objects.filter(name__in=["curator", "reviewer"]))
sample = Sample(code="ASR-001", composition_text="Al43Si32Ru25")
sample.log(by=person)
run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, person)
run.receive(pattern_text(1), name="ASR-001.xy", sample=sample)
run.receive(pattern_text(2), name="inbox.xy")
print(ApiKey.objects.issue(person, name="fuzz", scopes=["read", "upload", "write"], valid_for=timedelta(days=1))[1])
"""


@contextmanager
def server(port: int) -> Iterator[str]:
    """A web server on a database and a folder of its own; its key."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ICOSA_DATA": folder, "OMP_NUM_THREADS": "1"}
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "-v0"], cwd=PROJECT, env=environment, check=True)
        made = subprocess.run(
            [*manage, "shell", "-v0", "-c", MAKE_KEY],
            cwd=PROJECT,
            env=environment,
            check=True,
            stdout=subprocess.PIPE,
            text=True,
        )
        command = [
            *(sys.executable, "-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
            *("--worker-class", "gthread", "--threads", "4", "--preload"),
        ]
        web = subprocess.Popen(command, cwd=PROJECT, env=environment)
        try:
            wait_until_well(f"http://127.0.0.1:{port}/sign-in/")
            yield made.stdout.split()[-1]
        finally:
            web.terminate()
            web.wait()


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--seconds", type=int, default=600)
    arguments.add_argument("--port", type=int, default=8766)
    arguments.add_argument("--seed", type=int, default=1)
    options = arguments.parse_args()
    with server(options.port) as key, tempfile.TemporaryDirectory() as folder:
        command = [
            *(str(Path(sys.executable).with_name("schemathesis")), "run"),
            f"http://127.0.0.1:{options.port}/api/v1/schema/?format=json",
            *("--header", f"Authorization: Bearer {key}", "--checks", "not_a_server_error", "--warnings", "off"),
            *("--max-time", str(options.seconds), "--max-examples", "1000", "--seed", str(options.seed)),
            *("--continue-on-failure", "--generation-database", "none", "--request-timeout", "20"),
        ]
        raise SystemExit(subprocess.run(command, cwd=folder, check=False).returncode)


if __name__ == "__main__":
    main()
