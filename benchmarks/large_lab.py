"""A lab of ten years for the benchmarks: samples with elements and words, patterns, readings and calls, written in bulk."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta
from itertools import count

from django.contrib.auth.models import Group, User
from django.db import connection, transaction

from mlmodels.models import ModelVersion
from samples.models import AlloySystem, Pattern, PatternFile, Reading, Sample, SampleElement, SampleWord
from samples.models.words import words_of_sample
from screening.models import ScreeningResult, ScreeningRun

FIRST_DAY = datetime(2016, 4, 1, tzinfo=UTC)
DAYS = 3800
PATTERNS_A_SAMPLE = 2
CHUNK = 10_000
ELEMENTS = ("Al", "Si", "Ru", "Cu", "Fe", "Mn", "Pd", "Re", "Ga", "Rh", "Ni", "Co", "Cr", "Cd", "Yb", "Zn", "Mg", "Ho", "Sc", "Au", "Ca", "In", "Ag", "Ti", "Zr")  # fmt: skip
WORDS = tuple(f"{first}{last}" for first in ("ingot", "ribbon", "grain", "flake", "dust", "facet", "pore", "crack") for last in range(60))  # fmt: skip
PHRASES = ("焼鈍後に急冷した", "アーク溶解を三回", "表面に酸化膜", "単相に近い", "割れやすい", "要再測定")
PLACES = ("Box", "Desiccator", "Glove box", "棚")


def fill(n_samples: int, *, seed: int = 7) -> None:
    """Write the lab; `student` is who looks at it."""
    rng = random.Random(seed)
    people = [User.objects.create(username=name) for name in ("student", "mori", "tanaka", "suzuki", "guest")]
    people[0].groups.add(Group.objects.get(name="member"))
    ModelVersion.objects.filter(state="production").update(state="retired")
    version = ModelVersion.objects.create(name="for the benchmark", state="production", sha256="0" * 64)
    run = ScreeningRun.objects.create(why="upload", started_by=people[0])
    systems = [_system(rng) for _ in range(400)]
    moments = (FIRST_DAY + timedelta(days=DAYS * n / n_samples) for n in count())
    for field in (Sample._meta.get_field("made_at"), Sample._meta.get_field("changed_at")):
        field.auto_now_add = field.auto_now = False
    for first in range(0, n_samples, CHUNK):
        numbers = range(first, min(first + CHUNK, n_samples))
        with transaction.atomic():
            samples = [_sample(rng, number, systems, people, next(moments)) for number in numbers]
            Sample.objects.bulk_create(samples, batch_size=2000)
            SampleElement.objects.bulk_create(
                (SampleElement(sample=s, element=e, amount=a) for s in samples for e, a in s.nominal.amounts.items()),
                batch_size=5000,
            )
            SampleWord.objects.bulk_create(
                (SampleWord(sample=s, word=word) for s in samples for word in words_of_sample(s)), batch_size=5000
            )
            _measure(rng, samples, version, run)
    if connection.vendor == "postgresql":  # as its autovacuum would within minutes
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")


def _system(rng: random.Random) -> AlloySystem:
    others = rng.sample(ELEMENTS[1:], rng.choice((1, 2, 2, 2, 3)))
    return AlloySystem.objects.for_elements(
        ["Al", *others] if rng.random() < 0.6 else [*others, rng.choice(["B", "C"])]
    )


def _sample(
    rng: random.Random, number: int, systems: list[AlloySystem], people: list[User], moment: datetime
) -> Sample:
    system = systems[min(int(rng.expovariate(1 / 80)), len(systems) - 1)]
    *minor, last = reversed(system.elements)
    shares = [rng.randint(3, 30) for _ in minor]
    composition = "".join(
        f"{element}{share}" for element, share in zip((last, *minor), (100 - sum(shares), *shares), strict=True)
    )
    by = rng.choices(people, (3, 40, 30, 25, 2))[0]
    return Sample(
        code=f"{''.join(e[0] for e in system.elements)}-{number:06d}",
        system=system,
        composition_text=composition,
        composition=composition,
        place=f"{rng.choice(PLACES)} {rng.randint(1, 60)}",
        notes=" ".join((*rng.sample(WORDS, 5), rng.choice(PHRASES))) if rng.random() < 0.7 else "",
        simulated=rng.random() < 0.01,
        used_up=rng.random() < 0.05,
        archived_at=moment if rng.random() < 0.02 else None,
        made_by=by,
        changed_by=by,
        made_at=moment,
        changed_at=moment,
    )


def _measure(rng: random.Random, samples: list[Sample], version: ModelVersion, run: ScreeningRun) -> None:
    """PATTERNS_A_SAMPLE patterns of each sample, each with a reading and a call."""
    measured = [sample for sample in samples for _ in range(PATTERNS_A_SAMPLE)]
    files = PatternFile.objects.bulk_create(
        (PatternFile(sha256=f"{s.pk * PATTERNS_A_SAMPLE + n % PATTERNS_A_SAMPLE:064x}", content=f"{n}", size=9) for n, s in enumerate(measured)),
        batch_size=5000,
    )  # fmt: skip
    patterns = Pattern.objects.bulk_create(
        (Pattern(file=f, sample=s, name=f"{s.code}.ras", uploaded_by=s.made_by) for f, s in zip(files, measured, strict=True)),
        batch_size=5000,
    )  # fmt: skip
    readings = Reading.objects.bulk_create((_reading(rng, pattern) for pattern in patterns), batch_size=2000)
    ScreeningResult.objects.bulk_create((_call(rng, reading, version, run) for reading in readings), batch_size=2000)


def _reading(rng: random.Random, pattern: Pattern) -> Reading:
    radiation, wavelength = rng.choices((("Cu Kα1", 1.540593), ("Mo Kα1", 0.709317), ("Co Kα1", 1.788996)), (96, 1, 3))[
        0
    ]
    return Reading(
        pattern=pattern, number=1, reader="ras", reader_version="1", wavelength=wavelength, radiation=radiation,
        n_points=3001, two_theta_first=20, two_theta_last=80, step=0.02, made_by=pattern.uploaded_by,
    )  # fmt: skip


def _call(rng: random.Random, reading: Reading, version: ModelVersion, run: ScreeningRun) -> ScreeningResult:
    level, low, high = rng.choices(
        (("A", 0.999, 1), ("B", 0.99, 0.999), ("C", 0.95, 0.99), ("D", 0, 0.95)), (1, 2, 5, 92)
    )[0]
    return ScreeningResult(
        run=run, reading=reading, model_version=version, state="done", level=level,
        probability=rng.uniform(low, high), quasilattice_constant=rng.uniform(4, 6), finished_at=FIRST_DAY,
    )  # fmt: skip
