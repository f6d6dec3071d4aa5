"""What the tests of the API share: who asks, a pattern that was called, and how answers are read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from screening.models import ScreeningResult
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result

API = "/api/v1/"
JSON = "application/json"


@pytest.fixture(autouse=True)
def files_of_this_test(settings: Settings, tmp_path: Path) -> None:
    settings.MEDIA_ROOT = tmp_path / "files"


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


@pytest.fixture
def called(member: User) -> ScreeningResult:
    """A pattern of ASR-001 in class A."""
    return make_result(make_pattern(sample=SampleFactory.create(code="ASR-001")), a_version())


def read(client: Client, address: str) -> Any:
    response = client.get(API + address)
    assert response.status_code == 200, response.content
    return response.json()


def listed(client: Client, address: str) -> list[Any]:
    rows = read(client, address)["results"]
    assert isinstance(rows, list)
    return rows


def refusal(response: Any, status: int = 400) -> dict[str, Any]:
    assert response.status_code == status, response.content
    body = response.json()
    assert set(body) == {"error"}
    assert set(body["error"]) == {"code", "message", "fields"}
    assert body["error"]["message"]
    return dict(body["error"])
