"""Follow-ups by the API: read as a whole, images sent in by who may, outcomes not signed here."""

from __future__ import annotations

import io
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from PIL import Image
from pytest_django import DjangoAssertNumQueries, Settings

from lims.models import ApiKey
from screening.models import EvidenceFile, FollowUp
from tests.factories import SampleFactory, UserFactory
from tests.screening.test_follow_ups import fill, lattice, phase

pytestmark = pytest.mark.django_db

API = "/api/v1/"


@pytest.fixture
def microscopist(client: Client, settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    person = UserFactory.create(username="microscopist", roles=["microscopist"])
    client.force_login(person)
    return person


@pytest.fixture
def follow_up(microscopist: User) -> FollowUp:
    opened = FollowUp.objects.open(SampleFactory.create(code="ASR-001"), microscopist, assigned_to=microscopist)
    fill(opened, microscopist, phase(), lattice())
    opened.sign(microscopist, "confirmed", "All agree.")
    return opened


def image() -> SimpleUploadedFile:
    written = io.BytesIO()
    Image.new("L", (64, 64)).save(written, "PNG")
    return SimpleUploadedFile("saed.png", written.getvalue())


def send(client: Client, to: FollowUp, file: Any, **said: str) -> Any:
    return client.post(f"{API}evidence-files/", {"file": file, "follow_up": to.pk, **said})


def test_one_is_read_as_a_whole(client: Client, follow_up: FollowUp) -> None:
    send(client, follow_up, image(), technique="saed", caption="Five-fold axis")
    told = client.get(f"{API}follow-ups/{follow_up.pk}/").json()
    assert (told["sample"], told["state"], told["assigned_to"]) == ("ASR-001", "done", "microscopist")
    assert told["phases"][0]["composition"] == "Al43Si32Ru25"
    assert told["lattice_measurements"][0]["quasilattice_constant"] == pytest.approx(4.353)
    assert told["files"][0]["caption"] == "Five-fold axis"
    assert told["outcomes"][0]["verdict"] == "confirmed"
    original = client.get(f"{API}evidence-files/{told['files'][0]['id']}/original/")
    assert original["Content-Disposition"].startswith("attachment")


def test_the_list_takes_a_fixed_number_of_queries(
    client: Client, follow_up: FollowUp, microscopist: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for _n in range(4):
        FollowUp.objects.open(SampleFactory.create(), microscopist)
    with django_assert_num_queries(10):
        assert len(client.get(f"{API}follow-ups/").json()["results"]) == 5
    found = client.get(f"{API}follow-ups/?sample=asr-001&state=done").json()["results"]
    assert [row["id"] for row in found] == [follow_up.pk]


@pytest.mark.parametrize(
    ("file", "said", "sentence"),
    [
        (SimpleUploadedFile("not.png", b"words"), {"must_be_image": "true"}, "is not an image"),
        (SimpleUploadedFile("empty.tif", b""), {}, "is empty"),
        (image(), {"technique": "magic"}, "not a valid choice"),
        (image(), {"follow_up": str(10**30)}, "none of the number"),
    ],
)
def test_bad_input_is_answered_and_nothing_is_kept(
    client: Client, follow_up: FollowUp, file: Any, said: dict[str, str], sentence: str
) -> None:
    file.seek(0)
    answer = send(client, follow_up, file, **said)
    assert answer.status_code == 400
    assert sentence in str(answer.json()["error"]["fields"])
    assert not EvidenceFile.objects.exists()


@pytest.mark.parametrize(("role", "status"), [("member", 403), ("reviewer", 403), ("microscopist", 201)])
def test_files_are_sent_by_who_may(client: Client, follow_up: FollowUp, role: str, status: int) -> None:
    client.force_login(UserFactory.create(roles=[role]))
    assert send(client, follow_up, image()).status_code == status
    assert client.get(f"{API}follow-ups/{follow_up.pk}/").status_code == 200


@pytest.mark.parametrize(("scope", "status"), [("read", 403), ("upload", 201)])
def test_a_key_needs_the_scope(follow_up: FollowUp, microscopist: User, scope: str, status: int) -> None:
    _key, secret = ApiKey.objects.issue(microscopist, name="SEM", scopes=[scope], valid_for=timedelta(days=1))
    by_key = Client(headers={"Authorization": f"Bearer {secret}"})
    assert send(by_key, follow_up, image()).status_code == status
