"""Which patterns stay together, and on which side of the split: train, validation or test.

Pieces of one ingot, scans of one file and patterns of the same numbers are one lineage; a lineage is never divided, and one that
an earlier version had keeps its side.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Hashable, Iterable, Mapping, Sequence

from mlmodels.models import Split

ROOM_FIRST = (Split.TRAIN, Split.TEST, Split.VALIDATION)
"""Whose room is filled first where all are equally empty."""

STRICTEST = (Split.TEST, Split.VALIDATION, Split.TRAIN)
"""Lineages that were on two sides before and have become one stand on the first of these: what was tested on is never trained on."""


class Lineages:
    """Disjoint sets of things (union-find): a thing is a lineage of its own until it is joined to another."""

    def __init__(self) -> None:
        self._above: dict[Hashable, Hashable] = {}

    def of(self, thing: Hashable) -> Hashable:
        """What stands for the lineage of ``thing``."""
        self._above.setdefault(thing, thing)
        top = thing
        while self._above[top] != top:
            top = self._above[top]
        while self._above[thing] != top:
            self._above[thing], thing = top, self._above[thing]
        return top

    def join(self, one: Hashable, other: Hashable) -> None:
        self._above[self.of(one)] = self.of(other)


def roots_of(parents: Mapping[int, int | None]) -> dict[int, int]:
    """The ingot that each sample was cut, crushed or annealed from, over all its parents; itself where there is none."""
    roots: dict[int, int] = {}
    for sample in parents:
        line: list[int] = []
        at: int = sample
        while at not in roots and at not in line:
            line.append(at)
            parent = parents.get(at)
            if parent is None:
                break
            at = parent
        root = roots.get(at, at)
        roots.update(dict.fromkeys(line, root))
    return roots


def sides(
    lineages: Mapping[str, Counter[str]],
    *,
    seed: int,
    percents: Mapping[str, int],
    before: Mapping[str, Iterable[str]],
) -> dict[str, str]:
    """The side of each lineage, by its key.

    lineages: how many entries of each kind a lineage holds (a kind is what is to be spread evenly: label, simulated or not)
    percents: of the sides · before: sides that a lineage had in earlier versions

    The rarest kind is dealt out first, and of it the largest lineages; among equals the seed decides. Each goes to the side that
    lacks most of what it should hold of these kinds. Keys are texts that are the same in every database, and so is the answer.
    """
    totals: Counter[str] = Counter()
    for kinds in lineages.values():
        totals.update(kinds)
    held: dict[str, Counter[str]] = defaultdict(Counter)
    chosen: dict[str, str] = {}

    def put(key: str, side: str) -> None:
        chosen[key] = side
        held[side].update(lineages[key])

    for key, earlier in before.items():
        if key in lineages:
            put(key, next(side for side in STRICTEST if side in set(earlier)))
    open_sides = [side for side in ROOM_FIRST if percents[side]]
    for key in sorted(set(lineages) - set(chosen), key=lambda key: _turn(key, lineages[key], totals, seed)):
        put(key, max(open_sides, key=lambda side: _lack(lineages[key], held[side], totals, percents[side])))
    return chosen


def _turn(key: str, kinds: Counter[str], totals: Counter[str], seed: int) -> tuple[int, int, str]:
    rarest = min(totals[kind] for kind in kinds)
    return rarest, -kinds.total(), hashlib.sha256(f"{seed} {key}".encode()).hexdigest()


def _lack(kinds: Counter[str], held: Counter[str], totals: Counter[str], percent: int) -> float:
    """What part of its share of these kinds a side still lacks, from 1 (all of it) down; rounded, so that equals are equal."""
    wanted: Sequence[tuple[int, float, int]] = [
        (n, totals[kind] * percent / 100, held[kind]) for kind, n in kinds.items()
    ]
    return round(sum(n * (share - here) / share for n, share, here in wanted) / kinds.total(), 9)
