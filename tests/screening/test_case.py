"""The case of Uryu et al. (2023) as the system retells it: a class C was right, two class B were wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import Settings

from lims import demo_case
from mlmodels.models import ModelVersion
from mlmodels.net.classify import THRESHOLDS_VERSION
from screening.models import FollowUp, Outcome, ScreeningResult, ScreeningRun
from tests.factories import SampleFactory, UserFactory, make_pattern

pytestmark = pytest.mark.django_db

CLASSES = {"ASR-I": "A", "ASR-II": "B", "ASR-III": "B", "ASR-IV": "C"}


@pytest.fixture
def case(settings: Settings, tmp_path: Path) -> dict[str, FollowUp]:
    settings.MEDIA_ROOT = tmp_path
    member = UserFactory.create(roles=["member"])
    reviewer, microscopist = UserFactory.create(roles=["reviewer"]), UserFactory.create(roles=["microscopist"])
    reported = ModelVersion.objects.record("Uryu et al. 2023, as reported", thresholds_version=THRESHOLDS_VERSION)
    run = ScreeningRun.objects.start(ScreeningRun.Why.RECORD, by=member)
    told = {}
    for found in demo_case.CASE:
        reading = make_pattern(by=member, sample=SampleFactory.create(code=found.code)).readings.get()
        call = ScreeningResult.objects.record_call(run, reading, reported, CLASSES[found.code])
        told[found.code] = demo_case.tell(found, call, reviewer, microscopist)
    return told


def test_each_call_stands_beside_its_outcome(case: dict[str, FollowUp]) -> None:
    answers = {outcome.sample_id: outcome.verdict for outcome in Outcome.objects.answering()}
    calls = ScreeningResult.objects.done().select_related("reading__pattern__sample")
    beside = {
        str(call.reading.pattern.sample): (call.level, answers[call.reading.pattern.sample_id or 0]) for call in calls
    }
    assert beside == {
        "ASR-I": ("A", "confirmed"),
        "ASR-II": ("B", "refuted"),
        "ASR-III": ("B", "refuted"),
        "ASR-IV": ("C", "confirmed"),
    }


def test_one_of_several_phases_is_icosahedral_and_a_sum_of_80_stays_as_printed(case: dict[str, FollowUp]) -> None:
    phases = list(case["ASR-I"].phases.all())
    assert [phase.composition_text for phase in phases] == ["Al43Si32Ru25", "Al26Si34Ru20", "Al38Si42Ru20"]
    assert [phase.structure for phase in phases] == ["icosahedral", "unknown", "unknown"]
    assert [phase.as_reported for phase in phases] == [False, True, False]


def test_the_lattice_constant_is_a_f_and_gives_a_r(case: dict[str, FollowUp]) -> None:
    for code in ("ASR-I", "ASR-IV"):
        measured = case[code].lattice_measurements.get()
        assert measured.quasilattice_constant == pytest.approx(4.353)
        assert (measured.convention, measured.lattice_type) == ("a_F", "F")
        assert list(case[code].outcomes.standing().values_list("technique", "verdict")) == [
            ("", "confirmed"),
            ("tem", "confirmed"),
        ]


def test_each_was_opened_from_the_verdict_on_its_call(case: dict[str, FollowUp]) -> None:
    for code, follow_up in case.items():
        assert follow_up.prompted_by
        assert follow_up.prompted_by.level == CLASSES[code]
        assert follow_up.review
        assert follow_up.review.verdict == "follow_up"
        assert "DOI 10.1002/advs.202304546" in follow_up.reference
        assert follow_up.state == FollowUp.State.DONE
