"""From database to results: an archive that a former version screened, put before a new one by a real `manage.py worker`.

The archive is filled in bulk: simulated patterns, counted anew for each row, one in eight with a quasicrystal, in SQLite in a
folder that is thrown away, or in the database that DATABASE_URL names. The network before the newest shipped one has screened it.
Then the newest is promoted, and the rescreen timed from its start to its last result, without a pause of three seconds on the way.

python -m benchmarks.rescreen [--rows 100000] [--workers N] [--limit 600] [--keep FOLDER]
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.worker_rows import BenchmarkError, Watched, fill

PAUSE = 3.0
"""Seconds."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=100_000)
    arguments.add_argument("--workers", type=int, help="processes that screen; the worker's own choice where not given")
    arguments.add_argument("--limit", type=float, default=600.0, help="seconds for all rows")
    arguments.add_argument("--keep", type=Path, help="where the archive lies, to measure again without filling it anew")
    options = arguments.parse_args()
    os.environ |= {"DJANGO_SETTINGS_MODULE": "lims.settings", "OMP_NUM_THREADS": "1"}
    if options.workers:
        os.environ["ICOSA_WORKERS"] = str(options.workers)
    with ExitStack() as stack:
        folder = options.keep or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        os.environ["ICOSA_DATA"] = str(folder)
        import django

        django.setup()
        measure(options.rows, options.limit, folder / "worker.log")


def measure(n_rows: int, limit: float, log: Path) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command

    from mlmodels.models import ModelVersion
    from samples.models import Reading
    from screening.models import ArchiveScreening, WorkerHeartbeat

    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}", flush=True)
    call_command("migrate", verbosity=0)
    newest = ModelVersion.objects.runnable().latest("pk")
    if not Reading.objects.exists():
        began = time.monotonic()
        keeper = User.objects.create(username="keeper")
        ModelVersion.objects.runnable().exclude(pk=newest.pk).latest("pk").promote(keeper, "for the benchmark")
        fill(n_rows, called=True)
        print(f"{n_rows:,} patterns archived in {time.monotonic() - began:.0f} s", flush=True)
    person = User.objects.get(username="student")
    worker = Watched(log)
    try:
        wait(worker, lambda: WorkerHeartbeat.objects.exclude(device="").exists(), 120)
        newest.promote(person, "for the benchmark")
        began, screening = time.monotonic(), ArchiveScreening.objects.rescreen(person)
        assert screening
        wait(worker, lambda: screening.progress.n_done > n_rows // 10, limit)
        screening.pause(person)
        paused = time.monotonic()
        time.sleep(PAUSE)
        n_paused = screening.progress.n_done
        screening.resume()
        wait(
            worker, lambda: ArchiveScreening.objects.filter(pk=screening.pk, finished_at__isnull=False).exists(), limit
        )
        took = time.monotonic() - began - PAUSE
        time.sleep(PAUSE)
    finally:
        _stopped, left = worker.stop()
    levels = dict(sorted(Counter(screening.run.results.values_list("level", flat=True)).items()))
    states = Counter(screening.run.results.values_list("state", flat=True))
    print(f"from database to results: {n_rows / took:,.0f} rows/s ({n_rows:,} rows in {took:.0f} s without the pause)")
    print(f"{n_paused:,} rows done while it paused, from {paused - began:.0f} s on; {dict(states)}, {levels}")
    print(f"memory at its peak: largest process {worker.largest:.0f} MB, all {worker.together:.0f} MB")
    if left or set(states) != {"done"}:
        raise BenchmarkError(f"left behind: processes {left}, rows {dict(states)}", log)


def wait(worker: Watched, until: Callable[[], bool], limit: float) -> None:
    """Look twice a second; BenchmarkError where it takes longer than ``limit`` seconds."""
    end = time.monotonic() + limit
    while not until():
        if time.monotonic() > end or worker.watchdog.poll() is not None:
            raise BenchmarkError(f"not there after {limit:.0f} s", worker.log)
        worker.look()
        time.sleep(0.5)


if __name__ == "__main__":
    main()
