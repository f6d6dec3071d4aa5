"""What a data set holds in figures, and its entries as rows of a page: of a draft as of a frozen set."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.contrib.auth.models import User
from django.db.models import Count, OuterRef, Subquery
from django.utils.translation import gettext as _

from mlmodels.models import Dataset, DatasetEntry, Label, Split
from mlmodels.models.dataset_entries import DatasetEntryQuerySet
from screening.curation.drawing import Drawing, DrawnEntry
from screening.models import FollowUp, LabelEvidence, Outcome, ScreeningResult

MOST_SYSTEMS = 12


class Kind(NamedTuple):
    """Entries that are alike in all of this."""

    label: str
    split: str
    origin: str
    system: str
    level: str
    simulated: bool


class LabelRow(NamedTuple):
    name: str
    n_of_side: list[int]
    total: int


class Holdings:
    """Figures of a set: `by_label` over the sides of the split, and by origin, system and class."""

    def __init__(self, kinds: Mapping[Kind, int], n_hidden: int = 0) -> None:
        self.kinds = kinds
        self.n_hidden = n_hidden

    @classmethod
    def of_draft(cls, drawing: Drawing) -> Holdings:
        return cls(
            Counter(
                Kind(one.labelled.label, one.split, one.labelled.origin, one.scan.system, one.level, one.scan.simulated)
                for one in drawing.entries
            )
        )

    @classmethod
    def of_frozen(cls, dataset: Dataset, by: User) -> Holdings:
        """Of the entries that ``by`` may see; the class is that of the version in production now."""
        rows = with_level(DatasetEntry.objects.visible_to(by).filter(dataset=dataset)).order_by()
        fields = ("label", "split", "origin", "reading__pattern__sample__system__name", "level")
        counted = rows.values_list(*fields, "reading__pattern__simulated").annotate(n=Count("pk"))
        kinds = {
            Kind(label, split, origin, system or "", level or "", simulated): n
            for label, split, origin, system, level, simulated, n in counted
        }
        return cls(kinds, n_hidden=dataset.n_entries - sum(kinds.values()))

    @property
    def n(self) -> int:
        return sum(self.kinds.values())

    @property
    def n_simulated(self) -> int:
        return sum(n for kind, n in self.kinds.items() if kind.simulated)

    @property
    def sides(self) -> list[str]:
        return [str(side.label) for side in Split]

    @property
    def by_label(self) -> list[LabelRow]:
        rows = []
        for label in Label:
            of_side = [sum(self._n(label=label, split=side)) for side in Split]
            if any(of_side):
                rows.append(LabelRow(str(label.label), of_side, sum(of_side)))
        return rows

    @property
    def totals(self) -> list[int]:
        return [sum(self._n(split=side)) for side in Split]

    @property
    def by_origin(self) -> list[tuple[str, int]]:
        return [(str(DatasetEntry.Origin(origin).label), n) for origin, n in self._counted("origin")]

    @property
    def by_system(self) -> list[tuple[str, int]]:
        """The MOST_SYSTEMS with the most entries, and the others together."""
        counted = [(system or _("without a sample"), n) for system, n in self._counted("system")]
        others = counted[MOST_SYSTEMS:]
        return counted[:MOST_SYSTEMS] + ([(_("others"), sum(n for _name, n in others))] if others else [])

    @property
    def by_class(self) -> list[tuple[str, int]]:
        return [
            (level or _("no class yet"), n)
            for level, n in sorted(self._counted("level"), key=lambda one: one[0] or "Z")
        ]

    def as_json(self) -> dict[str, dict[str, int]]:
        """The same figures by the names that are stored."""
        return {name: dict(sorted(self._counted(name))) for name in ("label", "split", "origin", "system", "level")}

    def _n(self, **wanted: str) -> Iterable[int]:
        return (n for kind, n in self.kinds.items() if all(getattr(kind, name) == one for name, one in wanted.items()))

    def _counted(self, name: str) -> list[tuple[str, int]]:
        counted: Counter[str] = Counter()
        for kind, n in self.kinds.items():
            counted[str(getattr(kind, name))] += n
        return sorted(counted.items(), key=lambda one: (-one[1], one[0]))


def with_level(entries: DatasetEntryQuerySet) -> DatasetEntryQuerySet:
    """Each with its `level` by the version in production."""
    calls = ScreeningResult.objects.done().production().filter(reading=OuterRef("reading")).order_by()
    return entries.annotate(level=Subquery(calls.values("level")[:1]))


@dataclass(frozen=True, slots=True)
class EntryRow:
    """One entry as a page shows it; `follow_ups` are the addresses of the evidence, by the number of the outcome."""

    pattern: int
    name: str
    code: str
    system: str
    level: str
    label: str
    a_r: float | None
    a_r_sigma: float | None
    lattice_type: str
    origin: str
    words: str
    weight: float
    split: str
    lineage: int
    simulated: bool
    follow_ups: Sequence[tuple[int, str]]

    @property
    def label_said(self) -> str:
        return str(Label(self.label).label)

    @property
    def origin_said(self) -> str:
        return str(DatasetEntry.Origin(self.origin).label)

    @property
    def split_said(self) -> str:
        return str(Split(self.split).label)


def rows_of_draft(entries: Sequence[DrawnEntry]) -> list[EntryRow]:
    """Two queries at most."""
    pages = _pages(pk for entry in entries for pk in entry.labelled.outcomes)
    return [
        EntryRow(
            pattern=entry.scan.pattern,
            name=entry.scan.name,
            code=entry.scan.code,
            system=entry.scan.system,
            level=entry.level,
            label=entry.labelled.label,
            a_r=entry.labelled.a_r,
            a_r_sigma=entry.labelled.a_r_sigma,
            lattice_type=entry.labelled.lattice_type,
            origin=entry.labelled.origin,
            words=entry.labelled.words,
            weight=entry.weight,
            split=entry.split,
            lineage=entry.lineage,
            simulated=entry.scan.simulated,
            follow_ups=[pages[pk] for pk in entry.labelled.outcomes],
        )
        for entry in entries
    ]


def rows_of_frozen(entries: Iterable[Any]) -> list[EntryRow]:
    """Of entries `with_level`; two queries besides."""
    entries = list(entries)
    evidence = list(LabelEvidence.objects.filter(entry__in=[entry.pk for entry in entries], outcome__isnull=False))
    pages = _pages(one.outcome_id for one in evidence if one.outcome_id)
    rows = []
    for entry in entries:
        pattern = entry.reading.pattern
        outcomes = [one.outcome_id for one in evidence if one.entry_id == entry.pk and one.outcome_id]
        rows.append(
            EntryRow(
                pattern=pattern.pk,
                name=pattern.name,
                code=pattern.sample.code if pattern.sample else "",
                system=pattern.sample.system.name if pattern.sample else "",
                level=entry.level or "",
                label=entry.label,
                a_r=entry.quasilattice_constant,
                a_r_sigma=entry.quasilattice_constant_sigma,
                lattice_type=entry.lattice_type,
                origin=entry.origin,
                words=entry.origin_words,
                weight=entry.weight,
                split=entry.split,
                lineage=entry.lineage,
                simulated=pattern.simulated,
                follow_ups=[pages[pk] for pk in outcomes],
            )
        )
    return rows


def _pages(outcomes: Iterable[int]) -> dict[int, tuple[int, str]]:
    rows = Outcome.objects.filter(pk__in=set(outcomes)).order_by().values_list("pk", "number", "follow_up")
    return {pk: (number, FollowUp(pk=follow_up).get_absolute_url()) for pk, number, follow_up in rows}
