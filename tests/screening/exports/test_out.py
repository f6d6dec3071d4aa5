"""A frozen set leaves the lab as files: the same set gives the same bytes, whatever happened since."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from mlmodels.export.contents import ExportRefused
from mlmodels.export.opening import OpenedExport
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset
from samples.models import Pattern, Sample
from screening.exports.rows import write_export
from screening.models import Outcome
from tests.factories import make_pattern, pattern_text
from tests.mlmodels.test_export_formats import ALL
from tests.screening.frozen import alter, freeze

pytestmark = pytest.mark.django_db


def test_what_rests_on_what_is_in_it(dataset: Dataset, tmp_path: Path) -> None:
    write_export(dataset, tmp_path / "x.eln", Wanted())
    with zipfile.ZipFile(tmp_path / "x.eln") as archive:
        read = {name.rpartition("/")[2]: archive.read(name).decode(errors="replace") for name in archive.namelist()}
    labels = [json.loads(line) for line in read["labels.jsonl"].splitlines()]
    assert [(line["position"], line["rests_on"][0]["kind"]) for line in labels] == [(1, "outcome"), (3, "review")]
    assert labels[0]["rests_on"][0]["verdict"] == "confirmed"
    assert labels[0]["rests_on"][0]["sha256"] == Outcome.objects.get().sha256
    assert labels[1]["rests_on"][0]["call"]["model_version"] == "for tests"
    samples = [json.loads(line) for line in read["samples.jsonl"].splitlines()]
    assert samples[0]["code"] == "ASR-001"
    assert next(line for line in samples if line["code"] == "ASR-001-1")["parent"] == "ASR-001"
    assert [line["code"] for line in samples if line["simulated"]] == ["SIM-1"]
    assert "blank: 2" in read["data-sheet.md"]
    everything = "".join(text for name, text in read.items() if name.endswith(("json", "jsonl", "md", "csv")))
    for person in User.objects.all():
        assert person.username not in everything


def test_exported_again_it_is_bit_identical_whatever_was_corrected_since(
    dataset: Dataset, curator: User, tmp_path: Path
) -> None:
    first, again = tmp_path / "1" / "x.eln", tmp_path / "2" / "x.eln"
    write_export(dataset, first, ALL)
    Sample.objects.filter(code="ASR-001").update(code="OTHER-9", composition="Al1", composition_text="Al1")
    Pattern.objects.get(name="ASR-001-1.xy").move_to(None, curator)
    Pattern.objects.get(name="ASR-001.xy").correct(curator, wavelength=0.7093, reason="it was Mo")
    write_export(dataset, again, ALL)
    assert sha256_of(first) == sha256_of(again)


def test_more_patterns_than_one_batch(curator: User, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    patterns: list[tuple[Pattern, dict[str, Any]]] = [
        (make_pattern(by=curator, content=pattern_text(n, step=0.1)), {}) for n in range(7)
    ]
    dataset = freeze(patterns, curator)
    monkeypatch.setattr("screening.exports.rows.AT_ONCE", 3)
    seen: list[int] = []
    write_export(dataset, tmp_path / "x.eln", Wanted(), seen.append)
    assert seen == [3, 3, 1]
    with OpenedExport(tmp_path / "x.eln") as export:
        assert [one.file_name for some in export.patterns() for one in some] == [one.name for one, _said in patterns]


def test_altered_numbers_are_not_exported(dataset: Dataset, tmp_path: Path) -> None:
    alter(dataset.entries.get(position=2).reading)
    with pytest.raises(ExportRefused, match=r"ASR-001-1\.xy \(entry 2\) are not those that were frozen"):
        write_export(dataset, tmp_path / "x.eln", Wanted())
    assert list(tmp_path.glob("*")) == [tmp_path / "lab"]


def test_files_that_are_missing_or_altered_are_named(dataset: Dataset, settings: Settings, tmp_path: Path) -> None:
    file = Path(settings.MEDIA_ROOT) / dataset.entries.get(position=1).reading.pattern.file.original.name
    content = file.read_bytes()
    file.write_bytes(content.replace(b"20.0", b"20.1", 1))
    with pytest.raises(ExportRefused, match=r"ASR-001\.xy was altered on the disk"):
        write_export(dataset, tmp_path / "x.eln", ALL)
    file.unlink()
    with pytest.raises(ExportRefused, match=r"ASR-001\.xy cannot be read: it is missing"):
        write_export(dataset, tmp_path / "x.eln", ALL)
    write_export(dataset, tmp_path / "x.eln", Wanted(parquet=True))  # the numbers are in the database
