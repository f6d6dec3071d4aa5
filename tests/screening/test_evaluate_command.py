"""manage.py evaluate in a lab: the measured negatives are the lab's own refuted patterns, unless somebody says otherwise."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command

from mlmodels.net import checkpoint
from screening.refuted import refuted_readings
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.networks import tiny_checkpoint
from tests.screening.curated import judged_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def microscopist() -> User:
    return UserFactory.create(roles=["microscopist"])


@pytest.fixture
def network(tmp_path: Path) -> Path:
    return checkpoint.save(tiny_checkpoint(), tmp_path)


def evaluated(network: Path, *options: str) -> dict[str, Any]:
    out = network.with_name("report.json")
    call_command("evaluate", str(network), "--n", "4", "--out", str(out), *options)
    report: dict[str, Any] = json.loads(out.read_text())
    return report


def test_only_measured_patterns_of_refuted_samples_are_taken(microscopist: User) -> None:
    refuted = judged_pattern(microscopist, "refuted")
    judged_pattern(microscopist, "confirmed")
    judged_pattern(microscopist, "inconclusive")
    judged_pattern(microscopist, "refuted").archive(microscopist)
    sample = SampleFactory.create()
    judged_pattern(microscopist, "refuted", sample=sample)
    judged_pattern(microscopist, "confirmed", sample=sample)  # the newer one answers for it
    make_pattern(by=microscopist)
    simulated = judged_pattern(microscopist, "refuted")
    type(simulated).objects.filter(pk=simulated.pk).update(simulated=True)
    assert [reading.pattern for reading in refuted_readings()] == [refuted]


def test_they_are_evaluated_on_by_default(
    network: Path, microscopist: User, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):
        judged_pattern(microscopist, "refuted")
    report = evaluated(network)
    said = "this lab's follow-ups: 2 refuted patterns of 2 samples"
    assert f"Measured negatives: {said}." in capsys.readouterr().err
    assert report["negatives"]["origin"] == said


def test_left_out_where_nothing_is_refuted_or_nobody_wants_them(
    network: Path, microscopist: User, capsys: pytest.CaptureFixture[str]
) -> None:
    assert not evaluated(network).get("negatives")
    assert "none, as this lab has refuted nothing yet" in capsys.readouterr().err
    judged_pattern(microscopist, "refuted")
    assert not evaluated(network, "--without-lab").get("negatives")
