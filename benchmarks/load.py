"""A lab of 100,000 samples at work: people who look, instruments that send, a worker that screens; how long does each page take?

A real gunicorn and a real `manage.py worker`, and locust beside them on the same cores. Of each kind of request: how many, the
median, the 95th percentile, the longest and the errors, after a warm-up. Fails where a page or an upload takes longer than was
asked for, an answer is an error, or a file that was acknowledged has no result in the end. DATABASE_URL names a PostgreSQL
database of its own, which is filled where it is empty; without it, SQLite in --folder.

python -m benchmarks.load [--people 50] [--instruments 5] [--seconds 200] [--samples 100000] [--folder FOLDER] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import random
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks.upload import PROJECT, wait_until_well
from benchmarks.worker_rows import descendants, memory

PATTERNS_A_SAMPLE = 3
WARM_UP = 40
ASKED = {"list": 300, "filtered list": 300, "sample": 300, "pattern": 300, "queue": 300, "upload": 500}
"""Milliseconds at the 95th percentile; of the others the figure is told alone."""
FILTERS = (
    "q=Al+40-50",
    "q=Al+40-50+Ru+20-30",
    "q=class:A",
    "q=class:B",
    "q=system:Al-Si",
    "q=by:mori&sort=code",
    "q=a_R+4.3-4.4",
)
SEARCHES = ("q=ingot12", "q=al", "q=note:%22ribbon3%22", "q=%E7%84%BC%E9%88%8D+facet7", "q=contains+Ru+dust")
LOOKS = 3_000
"""Samples and patterns that people look at."""


@dataclass
class Process:
    """One part of the lab, with all processes below it, looked at each second."""

    name: str
    process: subprocess.Popen[bytes]
    looks: list[Look] = field(default_factory=list)

    def look(self) -> None:
        family = descendants(self.process.pid)
        size = sum(memory(pid, "smaps_rollup", "Pss") for pid in family)
        self.looks.append(Look(time.monotonic(), size, sum(map(cpu_seconds, family))))

    @property
    def cores(self) -> float:
        """That it kept busy, on average."""
        first, last = self.looks[0], self.looks[-1]
        return (last.cpu - first.cpu) / (last.at - first.at)


class Look(NamedTuple):
    """at: a moment (s); memory: MB, what is shared counted once; cpu: seconds of a core that it has taken so far"""

    at: float
    memory: float
    cpu: float


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    few_or_many = 50 if os.environ.get("DATABASE_URL", "").startswith("postgres") else 10
    arguments.add_argument("--people", type=int, default=few_or_many, help="50 on PostgreSQL, 10 on SQLite")
    arguments.add_argument("--instruments", type=int, default=5)
    arguments.add_argument("--seconds", type=int, default=200, help="that are measured, after the warm-up")
    arguments.add_argument("--samples", type=int, default=100_000)
    arguments.add_argument("--port", type=int, default=8769)
    arguments.add_argument("--processes", type=int, default=2, help="of gunicorn")
    arguments.add_argument("--threads", type=int, default=4, help="of each; 1: it takes one request after the other")
    arguments.add_argument("--warm-up", type=int, default=WARM_UP, help="seconds that are not measured")
    arguments.add_argument("--folder", help="that is kept; where a lab is in it already, that is asked")
    arguments.add_argument("--json", help="file for the figures")
    options = arguments.parse_args()
    with ExitStack() as stack:
        folder = Path(options.folder or stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ |= {"ICOSA_DATA": str(folder), "DJANGO_SETTINGS_MODULE": "lims.settings", "OMP_NUM_THREADS": "1"}
        import django

        django.setup()
        prepare(options.samples)
        began = datetime.now(UTC)
        plan = {
            **invite(options.people, options.instruments),
            **{"person_every": 5, "instrument_every": 10, "warm_up": options.warm_up},
        }
        with lab(options.port, options.processes, options.threads) as parts:
            met = visit(plan, folder / "visitors.json", options.port, options.warm_up + options.seconds)
            n_results = wait_for_results(began)
        told = {
            **about_the_lab(),
            **{"people": options.people, "instruments": options.instruments, "seconds": options.seconds},
            **{"processes": options.processes, "threads": options.threads, "screened": n_results, **met},
            "memory_mb": {part.name: round(max(look.memory for look in part.looks)) for part in parts},
            "cores_busy": {part.name: round(part.cores, 2) for part in parts},
        }
    report(told)
    if options.json:
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")
    if wrong := faults(told):
        raise SystemExit("\n".join(wrong))


def prepare(n_samples: int) -> None:
    from django.core.management import call_command

    from benchmarks import large_lab
    from samples.models import Sample

    call_command("migrate", verbosity=0)
    if not Sample.objects.exists():
        began = time.monotonic()
        large_lab.fill(n_samples, patterns_a_sample=PATTERNS_A_SAMPLE, with_arrays=True)
        print(f"{n_samples:,} samples written in {time.monotonic() - began:.0f} s", flush=True)


def invite(n_people: int, n_instruments: int) -> dict[str, Any]:
    """A session for each person, a key for each instrument, and what they may look at."""
    from importlib import import_module

    from django.conf import settings
    from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
    from django.contrib.auth.models import Group, User

    from benchmarks.large_lab import FULL
    from lims.models import ApiKey
    from samples.models import Reading, Sample

    reviewers, members = (Group.objects.get(name=name) for name in ("reviewer", "member"))
    sessions, keys = [], []
    for n in range(n_people):
        person, _made = User.objects.get_or_create(username=f"person-{n}")
        person.groups.add(reviewers)
        session = import_module(settings.SESSION_ENGINE).SessionStore()
        session[SESSION_KEY] = str(person.pk)
        session[BACKEND_SESSION_KEY] = settings.AUTHENTICATION_BACKENDS[-1]
        session[HASH_SESSION_KEY] = person.get_session_auth_hash()
        session.update({"began_at": time.time(), "seen_at": time.time(), "factor": "none"})
        session.create()
        sessions.append(session.session_key)
    for n in range(n_instruments):
        owner, _made = User.objects.get_or_create(username=f"diffractometer-{n}")
        owner.groups.add(members)
        scopes, one_day = [ApiKey.Scope.READ, ApiKey.Scope.UPLOAD], timedelta(days=1)
        keys.append(
            ApiKey.objects.issue(owner, name=f"{datetime.now(UTC):%FT%T} {n}", scopes=scopes, valid_for=one_day)[1]
        )
    whole = Reading.objects.filter(n_points=FULL, arrays__isnull=False, pattern__sample__archived_at=None)
    codes = list(Sample.objects.current().values_list("code", flat=True))
    patterns = list(whole.values_list("pattern", "pk"))
    rng = random.Random(1)
    return {
        **{"sessions": sessions, "keys": keys, "unique": f"{datetime.now(UTC):%FT%T}"},
        **{"filters": FILTERS, "searches": SEARCHES},
        "samples": rng.sample(codes, min(LOOKS, len(codes))),
        "patterns": rng.sample(patterns, min(LOOKS, len(patterns))),
    }


@contextmanager
def lab(port: int, processes: int, threads: int) -> Iterator[list[Process]]:
    """A web server and a worker on the database that the settings name, and what memory they take each second."""
    from django.db import connections

    connections.close_all()
    gunicorn = [
        *(sys.executable, "-m", "gunicorn", "lims.wsgi", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *("--workers", str(processes), "--threads", str(threads), "--keep-alive", "0", "--timeout", "120"),
        *("--max-requests", "0", "--preload"),
    ]
    commands = {"worker": [sys.executable, "manage.py", "worker"], "web": gunicorn}
    parts = [Process(name, subprocess.Popen(command, cwd=PROJECT)) for name, command in commands.items()]
    stop = threading.Event()

    def watch() -> None:
        while not stop.wait(1):
            for part in parts:
                part.look()

    watching = threading.Thread(target=watch)
    try:
        wait_until_well(f"http://127.0.0.1:{port}/healthz/live")
        time.sleep(10)  # a lab that has been running for a while: the workers have their network
        watching.start()
        yield parts
    finally:
        stop.set()
        for part in parts:
            part.process.terminate()
        for part in parts:
            part.process.wait()


def cpu_seconds(pid: int) -> float:
    """That a process has taken; 0 where it has gone."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def visit(plan: dict[str, Any], file: Path, port: int, seconds: int) -> Any:
    """Let locust run them; what they met."""
    file.write_text(json.dumps(plan))
    n_visitors = len(plan["sessions"]) + len(plan["keys"])
    command = [
        *(sys.executable, "-m", "locust", "-f", "benchmarks/visitors.py", "--headless", "--only-summary"),
        *("--host", f"http://127.0.0.1:{port}", "-u", str(n_visitors), "-r", str(n_visitors), "-t", f"{seconds}s"),
        *("--loglevel", "ERROR", "--exit-code-on-error", "0", "--stop-timeout", "30"),
    ]
    environment = {**os.environ, "ICOSA_VISITORS": str(file), "PYTHONPATH": str(PROJECT)}
    subprocess.run(
        command, cwd=PROJECT, env=environment, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    return json.loads(file.with_suffix(".met.json").read_text())


def wait_for_results(began: datetime) -> int:
    """Until the worker has answered what was sent; how many there were since ``began``."""
    from screening.models import ScreeningResult

    until = time.monotonic() + 60
    while ScreeningResult.objects.awaiting().exists():
        if time.monotonic() > until:
            raise SystemExit(f"{ScreeningResult.objects.awaiting().count()} patterns were not screened within a minute")
        time.sleep(0.5)
    return ScreeningResult.objects.done().filter(queued_at__gte=began).count()


def about_the_lab() -> dict[str, Any]:
    from django.db import connection

    from samples.models import Pattern, Sample

    return {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "database": connection.vendor,
        "samples": Sample.objects.count(),
        "patterns": Pattern.objects.count(),
    }


def report(told: dict[str, Any]) -> None:
    print(", ".join(f"{name} {told[name]}" for name in told if name not in {"asked", "said"}))
    for name, asked in sorted(told["asked"].items()):
        print(
            f"{name:20s} {asked['n']:5d} asked, median {asked['median_ms']:5.0f} ms, p95 {asked['p95_ms']:5.0f} ms,"
            f" longest {asked['max_ms']:5.0f} ms, {asked['errors']} errors"
        )


def faults(told: dict[str, Any]) -> list[str]:
    slow = [
        f"{name}: {told['asked'][name]['p95_ms']:.0f} ms at the 95th percentile, {limit} ms asked for"
        for name, limit in ASKED.items()
        if told["asked"][name]["p95_ms"] > limit
    ]
    return [*slow, *told["said"]]


if __name__ == "__main__":
    main()
