"""From database to results: queued rows through a real `manage.py worker`, on the CPU or the GPU that torch sees.

As many rows as uploads would have left in the queue: simulated patterns, counted anew for each row, stored as readings in
SQLite in a folder that is thrown away. Fails where a row is left or failed, where nothing comes for a minute and a half
(a fork that hangs, say), and where the worker leaves a process behind when it is told to stop.

python -m benchmarks.worker_rows [--rows 10000] [--workers N] [--device cpu|cuda] [--limit 540]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

PROJECT = Path(__file__).resolve().parents[1]
DISTINCT = 256
"""Simulated patterns; the rows are new counts of these."""
CLASSES = ("icosahedral", "approximant_1_1", *("none",) * 6)
"""Of the simulated patterns, in turn: one in eight holds a quasicrystal."""
CALLED = {"state": "done", "level": "D", "probability": 0.001}
CHUNK = 500
HANG = 90.0
"""Seconds without a further result, the start of all processes included, after which something hangs."""
STOPS_WITHIN = 15.0


class BenchmarkError(SystemExit):
    """What went wrong, with the end of what the worker said."""

    def __init__(self, what: str, log: Path) -> None:
        super().__init__(f"FAILED: {what}\n{log.read_text()[-4000:]}")


class Watched:
    """A real worker, and the memory (MB) of its largest process, of all together and of the GPU, at their peaks."""

    def __init__(self, log: Path) -> None:
        self.log = log
        self.idle_gpu = gpu_memory()
        self.peak_gpu, self.largest, self.together = self.idle_gpu, 0.0, 0.0
        self.seen: set[int] = set()
        with log.open("wb") as output:
            command = [sys.executable, "manage.py", "worker"]
            self.watchdog = subprocess.Popen(command, cwd=PROJECT, stdout=output, stderr=output)

    def look(self) -> None:
        family = descendants(self.watchdog.pid)
        self.seen |= family
        self.peak_gpu = max(self.peak_gpu, gpu_memory())
        self.largest = max([self.largest, *(memory(pid, "status", "VmHWM") for pid in family)])
        self.together = max(self.together, sum(memory(pid, "smaps_rollup", "Pss") for pid in family))

    def stop(self) -> tuple[float, list[int]]:
        """Tell it to stop; how long that took (s), and which of its processes are still there."""
        self.look()
        told = time.monotonic()
        self.watchdog.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            self.watchdog.wait(STOPS_WITHIN)
        took = time.monotonic() - told
        left = [pid for pid in self.seen if is_alive(pid)]
        for pid in left:
            os.kill(pid, signal.SIGKILL)
        return took, left


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rows", type=int, default=10_000)
    arguments.add_argument("--workers", type=int, help="processes that screen; the worker's own choice where not given")
    arguments.add_argument("--device", help="cpu or cuda; what torch sees where not given")
    arguments.add_argument("--limit", type=float, default=540.0, help="seconds for all rows")
    options = arguments.parse_args()
    os.environ |= {"DJANGO_SETTINGS_MODULE": "lims.settings", "DATABASE_URL": "", "OMP_NUM_THREADS": "1"}
    if options.workers:
        os.environ["ICOSA_WORKERS"] = str(options.workers)
    if options.device:
        os.environ["ICOSA_DEVICE"] = options.device
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICOSA_DATA"] = folder
        import django

        django.setup()
        measure(options.rows, options.limit, Path(folder) / "worker.log")


def measure(n_rows: int, limit: float, log: Path) -> None:
    from django.core.management import call_command

    from screening.bell import ring

    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {graphics_card()}")
    print(f"Python {platform.python_version()}, torch {version_of('torch')}, NumPy {np.__version__}", flush=True)
    began = time.monotonic()
    call_command("migrate", verbosity=0)
    fill(n_rows)
    ring()
    print(f"{n_rows:,} rows queued in {time.monotonic() - began:.0f} s", flush=True)

    started = datetime.now(UTC)
    worker = Watched(log)
    try:
        wait_for_results(worker, limit)
    finally:
        took, left = worker.stop()
    report(worker, started)
    print(f"told to stop: gone after {took:.1f} s")
    if left:
        raise BenchmarkError(f"processes {left} of the worker were still there", log)


def wait_for_results(worker: Watched, limit: float) -> None:
    """Look twice a second until nothing waits; BenchmarkError where that takes longer than ``limit`` or nothing moves."""
    from screening.models import ScreeningResult

    began = moved = time.monotonic()
    n_before = ScreeningResult.objects.awaiting().count()
    while n_awaited := ScreeningResult.objects.awaiting().count():
        now = time.monotonic()
        if n_awaited != n_before:
            n_before, moved = n_awaited, now
        if worker.watchdog.poll() is not None:
            raise BenchmarkError(f"the worker ended with status {worker.watchdog.returncode}", worker.log)
        if now - moved > HANG:
            raise BenchmarkError(f"hang: no result for {HANG:.0f} s, {n_awaited:,} rows wait", worker.log)
        if now - began > limit:
            raise BenchmarkError(f"too slow: {n_awaited:,} rows still wait after {limit:.0f} s", worker.log)
        worker.look()
        time.sleep(0.5)


def report(worker: Watched, started: datetime) -> None:
    from screening.models import ScreeningResult

    results = ScreeningResult.objects.all()
    states = Counter(results.values_list("state", flat=True))
    if set(states) != {"done"}:
        raise BenchmarkError(f"rows were left: {dict(states)}", worker.log)
    done = np.array(
        [
            (moment - started) / timedelta(seconds=1)
            for moment in results.values_list("finished_at", flat=True)
            if moment
        ]
    )
    first, last = done.min(), done.max()
    steady = (done > first + 1).sum() / (last - first - 1)
    devices = Counter(results.values_list("device", flat=True))
    levels = Counter(results.values_list("level", flat=True))
    n_tried_again = results.filter(attempts__gt=1).count()
    print(f"screened on {', '.join(devices)}: first result after {first:.1f} s, all after {last:.1f} s")
    print(f"from database to results: {steady:,.0f} rows/s ({done.size / last:,.0f} with the start of all processes)")
    print(
        f"{done.size:,} done, none queued or failed, {n_tried_again} tried more than once; {dict(sorted(levels.items()))}"
    )
    on_gpu = f", GPU {worker.peak_gpu - worker.idle_gpu:.0f} MB" if worker.peak_gpu else ""
    print(f"memory at its peak: largest process {worker.largest:.0f} MB, all {worker.together:.0f} MB{on_gpu}")


def fill(n_rows: int, *, called: bool = False) -> None:
    """Queue ``n_rows`` patterns as uploads would, in bulk; or have them ``called`` in class D by the version in production."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from mlmodels.models import ModelVersion
    from mlmodels.net.simulate import simulate_pattern
    from samples.models import Pattern, PatternFile, Reading
    from samples.models.readings import ReadingArrays
    from screening.models import ScreeningResult, ScreeningRun

    rng = np.random.default_rng(1)
    simulated = [
        simulate_pattern(
            CLASSES[seed % len(CLASSES)],
            quasilattice_constant=rng.uniform(4.1, 5.9),
            lattice_type=("P", "F")[seed % 2],
            share=rng.uniform(0.1, 0.9),
            n_hosts=2,
            seed=seed,
        )
        for seed in range(min(DISTINCT, n_rows))
    ]
    person = User.objects.create(username="student")
    version = ModelVersion.objects.production()
    assert version, "migrate puts the shipped network into production"
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=person)
    for first in range(0, n_rows, CHUNK):
        numbers = range(first, min(first + CHUNK, n_rows))
        with transaction.atomic():
            files = PatternFile.objects.bulk_create(
                PatternFile(sha256=f"{number:064x}", content=f"{number}", size=9) for number in numbers
            )
            patterns = Pattern.objects.bulk_create(
                Pattern(file=file, name=f"{number}.xy", uploaded_by=person, simulated=True)
                for number, file in zip(numbers, files, strict=True)
            )
            readings = Reading.objects.bulk_create(
                Reading(
                    pattern=pattern, number=1, reader="simulated", reader_version="1", wavelength=scan.wavelength,
                    n_points=scan.n_points, two_theta_first=scan.two_theta[0], two_theta_last=scan.two_theta[-1],
                    step=scan.step, made_by=person,
                )
                for number, pattern in zip(numbers, patterns, strict=True)
                for scan in [simulated[number % len(simulated)]]
            )  # fmt: skip
            ReadingArrays.objects.bulk_create(
                ReadingArrays(
                    reading=reading,
                    two_theta=scan.two_theta.astype("<f8").tobytes(),
                    intensity=rng.poisson(scan.intensity).astype("<f4").tobytes(),
                )
                for number, reading in zip(numbers, readings, strict=True)
                for scan in [simulated[number % len(simulated)]]
            )
            ScreeningResult.objects.bulk_create(
                ScreeningResult(run=run, reading=reading, model_version=version, **(CALLED if called else {}))
                for reading in readings
            )


