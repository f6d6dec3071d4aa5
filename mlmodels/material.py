"""What of a frozen data set a network may learn from: its training and validation splits, and never a pattern that tests.

The one door from data sets to training. It opens for two splits by name; no argument asks for the third. What came through is
then held against the test splits of every frozen data set, by ingot, by file and by numbers.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from django.db.models import QuerySet

from mlmodels.models import Dataset, DatasetEntry, ModelVersion, TrainingError, TrainingRun
from mlmodels.models.dataset_entries import Split
from mlmodels.models.training_runs import LeftOut
from mlmodels.net.curated import CuratedPattern, CuratedPatterns
from mlmodels.net.grid import A_R_MAX, A_R_MIN
from mlmodels.net.preprocess import why_not_screenable
from samples.models import Sample
from samples.models.readings import arrays_sha256

CHUNK = 100


@dataclass(frozen=True, slots=True)
class Material:
    """The measured patterns of one run, and why others of the same splits were left out, with their number."""

    train: CuratedPatterns
    validation: CuratedPatterns | None
    left_out: dict[str, int]

    def as_json(self) -> dict[str, object]:
        """For the record of the run."""
        validation = self.validation
        return {
            "train": self.train.n_by_class(),
            "train_sha256": self.train.sha256(),
            "validation": validation.n_by_class() if validation else {},
            "validation_sha256": validation.sha256() if validation else "",
            "left_out": self.left_out,
        }


@dataclass(frozen=True, slots=True)
class Identities:
    """By what patterns are known again: the bytes of their file, their numbers, and the ingot that they came from."""

    files: frozenset[str]
    numbers: frozenset[str]
    ingots: frozenset[int]

    @classmethod
    def of(cls, entries: QuerySet[DatasetEntry], ingots: dict[int, int]) -> Identities:
        rows = list(entries.values_list("file_sha256", "arrays_sha256", "reading__pattern__sample"))
        return cls(
            frozenset(file for file, _numbers, _sample in rows),
            frozenset(numbers for _file, numbers, _sample in rows),
            frozenset(ingots[sample] for _file, _numbers, sample in rows if sample),
        )

    def have(self, entry: DatasetEntry, ingots: dict[int, int]) -> bool:
        sample = entry.reading.pattern.sample_id
        return (
            entry.file_sha256 in self.files
            or entry.arrays_sha256 in self.numbers
            or (sample is not None and ingots[sample] in self.ingots)
        )


def check_trainable(dataset: Dataset) -> None:
    """TrainingError where ``dataset`` is not frozen, or its training split teaches nothing."""
    if not dataset.is_frozen:
        raise TrainingError(
            "%(dataset)s is a draft. Freeze it first, so that it stays what was trained on.", dataset=str(dataset)
        )
    labels = set(to_train_on(dataset).order_by().values_list("label", flat=True).distinct())
    if not labels:
        raise TrainingError(
            "%(dataset)s has no pattern to train on. Choose another data set, or make a new version of it with a training split.",
            dataset=str(dataset),
        )
    if len(labels) == 1:
        raise TrainingError(
            "All patterns to train on in %(dataset)s have one label, %(label)s: a network would learn that whatever is measured "
            "is that. Add patterns of another label in a new version of the data set.",
            dataset=str(dataset),
            label=labels.pop(),
        )


def check_unseen(dataset: Dataset, version: ModelVersion) -> None:
    """TrainingError where ``version``, or one that it came from, learnt from what ``dataset`` keeps for its test."""
    ingots = ingots_of_samples()
    tests = Identities.of(dataset.entries.filter(split=Split.TEST), ingots)
    seen = 0
    for run in ancestry(version):
        if run.dataset:
            learnt = (to_train_on(run.dataset) | to_validate_on(run.dataset)).select_related("reading__pattern")
            seen += sum(tests.have(entry, ingots) for entry in learnt.defer("reading__metadata"))
    if seen:
        raise TrainingError(
            "%(version)s learnt from %(n)s patterns that are, or share an ingot with, what %(dataset)s keeps for its test: the "
            "test would flatter it. Begin with another version, train anew, or take a data set that was split by the same seed.",
            version=version.name,
            n=seen,
            dataset=str(dataset),
        )


def ancestry(version: ModelVersion) -> Iterator[TrainingRun]:
    """The training runs that led to ``version``, the last one first."""
    now: ModelVersion | None = version
    while now is not None:
        runs = now.training_runs.select_related("dataset", "start_version").order_by("pk")
        run = runs.defer("log", "curve", "start_version__config").first()
        if run is None:
            return
        yield run
        now = run.start_version


def material_of(dataset: Dataset, *, on_the_way: Callable[[], None] = lambda: None) -> Material:
    """The patterns of ``dataset`` that a network may learn from; ``on_the_way`` is called now and then, as it may take minutes.

    TrainingError where a pattern of these splits tests in the same set, where numbers are not those that were frozen, or where
    none is left.
    """
    ingots = ingots_of_samples()
    tests = DatasetEntry.objects.filter(split=Split.TEST, dataset__state=Dataset.State.FROZEN)
    ours = Identities.of(tests.filter(dataset=dataset), ingots)
    others = Identities.of(tests.exclude(dataset=dataset), ingots)
    left_out: Counter[str] = Counter()

    def curated(entries: QuerySet[DatasetEntry]) -> list[CuratedPattern]:
        kept = []
        rows = entries.select_related("reading__arrays", "reading__pattern").order_by("position")
        for number, entry in enumerate(rows.iterator(CHUNK)):
            if number % CHUNK == 0:
                on_the_way()
            if ours.have(entry, ingots):
                raise TrainingError(
                    "Entry %(position)s of %(dataset)s is to be trained on, and the same pattern or ingot is in its test: the "
                    "data set is spoilt. Nothing was trained. Freeze a new version of it.",
                    position=entry.position,
                    dataset=str(dataset),
                )
            one = _curated(entry)
            if others.have(entry, ingots):
                left_out[LeftOut.TESTS] += 1
            elif isinstance(one, LeftOut):
                left_out[one] += 1
            else:
                kept.append(one)
        return kept

    train, validation = curated(to_train_on(dataset)), curated(to_validate_on(dataset))
    if not train:
        raise TrainingError(
            "No pattern of %(dataset)s is left to train on: %(reasons)s.",
            dataset=str(dataset),
            reasons=", ".join(f"{LeftOut(reason).label} ({n})" for reason, n in left_out.items()),
        )
    on_grid = CuratedPatterns.of(validation) if validation else None
    return Material(CuratedPatterns.of(train), on_grid, dict(left_out))


def to_train_on(dataset: Dataset) -> QuerySet[DatasetEntry]:
    return DatasetEntry.objects.filter(dataset=dataset, split=Split.TRAIN)


def to_validate_on(dataset: Dataset) -> QuerySet[DatasetEntry]:
    return DatasetEntry.objects.filter(dataset=dataset, split=Split.VALIDATION)


def ingots_of_samples() -> dict[int, int]:
    """The first ancestor of each sample: pieces of one ingot have one."""
    parents = dict(Sample.objects.values_list("pk", "parent"))
    found: dict[int, int] = {}
    for sample in parents:
        line = [sample]
        while (parent := parents[line[-1]]) is not None and parent not in line:
            line.append(parent)
        found[sample] = line[-1]
    return found


def _curated(entry: DatasetEntry) -> CuratedPattern | LeftOut:
    """The pattern of ``entry`` as it is trained on, or why it is not."""
    arrays = entry.reading.arrays
    if arrays_sha256(arrays.two_theta, arrays.intensity) != entry.arrays_sha256:
        raise TrainingError(
            "The numbers of entry %(position)s of %(dataset)s are not those that were frozen (their SHA-256 differs). Nothing was "
            "trained. Restore the database from a backup.",
            position=entry.position,
            dataset=str(entry.dataset),
        )
    pattern = entry.reading.as_pattern()
    if why_not_screenable(pattern):
        return LeftOut.NOT_SCREENABLE
    constant = entry.quasilattice_constant
    if constant is not None and not A_R_MIN <= constant <= A_R_MAX:
        return LeftOut.FAR
    return CuratedPattern(pattern, entry.label, constant, entry.lattice_type, entry.weight)
