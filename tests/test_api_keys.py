"""API keys: made and revoked by their owner in the browser, and what comes in by them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.utils import timezone

from lims.models import ApiKey
from tests.factories import UserFactory, pattern_text

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


def bearer(owner: User, *scopes: str, valid_for: timedelta = timedelta(days=1)) -> dict[str, str]:
    """The header that a script sends."""
    name = f"key {ApiKey.objects.count()}"
    _key, secret = ApiKey.objects.issue(owner, name=name, scopes=scopes, valid_for=valid_for)
    return {"Authorization": f"Bearer {secret}"}


class TestPage:
    def make(self, client: Client, **changed: object) -> str:
        sent = {"name": "SmartLab", "scopes": ["upload"], "days": "365", **changed}
        return client.post("/keys/", sent).content.decode()

    def test_a_key_is_shown_once_and_only_its_hash_is_kept(self, client: Client, member: User) -> None:
        match = re.search(r"icosa_[\w-]{40,}", self.make(client))
        assert match
        key = ApiKey.objects.get()
        assert match[0] not in (key.sha256, key.prefix)
        assert ApiKey.objects.of_secret(match[0]) == key
        page = client.get("/keys/").content.decode()
        assert match[0] not in page
        assert f"{key.prefix}…" in page
        assert timedelta(days=364) < key.expires_at - timezone.now() <= timedelta(days=365)

    @pytest.mark.parametrize(
        ("changed", "sentence"),
        [
            ({"scopes": []}, "Choose at least one thing"),
            ({"scopes": ["everything"]}, "Select a valid choice"),
            ({"days": "36500"}, "Select a valid choice"),
            ({"name": ""}, "This field is required"),
        ],
    )
    def test_bad_input_makes_none(self, client: Client, member: User, changed: object, sentence: str) -> None:
        assert sentence in self.make(client, **changed)  # type: ignore[arg-type]
        assert not ApiKey.objects.exists()

    def test_a_name_is_free_again_once_its_key_is_revoked(self, client: Client, member: User) -> None:
        self.make(client)
        assert "a key of this name already" in self.make(client)
        assert client.post(f"/keys/{ApiKey.objects.get().pk}/revoke/").status_code == 302
        self.make(client)
        assert ApiKey.objects.unrevoked().count() == 1
        assert ApiKey.objects.count() == 2

    def test_keys_of_others_are_neither_seen_nor_revoked(self, client: Client, member: User) -> None:
        bearer(UserFactory.create(), "read")
        key = ApiKey.objects.get()
        assert key.prefix not in client.get("/keys/").content.decode()
        assert client.post(f"/keys/{key.pk}/revoke/").status_code == 404
        assert client.get(f"/keys/{key.pk}/revoke/").status_code == 405

    def test_needs_a_sign_in(self, client: Client) -> None:
        assert client.get("/keys/")["Location"].startswith("/sign-in/")


class TestComingIn:
    def refused(self, client: Client, headers: dict[str, str]) -> str:
        response = client.get("/api/v1/samples/", headers=headers)
        assert response.status_code == 401
        assert response["WWW-Authenticate"] == "Bearer"
        assert response.json()["error"]["fields"] == {}
        return str(response.json()["error"]["message"])

    def test_its_use_is_noted_once_a_minute(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "read")
        client.get("/api/v1/samples/", headers=headers)
        first = ApiKey.objects.get().last_used_at
        assert first
        client.get("/api/v1/samples/", headers=headers)
        assert ApiKey.objects.get().last_used_at == first
        ApiKey.objects.update(last_used_at=first - timedelta(hours=1))
        client.get("/api/v1/samples/", headers=headers)
        assert ApiKey.objects.get().last_used_at != first - timedelta(hours=1)

    def test_an_unknown_one_says_so(self, client: Client) -> None:
        assert "not known here" in self.refused(client, {"Authorization": "Bearer icosa_nothing"})

    def test_a_revoked_one_says_so_at_once(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "read")
        assert client.get("/api/v1/samples/", headers=headers).status_code == 200
        ApiKey.objects.get().revoke()
        assert "was revoked" in self.refused(client, headers)

    def test_an_expired_one_says_so(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "read", valid_for=timedelta(0))
        assert "has expired" in self.refused(client, headers)

    def test_one_of_a_person_who_left_says_so(self, client: Client) -> None:
        owner = UserFactory.create(roles=["member"])
        headers = bearer(owner, "read")
        User.objects.filter(pk=owner.pk).update(is_active=False)
        assert "no longer active" in self.refused(client, headers)

    def test_a_key_of_an_instrument_can_only_upload(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "upload")
        for name in ("samples", "alloy-systems", "patterns", "results", "runs", "models"):
            response = client.get(f"/api/v1/{name}/", headers=headers)
            assert response.status_code == 403
            assert "does not have the scope “read”" in response.json()["error"]["message"]
        logged = client.post("/api/v1/samples/", {}, content_type="application/json", headers=headers)
        assert "does not have the scope “write”" in logged.json()["error"]["message"]
        sent = {"file": SimpleUploadedFile("scan.xy", pattern_text())}
        assert client.post("/api/v1/patterns/", sent, headers=headers).status_code == 201

    def test_a_key_that_reads_and_writes_cannot_upload(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "read", "write")
        response = client.post("/api/v1/patterns/", {"file": SimpleUploadedFile("a.xy", b"1 2")}, headers=headers)
        assert response.status_code == 403
        assert "does not have the scope “upload”" in response.json()["error"]["message"]

    def test_a_key_may_no_more_than_its_owner(self, client: Client) -> None:
        headers = bearer(UserFactory.create(), "read", "upload", "write")
        assert client.get("/api/v1/samples/", headers=headers).status_code == 403
        sent = {"file": SimpleUploadedFile("scan.xy", pattern_text())}
        assert client.post("/api/v1/patterns/", sent, headers=headers).status_code == 403

    def test_a_key_opens_no_page(self, client: Client) -> None:
        headers = bearer(UserFactory.create(roles=["member"]), "read", "upload", "write")
        assert client.get("/samples/", headers=headers)["Location"].startswith("/sign-in/")
