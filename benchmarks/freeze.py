"""How long it takes to draw up and freeze a data set of 100,000 entries, with every file and every number looked at.

Fills a database of its own kind, as benchmarks.review_queue does, with patterns of 3,001 points, their original files and a signed
outcome for each sample. With --folder what was filled stays there (and in the database that DATABASE_URL names), and is measured
again.

python -m benchmarks.freeze [--entries 100000] [--folder FOLDER]
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import os
import platform
import random
import resource
import time
from datetime import UTC, datetime

import numpy as np

from benchmarks.review_queue import own_database

PATTERNS_A_SAMPLE = 2
N_POINTS = 3001
SAMPLES_AT_ONCE = 1_000
VERDICTS = ("refuted", "confirmed", "refuted")
STRUCTURES = {"confirmed": "icosahedral", "refuted": "crystalline"}


def fill(n_entries: int) -> None:
    from django.contrib.auth.models import Group, User
    from django.db import connection, transaction

    from mlmodels.models import ModelVersion
    from screening.models import ScreeningRun

    curator = User.objects.create(username="curator")
    curator.groups.add(Group.objects.get(name="curator"), Group.objects.get(name="microscopist"))
    version = ModelVersion.objects.production()
    assert version is not None
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, curator)
    rng = random.Random(7)
    n_samples = n_entries // PATTERNS_A_SAMPLE
    for first in range(0, n_samples, SAMPLES_AT_ONCE):
        with transaction.atomic():
            _fill_some(rng, range(first, min(first + SAMPLES_AT_ONCE, n_samples)), curator, version, run)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def _fill_some(rng: random.Random, numbers: range, curator, version, run) -> None:  # type: ignore[no-untyped-def]
    """Samples (each fifth a piece of the one before), patterns with files and numbers, calls and outcomes."""
    from benchmarks import large_lab
    from samples.models import AlloySystem, Pattern, PatternFile, Reading, ReadingArrays, Sample
    from samples.models.readings import arrays_sha256
    from screening.models import FollowUp, Outcome, ScreeningResult

    system = AlloySystem.objects.for_elements(["Al", "Cu", "Fe"])
    now = datetime.now(UTC)
    samples = Sample.objects.bulk_create(
        [
            Sample(
                code=f"B-{n:06d}", system=system, composition_text="Al65Cu20Fe15", composition="Al65Cu20Fe15",
                made_by=curator, changed_by=curator,
            )
            for n in numbers
        ]
    )  # fmt: skip
    pieces = [sample for n, sample in zip(numbers, samples, strict=True) if n % 5 == 4]
    for piece in pieces:
        piece.parent, piece.origin = samples[samples.index(piece) - 1], "cut"
    Sample.objects.bulk_update(pieces, ["parent", "origin"])
    measured = [sample for sample in samples for _ in range(PATTERNS_A_SAMPLE)]
    files = PatternFile.objects.bulk_create([_file(sample.code, n) for n, sample in enumerate(measured)])
    patterns = Pattern.objects.bulk_create(
        Pattern(file=file, sample=sample, name=f"{sample.code}.xy", uploaded_by=curator)
        for file, sample in zip(files, measured, strict=True)
    )
    two_theta = (20 + 0.02 * np.arange(N_POINTS)).astype("<f8").tobytes()
    noise = np.random.default_rng(numbers[0])
    counts = [noise.integers(100, 5000, N_POINTS).astype("<f4").tobytes() for _ in patterns]
    readings = [large_lab._reading(rng, pattern) for pattern in patterns]
    for reading, intensity in zip(readings, counts, strict=True):
        reading.arrays_sha256 = arrays_sha256(two_theta, intensity)
    readings = Reading.objects.bulk_create(readings)
    ReadingArrays.objects.bulk_create(
        (
            ReadingArrays(reading=reading, two_theta=two_theta, intensity=intensity)
            for reading, intensity in zip(readings, counts, strict=True)
        ),
        batch_size=200,
    )
    ScreeningResult.objects.bulk_create(large_lab._call(rng, reading, version, run) for reading in readings)
    follow_ups = FollowUp.objects.bulk_create(
        FollowUp(sample=sample, opened_by=curator, changed_by=curator) for sample in samples
    )
    Outcome.objects.bulk_create(
        Outcome(
            follow_up=one, sample_id=one.sample_id, verdict=VERDICTS[n % 3], signer=curator, number=n + 1, signed_at=now,
            sha256=f"{n + 1:064x}", evidence={"phases": [{"technique": "tem", "structure": STRUCTURES[VERDICTS[n % 3]]}]},
            evidence_sha256="0" * 64, meaning="for the benchmark", reason="for the benchmark",
        )
        for n, one in zip(numbers, follow_ups, strict=True)
    )  # fmt: skip


_ROWS = "".join(f"{20 + 0.02 * n:.2f} {n % 997}\n" for n in range(N_POINTS)).encode()


def _file(code: str, n: int):  # type: ignore[no-untyped-def]
    """An original file of about 30 kB, on disk; not by samples.originals, which waits for the disk after each."""
    from pathlib import Path

    from django.conf import settings

    from samples.models import PatternFile

    content = f"# {code} {n}\n".encode() + _ROWS
    sha256 = hashlib.sha256(content).hexdigest()
    name = Path("patterns") / sha256[:2] / sha256[2:4] / sha256
    target = Path(settings.MEDIA_ROOT) / name
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(content)
    return PatternFile(sha256=sha256, content=str(name), size=len(content))


def measure() -> None:
    from django.contrib.auth.models import User

    from mlmodels.models import Dataset
    from mlmodels.soundness import damage_to
    from screening.curation.drawing import Drawing
    from screening.curation.freezing import freeze
    from screening.curation.question import Question

    curator = User.objects.get(username="curator")
    name = f"all outcomes {Dataset.objects.count()}"
    draft = Dataset.objects.begin(name, curator, question=Question().as_json())
    start = time.perf_counter()
    drawing = Drawing(draft, curator)
    seen = drawing.sha256
    print(f"{len(drawing.entries)} entries drawn up in {time.perf_counter() - start:.1f} s")
    del drawing  # the worker that freezes draws up by itself
    start = time.perf_counter()
    freeze(draft, curator, "for the benchmark", seen=seen)
    print(f"frozen in {time.perf_counter() - start:.1f} s, drawn up once more and all files and numbers looked at")
    start = time.perf_counter()
    assert not damage_to(draft).sentences
    print(f"checked as by verify_dataset in {time.perf_counter() - start:.1f} s")
    print(f"memory at its peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1000:.0f} MB")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--folder", help="where to keep what was filled; DATABASE_URL is used as it is")
    asked = parser.parse_args()
    if asked.folder:
        os.environ["ICOSA_DATA"] = asked.folder
    with contextlib.nullcontext() if asked.folder else own_database():
        os.environ.setdefault("DJANGO_SETTINGS_MODULE", "lims.settings")
        import django

        django.setup()
        from django.core.management import call_command
        from django.db import connection

        from samples.models import Sample

        call_command("migrate", verbosity=0)
        print(f"{platform.node()}, {os.cpu_count()} cores, {datetime.now(UTC):%d %b %Y}, {connection.vendor}")
        start = time.perf_counter()
        if not Sample.objects.exists():
            fill(asked.entries)
            print(f"{asked.entries} patterns made in {time.perf_counter() - start:.0f} s")
        measure()


if __name__ == "__main__":
    main()
