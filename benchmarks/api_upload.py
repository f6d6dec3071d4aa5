"""1,000 files by the API from one client: when are all received, read and screened?

A real gunicorn and a real `manage.py worker` on a database of their own; half of the files are .ras, half .xrdml.

python -m benchmarks.api_upload [--files 1000] [--connections 4] [--port 8767]
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any

import numpy as np

from benchmarks.upload import PROJECT, wait_until_well
from lims.uploader.icosa_upload import Lab
from tests.xrd.files import ras_block, xrdml, xrdml_scan

MAKE_KEY = """
from datetime import timedelta
from django.contrib.auth.models import Group, User
from lims.models import ApiKey
person = User.objects.create_user("diffractometer")
person.groups.add(Group.objects.get(name="member"))
print(ApiKey.objects.issue(person, name="x", scopes=["read", "upload"], valid_for=timedelta(days=1))[1])
"""


def measured(seed: int) -> tuple[str, bytes]:
    """One file like no other: its first count is changed."""
    if seed % 2:
        return f"scan-{seed:04d}.ras", ras_block().replace("20.0000 ", f"20.00{seed:04d} ", 1).encode("cp932")
    return f"scan-{seed:04d}.xrdml", xrdml(xrdml_scan()).replace(
        b"</xrdMeasurements>", b"</xrdMeasurements>" + b" " * seed
    )


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--files", type=int, default=1_000)
    arguments.add_argument("--connections", type=int, default=4)
    arguments.add_argument("--port", type=int, default=8767)
    options = arguments.parse_args()
    address = f"http://127.0.0.1:{options.port}"
    files = [measured(seed) for seed in range(1, options.files + 1)]
    assert len({content for _name, content in files}) == options.files
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ICOSA_DATA": folder, "OMP_NUM_THREADS": "1"}
        manage = [sys.executable, "manage.py"]
        subprocess.run([*manage, "migrate", "-v0"], cwd=PROJECT, env=environment, check=True)
        made = [*manage, "shell", "-v0", "-c", MAKE_KEY]
        key = subprocess.run(made, cwd=PROJECT, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout
        gunicorn = [
            *(sys.executable, "-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{options.port}"),
            *("--log-level", "error", "--worker-class", "gthread", "--threads", "8"),
        ]
        started = [
            subprocess.Popen(command, cwd=PROJECT, env=environment) for command in ([*manage, "worker"], gunicorn)
        ]
        try:
            wait_until_well(f"{address}/healthz")
            time.sleep(10)  # a lab that has been running for a while
            measure(address, key.split()[-1], files, options.connections)
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


def measure(address: str, key: str, files: list[tuple[str, bytes]], n_connections: int) -> None:
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f} before", flush=True)
    lab = Lab(address, key, "benchmark")
    began = time.perf_counter()
    lab.deliver(*files[0])  # starts the upload that the others join
    with ThreadPoolExecutor(n_connections) as pool:
        said = list(pool.map(lambda file: lab.deliver(*file), files[1:]))
    sent = time.perf_counter() - began
    unread = [sentence for sentence in said if sentence]
    while (progress := look(address, key, lab.run))["n_finished"] < len(files):
        time.sleep(0.5)
    done = time.perf_counter() - began
    print(
        f"{len(files)} files: received and read in {sent:.1f} s, all screened in {done:.1f} s; {len(unread)} not read"
    )
    print(
        f"answers: {np.unique(unread).tolist()[:3]}, {progress['n_by_level']}, {progress['n_without_class']} without a class"
    )


def look(address: str, key: str, run: int | None) -> Any:
    request = urllib.request.Request(f"{address}/api/v1/runs/{run}/", headers={"Authorization": f"Bearer {key}"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)["progress"]


if __name__ == "__main__":
    main()
