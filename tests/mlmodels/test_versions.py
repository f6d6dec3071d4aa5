"""Model versions: stored whole, one in production, the shipped one registered by migrate."""

from __future__ import annotations

import json

import pytest
from django.contrib.auth.models import User
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction

from mlmodels.models import ModelVersion, Promotion, PromotionError, WeightsPart
from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, CheckpointError, locate, shipped_checkpoints
from mlmodels.registry import network_for
from samples.models.unchanging import UnchangingError
from tests.networks import tiny_checkpoint

pytestmark = pytest.mark.django_db
State = ModelVersion.State


def register(seed: int = 1) -> ModelVersion:
    checkpoint = tiny_checkpoint(seed)
    weights = checkpoint.weights()
    return ModelVersion.objects.register(weights, checkpoint.config(weights))


def test_weights_come_back_byte_by_byte_in_parts_that_no_database_minds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mlmodels.models.versions.PART_SIZE", 10_000)
    version = register()
    assert version.weights_parts.count() > 1
    assert version.checkpoint().weights() == tiny_checkpoint().weights()


def test_the_same_weights_are_one_version_and_others_of_the_name_get_a_number() -> None:
    assert register(1) == register(1)
    assert [register(2).name, register(3).name] == ["tiny (2)", "tiny (3)"]


def test_broken_weights_are_not_registered() -> None:
    checkpoint = tiny_checkpoint()
    weights = checkpoint.weights()
    with pytest.raises(CheckpointError):
        ModelVersion.objects.register(weights[:-1], checkpoint.config(weights))
    assert not ModelVersion.objects.filter(name="tiny").exists()


def test_promotion_retires_the_former_version_and_is_on_record() -> None:
    person = User.objects.create_user("curator")
    first, second = register(1), register(2)
    first.promote(person, "first")
    second.promote(person, "better")
    first.refresh_from_db()
    assert (first.state, second.state) == (State.RETIRED, State.PRODUCTION)
    assert ModelVersion.objects.production() == second
    promotion = Promotion.objects.latest("pk")
    assert (promotion.version, promotion.former, promotion.signer) == (second, first, person)
    with pytest.raises(UnchangingError):
        promotion.delete()
    first.promote(person, "rolled back")
    assert ModelVersion.objects.production() == first


def test_two_versions_are_never_in_production() -> None:
    register(1).promote(None, "first")
    other = register(2)
    with pytest.raises(IntegrityError), transaction.atomic():
        ModelVersion.objects.filter(pk=other.pk).update(state=State.PRODUCTION)


def test_a_record_of_calls_made_elsewhere_cannot_run() -> None:
    record = ModelVersion.objects.record("Uryu et al. 2023, as reported", thresholds_version="uryu-2023")
    assert record == ModelVersion.objects.record("Uryu et al. 2023, as reported", thresholds_version="uryu-2023")
    assert record.runnable is False
    assert record not in ModelVersion.objects.runnable()
    with pytest.raises(PromotionError):
        record.promote(None, "no")


def test_a_version_that_is_in_production_is_not_promoted_again() -> None:
    version = register()
    version.promote(None, "once")
    with pytest.raises(PromotionError):
        version.promote(None, "twice")


def test_migrate_registers_the_shipped_network_once_and_leaves_a_choice_alone() -> None:
    shipped = ModelVersion.objects.get(name=DEFAULT_CHECKPOINT)
    assert shipped.state == State.PRODUCTION
    assert shipped.config == json.loads(locate(DEFAULT_CHECKPOINT).with_suffix(".json").read_bytes())
    ours = register()
    ours.promote(None, "ours")
    n_parts = WeightsPart.objects.count()
    call_command("migrate", verbosity=0)
    assert ModelVersion.objects.production() == ours
    n_versions = len(shipped_checkpoints()) + 1
    assert (ModelVersion.objects.count(), WeightsPart.objects.count()) == (n_versions, n_parts)


def test_a_network_is_loaded_once_a_process() -> None:
    network_for.cache_clear()
    version = register()
    loaded = network_for(version.pk)
    with connection.execute_wrapper(_no_query):
        assert network_for(version.pk) is loaded
    network_for.cache_clear()


def _no_query(*_query: object) -> None:
    raise AssertionError("the network was loaded again")
