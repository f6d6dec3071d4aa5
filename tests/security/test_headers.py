"""What every answer tells the browser, and what a lab on the net must have set."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.http import HttpResponseBase
from django.test import Client

from lims import environment, headers
from lims.headers import NO_PAGE
from tests.factories import UserFactory
from tests.test_role_matrix import STRANGER, TO_NOBODY, addresses
from tests.test_role_matrix import lab as lab

STRICT = {
    "default-src": "'self'",
    "script-src": "'self'",
    "script-src-attr": "'none'",
    "object-src": "'none'",
    "base-uri": "'none'",
    "frame-src": "'none'",
    "frame-ancestors": "'none'",
}


def policy_of(response: HttpResponseBase) -> dict[str, str]:
    said = response["Content-Security-Policy"]
    return {name: sources for name, _space, sources in (part.strip().partition(" ") for part in said.split(";"))}


def test_every_answer_is_guarded(lab: dict[str, object]) -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory.create(roles=["admin"], is_staff=True, is_superuser=True))
    strangers = Client(raise_request_exception=False)
    paths = [(client, one.path) for one in addresses(lab, api=False) + addresses(lab, api=True) if one.name != "logout"]
    paths += [(strangers, path) for path in ("/", "/sign-in/", "/nowhere/", "/api/v1/samples/", "/metrics", "/healthz")]
    paths += [(client, "/admin/"), (client, "/admin/auth/user/")]
    n_pages = 0
    for asker, path in paths:
        response = asker.get(path)
        policy = policy_of(response)
        assert "unsafe-eval" not in response["Content-Security-Policy"], path
        assert response["X-Content-Type-Options"] == "nosniff", path
        assert response["X-Frame-Options"] == "DENY", path
        assert response["Referrer-Policy"] == "same-origin", path
        assert response["Cross-Origin-Opener-Policy"] == "same-origin", path
        assert response["Cross-Origin-Resource-Policy"] == "same-origin", path
        assert "camera=()" in response["Permissions-Policy"], path
        if headers.is_page(response):
            n_pages += 1
            assert STRICT.items() <= policy.items(), path
            assert "unsafe-inline" not in response["Content-Security-Policy"], path
            assert policy["style-src"].startswith("'self'"), path
        else:
            assert response["Content-Security-Policy"] == NO_PAGE, path
    assert n_pages > 60
    assert STRANGER
    assert TO_NOBODY


@pytest.mark.django_db
def test_a_nonce_is_new_each_time_and_only_where_it_is_used() -> None:
    client = Client()
    client.force_login(UserFactory.create(roles=["member"]))
    assert "nonce" not in policy_of(client.get("/samples/"))["style-src"]


PRODUCTION = {
    "ICOSA_HTTPS": "1",
    "ICOSA_HOSTS": "icosa.lab.example",
    "SECRET_KEY": "k" * 30 + "0123456789abcdefghijklmnopqrst",
}


def manage(tmp_path: Path, *words: str, **variables: str) -> subprocess.CompletedProcess[str]:
    mine = {"PATH": os.environ["PATH"], "ICOSA_DATA": str(tmp_path), **variables}
    command = [sys.executable, "manage.py", *words]
    return subprocess.run(command, cwd=settings.BASE_DIR, env=mine, capture_output=True, text=True, check=False)


@pytest.mark.slow
def test_the_settings_of_production_pass_check_deploy(tmp_path: Path) -> None:
    check = ("check", "--deploy", "--fail-level", "INFO")
    assert "python manage.py collectstatic" in manage(tmp_path, *check, **PRODUCTION).stderr
    assert manage(tmp_path, "collectstatic", "--no-input", **PRODUCTION).returncode == 0
    ended = manage(tmp_path, *check, **PRODUCTION)
    assert ended.returncode == 0, ended.stderr
    said = ended.stdout + ended.stderr
    assert "no issues (2 silenced)" in said, said
    text = (Path(settings.BASE_DIR) / "lims" / "settings.py").read_text()
    assert "(W005)" in text, "each silenced check has its reason beside it"
    assert "(W021)" in text


@pytest.mark.slow
def test_production_takes_its_secret_from_the_environment_alone(tmp_path: Path) -> None:
    for secret in ("", "too short"):
        ended = manage(tmp_path, "check", **{**PRODUCTION, "SECRET_KEY": secret})
        assert ended.returncode != 0
        assert environment.UNSET_KEY_SAID.split(",")[0] in ended.stderr
        assert secret not in ended.stderr or not secret


@pytest.mark.slow
def test_a_laptop_makes_its_own_secret_for_its_owner_alone(tmp_path: Path) -> None:
    assert manage(tmp_path, "check").returncode == 0
    kept = tmp_path / "secret_key"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert len(kept.read_text()) >= environment.SHORTEST_SECRET_KEY
