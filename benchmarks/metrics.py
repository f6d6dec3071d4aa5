"""How long /metrics and /healthz take with 1,000,000 results; on this kind of database.

Fills a database of its own with 1,000 readings that 1,000 versions called, one in a thousand failed.

python -m benchmarks.metrics [--results 1000000]
"""

from __future__ import annotations

import argparse
import logging
import os
import platform
import statistics
import time
from datetime import UTC, datetime

import django
from django.core.management import call_command

from benchmarks.review_queue import own_database

LOOKS = 9
N_READINGS = 1000


def fill(n_results: int) -> None:
    """In the database itself: a row for each pair of a reading and a version."""
    from django.contrib.auth.models import User
    from django.db import connection

    from mlmodels.models import ModelVersion
    from samples.models import Pattern, PatternFile, Reading
    from screening.models import ScreeningRun

    by = User.objects.create(username="student")
    run = ScreeningRun.objects.start(ScreeningRun.Why.RESCREEN, by=by)
    files = PatternFile.objects.bulk_create(
        PatternFile(sha256=f"{n:064x}", content=f"{n}", size=9) for n in range(N_READINGS)
    )
    patterns = Pattern.objects.bulk_create(Pattern(file=file, name="a.xy", uploaded_by=by) for file in files)
    readings = Reading.objects.bulk_create(
        Reading(
            pattern=pattern, number=1, reader="text", reader_version="1", wavelength=1.540593, radiation="Cu Kα1",
            n_points=3001, two_theta_first=20, two_theta_last=80, step=0.02, made_by=by,
        )
        for pattern in patterns
    )  # fmt: skip
    ModelVersion.objects.bulk_create(
        ModelVersion(name=f"version {number}", sha256=f"{number:064x}", state="retired")
        for number in range(n_results // N_READINGS)
    )
    first = readings[0].pk
    failed = '{"template": "%(reason)s", "values": {"reason": "MemoryError: "}}'
    hours = "interval '1 hour' * version.id" if connection.vendor == "postgresql" else "'-' || version.id || ' hours'"
    ago = f"now() - {hours}" if connection.vendor == "postgresql" else f"datetime('now', {hours})"
    as_json = "%s::jsonb" if connection.vendor == "postgresql" else "%s"
    with connection.cursor() as cursor:
        cursor.execute(
            f"""INSERT INTO screening_screeningresult (run_id, reading_id, model_version_id, state, level, probability,
            evidence, reason, priority, attempts, lattice_type, thresholds_version, device, queued_at, finished_at)
            SELECT %s, reading.id, version.id,
            CASE WHEN reading.id = %s THEN 'failed' ELSE 'done' END, CASE WHEN reading.id = %s THEN '' ELSE 'D' END,
            0.1, %s, CASE WHEN reading.id = %s THEN {as_json} ELSE NULL END,
            9, 1, '', '', '', {ago}, {ago}
            FROM samples_reading AS reading CROSS JOIN mlmodels_modelversion AS version WHERE version.name LIKE 'version %%'""",
            [run.pk, first, first, bytes(1000), first, failed],
        )
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def measure() -> None:
    from django.conf import settings
    from django.db import connection
    from django.test import Client

    from screening.models import ScreeningResult

    settings.ALLOWED_HOSTS = ["testserver"]
    settings.METRICS_TOKEN = "for the benchmark"
    logging.disable(logging.ERROR)  # no worker runs here, which /healthz says
    client = Client(headers={"Authorization": "Bearer for the benchmark"})
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {platform.machine()}, {connection.vendor}")
    print(f"{ScreeningResult.objects.count():,} results")
    for address in ("/metrics", "/healthz/ready", "/healthz/live"):
        times = []
        for _ in range(LOOKS):
            began = time.perf_counter()
            client.get(address)
            times.append(time.perf_counter() - began)
        print(f"{address:<16}{1000 * statistics.median(times):8.1f} ms median, {1000 * max(times):.1f} at most")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--results", type=int, default=1_000_000)
    told = parser.parse_args()
    with own_database():
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
        django.setup()
        call_command("migrate", verbosity=0)
        fill(told.results)
        measure()


if __name__ == "__main__":
    main()
