"""What every export of a set says of the set, its samples and its labels: taken down from the rows once, and kept."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

from django.conf import settings
from django.db import transaction

from mlmodels.export.contents import SetFacts
from mlmodels.export.writing import LABELS, SAMPLES
from mlmodels.models import Dataset
from samples.models import Sample
from screening.models import DatasetRecord, LabelEvidence

FACTS = "facts.json"
AT_ONCE = 2000


@transaction.atomic
def take_down(dataset: Dataset) -> None:
    """Keep what is known now of a frozen set; what was taken down before stays as it is."""
    Dataset.objects.select_for_update().get(pk=dataset.pk)
    if DatasetRecord.objects.filter(dataset=dataset).exists():
        return
    keep_facts(dataset, facts_of(dataset))
    DatasetRecord.objects.keep(dataset, SAMPLES, _sample_lines(dataset))
    DatasetRecord.objects.keep(dataset, LABELS, _label_lines(dataset))


def keep_facts(dataset: Dataset, facts: SetFacts) -> None:
    DatasetRecord.objects.keep(dataset, FACTS, [line_of(asdict(facts))])


def kept_facts(dataset: Dataset) -> SetFacts:
    return SetFacts(**json.loads(b"".join(DatasetRecord.objects.read(dataset, FACTS))))


def kept_samples(dataset: Dataset) -> Iterator[dict[str, Any]]:
    """The lines of SAMPLES."""
    rest = b""
    for part in DatasetRecord.objects.read(dataset, SAMPLES):
        *lines, rest = (rest + part).split(b"\n")
        yield from map(json.loads, lines)


def facts_of(dataset: Dataset) -> SetFacts:
    before = dataset.based_on
    assert dataset.frozen_at is not None
    return SetFacts(
        name=dataset.name,
        version=dataset.version,
        sha256=dataset.sha256,
        frozen_at=moment(dataset.frozen_at),
        n_entries=dataset.n_entries,
        n_simulated=dataset.entries.filter(reading__pattern__simulated=True).count(),
        seed=dataset.seed,
        validation_percent=dataset.validation_percent,
        test_percent=dataset.test_percent,
        licence=dataset.licence,
        notes=dataset.notes,
        lab=settings.LAB_NAME,
        question=dataset.question,
        left_out=dataset.left_out,
        based_on={"name": before.name, "version": before.version, "sha256": before.sha256} if before else {},
        changes=dataset.changes,
    )


def moment(when: datetime | None) -> str:
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z") if when else ""


def line_of(said: dict[str, Any]) -> bytes:
    """One line of JSON, the same whatever database the values come from."""
    return (json.dumps(said, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _sample_lines(dataset: Dataset) -> Iterator[bytes]:
    """Each sample of the set and what it was cut or annealed from, parents first, with the positions of its entries."""
    positions: dict[int, list[int]] = defaultdict(list)
    entries = dataset.entries.filter(reading__pattern__sample__isnull=False).order_by("position")
    for key, position in entries.values_list("reading__pattern__sample", "position").iterator(chunk_size=AT_ONCE):
        positions[key].append(position)
    found: dict[int, Sample] = {}
    wanted = set(positions)
    while wanted:
        for some in _some(sorted(wanted)):
            found |= {sample.pk: sample for sample in Sample.objects.select_related("system").filter(pk__in=some)}
        wanted = {sample.parent_id for sample in found.values() if sample.parent_id} - set(found)
    for sample in sorted(found.values(), key=lambda sample: (_generation(sample, found), sample.code)):
        parent = found.get(sample.parent_id) if sample.parent_id else None
        yield line_of(
            {
                "code": sample.code,
                "system": str(sample.system),
                "composition": sample.composition,
                "composition_text": sample.composition_text,
                "composition_unit": sample.composition_unit,
                "composition_sum": sample.composition_sum,
                "measured": sample.measured,
                "parent": parent.code if parent else "",
                "origin": sample.origin,
                "simulated": sample.simulated,
                "entries": positions.get(sample.pk, []),
            }
        )


def _generation(sample: Sample, found: dict[int, Sample]) -> int:
    generation, seen = 0, {sample.pk}
    while sample.parent_id and sample.parent_id not in seen:
        sample = found[sample.parent_id]
        seen.add(sample.pk)
        generation += 1
    return generation


def _some(keys: list[int]) -> Iterable[list[int]]:
    return (keys[first : first + AT_ONCE] for first in range(0, len(keys), AT_ONCE))


def _label_lines(dataset: Dataset) -> Iterator[bytes]:
    """Each entry whose label rests on signed entries, with what was signed; the names of the signers are left out."""
    evidence = (
        LabelEvidence.objects.filter(entry__dataset=dataset)
        .select_related(
            "entry__reading__pattern",
            "outcome__follow_up__prompted_by__model_version",
            "review__result__model_version",
        )
        .defer(
            "entry__reading__metadata",
            "outcome__follow_up__prompted_by__model_version__config",
            "outcome__follow_up__prompted_by__evidence",
            "review__result__model_version__config",
            "review__result__evidence",
        )
        .order_by("entry__position", "pk")
    )
    said: dict[str, Any] = {}
    for row in evidence.iterator(chunk_size=AT_ONCE):
        if said and said["position"] != row.entry.position:
            yield line_of(said)
            said = {}
        if not said:
            said = {
                "position": row.entry.position,
                "label": row.entry.label,
                "simulated": row.entry.reading.pattern.simulated,
                "rests_on": [],
            }
        said["rests_on"].append(_signed(row))
    if said:
        yield line_of(said)


def _signed(row: LabelEvidence) -> dict[str, Any]:
    entry = row.outcome or row.review
    assert entry is not None
    said = {
        "signed_at": moment(entry.signed_at),
        "meaning": entry.meaning,
        "reason": entry.reason,
        "sha256": entry.sha256,
        "verdict": entry.verdict,
    }
    if row.outcome:
        outcome = {"technique": row.outcome.technique, "evidence": row.outcome.evidence}
        return {"kind": "outcome", **said, **outcome, "call": _call(row.outcome.follow_up.prompted_by)}
    assert row.review is not None
    review = {"phase": row.review.phase_name, "blind": row.review.blind}
    return {"kind": "review", **said, **review, "call": _call(row.review.result)}


def _call(result: Any) -> dict[str, Any] | None:
    """The call that people looked at, named by the version that made it."""
    if result is None:
        return None
    return {
        "model_version": result.model_version.name,
        "weights_sha256": result.model_version.sha256,
        "class": result.level,
        "probability": result.probability,
        "thresholds_version": result.thresholds_version,
    }
