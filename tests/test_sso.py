"""Signing in by a service that speaks OpenID Connect, from end to end, against a stand-in that the tests start."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Iterator
from html import unescape
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.conf import settings as project
from django.contrib.auth.models import User
from django.http import HttpResponse
from django.test import Client
from pytest_django import Settings

from lims import environment
from lims.models import AuditEntry, AuditKind, SecondFactor, SsoAccount
from tests.factories import PASSWORD, UserFactory

pytestmark = pytest.mark.django_db

SECRET = "s3cret-of-the-client-long-enough"


@pytest.fixture(scope="module")
def issuer() -> Iterator[str]:
    command = [sys.executable, "-m", "tests.oidc_provider"]
    provider = subprocess.Popen(command, cwd=project.BASE_DIR, stdout=subprocess.PIPE, text=True)
    assert provider.stdout
    yield f"http://localhost:{int(provider.stdout.readline())}"
    provider.terminate()
    provider.wait(10)


@pytest.fixture
def service(issuer: str, settings: Settings) -> str:
    settings.OIDC_ISSUER, settings.OIDC_CLIENT, settings.OIDC_SECRET = issuer, "icosa", SECRET
    settings.OIDC_NAME, settings.OIDC_ROLES = "University sign-in", []
    return issuer


def visit(client: Client, service: str, claims: dict[str, Any], *, tampered: str = "", **wrong: Any) -> HttpResponse:
    """Press the button, be sent to the service, and come back."""
    requests.post(f"{service}/next", json={"claims": claims, **wrong}, timeout=5)
    page = client.post("/sign-in/service/", {"next": "/samples/"}).content.decode()
    address = re.search(r'http-equiv="refresh" content="0;url=([^"]+)"', page)
    assert address, page
    asked = parse_qs(urlsplit(unescape(address[1])).query)
    assert asked["code_challenge_method"] == ["S256"]
    assert asked["nonce"]
    back = requests.get(unescape(address[1]), allow_redirects=False, timeout=5).headers["Location"]
    query = urlsplit(back).query
    return client.get(f"/sign-in/service/answer/?{query}{tampered}")  # type: ignore[return-value]


class TestComingIn:
    def test_somebody_new_has_an_account_without_a_role_or_password(self, client: Client, service: str) -> None:
        assert "Sign in by University sign-in" in client.get("/sign-in/").content.decode()
        claims = {"sub": "42", "preferred_username": "anna", "email": "anna@lab.example", "email_verified": True}
        assert visit(client, service, claims)["Location"] == "/samples/"
        anna = User.objects.get(username="anna")
        assert (anna.email, anna.has_usable_password(), anna.groups.count()) == ("anna@lab.example", False, 0)
        assert client.get("/samples/").status_code == 403
        assert {AuditKind.SSO_LINKED, AuditKind.SIGNED_IN} <= set(AuditEntry.objects.values_list("kind", flat=True))

    def test_is_the_same_person_the_next_time_whatever_the_name(self, client: Client, service: str) -> None:
        visit(client, service, {"sub": "42", "preferred_username": "anna"})
        visit(Client(), service, {"sub": "42", "preferred_username": "anna-married"})
        assert User.objects.count() == 1

    def test_takes_over_no_account_by_name_or_mail(self, client: Client, service: str) -> None:
        boss = UserFactory.create(username="boss", email="boss@lab.example", roles=["admin"])
        claims = {"sub": "666", "preferred_username": "Boss", "email": "boss@lab.example", "email_verified": True}
        visit(client, service, claims)
        came = User.objects.get(pk=client.session["_auth_user_id"])
        assert came != boss
        assert came.username == "Boss2"
        visit(Client(), service, {"sub": "667", "email": "boss@lab.example", "email_verified": False})
        assert User.objects.filter(email="boss@lab.example").count() == 2  # boss, and the one whose address is sure

    def test_one_links_ones_own_account(self, client: Client, service: str) -> None:
        anna = UserFactory.create(username="anna", roles=["member"])
        client.post("/sign-in/", {"username": "anna", "password": PASSWORD})
        assert visit(client, service, {"sub": "42"})["Location"] == "/settings/"
        guest = Client()
        visit(guest, service, {"sub": "42"})
        assert guest.session["_auth_user_id"] == str(anna.pk)
        ben = Client()
        ben.force_login(UserFactory.create(roles=["member"]))
        assert "another person" in visit(ben, service, {"sub": "42"}).content.decode()
        client.post("/settings/unlink/")
        assert not SsoAccount.objects.exists()

    def test_roles_follow_a_claim_where_the_settings_say_so(
        self, client: Client, service: str, settings: Settings
    ) -> None:
        settings.OIDC_CLAIM = "realm_access.roles"
        settings.OIDC_ROLES = [("lab", "member"), ("heads", "curator")]
        visit(client, service, {"sub": "42", "preferred_username": "anna", "realm_access": {"roles": ["lab", "heads"]}})
        assert client.get("/samples/").status_code == 200
        UserFactory.create(roles=["admin"])
        visit(Client(), service, {"sub": "42", "realm_access": {"roles": ["heads"]}})
        assert [group.name for group in User.objects.get(username="anna").groups.all()] == ["curator"]

    def test_the_second_factor_is_asked_for_unless_the_service_asked(self, service: str) -> None:
        visit(Client(), service, {"sub": "42", "preferred_username": "anna"})
        anna = User.objects.get(username="anna")
        from tests.test_signing_in import KEY, number

        SecondFactor(anna).set_up(KEY, number())
        browser = Client()
        visit(browser, service, {"sub": "42"})
        assert browser.get("/")["Location"].startswith("/sign-in/")
        browser = Client()
        visit(browser, service, {"sub": "42", "amr": ["pwd", "mfa"]})
        assert browser.get("/").status_code == 200


class TestRefusals:
    @pytest.mark.parametrize(
        "wrong",
        [
            {"claims": {"sub": "42", "nonce": "of another"}},
            {"claims": {"sub": "42", "nonce": None}},
            {"claims": {"sub": "42", "aud": "another lab"}},
            {"claims": {"sub": "42", "iss": "http://localhost:1"}},
            {"claims": {"sub": "42", "exp": int(time.time()) - 3600}},
            {"claims": {"sub": None}},
            {"claims": {"sub": "42"}, "with_key": "another"},
            {"claims": {"sub": "42"}, "with_key": "the client's secret"},
            {"claims": {"sub": "42"}, "with_key": "none"},
            {"claims": {"sub": "42"}, "tampered": "&state=of-another"},
            {"claims": {"sub": "42"}, "tampered": "&code=of-another"},
        ],
        ids=[
            "nonce",
            "no nonce",
            "audience",
            "issuer",
            "expired",
            "no subject",
            "signature",
            "HS256",
            "none",
            "state",
            "code",
        ],
    )
    def test_an_answer_that_is_not_ours_lets_nobody_in(
        self, client: Client, service: str, wrong: dict[str, Any]
    ) -> None:
        response = visit(client, service, wrong.pop("claims"), **wrong)
        assert response.status_code == 403
        assert "cannot be trusted" in response.content.decode()
        assert "_auth_user_id" not in client.session
        assert User.objects.count() == 0
        assert AuditEntry.objects.get().details["wrong"] == "sso"

    def test_an_answer_works_once_and_in_the_browser_that_asked(self, client: Client, service: str) -> None:
        assert Client().get("/sign-in/service/answer/?code=a&state=b").status_code == 403
        assert client.get("/sign-in/service/answer/?error=access_denied").status_code == 403

    def test_who_is_deactivated_stays_out(self, client: Client, service: str) -> None:
        visit(Client(), service, {"sub": "42", "preferred_username": "anna"})
        User.objects.update(is_active=False)
        response = visit(client, service, {"sub": "42"})
        assert response.status_code == 403
        assert "deactivated" in response.content.decode()
        assert client.get("/").status_code == 302

    def test_a_service_that_is_down_is_said(self, client: Client, service: str, settings: Settings) -> None:
        settings.OIDC_ISSUER = "http://localhost:1"
        response = client.post("/sign-in/service/")
        assert response.status_code == 403
        assert "did not come at all" in response.content.decode()

    def test_it_can_be_the_only_door(self, client: Client, service: str, settings: Settings) -> None:
        settings.PASSWORDS = False
        UserFactory.create(username="anna", roles=["member"])
        assert 'name="password"' not in client.get("/sign-in/").content.decode()
        client.post("/sign-in/", {"username": "anna", "password": PASSWORD})
        assert "_auth_user_id" not in client.session

    def test_there_is_none_unless_one_is_named(self, client: Client) -> None:
        assert client.post("/sign-in/service/").status_code == 404
        assert "/sign-in/service/" not in client.get("/sign-in/").content.decode()


def test_settings_are_read() -> None:
    assert environment.roles_of_claims("lab=member, a=b=admin") == [("lab", "member"), ("a=b", "admin")]
    assert environment.sign_in_service("https://sso.lab.example/realms/lab") == "https://sso.lab.example/realms/lab"
