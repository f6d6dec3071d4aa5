"""How long the list of samples takes with each kind of search, in a lab of 100,000 samples and 200,000 patterns.

Asked through the page (Django's test client, a signed-in member) and through the API; the plan of each search is printed,
and a search that reads a large table from end to end where it has an index fails the benchmark. DATABASE_URL names an
empty PostgreSQL database of its own; without it, SQLite in a folder that is thrown away.

With --closed every third sample is put into one of ten projects that are closed to who asks; then each search is timed
twice in one run, before and after.

python -m benchmarks.sample_list [--samples 100000] [--repeat 20] [--plans] [--closed] [--folder FOLDER that was filled before]
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from django.db.models import QuerySet

SEARCHES = (
    "", "contains Al", "Al 40-50", "Al 40-50 Ru 20-30", "Ru without Si", "ingot12", "焼鈍 facet7", "al", "class:A", "class:B",
    "class:D", "a_R 4.3-4.4", "by:mori", "system:Al-Si", "is:simulated", "is:archived", "radiation:Mo", "logged:2018-05",
    'note:"ribbon3"', "Al 40-50 class:A by:mori",
)  # fmt: skip
ABSENCE = "class:none"
"""What is not there is in no index: each sample is looked at. Timed, and no part of the percentile."""
API = ("q=ingot12", "system=Al-Si", "element=Ru", "made_by=guest", "q=al")
BIG = "sample|sampleelement|sampleword|pattern|reading|screeningresult"
ASKED = 200.0
"""Milliseconds at the 95th percentile."""


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--samples", type=int, default=100_000)
    arguments.add_argument("--repeat", type=int, default=20)
    arguments.add_argument("--plans", action="store_true", help="print each plan")
    arguments.add_argument("--closed", action="store_true", help="compare with projects that hide a third")
    arguments.add_argument("--folder", help="of a lab that this benchmark filled before")
    options = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["ICOSA_DATA"] = options.folder or folder
        os.environ["ICOSA_HOSTS"] = "testserver"
        os.environ["DJANGO_SETTINGS_MODULE"] = "lims.settings"
        import django

        django.setup()
        measure(options)


def measure(options: argparse.Namespace) -> None:
    from django.contrib.auth.models import User
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client

    from benchmarks.large_lab import fill
    from samples.models import THE_LAB, Pattern, Sample
    from screening.search import Search

    call_command("migrate", verbosity=0)
    if not Sample.objects.exists():
        fill(options.samples)
    print(f"{datetime.now(UTC):%Y-%m-%d}, {os.cpu_count()} cores, {connection.vendor}")
    print(f"{Sample.objects.count():,} samples, {Pattern.objects.count():,} patterns")
    client = Client()
    client.force_login(User.objects.get(username="student"))
    if options.closed:
        compare(client, options.repeat)
        return
    times: list[float] = []
    scans: list[str] = []
    for line in (*SEARCHES, ABSENCE):
        taken = timed(client, "/samples/", options.repeat, q=line)
        plan = plan_of(Search.read(line).samples(THE_LAB).order_by("-pk")[:2001])
        full = full_scans(plan) if line and line != ABSENCE else []
        print(
            f"{line or 'no search':28} median {np.median(taken):6.0f} ms  p95 {np.percentile(taken, 95):6.0f} ms  {', '.join(full)}"
        )
        if options.plans:
            print(re.sub("^", "    ", plan, flags=re.MULTILINE))
        if line != ABSENCE:
            times += taken
            scans += [f"{line}: {scan}" for scan in full]
    over_api = [one for asked in API for one in timed(client, f"/api/v1/samples/?{asked}", options.repeat)]
    high = float(np.percentile(times, 95))
    print(f"the list: median {np.median(times):.0f} ms, p95 {high:.0f} ms (asked for: {ASKED:.0f} ms)")
    print(f"the API:  median {np.median(over_api):.0f} ms, p95 {np.percentile(over_api, 95):.0f} ms")
    if scans or high > ASKED:
        raise SystemExit("\n".join(["Too slow, or read from end to end:", *scans]))


def compare(client: object, repeat: int) -> None:
    """Each search while everybody sees everything, and after a third was closed to who asks."""
    from django.contrib.auth.models import User
    from django.db.models import QuerySet

    from benchmarks.large_lab import close_a_third
    from samples.models import Sample

    QuerySet(Sample).update(project=None)
    lines = (*SEARCHES, ABSENCE)
    before = {line: timed(client, "/samples/", repeat, q=line) for line in lines}
    close_a_third(User.objects.get(username="guest"))
    after = {line: timed(client, "/samples/", repeat, q=line) for line in lines}
    for line in lines:
        medians = " → ".join(f"{np.median(taken[line]):6.0f} ms" for taken in (before, after))
        print(f"{line or 'no search':28} median {medians}")
    for name, taken in (("all seen", before), ("a third closed", after)):
        all_times = [one for line in SEARCHES for one in taken[line]]
        print(f"{name}: median {np.median(all_times):.0f} ms, p95 {np.percentile(all_times, 95):.0f} ms")


def timed(client: object, address: str, repeat: int, **asked: str) -> list[float]:
    """Milliseconds of each request, after one that fills the caches."""
    taken = []
    for _ in range(repeat + 1):
        started = time.perf_counter()
        response = client.get(address, asked)  # type: ignore[attr-defined]
        taken.append(1000 * (time.perf_counter() - started))
        assert response.status_code == 200, response.content
    return taken[1:]


def plan_of(samples: QuerySet[Any]) -> str:
    """How the database would find ``samples``.

    PostgreSQL reads a table of this size from end to end where that is quicker than an index that it has. Asked is whether it
    has one: so it is told to do without.
    """
    from django.db import connection, transaction

    with transaction.atomic():
        if connection.vendor == "postgresql":
            connection.cursor().execute("SET LOCAL enable_seqscan = off")
        return samples.explain()


def full_scans(plan: str) -> list[str]:
    """Large tables that the plan reads from end to end; a walk along the key, which stops when the page is full, is none."""
    scans = re.findall(rf"Seq Scan on \w+_(?:{BIG})\b|SCAN (?!samples_sample\b)\w+(?! USING)\b(?=\n|$)", plan)
    if "USE TEMP B-TREE FOR ORDER BY" in plan:
        scans += re.findall(r"SCAN samples_sample(?=\n|$)", plan)
    return sorted(set(scans))


if __name__ == "__main__":
    main()
