"""How the time of each page grows with the lab: from a thousand to a million results, on this database.

Each size is a lab of its own (SQLite in a temporary folder, or a fresh PostgreSQL database beside the one that DATABASE_URL names):
patterns with their numbers, two a sample, ten versions that called each of them; every tenth sample is followed up, 5,000 at most.
A page is asked for as a browser does, by Django's test client, and a file is sent in as an instrument does. On SQLite, which works
within the process, its processor time is told, which other work on the machine does not change; on PostgreSQL the time that passed.

python -m benchmarks.growth [--results 1000 10000 100000 1000000] [--json FILE] [--figure FILE.svg]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import platform
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import count, cycle
from pathlib import Path
from typing import Any

from benchmarks.patterns import pattern_text
from benchmarks.review_queue import own_database
from benchmarks.upload import PROJECT

N_VERSIONS = 10
PATTERNS_A_SAMPLE = 2
LOOKS = 9
MOST_OUTCOMES = 5_000


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--results", type=int, nargs="+", default=[1_000, 10_000, 100_000, 1_000_000])
    arguments.add_argument("--json", help="file for the figures")
    arguments.add_argument("--figure", help="file for the drawing")
    arguments.add_argument("--one", action="store_true", help="a single size, in this process")
    options = arguments.parse_args()
    if options.one:
        print(json.dumps(of_one_size(options.results[0])))
        return
    sizes = [in_a_process(n) for n in options.results]
    told = {
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "sizes": sizes,
    }
    if options.json:
        Path(options.json).write_text(json.dumps(told, indent=1) + "\n")
    if options.figure:
        Path(options.figure).write_text(drawn(sizes))


def in_a_process(n_results: int) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.growth", "--one", "--results", str(n_results)]
    answer = subprocess.run(command, cwd=PROJECT, check=True, stdout=subprocess.PIPE, text=True).stdout
    told: dict[str, Any] = json.loads(answer.splitlines()[-1])
    print(
        f"{n_results:,} results on {told['database']}, written in {told['filled_s']} s: {told['median_ms']}", flush=True
    )
    return told


def of_one_size(n_results: int) -> dict[str, Any]:
    with own_database():
        os.environ |= {"DJANGO_SETTINGS_MODULE": "lims.settings", "ICOSA_HOSTS": "testserver"}
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        call_command("migrate", verbosity=0)
        began = time.perf_counter()
        fill(n_results)
        filled = time.perf_counter() - began
        clock = time.process_time if connection.vendor == "sqlite" else time.perf_counter
        taken = {name: timed(ask, clock) for name, ask in questions().items()}
        return {
            **{"results": n_results, "database": connection.vendor, "filled_s": round(filled)},
            "median_ms": {name: round(statistics.median(times)) for name, times in taken.items()},
            "longest_ms": {name: round(max(times)) for name, times in taken.items()},
        }


def fill(n_results: int) -> None:
    """The lab of benchmarks.large_lab, called by N_VERSIONS; the database copies the calls of one version for the others."""
    from django.contrib.auth.models import Group, User
    from django.db import connection

    from benchmarks import large_lab
    from benchmarks.agreement import follow_up
    from mlmodels.models import ModelVersion
    from screening.models import ScreeningResult

    n_samples = n_results // (N_VERSIONS * PATTERNS_A_SAMPLE)
    large_lab.fill(n_samples, patterns_a_sample=PATTERNS_A_SAMPLE, with_arrays=True)
    current = ModelVersion.objects.production()
    assert current is not None
    fields = [field for field in ScreeningResult._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(f'"{field.column}"' for field in fields)
    new = ("model_version", "finished_at")
    copied = ", ".join("%s" if field.name in new else f'"{field.column}"' for field in fields)
    table = f'"{ScreeningResult._meta.db_table}"'
    with connection.cursor() as cursor:
        for n in range(1, N_VERSIONS):
            version = ModelVersion.objects.create(name=f"an earlier one, {n}", state="retired", sha256=f"{n:064x}")
            cursor.execute(
                f"INSERT INTO {table} ({columns}) SELECT {copied} FROM {table} WHERE model_version_id = %s",
                [
                    version.pk,
                    connection.ops.adapt_datetimefield_value(large_lab.FIRST_DAY - timedelta(days=n)),
                    current.pk,
                ],
            )
        follow_up(min(n_samples // 10, MOST_OUTCOMES))
        if connection.vendor == "postgresql":
            cursor.execute("VACUUM ANALYZE")
    User.objects.get(username="student").groups.add(Group.objects.get(name="reviewer"))


def questions() -> dict[str, Callable[[], object]]:
    """What is timed, each by one call; the same page each time, with other samples and patterns."""
    from django.contrib.auth.models import User
    from django.core.cache import cache
    from django.core.files.uploadedfile import SimpleUploadedFile
    from django.test import Client

    from benchmarks.large_lab import FULL
    from lims.models import ApiKey
    from samples.models import Reading

    student = User.objects.get(username="student")
    client = Client()
    client.force_login(student)
    scopes, one_day = [ApiKey.Scope.READ, ApiKey.Scope.UPLOAD], timedelta(days=1)
    key = ApiKey.objects.issue(student, name="x", scopes=scopes, valid_for=one_day)[1]
    numbers = count()
    looked_at: Iterator[tuple[str, int]] = cycle(
        Reading.objects.filter(n_points=FULL).values_list("pattern__sample__code", "pattern")[: LOOKS + 1]
    )

    def page(address: str) -> None:
        assert client.get(address, follow=True).status_code == 200

    def counted_anew(address: str) -> None:
        cache.clear()
        page(address)

    def upload() -> None:
        number = next(numbers)
        file = SimpleUploadedFile(f"{next(looked_at)[0]}_{number}.xy", pattern_text(number))
        answer = client.post("/api/v1/patterns/", {"file": file}, headers={"Authorization": f"Bearer {key}"})
        assert answer.status_code == 201, answer.content

    return {
        "list": lambda: page("/samples/"),
        "search": lambda: page("/samples/?q=ingot12"),
        "class": lambda: page("/samples/?q=class:A"),
        "sample": lambda: page(f"/samples/{next(looked_at)[0]}/"),
        "pattern": lambda: page(f"/patterns/{next(looked_at)[1]}/"),
        "queue": lambda: page("/review/next/"),
        "agreement": lambda: page("/agreement/"),
        "home": lambda: page("/"),
        "home, counted anew": lambda: counted_anew("/"),
        "upload": upload,
    }


def timed(ask: Callable[[], object], clock: Callable[[], float]) -> list[float]:
    """Milliseconds of LOOKS calls, after one that fills the caches."""
    ask()
    taken = []
    for _ in range(LOOKS):
        began = clock()
        ask()
        taken.append(1000 * (clock() - began))
    return taken


WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 760, 440, 60, 170, 20, 50
COLOURS = ("#0072b2", "#e69f00", "#009e73", "#d55e00", "#cc79a7", "#56b4e9", "#7a5c00", "#000000", "#777777", "#9467bd")
LOWEST, HIGHEST = 5, 2000
"""Milliseconds at the ends of the axis."""


def drawn(sizes: Sequence[dict[str, Any]]) -> str:
    """A drawing with two logarithmic axes, a line for each page, its name at the end."""
    first, last = (math.log10(sizes[end]["results"]) for end in (0, -1))

    def x(results: float) -> float:
        return LEFT + (WIDTH - LEFT - RIGHT) * (math.log10(results) - first) / (last - first)

    def y(milliseconds: float) -> float:
        share = math.log(max(milliseconds, LOWEST) / LOWEST) / math.log(HIGHEST / LOWEST)
        return HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share

    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">',
        f'<rect width="{WIDTH}" height="{HEIGHT}" fill="white"/>',
    ]
    for milliseconds in (5, 10, 20, 50, 100, 200, 500, 1000, 2000):
        parts.append(f'<path d="M{LEFT} {y(milliseconds):.1f}H{WIDTH - RIGHT}" stroke="#ddd"/>')
        parts.append(f'<text x="{LEFT - 6}" y="{y(milliseconds) + 4:.1f}" text-anchor="end">{milliseconds}</text>')
    for size in sizes:
        at = x(size["results"])
        parts.append(f'<path d="M{at:.1f} {TOP}V{HEIGHT - BOTTOM}" stroke="#ddd"/>')
        parts.append(f'<text x="{at:.1f}" y="{HEIGHT - 30}" text-anchor="middle">{size["results"]:,}</text>')
    parts.append(f'<text x="{(LEFT + WIDTH - RIGHT) / 2}" y="{HEIGHT - 10}" text-anchor="middle">results</text>')
    parts.append(f'<text transform="translate(15 {HEIGHT / 2}) rotate(-90)" text-anchor="middle">milliseconds</text>')
    names = sorted(sizes[-1]["median_ms"], key=sizes[-1]["median_ms"].__getitem__, reverse=True)
    label_at = 0.0
    for name, colour in zip(names, COLOURS, strict=True):
        points = " ".join(f"{x(size['results']):.1f},{y(size['median_ms'][name]):.1f}" for size in sizes)
        end = y(sizes[-1]["median_ms"][name])
        label_at = max(end, label_at + 15)
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<path d="M{WIDTH - RIGHT} {end:.1f}L{WIDTH - RIGHT + 14} {label_at:.1f}" stroke="{colour}"/>')
        parts.append(f'<text x="{WIDTH - RIGHT + 18}" y="{label_at + 4:.1f}" fill="{colour}">{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


if __name__ == "__main__":
    main()
