"""The form of an alloy system: two people who save it, and what stays."""

from __future__ import annotations

import pytest
from django.test import Client

from samples.models import AlloySystem
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db

ADDRESS = "/systems/Al-Ru-Si/edit/"


def test_two_who_save_at_once_lose_nothing(client: Client) -> None:
    SampleFactory.create()
    client.force_login(UserFactory.create(username="anna", roles=["member"]))
    assert 'name="edition" value="1"' in client.get(ADDRESS).content.decode()
    first = {"name": "Al-Si-Ru", "notes": "from anna", "edition": "1"}
    assert client.post(ADDRESS, first).status_code == 302
    client.force_login(UserFactory.create(username="ben", roles=["member"]))
    answer = client.post(ADDRESS, {**first, "name": "Ru-Al-Si", "notes": "from ben"})
    page = answer.content.decode()
    assert answer.status_code == 409
    assert "Someone saved this system while you were typing" in page
    assert "anna saved it at" in page
    for said in ("from anna", "from ben", "Ru-Al-Si"):
        assert said in page
    assert AlloySystem.objects.get().notes == "from anna"
    assert 'name="edition" value="2"' in page
    assert client.post(ADDRESS, {**first, "notes": "both", "edition": "2"}).status_code == 302
    system = AlloySystem.objects.get()
    assert (system.notes, system.edition, str(system.changed_by)) == ("both", 3, "ben")
