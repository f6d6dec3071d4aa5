"""What the tests of screening stand on: a folder for files, and a tiny network in production."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from mlmodels.models import ModelVersion
from mlmodels.registry import network_for
from tests.networks import tiny_checkpoint


@pytest.fixture(autouse=True)
def _files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def person(db: None) -> User:
    return User.objects.create_user("student")


@pytest.fixture
def tiny_version(db: None) -> ModelVersion:
    """An untrained network in production: its calls mean nothing, but it makes them."""
    network_for.cache_clear()
    checkpoint = tiny_checkpoint()
    weights = checkpoint.weights()
    version = ModelVersion.objects.register(weights, checkpoint.config(weights))
    version.promote(by=None, reason="for tests")
    return version
