"""A lab of ten years for the benchmarks: samples with elements and words, patterns, readings, calls and candidates.

A first block is written row by row; the others are copies of it that the database makes, each with codes, moments and files
of its own.
"""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from django.contrib.auth.models import Group, User
from django.core.management.color import no_style
from django.db import connection, transaction
from django.db.models import Case, CharField, F, Max, Min, Model, QuerySet, Value, When
from django.db.models.functions import Concat, Mod, Replace, Substr

from mlmodels.models import ModelVersion
from mlmodels.net.grid import N_CANDIDATES
from samples.models import (
    AlloySystem,
    Pattern,
    PatternFile,
    Project,
    Reading,
    ReadingArrays,
    Sample,
    SampleElement,
    SampleWord,
)
from samples.models.words import words_of_sample
from screening.models import Candidate, ScreeningResult, ScreeningRun

FIRST_DAY = datetime(2016, 4, 1, tzinfo=UTC)
DAYS = 3800
BLOCK = 5_000
"""Samples that are written row by row; up to 99 copies are made of them."""
COPIED: tuple[type[Model], ...] = (
    *(Sample, SampleElement, SampleWord, PatternFile, Pattern, Reading, ReadingArrays, ScreeningResult, Candidate),
)
"""Each after those that it points to."""
FULL, SHORT = 3001, 101
ONE_IN = 50
"""One reading in so many has FULL points, and a call with evidence; the others have SHORT ones, for the sake of the disk."""
ELEMENTS = ("Al", "Si", "Ru", "Cu", "Fe", "Mn", "Pd", "Re", "Ga", "Rh", "Ni", "Co", "Cr", "Cd", "Yb", "Zn", "Mg", "Ho", "Sc", "Au", "Ca", "In", "Ag", "Ti", "Zr")  # fmt: skip
WORDS = tuple(f"{first}{last}" for first in ("ingot", "ribbon", "grain", "flake", "dust", "facet", "pore", "crack") for last in range(60))  # fmt: skip
PHRASES = ("焼鈍後に急冷した", "アーク溶解を三回", "表面に酸化膜", "単相に近い", "割れやすい", "要再測定")
PLACES = ("Box", "Desiccator", "Glove box", "棚")