def graphics_card() -> str:
    return _ask_gpu("name") or "no GPU"


def gpu_memory() -> float:
    """In use on the GPU (MB); 0 without one."""
    return float(_ask_gpu("memory.used") or 0)


def _ask_gpu(what: str) -> str:
    if not (nvidia_smi := shutil.which("nvidia-smi")):
        return ""
    asked = [nvidia_smi, f"--query-gpu={what}", "--format=csv,noheader,nounits", "--id=0"]
    return subprocess.run(asked, capture_output=True, check=False, text=True).stdout.strip()


def version_of(package: str) -> str:
    from importlib.metadata import version

    return version(package)


def memory(pid: int, table: str, entry: str) -> float:
    """An entry of a table that the kernel keeps of a process (MB); 0 where the process has gone."""
    for line in _proc(pid, table).splitlines():
        if line.startswith(f"{entry}:"):
            return int(line.split()[1]) / 1024
    return 0.0


def descendants(pid: int) -> set[int]:
    """``pid`` and all processes below it."""
    parents = {
        int(path.name): int(stat.rpartition(")")[2].split()[1])
        for path in Path("/proc").glob("[0-9]*")
        if (stat := _proc(int(path.name), "stat"))
    }
    family = new = {pid}
    while new:
        new = {child for child, parent in parents.items() if parent in new} - family
        family |= new
    return family


def is_alive(pid: int) -> bool:
    return _proc(pid, "stat").rpartition(")")[2].split()[:1] not in ([], ["Z"])


def _proc(pid: int, name: str) -> str:
    try:
        return Path(f"/proc/{pid}/{name}").read_text()
    except OSError:  # it has gone
        return ""


if __name__ == "__main__":
    main()
