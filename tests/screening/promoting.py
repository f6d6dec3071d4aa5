"""Versions to promote, and proofs that carry it."""

from __future__ import annotations

from django.contrib.auth.models import User
from django.utils import timezone

from mlmodels.models import ModelVersion
from screening.models import ArchiveScreening, Proof, ScreeningRun
from screening.models.proofs import content_sha256
from tests.networks import tiny_checkpoint


def register(seed: int, name: str) -> ModelVersion:
    checkpoint = tiny_checkpoint(seed=seed, name=name)
    weights = checkpoint.weights()
    return ModelVersion.objects.register(weights, checkpoint.config(weights))


def finished_proof(candidate: ModelVersion, by: User, *, worse: bool = False) -> Proof:
    """Done, as if its steps had found it so."""
    production = ModelVersion.objects.production()
    assert production
    report = ModelVersion.objects.get(name="icosa-2").config["metrics"]
    nothing = {"measured": {"with": None, "without": None}, "simulated": {"with": None, "without": None}}
    content = {
        "n": 3000,
        "seed": 1,
        "evaluation": {"candidate": report, "production": report},
        "paired": {},
        "test_splits": [],
        "outcomes": nothing,
        "archive": {"changes": [{"was": "D", "is": "B", "n": 2}], "n_without_class": 0},
        "false_alarms": {"worse": worse, "measured": None, "simulated": None},
    }
    return Proof.objects.create(
        candidate=candidate,
        production=production,
        started_by=by,
        archive=ArchiveScreening.objects.start(candidate, by, ScreeningRun.Why.SHADOW),
        state=Proof.State.DONE,
        content=content,
        sha256=content_sha256(content),
        finished_at=timezone.now(),
    )
