"""How long until a reviewer has the next candidate on the screen, with fifty thousand waiting, and what a bell costs; on this database.

Fills a database of its own kind (SQLite in a temporary folder, or a fresh PostgreSQL database beside the one that
DATABASE_URL names), then asks as the page does: take the next, show it, sign, and take the next.

python -m benchmarks.review_queue [--waiting 50000] [--results 100000] [--looks 40]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING
from uuid import uuid4

import numpy as np

if TYPE_CHECKING:
    from django.test import Client

SYSTEMS = ("Al-Si-Ru", "Al-Fe-Ir", "Al-Mn-Ir", "Al-Cu-Pt", "Al-Pt-Co", "Al-Cu-Ir")
PATTERNS_A_SAMPLE = 40
AT_ONCE = 2_000


@contextmanager
def own_database() -> Iterator[None]:
    """Point DATABASE_URL and ICOSA_DATA to fresh ones, before Django reads them."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICOSA_DATA"] = folder
        server = os.environ.get("DATABASE_URL", "")
        if not server.startswith("postgres"):
            os.environ["DATABASE_URL"] = ""
            yield
            return
        import psycopg
        from psycopg import sql

        name = f"icosa_benchmark_{uuid4().hex[:8]}"
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        os.environ["DATABASE_URL"] = f"{server.rpartition('/')[0]}/{name}"
        try:
            yield
        finally:
            from django.db import connections

            connections.close_all()
            with psycopg.connect(server, autocommit=True) as connection:
                connection.execute(sql.SQL("DROP DATABASE {}").format(sql.Identifier(name)))


