"""What tests of every floor use."""

from __future__ import annotations

from pathlib import Path

import pytest
from django.core.cache import cache

from lims.schema import fit
from tests.emptying import databases_can_be_emptied as databases_can_be_emptied
from tests.labs import databases as databases

PROJECT = Path(__file__).resolve().parents[1]
LONG = 60


def pytest_make_parametrize_id(config: pytest.Config, val: object, argname: str) -> str | None:
    """Whole files among the values of a test do not belong into its name; pytest numbers those that come out alike."""
    if isinstance(val, bytes | str) and len(val) > LONG:
        return f"{argname} of {len(val)}"
    return None


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The maintainers' test material, which lies beside a checkout and not in it."""
    folder = PROJECT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("../shared is absent: only the maintainers have its test material")
    return folder


@pytest.fixture(autouse=True)
def database_fits() -> None:
    """Tests make their database by the migrations: no page needs to ask, so that the number of its questions is its own."""
    fit.trust()


@pytest.fixture(autouse=True)
def nothing_is_kept() -> None:
    """What one test counted serves no other."""
    cache.clear()
