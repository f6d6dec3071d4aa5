"""Stored scripts: whatever people type stays text, on every page and in every figure."""

from __future__ import annotations

import pytest
from django.test import Client

from lims import headers
from tests.factories import UserFactory
from tests.security.poison import PIECES, POISON, poison_the_lab
from tests.test_object_matrix import text_of
from tests.test_role_matrix import addresses
from tests.test_role_matrix import lab as lab


@pytest.fixture
def poisoned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.test_role_matrix.REASON", POISON)


def test_no_page_has_it_as_markup(poisoned: None, lab: dict[str, object]) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory.create(roles=["admin"], is_superuser=True, is_staff=True))
    assert poison_the_lab() > 30
    n_shown, wrong = 0, []
    paths = [address.path for address in addresses(lab, api=False) if address.name != "logout"]
    for path in [
        *paths,
        "/admin/samples/sample/",
        "/admin/samples/project/",
        "/labels/?q=Al",
        "/samples/?q=window.ran",
    ]:
        response = client.get(path)
        if response.status_code >= 500 and not path.startswith("/healthz"):
            wrong.append(f"{path} breaks")
        if headers.is_page(response) or response.get("Content-Type", "").startswith("image/svg"):
            content = text_of(response)
            n_shown += "onerror=&quot;" in content or "onerror=&#34;" in content
            wrong += [f"{path}: {piece}" for piece in PIECES if piece in content]
    assert wrong == []
    assert n_shown > 15