def fill(n_waiting: int, n_results: int) -> None:
    """Samples, patterns, readings, results and candidates in bulk: those that wait of class A and B by turns, the others D."""
    from django.contrib.auth.models import Group, User

    from mlmodels.models import ModelVersion
    from samples.models import Pattern, PatternFile, Reading, ReadingArrays, Sample
    from screening.models import Candidate, ScreeningResult, ScreeningRun

    uploader = User.objects.create_user("uploader")
    User.objects.create_user("reviewer").groups.add(Group.objects.get(name="reviewer"))
    version = ModelVersion.objects.production()
    assert version is not None
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, uploader)
    rng = np.random.default_rng(0)
    samples = []
    for n in range(n_results // PATTERNS_A_SAMPLE + 1):
        first, second, third = SYSTEMS[n % len(SYSTEMS)].split("-")
        aluminium = 40 + n % 30
        sample = Sample(code=f"B-{n:05d}", composition_text=f"{first}{aluminium}{second}20{third}{80 - aluminium}")
        sample.log(by=uploader)
        samples.append(sample)
    two_theta = np.arange(20, 80, 0.02)
    arrays = two_theta.astype("<f8").tobytes(), rng.poisson(300, two_theta.size).astype("<f4").tobytes()
    for start in range(0, n_results, AT_ONCE):
        numbers = range(start, min(start + AT_ONCE, n_results))
        files = PatternFile.objects.bulk_create(
            PatternFile(sha256=f"{n:064x}", content="patterns/none", size=1) for n in numbers
        )
        patterns = Pattern.objects.bulk_create(
            Pattern(file=file, sample=samples[n // PATTERNS_A_SAMPLE], name=f"{n}.xy", uploaded_by=uploader)
            for n, file in zip(numbers, files, strict=True)
        )
        readings = Reading.objects.bulk_create(
            Reading(
                pattern=pattern,
                number=1,
                wavelength=1.540593,
                n_points=two_theta.size,
                two_theta_first=20,
                two_theta_last=80,
                step=0.02,
                made_by=uploader,
            )
            for pattern in patterns
        )
        ReadingArrays.objects.bulk_create(
            ReadingArrays(reading=reading, two_theta=arrays[0], intensity=arrays[1]) for reading in readings[:1]
        )
        ScreeningResult.objects.bulk_create(
            ScreeningResult(
                run=run,
                reading=reading,
                model_version=version,
                state="done",
                level="D" if n >= n_waiting else "A" if n % 2 else "B",
                probability=float(rng.uniform(0.9991, 1) if n % 2 else rng.uniform(0.991, 0.999))
                if n < n_waiting
                else 0.01,
                quasilattice_constant=4.4,
                lattice_type="F",
                finished_at=datetime.now(UTC),
            )
            for n, reading in zip(numbers, readings, strict=True)
        )
    analyse()  # as autovacuum would meanwhile
    Candidate.objects.catch_up()
    analyse()


def analyse() -> None:
    from django.db import connection

    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def timed(what: Callable[[], object]) -> float:
    start = time.perf_counter()
    what()
    return time.perf_counter() - start


def report(name: str, seconds: list[float]) -> None:
    median, slow = statistics.median(seconds), float(np.quantile(seconds, 0.95))
    print(f"{name:58s} {1000 * median:6.0f} ms median, {1000 * slow:6.0f} ms for 95 % of {len(seconds)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--waiting", type=int, default=50_000)
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--looks", type=int, default=40)
    asked = parser.parse_args()
    with own_database():
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
        import django

        django.setup()
        from django.conf import settings
        from django.core.management import call_command
        from django.db import connection

        settings.ALLOWED_HOSTS = ["*"]
        call_command("migrate", verbosity=0)
        started = time.perf_counter()
        fill(asked.waiting, max(asked.results, asked.waiting))
        filled = time.perf_counter() - started
        print(f"{platform.node()}, {os.cpu_count()} cores, {datetime.now(UTC):%d %b %Y}, {connection.vendor}")
        print(f"{asked.waiting} of {asked.results} calls wait, made in {filled:.0f} s")
        measure_bell()
        measure(asked.looks)


def measure_bell() -> None:
    """What Candidate.catch_up takes at the end of a job: with nothing new, with new calls, and after a pattern has moved."""
    from django.contrib.auth.models import User

    from samples.models import Pattern, Sample
    from screening.models import Candidate, ScreeningResult

    report("a bell with nothing new", [timed(Candidate.objects.catch_up) for _ in range(20)])
    person = User.objects.get(username="reviewer")
    samples = list(Sample.objects.order_by("pk")[:20])
    seconds = []
    for pattern in Pattern.objects.order_by("pk")[:20]:
        pattern.move_to(samples[pattern.pk % len(samples)], person)
        seconds.append(timed(Candidate.objects.catch_up))
    report("a bell after a pattern has moved", seconds)
    seconds = []
    for start in range(0, 1000, 50):
        new = list(Candidate.objects.order_by("-pk").values_list("result", flat=True)[start : start + 50])
        Candidate.objects.filter(result__in=new).delete()  # as if they had been screened just now
        if hasattr(ScreeningResult, "considered_at"):
            ScreeningResult.objects.filter(pk__in=new).update(considered_at=None)
        seconds.append(timed(Candidate.objects.catch_up))
    report("a bell with 50 new calls", seconds)


def measure(n_looks: int) -> None:
    from django.contrib.auth.models import User
    from django.test import Client

    client = Client()
    client.force_login(User.objects.get(username="reviewer"))
    client.get("/review/next/", follow=True)  # imports and caches
    for order in ("class", "doubt", "system", "age"):
        address = f"/review/next/?order={order}"
        seconds = []
        for _ in range(n_looks):
            seconds.append(timed(lambda: client.get(address, follow=True)))  # noqa: B023 - called at once
            page = client.get(address)["Location"]
            address = f"/review/next/?order={order}&after={page.split('/')[2]}"
        report(f"next candidate and its page, by {order}", seconds)
    page = client.get("/review/next/?system=Al-Cu-Ir")["Location"]
    seconds = []
    for _ in range(n_looks):
        start = time.perf_counter()
        typed = {"verdict": "not_a_quasicrystal", "reason": "for the benchmark"}
        page = client.post(page, typed, follow=True).redirect_chain[-1][0]
        seconds.append(time.perf_counter() - start)
    report("verdict signed, next candidate and its page, one system", seconds)
    report("the list", [timed(lambda: client.get("/review/")) for _ in range(10)])
    measure_closed(client, n_looks)


def measure_closed(client: Client, n_looks: int) -> None:
    """The same where projects hide a third from the reviewer."""
    from django.contrib.auth.models import User

    from benchmarks.large_lab import close_a_third

    close_a_third(User.objects.get(username="uploader"))
    for order in ("class", "age"):
        address = f"/review/next/?order={order}"
        report(
            f"a third closed: next candidate and its page, by {order}",
            [timed(lambda: client.get(address, follow=True)) for _ in range(n_looks)],  # noqa: B023 - called at once
        )
    report("a third closed: the list", [timed(lambda: client.get("/review/")) for _ in range(10)])


if __name__ == "__main__":
    main()
