"""Calls written straight into the database, where a test is about what pages make of them."""

from __future__ import annotations

from typing import Any

import numpy as np
from django.utils import timezone

from mlmodels.models import ModelVersion
from mlmodels.net.grid import CANDIDATES, N_CANDIDATES, PHASE_CLASSES
from samples.models import Pattern
from screening.models import ScreeningResult, ScreeningRun


def a_version(name: str = "for tests") -> ModelVersion:
    """A version in production, in place of the shipped one."""
    ModelVersion.objects.filter(state="production").update(state="retired")
    return ModelVersion.objects.create(name=name, state="production", sha256="0" * 64)


def make_result(pattern: Pattern, version: ModelVersion, **fields: Any) -> ScreeningResult:
    """A result on the newest reading of ``pattern``, done in class A where ``fields`` say nothing else."""
    return ScreeningResult.objects.create(
        run=ScreeningRun.objects.create(why="upload", started_by=pattern.uploaded_by),
        reading=pattern.readings.latest("number"),
        model_version=version,
        **(A_CALL | {"finished_at": timezone.now()} if "state" not in fields else {}),
        **fields,
    )


A_CALL = {
    "state": "done",
    "level": "A",
    "probability": 0.9994,
    "phases": dict(zip(PHASE_CLASSES, (0.9994, 0.0004, 0.0001, 0.0001), strict=True)),
    "quasilattice_constant": 4.353,
    "quasilattice_constant_sigma": 0.004,
    "lattice_type": "F",
    "share": 0.25,
    "evidence": np.eye(N_CANDIDATES, dtype="<f4")[int(np.argmin(np.abs(CANDIDATES - 4.353)))].tobytes(),
}
"""What the network says of a good candidate."""
