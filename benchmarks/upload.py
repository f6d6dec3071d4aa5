"""How long from sending a file until its class is on the screen; many files dropped at once; memory of web and worker.

A real gunicorn and a real `manage.py worker` on a database of their own, asked as the upload page asks: groups of eight
files, then the cards every 0.7 s.

python -m benchmarks.upload [--singles 40] [--drop 237] [--port 8765]
"""

from __future__ import annotations

import argparse
import os
import platform
import re
import subprocess
import sys
import tempfile
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.cookiejar import CookieJar
from pathlib import Path
from uuid import uuid4

import numpy as np

from benchmarks.patterns import pattern_text

PROJECT = Path(__file__).resolve().parents[1]
POLL = 0.7
"""Seconds between two looks of the upload page."""
GROUP = 8
PASSWORD = "for the benchmark alone"
MAKE_PERSON = f"""
from django.contrib.auth.models import Group, User
User.objects.create_user("student", password="{PASSWORD}").groups.add(Group.objects.get(name="member"))
"""


class Browser:
    """Signs in, uploads and looks, as the upload page does."""

    def __init__(self, address: str) -> None:
        self.address = address
        self.cookies = CookieJar()
        self.opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(self.cookies))
        self.get("/sign-in/")
        self.post(
            "/sign-in/", urllib.parse.urlencode({"username": "student", "password": PASSWORD, **self.token()}).encode()
        )

    def get(self, path: str) -> str:
        headers = {"HX-Request": "true"}
        return self.read(urllib.request.Request(self.address + path, headers=headers))

    def post(self, path: str, body: bytes, content_type: str = "application/x-www-form-urlencoded") -> str:
        headers = {"Content-Type": content_type, "HX-Request": "true", "Referer": self.address}
        return self.read(urllib.request.Request(self.address + path, data=body, headers=headers))

    def read(self, request: urllib.request.Request) -> str:
        with self.opener.open(request, timeout=60) as response:
            return str(response.read().decode())

    def token(self) -> dict[str, str]:
        return {
            "csrfmiddlewaretoken": next(cookie.value or "" for cookie in self.cookies if cookie.name == "csrftoken")
        }

    def upload(self, files: list[bytes], run: str = "") -> str:
        """Send one group of files; returns the run that they joined."""
        edge = uuid4().hex
        fields = {**self.token(), "run": run}
        parts = [
            f'--{edge}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
            for name, value in fields.items()
        ]
        for content in files:
            head = f'--{edge}\r\nContent-Disposition: form-data; name="files"; filename="{uuid4().hex}.xy"\r\n\r\n'
            parts.append(head.encode() + content + b"\r\n")
        answer = self.post(
            "/upload/", b"".join(parts) + f"--{edge}--\r\n".encode(), f"multipart/form-data; boundary={edge}"
        )
        return found(r'data-run="(\d+)"', answer)

    def wait_for_classes(self, run: str) -> None:
        """Look every POLL seconds until the run says that no card waits any more."""
        while True:
            time.sleep(POLL)
            if "hx-trigger" not in self.get(f"/runs/{run}/cards/"):
                return


def found(expression: str, text: str) -> str:
    match = re.search(expression, text)
    assert match, text
    return match[1]


@contextmanager
def lab(port: int) -> Iterator[list[subprocess.Popen[bytes]]]:
    """A web server and a worker on a database and a folder of their own."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "ICOSA_DATA": folder, "OMP_NUM_THREADS": "1"}
        manage = [sys.executable, "manage.py"]
        for command in (["migrate", "-v0"], ["shell", "-v0", "-c", MAKE_PERSON]):
            subprocess.run([*manage, *command], cwd=PROJECT, env=environment, check=True)
        gunicorn = [
            *(sys.executable, "-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
            *("--worker-class", "gthread", "--threads", "8"),
        ]
        started = [
            subprocess.Popen(command, cwd=PROJECT, env=environment) for command in ([*manage, "worker"], gunicorn)
        ]
        try:
            wait_until_well(f"http://127.0.0.1:{port}/healthz")
            yield started
        finally:
            for process in started:
                process.terminate()
            for process in started:
                process.wait()


def wait_until_well(address: str) -> None:
    for _ in range(120):
        try:
            urllib.request.urlopen(address, timeout=5)
        except OSError:
            time.sleep(1)
        else:
            return
    raise TimeoutError(address)


def peak_memory(process: subprocess.Popen[bytes]) -> tuple[float, bool]:
    """The largest peak of resident memory (MB) of a process and all below it, and whether any of them has torch."""
    family, new = {process.pid}, {process.pid}
    parents = {
        int(path.parent.name): int(path.read_text().rpartition(")")[2].split()[1])
        for path in Path("/proc").glob("[0-9]*/stat")
    }
    while new:
        new = {pid for pid, parent in parents.items() if parent in new}
        family |= new
    peaks = [int(found(r"VmHWM:\s+(\d+)", (Path("/proc") / str(pid) / "status").read_text())) for pid in family]
    torch = any("libtorch" in (Path("/proc") / str(pid) / "maps").read_text() for pid in family)
    return max(peaks) / 1024, torch


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--singles", type=int, default=40)
    arguments.add_argument("--drop", type=int, default=237)
    arguments.add_argument("--port", type=int, default=8765)
    options = arguments.parse_args()
    singles = [pattern_text(seed) for seed in range(options.singles)]
    drop = [pattern_text(seed) for seed in range(10_000, 10_000 + options.drop)]

    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.processor() or platform.machine()}")
    with lab(options.port) as (worker, web):
        browser = Browser(f"http://127.0.0.1:{options.port}")
        time.sleep(10)  # a lab that has been running for a while: both workers have their network
        seconds = []
        for content in singles:
            started = time.perf_counter()
            browser.wait_for_classes(browser.upload([content]))
            seconds.append(time.perf_counter() - started)
        median, high = np.percentile(seconds, [50, 95])
        print(f"upload → class on screen: median {median:.2f} s, 95th percentile {high:.2f} s ({len(seconds)} uploads)")

        started = time.perf_counter()
        run = ""
        for first in range(0, len(drop), GROUP):
            run = browser.upload(drop[first : first + GROUP], run)
        sent = time.perf_counter() - started
        browser.wait_for_classes(run)
        print(
            f"{len(drop)} files dropped at once: sent in {sent:.1f} s, all classed in {time.perf_counter() - started:.1f} s"
        )

        for name, process in (("web", web), ("worker", worker)):
            memory, torch = peak_memory(process)
            print(f"{name}: largest process {memory:.0f} MB at its peak, {'with' if torch else 'without'} torch")


if __name__ == "__main__":
    main()