def fill(n_samples: int, *, patterns_a_sample: int = 2, with_arrays: bool = False, seed: int = 7) -> None:
    """Write the lab; `student` is who looks at it.  The network in production made the calls."""
    rng = random.Random(seed)
    people = [User.objects.create(username=name) for name in ("student", "mori", "tanaka", "suzuki", "guest")]
    people[0].groups.add(Group.objects.get(name="member"))
    systems = [_system(rng) for _ in range(400)]
    n_blocks = -(-n_samples // BLOCK)
    n_first, days = n_samples // n_blocks, DAYS / n_blocks
    with transaction.atomic():
        moments = [FIRST_DAY + timedelta(days=days * n / n_first) for n in range(n_first)]
        samples = [_sample(rng, number, systems, people, moment) for number, moment in enumerate(moments)]
        with _moments_as_given():
            Sample.objects.bulk_create(samples, batch_size=2000)
        SampleElement.objects.bulk_create(
            (SampleElement(sample=s, element=e, amount=a) for s in samples for e, a in s.nominal.amounts.items()),
            batch_size=5000,
        )
        SampleWord.objects.bulk_create(
            (SampleWord(sample=s, word=word) for s in samples for word in words_of_sample(s)), batch_size=5000
        )
        _measure(rng, [sample for sample in samples for _ in range(patterns_a_sample)], with_arrays=with_arrays)
    Candidate.objects.catch_up()
    ranges = {model: _range(model) for model in COPIED}
    for block in range(1, n_blocks):
        with transaction.atomic():
            for model in COPIED:
                _copy(model, block, ranges, timedelta(days=days * block))
    with connection.cursor() as cursor:
        for statement in connection.ops.sequence_reset_sql(no_style(), COPIED):
            cursor.execute(statement)
        if connection.vendor == "postgresql" and not connection.in_atomic_block:  # as autovacuum would within minutes
            cursor.execute("VACUUM ANALYZE")


def close_a_third(leader: User) -> None:
    """Every third sample goes into one of ten projects that only ``leader`` is in; past the history, as the lab was filled."""
    for n in range(10):
        project, made = Project.objects.get_or_create(key=f"p{n}", defaults={"name": f"Project {n}", "made_by": leader})
        if made:
            project.take_in(leader, by=leader, leads=True)
        QuerySet(Sample).alias(part=Mod("pk", 30)).filter(part=n).update(project=project)


@contextmanager
def _moments_as_given() -> Iterator[None]:
    """Samples of long ago: when they were logged and changed is not now."""
    made, changed = Sample._meta.get_field("made_at"), Sample._meta.get_field("changed_at")
    made.auto_now_add = changed.auto_now = False
    try:
        yield
    finally:
        made.auto_now_add = changed.auto_now = True


def _range(model: type[Model]) -> tuple[int, int]:
    rows = QuerySet(model).aggregate(first=Min("pk"), last=Max("pk"))
    return rows["first"] or 0, rows["last"] or 0


def _copy(model: type[Model], block: int, ranges: dict[type[Model], tuple[int, int]], later: timedelta) -> None:
    """Let the database copy the first block's rows; the copies' keys lie ``block`` times its length further on."""
    shift = {copied: block * (last - first + 1) for copied, (first, last) in ranges.items()}
    values: dict[str, Any] = {}
    for field in model._meta.concrete_fields:
        points_to = field.related_model if field.is_relation else model if field.primary_key else None
        by = shift.get(points_to, 0)  # type: ignore[arg-type]
        values[field.attname] = F(field.attname) + by if by else F(field.attname)
    if model is Sample:
        values["code"] = _of_block("code", block)
        values |= {name: F(name) + later for name in ("made_at", "changed_at", "archived_at")}
    if model is SampleWord:  # the code, and the block in it
        values["word"] = Case(
            When(word="x00", then=Value(f"x{block:02d}")), default=_of_block("word", block), output_field=CharField()
        )
    if model is PatternFile:
        values["sha256"] = Concat(Value(f"{block:08d}"), Substr("sha256", 9))
    new = {f"new_{name}": value for name, value in values.items()}
    first, last = ranges[model]
    rows = QuerySet(model).filter(pk__gte=first, pk__lte=last).order_by("pk").annotate(**new).values_list(*new)
    sql, parameters = rows.query.sql_with_params()
    columns = ", ".join(f'"{model._meta.get_field(name).column}"' for name in values)  # type: ignore[union-attr]
    with connection.cursor() as cursor:
        cursor.execute(f'INSERT INTO "{model._meta.db_table}" ({columns}) {sql}', parameters)


def _of_block(code: str, block: int) -> Replace:
    return Replace(Replace(code, Value("-X00."), Value(f"-X{block:02d}.")), Value("-x00."), Value(f"-x{block:02d}."))


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
        code=f"{''.join(e[0] for e in system.elements)}-X00.{number:04d}",
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


def _measure(rng: random.Random, measured: list[Sample], *, with_arrays: bool) -> None:
    """A pattern for each of ``measured``, with a reading and a call."""
    version = ModelVersion.objects.production()
    assert version is not None, "migrate puts the shipped network into production"
    run = ScreeningRun.objects.create(why="upload", started_by=measured[0].made_by)
    files = PatternFile.objects.bulk_create(
        (PatternFile(sha256=f"{n:064x}", content=f"{n}", size=9) for n in range(len(measured))), batch_size=5000
    )
    patterns = Pattern.objects.bulk_create(
        (Pattern(file=f, sample=s, name=f"{s.code}.ras", uploaded_by=s.made_by) for f, s in zip(files, measured, strict=True)),
        batch_size=5000,
    )  # fmt: skip
    lengths = [FULL if n % ONE_IN == 0 else SHORT for n in range(len(measured))]
    readings = Reading.objects.bulk_create(
        (_reading(rng, pattern, n if with_arrays else FULL) for pattern, n in zip(patterns, lengths, strict=True)),
        batch_size=2000,
    )
    if with_arrays:
        arrays = {n: _arrays(n) for n in (FULL, SHORT)}
        ReadingArrays.objects.bulk_create(
            (ReadingArrays(reading=reading, **arrays[reading.n_points]) for reading in readings), batch_size=2000
        )
    evidence = np.random.default_rng(7).normal(size=N_CANDIDATES).astype("<f4").tobytes()
    calls = [_call(rng, reading, version, run) for reading in readings]
    for call in calls[::ONE_IN]:
        call.evidence = evidence
    ScreeningResult.objects.bulk_create(calls, batch_size=2000)


def _arrays(n_points: int) -> dict[str, bytes]:
    counts = np.random.default_rng(n_points).poisson(300, n_points)
    return {
        "two_theta": np.linspace(20, 80, n_points).astype("<f8").tobytes(),
        "intensity": counts.astype("<f4").tobytes(),
    }


def _reading(rng: random.Random, pattern: Pattern, n_points: int = FULL) -> Reading:
    radiation, wavelength = rng.choices((("Cu Kα1", 1.540593), ("Mo Kα1", 0.709317), ("Co Kα1", 1.788996)), (96, 1, 3))[
        0
    ]
    return Reading(
        pattern=pattern, number=1, reader="ras", reader_version="1", wavelength=wavelength, radiation=radiation,
        n_points=n_points, two_theta_first=20, two_theta_last=80, step=60 / (n_points - 1), made_by=pattern.uploaded_by,
    )  # fmt: skip


def _call(rng: random.Random, reading: Reading, version: ModelVersion, run: ScreeningRun) -> ScreeningResult:
    level, low, high = rng.choices(
        (("A", 0.999, 1), ("B", 0.99, 0.999), ("C", 0.95, 0.99), ("D", 0, 0.95)), (1, 2, 5, 92)
    )[0]
    return ScreeningResult(
        run=run, reading=reading, model_version=version, state="done", level=level,
        probability=rng.uniform(low, high), quasilattice_constant=rng.uniform(4, 6), finished_at=FIRST_DAY,
    )  # fmt: skip
