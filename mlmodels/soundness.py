"""Are the files and numbers behind the entries of a data set as they were?  Asked before a freeze, and ever after."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from django.db import connection
from django.db.models import CharField, F, Func

from mlmodels.models import Dataset, content_sha256
from samples.models import PatternFile, ReadingArrays
from samples.models.readings import arrays_sha256
from samples.store import StoreAwayError, store
from samples.xrd.sentences import Sentence, sentence

READINGS_AT_ONCE = 500
FILES_AT_ONCE = 5_000
READERS = 2
"""Threads: a hash is computed without the interpreter's lock, and one file is waited for while another one is read."""


@dataclass(slots=True)
class Damage:
    """What is not as it was: SHA-256 of original files, ids of readings, and whether the set itself was changed.

    n_files, n_readings: how many were looked at
    """

    missing: list[str] = field(default_factory=list)
    altered: list[str] = field(default_factory=list)
    readings: list[int] = field(default_factory=list)
    content: bool = False
    n_files: int = 0
    n_readings: int = 0

    @property
    def sentences(self) -> list[Sentence]:
        """None where all is sound."""
        said = []
        if self.content:
            said.append(sentence("The entries are not those that were frozen: their hash is another one."))
        if self.missing:
            said.append(
                sentence(
                    "%(n)s original files are missing; the first is %(first)s. Bring them back from the backup.",
                    n=len(self.missing),
                    first=self.missing[0],
                )
            )
        if self.altered:
            said.append(
                sentence(
                    "%(n)s original files were altered; the first is %(first)s. Bring them back from the backup.",
                    n=len(self.altered),
                    first=self.altered[0],
                )
            )
        if self.readings:
            said.append(
                sentence(
                    "The numbers of %(n)s readings are not those that were read; the first is reading %(first)s. Bring the"
                    " database back from the backup.",
                    n=len(self.readings),
                    first=self.readings[0],
                )
            )
        return said


def damage_of(
    files: Iterable[str], readings: Mapping[int, str], looked_at: Callable[[int], None] = lambda n: None
) -> Damage:
    """Look at original files, by their SHA-256, and at the numbers of readings, by id with the hash that they should have.

    looked_at: called now and then with the number of readings since it was called last, 0 while files are looked at
    """
    wanted = sorted(set(files))
    damage = Damage(n_files=len(wanted), n_readings=len(readings))
    with ThreadPoolExecutor(READERS) as readers:
        for names in _files(wanted):
            found = readers.map(_sha256_on_disk, names.values(), chunksize=1)
            for sha256, on_disk in zip(names, found, strict=True):
                if on_disk is None:
                    damage.missing.append(sha256)
                elif on_disk != sha256:
                    damage.altered.append(sha256)
            looked_at(0)
    damage.readings = list(_altered_readings(readings, looked_at))
    return damage


def damage_to(dataset: Dataset) -> Damage:
    """All that a frozen set stands on."""
    entries = dataset.entries.order_by("position")
    damage = damage_of(
        entries.values_list("file_sha256", flat=True), dict(entries.values_list("reading", "arrays_sha256"))
    )
    signed = dataset.freeze_entry.dataset_sha256
    damage.content = not dataset.sha256 == signed == content_sha256(dataset.hashed_rows())
    return damage


def _files(wanted: Sequence[str]) -> Iterator[dict[str, str]]:
    """Where files lie in the store, some at a time; one that no row knows is looked for where it should lie.

    A set that came from another lab without its files has none to look for.
    """
    for first in range(0, len(wanted), FILES_AT_ONCE):
        some = wanted[first : first + FILES_AT_ONCE]
        names = dict(PatternFile.objects.filter(sha256__in=some).values_list("sha256", "content"))
        yield {sha256: name for sha256 in some if (name := names.get(sha256, sha256))}


def _sha256_on_disk(name: str) -> str | None:
    try:
        return store.sha256_of(name)
    except StoreAwayError:
        raise
    except OSError:
        return None


def _altered_readings(wanted: Mapping[int, str], looked_at: Callable[[int], None]) -> Iterator[int]:
    ids = sorted(wanted)
    for first in range(0, len(ids), READINGS_AT_ONCE):
        some = ids[first : first + READINGS_AT_ONCE]
        now = _hashes_of(some)
        yield from (pk for pk in some if now.get(pk) != wanted[pk])
        looked_at(len(some))


def _hashes_of(readings: Sequence[int]) -> dict[int, str]:
    """PostgreSQL hashes where the numbers lie; SQLite hands them over as fast as they can be hashed."""
    rows = ReadingArrays.objects.filter(pk__in=readings).order_by("pk")
    if connection.vendor == "postgresql":
        in_database = Func(
            F("two_theta"),
            F("intensity"),
            template="encode(sha256(%(expressions)s), 'hex')",
            arg_joiner=" || ",
            output_field=CharField(),
        )
        return dict(rows.values_list("pk", in_database))
    arrays = rows.values_list("pk", "two_theta", "intensity").iterator(chunk_size=100)
    return {pk: arrays_sha256(two_theta, intensity) for pk, two_theta, intensity in arrays}
