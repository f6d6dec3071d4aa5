"""What the record says of the patterns that a question looks at, in a few queries whatever their number."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import F

from mlmodels.models import Dataset, DatasetChoice, DatasetEntry
from mlmodels.net.simulated_as import SimulatedAs
from samples.models import Pattern, Reading, Sample
from samples.models.patterns import PatternQuerySet
from screening.curation.labelling import Labelled, Read, Signed, from_overall, from_techniques
from screening.curation.lineages import roots_of
from screening.curation.question import Question
from screening.curation.reasons import LeftOut
from screening.models import Outcome, Review, ScreeningResult

_OF_A_SCAN = (
    *("pk", "name", "scan_number", "kind", "simulated", "archived_at", "file", "file__sha256", "sample"),
    *("sample__code", "sample__archived_at", "sample__system__name"),
    *("readings__pk", "readings__arrays_sha256", "readings__wavelength"),
)


AT_ONCE = 10_000
"""Rows that are read at once."""


@dataclass(slots=True)
class Scan:
    """One pattern with its newest reading; `reading` is None where the file could not be read."""

    pattern: int
    name: str
    scan_number: int
    is_blank: bool
    simulated: bool
    archived: bool
    failure: dict[str, Any] | None
    file: int
    file_sha256: str
    sample: int | None
    code: str
    system: str
    reading: int | None
    arrays_sha256: str
    wavelength: float | None

    @property
    def order(self) -> tuple[str, int]:
        """The same in every database."""
        return self.file_sha256, self.scan_number


class Before(NamedTuple):
    """An entry of an earlier version of the set."""

    pattern: int
    sample: int | None
    file_sha256: str
    label: str
    split: str
    dataset: int


class Record:
    """The rows that labels follow from."""

    def __init__(self, dataset: Dataset, by: User) -> None:
        self.question = question = Question.restored(dataset.question)
        choices = DatasetChoice.objects.visible_to(by).filter(dataset=dataset)
        self.choices = {choice.pattern_id: choice for choice in choices}
        patterns = question.patterns(by)
        taken_in = [pk for pk, choice in self.choices.items() if choice.side == DatasetChoice.Side.IN]
        if taken_in:
            patterns |= Pattern.objects.visible_to(by).filter(pk__in=taken_in)
        self.scans = _scans(patterns)
        self.roots = roots_of(dict(Sample.objects.order_by().values_list("pk", "parent")))
        self.codes = dict(Sample.objects.order_by().values_list("pk", "code"))
        self.overall: dict[int, Labelled | LeftOut] = {}
        self.by_technique: dict[int, Labelled | LeftOut] = {}
        self._read_outcomes()
        self.reviews: dict[int, list[Read]] = defaultdict(list)
        self._read_reviews()
        self.levels: dict[int, str] = {}
        self.not_screenable: dict[int, dict[str, Any]] = {}
        self._read_results()
        self.simulated_as = _simulated_as(self.scans) if question.simulated else {}
        self.before = list(_entries_before(dataset))

    def _read_outcomes(self) -> None:
        """What the outcomes of each sample make of its patterns; the newest of several follow-ups goes before the others."""
        told: dict[int, dict[str, Signed]] = defaultdict(dict)
        standing = Outcome.objects.standing().order_by("number")
        rows = standing.values_list("pk", "number", "sample", "technique", "verdict", "evidence")
        for outcome in (Signed(*row) for row in rows.iterator(chunk_size=AT_ONCE)):
            if not outcome.technique:
                self.overall[outcome.sample] = from_overall(outcome)
            elif outcome.technique in self.question.techniques:
                told[outcome.sample][outcome.technique] = outcome
        self.by_technique = {sample: from_techniques(list(of.values())) for sample, of in told.items()}

    def _read_reviews(self) -> None:
        if not self.question.readings:
            return
        standing = Review.objects.standing().decided().order_by("number")
        for row in standing.values_list(
            "pk", "number", "result__reading__pattern", "result__level", "verdict", "signer"
        ):
            self.reviews[row[2]].append(Read(*row))

    def _read_results(self) -> None:
        """Classes by the version in production, and why a reading was not screenable."""
        done = ScreeningResult.objects.done().production().order_by()
        self.levels = dict(done.values_list("reading", "level"))
        refused = ScreeningResult.objects.filter(state=ScreeningResult.State.NOT_SCREENABLE).order_by()
        self.not_screenable = {
            reading: reason for reading, reason in refused.values_list("reading", "reason") if reason
        }


def _scans(patterns: PatternQuerySet) -> list[Scan]:
    """In the order of their files, each with its newest reading."""
    newest: dict[int, Scan] = {}
    rows = patterns.order_by(F("readings__number").asc(nulls_first=True)).values_list(*_OF_A_SCAN)
    for row in rows.iterator(chunk_size=AT_ONCE):
        (pk, name, scan_number, kind, simulated, archived, file, sha256, sample) = row[:9]
        code, sample_archived, system, reading, arrays_sha256, wavelength = row[9:]
        newest[pk] = Scan(
            pattern=pk,
            name=name,
            scan_number=scan_number,
            is_blank=kind == Pattern.Kind.BLANK,
            simulated=simulated,
            archived=bool(archived or sample_archived),
            failure=None,
            file=file,
            file_sha256=sha256,
            sample=sample,
            code=code or "",
            system=system or "",
            reading=reading,
            arrays_sha256=arrays_sha256 or "",
            wavelength=wavelength,
        )
    unread = Pattern.objects.filter(pk__in=patterns.filter(readings=None).order_by().values("pk"))
    for pk, failure in unread.order_by().values_list("pk", "failure"):
        if pk in newest:  # and did not come in just now
            newest[pk].failure = failure
    return sorted(newest.values(), key=lambda scan: scan.order)


def _simulated_as(scans: Iterable[Scan]) -> dict[int, SimulatedAs]:
    """What the heading of each simulated pattern says it was simulated as, by its reading."""
    wanted = {scan.reading for scan in scans if scan.simulated and scan.reading}
    rows = Reading.objects.filter(pattern__simulated=True).order_by().values_list("pk", "metadata")
    found = ((pk, SimulatedAs.said_in(str(metadata.get("comment", "")))) for pk, metadata in rows if pk in wanted)
    return {pk: simulated for pk, simulated in found if simulated}


def _entries_before(dataset: Dataset) -> Iterator[Before]:
    earlier = [before.pk for before in dataset.earlier_versions()]
    rows = DatasetEntry.objects.filter(dataset__in=earlier).order_by()
    paths = ("reading__pattern", "reading__pattern__sample", "file_sha256", "label", "split", "dataset")
    return (Before(*row) for row in rows.values_list(*paths))
