"""What holds for every page: nothing from elsewhere, no script in the page, one heading, the same right to each door."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation
from pytest_django import Settings

from lims import __version__, vendor
from tests.factories import SampleFactory, UserFactory, make_pattern

PROJECT = Path(settings.BASE_DIR)
TEMPLATES = sorted((PROJECT / "templates").rglob("*.html"))
OURS = sorted(path for path in (PROJECT / "static").iterdir() if path.is_file())


def test_vendored_files_are_those_of_the_manifest() -> None:
    manifest = json.loads((vendor.VENDOR_DIR / "vendor.json").read_text())
    assert [(p["name"], p["version"], p["licence"]) for p in manifest] == [
        (p.name, p.version, p.licence) for p in vendor.PACKAGES
    ]
    listed = {file["file"]: file["sha256"] for package in manifest for file in package["files"]}
    present = {
        str(path.relative_to(vendor.VENDOR_DIR)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in vendor.VENDOR_DIR.rglob("*")
        if path.is_file() and path.name != "vendor.json"
    }
    assert present == listed


def test_figures_are_drawn_by_the_version_that_they_are_written_for() -> None:
    from plotly.offline import get_plotlyjs_version

    versions = {package.name: package.version for package in vendor.PACKAGES}
    assert versions["plotly.js-cartesian-dist-min"] == get_plotlyjs_version()


def test_styles_of_plotly_are_those_of_its_script() -> None:
    folder = vendor.VENDOR_DIR / "plotly.js-cartesian-dist-min"
    styles = vendor.stylesheet_of((folder / "plotly-cartesian.min.js").read_text())
    assert styles == (folder / "plotly.css").read_text()
    assert styles.count("{") > 60
    assert ".js-plotly-plot .plotly .main-svg { position:absolute;" in styles


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: str(path.relative_to(PROJECT)))
def test_templates_hold_no_script(template: Path) -> None:
    text = template.read_text()
    assert not re.search(r"<script(?![^>]*\bsrc=)", text), "scripts are files: the policy of the pages forbids others"
    assert not re.search(r"\son[a-z]+\s*=", text, re.IGNORECASE), "handlers are added by scripts"
    assert "javascript:" not in text
    assert "hx-on" not in text
    assert not re.search(r"\sstyle\s*=", text), "styles are in files, or in a <style> with the nonce of the page"
    assert not re.search(r"<style(?! nonce=\"{{ request.csp_nonce }}\">)", text)


@pytest.mark.parametrize("path", [*TEMPLATES, *OURS], ids=lambda path: str(path.relative_to(PROJECT)))
def test_nothing_is_fetched_from_elsewhere(path: Path) -> None:
    addresses = re.findall(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}[^\s\"')]*", path.read_text())
    assert [address for address in addresses if address != "http://www.w3.org/2000/svg"] == []


def test_version_is_said_once() -> None:
    assert f'\nversion = "{__version__}"\n' in (PROJECT / "pyproject.toml").read_text()


def test_web_process_never_loads_torch() -> None:
    program = (
        "import sys, django; django.setup(); from django.urls import get_resolver; get_resolver().url_patterns;"
        "sys.exit('torch' in sys.modules)"
    )
    environment = {"DJANGO_SETTINGS_MODULE": "tests.settings", "PATH": "/usr/bin", "ICOSA_DATA": str(settings.DATA_DIR)}
    subprocess.run([sys.executable, "-c", program], cwd=PROJECT, env=environment, check=True)


@pytest.mark.django_db
class TestPages:
    @pytest.fixture
    def addresses(self) -> list[str]:
        """Every page that a member reaches with a few clicks."""
        sample = SampleFactory.create(code="ASR-001")
        pattern = make_pattern(sample=sample)
        unreadable = make_pattern(name="empty.xy", content=b"\n")
        return [
            *("/", "/samples/", "/samples/new/", "/samples/ASR-001/", "/samples/ASR-001/edit/", "/systems/"),
            *(f"/systems/{sample.system.key}/", "/upload/", "/upload/rules/", "/uploads/", "/inbox/", "/keys/"),
            *(f"/patterns/{pattern.pk}/", f"/patterns/{unreadable.pk}/", "/nowhere/"),
        ]

    def test_each_has_one_heading_a_title_and_a_policy(self, client: Client, addresses: list[str]) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        for address in addresses:
            response = client.get(address)
            text = response.content.decode()
            assert text.count("<h1") == 1, address
            assert re.search(r"<title>\S.* · Icosa</title>", text), address
            assert "script-src 'self'" in response["Content-Security-Policy"], address

    def test_each_asks_for_a_sign_in(self, client: Client, addresses: list[str]) -> None:
        for address in addresses[:-1]:
            assert client.get(address)["Location"].startswith("/sign-in/"), address

    def test_ids_are_there_once(self, client: Client, addresses: list[str]) -> None:
        client.force_login(UserFactory.create(roles=["admin"]))
        for address in addresses:
            ids = re.findall(r'\sid="([^"]+)"', client.get(address).content.decode())
            assert sorted(ids) == sorted(set(ids)), address


@pytest.mark.django_db
class TestSignIn:
    def test_works_and_comes_back_to_the_page_asked_for(self, client: Client) -> None:
        UserFactory.create(username="student", password="a password for tests", roles=["member"])
        sent = {"username": "student", "password": "a password for tests", "next": "/inbox/"}
        assert client.post("/sign-in/", sent)["Location"] == "/inbox/"

    def test_a_wrong_password_says_so_and_keeps_the_name(self, client: Client) -> None:
        page = client.post("/sign-in/", {"username": "student", "password": "wrong"}).content.decode()
        assert 'role="alert"' in page
        assert 'value="student"' in page

    def test_passwords_are_shown_in_demo_mode_only(self, client: Client, settings: Settings) -> None:
        assert "icosa-demo" not in client.get("/sign-in/").content.decode()
        settings.DEMO = True
        assert "icosa-demo-microscopist" in client.get("/sign-in/").content.decode()

    def test_language_can_be_chosen_before_signing_in(self, client: Client) -> None:
        with translation.override("en"):  # which the requests of this test change
            client.post("/language/", {"language": "ja", "next": "/sign-in/"})
            assert '<html lang="ja">' in client.get("/sign-in/").content.decode()


def test_a_form_that_was_open_too_long_says_what_to_do() -> None:
    response = Client(enforce_csrf_checks=True).post("/sign-in/", {"username": "a", "password": "b"})
    assert response.status_code == 403
    assert "reload the page" in response.content.decode()
