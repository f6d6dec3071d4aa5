"""The doors in a real browser, under the policy of the lab: password, second factor, recovery code, sign-in service, lock-out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
import requests
from django.contrib.auth.models import User
from django_otp.oath import totp
from playwright.sync_api import Browser, Page
from pytest_django import Settings
from pytest_django.live_server_helper import LiveServer

from tests.browser.test_policy import LISTEN
from tests.browser.test_policy import database_beside_playwright as database_beside_playwright
from tests.factories import PASSWORD, UserFactory
from tests.test_sso import issuer as issuer
from tests.test_sso import service as service

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]


@pytest.fixture
def anna() -> User:
    return UserFactory.create(username="anna", roles=["member"])


@pytest.fixture
def page(browser: Browser, live_server: LiveServer) -> Iterator[Page]:
    context = browser.new_context(base_url=live_server.url)
    context.add_init_script(LISTEN)
    page = context.new_page()
    yield page
    assert page.evaluate("window.broken") == []
    context.close()


def sign_in(page: Page, password: str = PASSWORD) -> None:
    page.goto("/sign-in/")
    page.fill("#id_username", "anna")
    page.fill("#id_password", password)
    page.get_by_role("button", name="Sign in").click()


def test_a_second_factor_is_set_up_and_a_recovery_code_lets_in_without_the_phone(page: Page, anna: User) -> None:
    sign_in(page)
    page.goto("/sign-in/second-factor/")
    picture = page.locator("img[src^='data:image/svg']")
    assert picture.evaluate("image => image.naturalWidth") > 0, "the policy lets the QR code be drawn"
    secret = re.search(r"(?:[A-Z2-7]{4} ){7}[A-Z2-7]{4}", page.inner_text("main"))
    assert secret
    page.fill("[name=code]", _shown_by_app(secret[0]))
    page.get_by_role("main").locator("form button").first.click()
    codes = re.findall(r"(?:[a-z2-9]{4}-){3}[a-z2-9]{4}", page.inner_text("main"))
    assert len(codes) == 10

    page.context.clear_cookies()
    sign_in(page)
    assert page.url.partition("?")[0].endswith("/sign-in/code/")
    page.fill("[name=code]", codes[0])
    page.get_by_role("main").locator("form button").first.click()
    page.get_by_text("You used a recovery code. 9 are left").wait_for()


def test_the_sign_in_service_lets_somebody_in(page: Page, service: str) -> None:
    """From one form to another site and back: a policy that looks at where a form ends would stop it."""
    requests.post(f"{service}/next", json={"claims": {"sub": "7", "preferred_username": "mori"}}, timeout=5)
    page.goto("/sign-in/")
    page.get_by_role("button", name="Sign in by University sign-in").click()
    page.get_by_text("You are signed in and have no role yet").wait_for()


def test_who_guesses_is_told_for_how_long_they_are_shut_out(page: Page, anna: User, settings: Settings) -> None:
    settings.AXES_FAILURE_LIMIT = 2
    for _ in range(2):
        sign_in(page, "wrong")
    assert "15 more minutes" in page.inner_text("main")
    sign_in(page)
    assert "15 more minutes" in page.inner_text("main"), "the right password waits too"


def _shown_by_app(secret: str) -> str:
    from base64 import b32decode

    return f"{totp(b32decode(secret.replace(' ', ''))):06d}"
