"""A lab with a frozen set, and an export of another lab."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from mlmodels.models import Dataset
from screening.exports.rows import write_export
from tests.factories import UserFactory
from tests.mlmodels.test_export_formats import ALL
from tests.screening.frozen import elsewhere, make_set


@pytest.fixture
def curator(settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path / "lab"
    Path(settings.MEDIA_ROOT).mkdir()
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def dataset(curator: User) -> Dataset:
    return make_set(curator)


@pytest.fixture
def sent(settings: Settings, tmp_path: Path, curator: User) -> Path:
    """An export with everything, of a lab that is not this one."""
    here = settings.MEDIA_ROOT
    settings.MEDIA_ROOT = tmp_path / "elsewhere"
    path = tmp_path / "icosahedral-v1.eln"
    with elsewhere():
        write_export(make_set(curator), path, ALL)
    settings.MEDIA_ROOT = here
    return path
