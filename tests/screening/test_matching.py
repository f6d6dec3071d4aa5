"""A file goes to the sample that its name names, and to none where that is not clear."""

from __future__ import annotations

import pytest

from samples.models import THE_LAB
from screening.matching import Named, SampleMatcher
from tests.factories import SampleFactory

pytestmark = pytest.mark.django_db


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("ASR-001.ras", "ASR-001"),
        ("asr_001 as cast.xy", "ASR-001"),
        ("2026-01-05 ASR 001 (2).xrdml", "ASR-001"),
        ("ＡＳＲ－００１.ras", "ASR-001"),
        ("ASR-001-1.ras", "ASR-001-1"),
        ("ASR-0011.ras", None),
        ("XASR-001.ras", None),
        ("ASR-001 against ACI-001.xy", None),
        ("scan.ras", None),
        ("", None),
    ],
)
def test_sample_by_file_name(name: str, code: str | None) -> None:
    for one in ("ASR-001", "ASR-001-1", "ACI-001"):
        SampleFactory.create(code=one)
    (found,) = SampleMatcher(THE_LAB).find_all([Named(name)])
    assert (found.sample.code if found.sample else None) == code


def test_archived_samples_take_no_more_files() -> None:
    sample = SampleFactory.create(code="ASR-001")
    sample.archive(by=sample.made_by)
    (found,) = SampleMatcher(THE_LAB).find_all([Named("ASR-001.ras")])
    assert (found.sample, found.proposed_code) == (None, "")
