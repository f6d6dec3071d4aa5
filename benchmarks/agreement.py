"""How long the agreement page, its figures and its CSV take with 100,000 results and 5,000 outcomes; on this database.

Fills a database of its own kind, as benchmarks.review_queue does. Each sample has four patterns, each with a call of two versions; a
part of the samples is followed up.

python -m benchmarks.agreement [--results 100000] [--outcomes 5000]
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from decimal import Decimal

from benchmarks.review_queue import own_database

PATTERNS_A_SAMPLE = 4
N_VERSIONS = 2
LOOKS = 5
ADDRESSES = (
    *("/agreement/", "/agreement/?version=all", "/agreement/?simulated=on&page=100", "/agreement/reliability.json"),
    *("/agreement/lattices.json", "/agreement/agreement.csv"),
)
VERDICTS = ("refuted", "confirmed", "refuted", "inconclusive")


def fill(n_results: int, n_outcomes: int) -> None:
    """The lab of benchmarks.large_lab with twice the patterns and a retired version's calls."""
    from django.db import connection

    from benchmarks import large_lab
    from mlmodels.models import ModelVersion
    from screening.models import Candidate, ScreeningResult

    large_lab.fill(n_results // (PATTERNS_A_SAMPLE * N_VERSIONS), patterns_a_sample=PATTERNS_A_SAMPLE)
    older = ModelVersion.objects.create(name="the one before", state="retired", sha256="1" * 64)
    calls = list(ScreeningResult.objects.all())
    for call in calls:
        call.pk, call.model_version = None, older
    ScreeningResult.objects.bulk_create(calls, batch_size=2000)
    Candidate.objects.catch_up()
    follow_up(n_outcomes)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def follow_up(n_outcomes: int) -> None:
    """The first samples are followed up, each with an outcome, every other one with a lattice constant."""
    from django.contrib.auth.models import Group, User

    from samples.models import Sample
    from screening.models import FollowUp, LatticeMeasurement, Outcome

    signer = User.objects.get(username="mori")
    signer.groups.add(Group.objects.get(name="microscopist"))
    samples = Sample.objects.order_by("pk")[:n_outcomes]
    follow_ups = FollowUp.objects.bulk_create(
        FollowUp(sample=sample, opened_by=signer, changed_by=signer) for sample in samples
    )
    LatticeMeasurement.objects.bulk_create(
        LatticeMeasurement(
            follow_up=one, technique="tem", value=Decimal(4100 + n % 1000) / 1000, unit="Å", convention="a_R",
            quasilattice_constant=4.1 + n % 1000 / 1000,
        )
        for n, one in enumerate(follow_ups) if n % 2
    )  # fmt: skip
    Outcome.objects.bulk_create(
        Outcome(
            follow_up=one, sample_id=one.sample_id, verdict=VERDICTS[n % len(VERDICTS)], signer=signer, number=n,
            signed_at=datetime.now(UTC), sha256=f"{n:064x}", evidence={}, evidence_sha256="0" * 64,
            meaning="for the benchmark", reason="for the benchmark",
        )
        for n, one in enumerate(follow_ups, start=1)
    )  # fmt: skip


def measure(addresses: Sequence[str] = ADDRESSES) -> None:
    from django.contrib.auth.models import User
    from django.db import connection
    from django.test import Client
    from django.test.utils import CaptureQueriesContext

    client = Client()
    client.force_login(User.objects.get(username="student"))
    client.get(addresses[0])  # imports and caches
    for address in addresses:
        seconds, computing = [], []
        for _look in range(LOOKS):
            with CaptureQueriesContext(connection) as queries:
                start, start_computing = time.perf_counter(), time.process_time()
                answer = client.get(address)
                seconds.append(time.perf_counter() - start)
                computing.append(time.process_time() - start_computing)
            assert answer.status_code == 200
        in_database = sum(float(query["time"]) for query in queries)
        median, slowest, busy = statistics.median(seconds), max(seconds), statistics.median(computing)
        print(
            f"{address:36s} {1000 * median:5.0f} ms median, {1000 * slowest:5.0f} ms slowest,"
            f" {1000 * busy:5.0f} ms of computing, {1000 * in_database:4.0f} ms of queries"
        )


def run(description: str | None, fill: Callable[[int, int], None], measure: Callable[[], None]) -> None:
    """Fill a lab of its own with as many results and outcomes as the command says, and measure there."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--results", type=int, default=100_000)
    parser.add_argument("--outcomes", type=int, default=5_000)
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
        start = time.perf_counter()
        fill(asked.results, asked.outcomes)
        print(f"{platform.node()}, {os.cpu_count()} cores, {datetime.now(UTC):%d %b %Y}, {connection.vendor}")
        print(f"{asked.results} results, {asked.outcomes} outcomes, made in {time.perf_counter() - start:.0f} s")
        measure()


if __name__ == "__main__":
    run(__doc__, fill, measure)
