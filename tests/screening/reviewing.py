"""Candidates that wait, and people who judge them."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User

from mlmodels.models import ModelVersion
from screening.models import Candidate, ScreeningResult
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result

REASON = "strong lines at 18/29 and 20/32"


def production() -> ModelVersion:
    version = ModelVersion.objects.production()
    return version if version and version.name == "for tests" else a_version()


def make_candidate(level: str = "A", probability: float = 0.9994, **received: Any) -> ScreeningResult:
    """A call of the version in production on a new pattern, as the worker leaves it."""
    if "sample" not in received:
        received["sample"] = SampleFactory.create()
    pattern = make_pattern(**received)
    fields = {"state": "done", "level": level, "probability": probability, "quasilattice_constant": 4.353}
    result = make_result(pattern, production(), **fields, lattice_type="F")
    Candidate.objects.catch_up()
    return result


def waiting() -> list[ScreeningResult]:
    """What the queue has for anybody."""
    return [candidate.result for candidate in Candidate.objects.waiting().current()]


def make_reviewer(**fields: Any) -> User:
    return UserFactory.create(roles=["reviewer"], **fields)
