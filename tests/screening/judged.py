"""Samples with calls and signed outcomes; and the case of Uryu et al. (2023) in rows."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from django.contrib.auth.models import User

from mlmodels.models import ModelVersion
from mlmodels.net.classify import THRESHOLDS_VERSION
from samples.models import Sample
from screening.models import (
    FollowUp,
    LatticeMeasurement,
    ObservedPhase,
    Outcome,
    ScreeningResult,
    ScreeningRun,
    Technique,
)
from tests.factories import SampleFactory, UserFactory, make_pattern

REPORTED = "Uryu et al. 2023, as reported"
CASE = (
    ("ASR-I", "Al43Si32Ru25", "A", "confirmed"),
    ("ASR-II", "Al73Si1Ru26", "B", "refuted"),
    ("ASR-III", "Al69Si5Ru26", "B", "refuted"),
    ("ASR-IV", "Al44Si31Ru25", "C", "confirmed"),
)


def judge(sample: Sample, verdict: str, *, by: User | None = None, a_f: str = "", phase: str = "") -> Outcome:
    """Follow up ``sample`` and sign: with one phase by EDX, and a length a_F (nm) where one is given."""
    by = by or UserFactory.create(roles=["microscopist"])
    follow_up = FollowUp.objects.open(sample, by)
    structure = ObservedPhase.Structure.ICOSAHEDRAL if verdict == "confirmed" else ObservedPhase.Structure.CRYSTALLINE
    lengths = [
        LatticeMeasurement(technique=Technique.TEM, value=Decimal(value), unit="nm", convention="a_F")
        for value in filter(None, [a_f])
    ]
    phases = [
        ObservedPhase(technique=Technique.EDX, composition_text=phase or sample.composition_text, structure=structure)
    ]
    follow_up.revise(by=by, edition=follow_up.edition, phases=phases, measurements=lengths)
    return follow_up.sign(by, verdict, "for tests")


def case_of_uryu(version: ModelVersion | None = None, **our_call: Any) -> dict[str, ScreeningResult]:
    """The four followed-up samples as reported, on simulated patterns; with calls of ``version`` where one is given."""
    from tests.screening.calls import make_result

    reported = ModelVersion.objects.record(REPORTED, thresholds_version=THRESHOLDS_VERSION)
    member, microscopist = UserFactory.create(), UserFactory.create(roles=["microscopist"])
    run = ScreeningRun.objects.start(ScreeningRun.Why.RECORD, by=member)
    results = {}
    for code, composition, level, verdict in CASE:
        sample = SampleFactory.create(code=code, composition_text=composition, simulated=True)
        pattern = make_pattern(sample=sample, by=member, simulated=True)
        reading = pattern.current_reading
        assert reading
        results[code] = ScreeningResult.objects.record_call(run, reading, reported, level)
        if version:
            make_result(pattern, version, **our_call)
        judge(sample, verdict, by=microscopist, a_f="0.8706" if verdict == "confirmed" else "")
    return results
