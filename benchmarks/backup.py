"""How long a backup of a lab takes, how large it is, and how long the lab takes to come back; on this kind of database.

Fills a database and a data folder of its own with patterns as they come in, files and arrays; backs up, backs up again after
a day's work, tries the restore, checks the files, and restores into the empty place.

python -m benchmarks.backup [--patterns 20000] [--day 100] [--encrypted]
"""

from __future__ import annotations

import argparse
import os
import platform
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import django
import numpy as np
from django.core.management import call_command

from benchmarks.review_queue import own_database

N_SHAPES = 40
"""Patterns that are really simulated; the others are these with other counts, so that no two files are alike."""


def fill(n_patterns: int, *, first: int = 0) -> None:
    """Patterns with their files, readings and arrays, as uploads leave them, written in bulk."""
    from django.contrib.auth.models import User
    from django.db import transaction

    from samples.models import Pattern, PatternFile, Reading
    from samples.models.readings import ReadingArrays
    from samples.originals import keep
    from tests.factories import pattern_text

    by, _made = User.objects.get_or_create(username="student")
    shapes = [np.loadtxt(pattern_text(seed=seed).decode().splitlines()) for seed in range(N_SHAPES)]
    angles = [f"{angle:.3f} " for angle in shapes[0][:, 0]]
    two_theta = shapes[0][:, 0].astype("<f8")
    rng = np.random.default_rng(first)
    for batch in range(first, first + n_patterns, 500):
        numbers = range(batch, min(batch + 500, first + n_patterns))
        counts = [rng.poisson(shapes[number % N_SHAPES][:, 1]) for number in numbers]
        texts = ["\n".join(map("".join, zip(angles, map(str, row.tolist()), strict=True))).encode() for row in counts]
        kept = [keep(text) for text in texts]
        with transaction.atomic():
            files = PatternFile.objects.bulk_create(
                PatternFile(sha256=original.sha256, content=original.name, size=original.size) for original in kept
            )
            patterns = Pattern.objects.bulk_create(
                Pattern(file=file, name=f"{number}.xy", uploaded_by=by)
                for file, number in zip(files, numbers, strict=True)
            )
            readings = Reading.objects.bulk_create(
                Reading(
                    pattern=pattern, number=1, reader="text", reader_version="1", wavelength=1.540593, radiation="Cu Kα1",
                    n_points=len(two_theta), two_theta_first=20, two_theta_last=80, step=0.02, made_by=by,
                )
                for pattern in patterns
            )  # fmt: skip
            ReadingArrays.objects.bulk_create(
                ReadingArrays(reading=reading, two_theta=two_theta.tobytes(), intensity=row.astype("<f4").tobytes())
                for reading, row in zip(readings, counts, strict=True)
            )


@contextmanager
def timed(what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    print(f"{what:<48}{time.perf_counter() - began:8.1f} s")


def megabytes(folder: Path) -> float:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file()) / 1e6


def empty_the_place() -> None:
    """As on a machine where the lab never was."""
    from django.conf import settings
    from django.db import connection

    shutil.rmtree(settings.MEDIA_ROOT)
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            cursor.execute("DROP SCHEMA public CASCADE")
            cursor.execute("CREATE SCHEMA public")
    else:
        connection.close()
        for ending in ("", "-wal", "-shm"):
            Path(f"{connection.settings_dict['NAME']}{ending}").unlink(missing_ok=True)


def measure(n_patterns: int, n_day: int, key: str, folder: Path) -> None:
    from django.conf import settings
    from django.db import connection

    from lims.backup.making import make_backup
    from lims.backup.restoring import restore, try_restore
    from lims.kept_files import check_files

    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {connection.vendor}")
    with timed(f"(filling: {n_patterns} patterns)"):
        fill(n_patterns)
    print(f"files on disk: {megabytes(Path(settings.MEDIA_ROOT)):.0f} MB")
    with timed("first backup"):
        made = make_backup(folder, key)
    print(
        f"  {made.n_files} files and the database, {made.size / 1e6:.0f} MB; the backup takes {made.grown / 1e6:.0f} MB"
    )
    fill(n_day, first=n_patterns)
    with timed(f"the next one, after {n_day} more patterns"):
        made = make_backup(folder, key)
    print(f"  the backups grew by {made.grown / 1e6:.1f} MB")
    with timed("restore on trial: every hash, every table"):
        tried = try_restore(folder, key)
    print(f"  {tried.n_files} files, {tried.n_rows} rows, database loaded: {tried.loaded}")
    with timed("check_files"):
        assert check_files().is_sound
    empty_the_place()
    with timed("restore into the empty place"):
        done = restore(folder, key, replace=True)
    print(f"  {done.n_files} files, {done.n_rows} rows")
    assert check_files().is_sound


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--patterns", type=int, default=20_000)
    parser.add_argument("--day", type=int, default=100, help="patterns between the first backup and the second")
    parser.add_argument("--encrypted", action="store_true")
    told = parser.parse_args()
    with own_database(), tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
        django.setup()
        call_command("migrate", verbosity=0)
        key = ""
        if told.encrypted:
            import pyrage

            key = str(pyrage.x25519.Identity.generate())
        measure(told.patterns, told.day, key, Path(folder) / "backups")


if __name__ == "__main__":
    main()
