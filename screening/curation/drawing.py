"""From a draft to what it would hold: the one function that the page, the API, the commands and the freeze call."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

from django.contrib.auth.models import User

from mlmodels.models import Dataset, DatasetChoice, Label, Split, content_sha256
from samples.sentences import restored
from samples.xrd.sentences import Sentence, sentence
from screening.curation.labelling import (
    SIMULATED_WEIGHT,
    Labelled,
    by_hand,
    from_reviews,
    from_simulation,
)
from screening.curation.lineages import Lineages, sides
from screening.curation.reasons import LeftOut, Reason
from screening.curation.record import Record, Scan

UNUSABLE = (Reason.ARCHIVED, Reason.UNREADABLE, Reason.BLANK, Reason.NOT_SCREENABLE, Reason.DUPLICATE)
"""What nobody takes in by hand: there is nothing to see, or it is in already."""

UNREAD = sentence("The file could not be read.")
NOTHING_SIGNED = LeftOut(Reason.NOTHING_SIGNED, sentence("Nothing that the question asks for is signed about it."))


@dataclass(slots=True)
class DrawnEntry:
    """One entry that the draft would have: the pattern, its label, its lineage (numbered in the order of the set) and its side."""

    scan: Scan
    labelled: Labelled
    level: str
    weight: float
    lineage: int = 0
    split: str = ""

    @property
    def kind(self) -> str:
        """What is spread evenly over the sides."""
        return f"{self.labelled.label} {'simulated' if self.scan.simulated else 'measured'}"

    def hashed(self) -> tuple[object, ...]:
        """The values of HASHED."""
        scan, said = self.scan, self.labelled
        return (
            *(scan.file_sha256, scan.scan_number, scan.arrays_sha256, scan.wavelength, said.label),
            *(said.a_r, said.a_r_sigma, said.lattice_type, said.origin, said.words),
            *(self.weight, self.split, self.lineage),
        )


class Changes(NamedTuple):
    """Entries against those of the version before: new ones, gone ones, with another label, on another side."""

    added: int
    dropped: int
    relabelled: int
    moved: int


@dataclass(frozen=True, slots=True)
class DrawnExclusion:
    """One pattern that the question looks at and the set would not hold, and why."""

    scan: Scan
    level: str
    reason: Reason
    words: Sentence

    @property
    def can_be_taken_in(self) -> bool:
        return self.reason not in UNUSABLE


class Drawing:
    """What a draft would hold now, as ``by`` may see the record."""

    def __init__(self, dataset: Dataset, by: User) -> None:
        self.dataset = dataset
        self.record = Record(dataset, by)
        self.entries: list[DrawnEntry] = []
        self.left_out: list[DrawnExclusion] = []
        self._join: Lineages = Lineages()
        self._draw()
        self._keep_one_of_each()
        self._split()

    @cached_property
    def sha256(self) -> str:
        """The hash under which this would be frozen."""
        return content_sha256(entry.hashed() for entry in self.entries)

    def counts(self, of: Callable[[DrawnEntry], str]) -> Counter[str]:
        return Counter(of(entry) for entry in self.entries)

    @cached_property
    def left_out_by_reason(self) -> Counter[Reason]:
        return Counter(one.reason for one in self.left_out)

    @cached_property
    def changes(self) -> Changes | None:
        """Against the version before; None for a first one."""
        if not self.dataset.based_on_id:
            return None
        was = {one.pattern: one for one in self.record.before if one.dataset == self.dataset.based_on_id}
        now = {entry.scan.pattern: entry for entry in self.entries}
        both = [(was[pattern], entry) for pattern, entry in now.items() if pattern in was]
        return Changes(
            added=len(now.keys() - was.keys()),
            dropped=len(was.keys() - now.keys()),
            relabelled=sum(one.label != entry.labelled.label for one, entry in both),
            moved=sum(one.split != entry.split for one, entry in both),
        )

    @cached_property
    def empty_corners(self) -> list[tuple[str, str]]:
        """Label and side of what a side that should hold something lacks, of labels that the set holds."""
        percents = {Split.VALIDATION: self.dataset.validation_percent, Split.TEST: self.dataset.test_percent}
        wanted = [side for side, percent in percents.items() if percent]
        held = {(entry.labelled.label, entry.split) for entry in self.entries}
        labels = [label for label in Label if label in {label for label, _side in held}]
        return [(label, side) for side in wanted for label in labels if (label, side) not in held]

    # Which label, or why none

    def _draw(self) -> None:
        for scan in self.record.scans:
            level = self.record.levels.get(scan.reading or 0, "")
            fate = self._fate(scan)
            if isinstance(fate, LeftOut):
                self.left_out.append(DrawnExclusion(scan, level, *fate))
            else:
                weight = min(fate.weight, SIMULATED_WEIGHT) if scan.simulated else fate.weight
                self.entries.append(DrawnEntry(scan, fate, level, weight))

    def _fate(self, scan: Scan) -> Labelled | LeftOut:
        choice = self.record.choices.get(scan.pattern)
        if choice and choice.side == DatasetChoice.Side.OUT:
            return LeftOut(Reason.BY_HAND, Sentence("%(reason)s", {"reason": choice.reason}))
        unusable = self._why_unusable(scan)
        if unusable:
            return unusable
        if choice:
            label = self._by_evidence(scan)
            return label if isinstance(label, Labelled) else by_hand(choice.label, choice.reason)
        if scan.simulated and not self.record.question.simulated:
            return LeftOut(
                Reason.SIMULATED, sentence("It is simulated, and the question asks for measured patterns alone.")
            )
        return self._by_evidence(scan)

    def _why_unusable(self, scan: Scan) -> LeftOut | None:
        if scan.archived:
            return LeftOut(Reason.ARCHIVED, sentence("The pattern or its sample is archived."))
        if scan.reading is None:
            return LeftOut(Reason.UNREADABLE, restored(scan.failure) if scan.failure else UNREAD)
        if scan.is_blank:
            return LeftOut(Reason.BLANK, sentence("It is a scan of a blank or holder."))
        if scan.reading in self.record.not_screenable:
            return LeftOut(Reason.NOT_SCREENABLE, restored(self.record.not_screenable[scan.reading]))
        if scan.wavelength is None:
            return LeftOut(Reason.NOT_SCREENABLE, sentence("The wavelength is not known."))
        return None

    def _by_evidence(self, scan: Scan) -> Labelled | LeftOut:
        """An overall outcome goes before techniques, these before reviews, and these before what a heading says."""
        record, question = self.record, self.record.question
        sample = scan.sample or 0
        if question.outcomes and sample in record.overall:
            return record.overall[sample]
        if sample in record.by_technique and sample not in record.overall:
            return record.by_technique[sample]
        if question.readings:
            read = from_reviews(record.reviews.get(scan.pattern, ()), question.levels, question.readings)
            if read:
                return read
        simulated = record.simulated_as.get(scan.reading or 0)
        return from_simulation(simulated) if simulated else NOTHING_SIGNED

    # Duplicates and lineages

    def _keep_one_of_each(self) -> None:
        """Of several patterns with the same numbers the first stays; where their labels differ none does."""
        alike: dict[str, list[DrawnEntry]] = defaultdict(list)
        for entry in self.entries:
            alike[entry.scan.arrays_sha256].append(entry)
        leaving: dict[int, LeftOut] = {}
        for sha256, (first, *others) in alike.items():
            if not others or not sha256:
                continue
            contradict = {other.labelled.label for other in others} != {first.labelled.label}
            for other in (first, *others) if contradict else others:
                self._join.join(self._thing(first.scan), self._thing(other.scan))
                beside = others[0] if other is first else first
                leaving[other.scan.pattern] = _duplicate(beside.scan, contradict)
        for entry in self.entries if leaving else ():
            if entry.scan.pattern in leaving:
                self.left_out.append(DrawnExclusion(entry.scan, entry.level, *leaving[entry.scan.pattern]))
        self.entries = [entry for entry in self.entries if entry.scan.pattern not in leaving]

    def _thing(self, scan: Scan) -> tuple[str, object]:
        return self._thing_of(scan.sample, scan.file_sha256)

    def _thing_of(self, sample: int | None, file_sha256: str) -> tuple[str, object]:
        """The ingot that a pattern is of; the file where no sample is known."""
        return ("file", file_sha256) if sample is None else ("ingot", self.record.roots[sample])

    def _split(self) -> None:
        of_file: dict[str, tuple[str, object]] = {}
        things = [(self._thing(entry.scan), entry.scan.file_sha256) for entry in self.entries]
        before = [
            (self._thing_of(one.sample, one.file_sha256), one.file_sha256, one.split) for one in self.record.before
        ]
        for thing, sha256 in (*things, *((thing, sha256) for thing, sha256, _side in before)):
            self._join.join(thing, of_file.setdefault(sha256, thing))
        keys = self._keys(things)
        kinds: dict[str, Counter[str]] = defaultdict(Counter)
        for entry, (thing, _sha256) in zip(self.entries, things, strict=True):
            kinds[keys[self._join.of(thing)]][entry.kind] += 1
        earlier: dict[str, set[str]] = defaultdict(set)
        for thing, _sha256, side in before:
            key = keys.get(self._join.of(thing))
            if key:
                earlier[key].add(side)
        percents: dict[str, int] = {
            Split.TRAIN: self.dataset.train_percent,
            Split.VALIDATION: self.dataset.validation_percent,
            Split.TEST: self.dataset.test_percent,
        }
        chosen = sides(kinds, seed=self.dataset.seed, percents=percents, before=earlier)
        numbers: dict[str, int] = {}
        for entry, (thing, _sha256) in zip(self.entries, things, strict=True):
            key = keys[self._join.of(thing)]
            entry.lineage = numbers.setdefault(key, len(numbers) + 1)
            entry.split = chosen[key]

    def _keys(self, things: Iterable[tuple[tuple[str, object], str]]) -> dict[object, str]:
        """A text for each lineage that is the same in every database: the first of its ingots' codes, or of its files."""
        named: dict[object, str] = {}
        for thing, _sha256 in things:
            top = self._join.of(thing)
            kind, what = thing
            text = f"file {what}" if kind == "file" else f"ingot {self.record.codes[what].casefold()}"  # type: ignore[index]
            named[top] = min(named.get(top, text), text)
        return named


def _duplicate(other: Scan, contradict: bool) -> LeftOut:
    where = {"name": other.name, "code": other.code or "–"}
    if contradict:
        return LeftOut(
            Reason.CONFLICT,
            sentence(
                "The same numbers as %(name)s of sample %(code)s, which has another label. See which is right.", **where
            ),
        )
    return LeftOut(Reason.DUPLICATE, sentence("The same numbers as %(name)s of sample %(code)s, which is in.", **where))
