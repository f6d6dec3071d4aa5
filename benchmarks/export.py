"""How fast a frozen data set is exported, from the database to the archive, in how much memory; and how fast another lab takes it in.

Each run is `manage.py export_dataset` in a process of its own. The lab is kept in --data, so that a second run need not fill it again.

python -m benchmarks.export [--patterns 100000] [--data FOLDER] [--fill-only] [--import]
"""

from __future__ import annotations

import argparse
import os
import platform
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np

N_POINTS = 3_000
DIFFERENT = 500
"""Patterns that are not the same; the others repeat them."""
AT_ONCE = 2_000
PATTERNS_A_SAMPLE = 2
NAME = "for the benchmark"


def fill(n: int) -> None:
    """The lab of benchmarks.large_lab with the numbers of each reading, and a frozen set of all of them."""
    from django.contrib.auth.models import Group, User

    from benchmarks import large_lab
    from mlmodels.models import Dataset, DatasetEntry, content_sha256
    from samples.models import Reading, ReadingArrays
    from samples.models.readings import arrays_sha256

    large_lab.fill(n // PATTERNS_A_SAMPLE, patterns_a_sample=PATTERNS_A_SAMPLE)
    two_theta = np.arange(20.0, 80.0, 60 / N_POINTS).astype("<f8").tobytes()
    rng = np.random.default_rng(1)
    counts = [_counts(rng) for _ in range(DIFFERENT)]
    hashes = [arrays_sha256(two_theta, one) for one in counts]
    readings = list(Reading.objects.order_by("pk").select_related("pattern__file").defer("metadata", "warnings"))
    for first in range(0, len(readings), AT_ONCE):
        some = readings[first : first + AT_ONCE]
        for place, reading in enumerate(some):
            reading.arrays_sha256 = hashes[place % DIFFERENT]
        Reading.objects.bulk_update(some, ["arrays_sha256"])
        ReadingArrays.objects.bulk_create(
            ReadingArrays(reading=reading, two_theta=two_theta, intensity=counts[place % DIFFERENT])
            for place, reading in enumerate(some)
        )
    curator = User.objects.create(username="curator", is_superuser=True)
    curator.groups.add(Group.objects.get(name="curator"))
    dataset = Dataset.objects.begin(NAME, curator)
    entries = (
        DatasetEntry(
            dataset=dataset, position=place, reading=reading, label="none", origin="outcome", origin_words="refuted by TEM",
            split="train", lineage=place, file_sha256=reading.pattern.file.sha256, arrays_sha256=reading.arrays_sha256,
        )
        for place, reading in enumerate(readings, start=1)
    )  # fmt: skip
    dataset.write(entries, by=curator)
    dataset.freeze(by=curator, reason="for the benchmark", sha256=content_sha256(dataset.hashed_rows()))


def _counts(rng: np.random.Generator) -> bytes:
    two_theta = np.arange(20.0, 80.0, 60 / N_POINTS)
    counts = np.full(N_POINTS, 60.0)
    for position in rng.uniform(21, 79, 10):
        counts += rng.uniform(50, 1000) * np.exp(-0.5 * ((two_theta - position) / 0.07) ** 2)
    return rng.poisson(counts).astype("<f4").tobytes()


def manage(*command: str, data: Path) -> tuple[float, int]:
    """Seconds, and the most memory (MB) of any command so far."""
    environment = {**os.environ, "ICOSA_DATA": str(data), "OMP_NUM_THREADS": "1"}
    started = time.perf_counter()
    subprocess.run([sys.executable, "manage.py", *command], check=True, env=environment, capture_output=True)
    return time.perf_counter() - started, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024


def fill_apart(n: int, data: Path) -> None:
    """In a process of its own, whose memory is not that of an export."""
    manage("migrate", data=data)
    code = f"import django; django.setup(); from benchmarks.export import fill; fill({n})"
    environment = {**os.environ, "ICOSA_DATA": str(data), "DJANGO_SETTINGS_MODULE": "lims.settings"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--patterns", type=int, default=100_000)
    parser.add_argument("--data", type=Path)
    parser.add_argument("--fill-only", action="store_true")
    parser.add_argument("--import", dest="imports", action="store_true")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        data = asked.data or Path(temporary) / "lab"
        if not (data / "filled").exists():
            fill_apart(asked.patterns, data)
            (data / "filled").touch()
        if not asked.fill_only:
            measure(asked.patterns, data, Path(temporary), imports=asked.imports)


def measure(n: int, data: Path, folder: Path, *, imports: bool) -> None:
    database = "PostgreSQL" if "postgres" in os.environ.get("DATABASE_URL", "") else "SQLite"
    print(f"{datetime.now(UTC):%Y-%m-%d}  {platform.machine()}  {os.cpu_count()} cores  {database}")
    print(f"{n:,} patterns of {N_POINTS:,} points, from the database to the archive, the start of the command included")
    archives = []
    for words, options in (("HDF5, CSV", []), ("HDF5, CSV, Parquet", ["--parquet"])):
        to = folder / words
        seconds, megabytes = manage("export_dataset", NAME, "--to", str(to), *options, data=data)
        archive = next(to.iterdir())
        archives.append(archive)
        print(
            f"{words:20} {seconds:6.1f} s  {n / seconds:7,.0f} patterns/s  {megabytes:4} MB at the peak  "
            f"{archive.stat().st_size / 1e6:,.0f} MB"
        )
    if imports:
        other = folder / "other lab"
        manage("migrate", data=other)
        code = (
            "import django; django.setup(); from django.contrib.auth.models import User; "
            "User.objects.create(username='curator', is_superuser=True)"
        )
        environment = {**os.environ, "ICOSA_DATA": str(other), "DJANGO_SETTINGS_MODULE": "lims.settings"}
        subprocess.run([sys.executable, "-c", code], check=True, env=environment)
        seconds, megabytes = manage("import_dataset", str(archives[0]), "--as", "curator", data=other)
        print(f"{'import':20} {seconds:6.1f} s  {n / seconds:7,.0f} patterns/s  {megabytes:4} MB at the peak")


if __name__ == "__main__":
    main()
