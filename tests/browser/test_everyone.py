"""Theme, keyboard, phone, and a browser without JavaScript."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.factories import pattern_text

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

OpenPage = Callable[..., Page]


def test_a_chosen_theme_stays(open_page: OpenPage) -> None:
    page = open_page("/", color_scheme="light")
    html = page.locator("html")
    expect(html).to_have_attribute("data-bs-theme", "light")
    page.click(".user-menu >> xpath=.. >> button.dropdown-toggle")
    page.click("[data-theme-choice=dark]")
    expect(html).to_have_attribute("data-bs-theme", "dark")
    page.goto("/upload/")
    expect(html).to_have_attribute("data-bs-theme", "dark")


def test_keys_and_how_to_switch_them_off(open_page: OpenPage) -> None:
    page = open_page("/inbox/")
    page.keyboard.press("/")
    expect(page.locator("[data-search]").first).to_be_focused()
    page.keyboard.press("u")
    expect(page.locator("[data-search]").first).to_have_value("u")
    page.locator("[data-search]").first.blur()
    page.keyboard.press("u")
    page.wait_for_url("**/upload/")
    page.keyboard.press("g")
    page.keyboard.press("h")
    page.wait_for_url(lambda address: address.endswith("/") and "upload" not in address)
    page.keyboard.press("?")
    page.click("[data-keys-switch]")
    page.click("#keys-dialog button")
    page.keyboard.press("u")
    page.wait_for_timeout(300)
    assert "upload" not in page.url


@pytest.mark.parametrize(
    "path", ["/", "/samples/", "/samples/ASR-I/", "/samples/new/", "/systems/", "/upload/", "/inbox/", "/patterns/1/"]
)
def test_nothing_sticks_out_on_a_phone(open_page: OpenPage, path: str) -> None:
    page = open_page(path, viewport={"width": 390, "height": 844}, has_touch=True)
    page.wait_for_load_state("networkidle")
    assert page.evaluate("document.documentElement.scrollWidth") <= 390


def test_works_without_javascript(open_page: OpenPage) -> None:
    page = open_page("/upload/", java_script_enabled=False, viewport={"width": 390, "height": 844})
    expect(page.get_by_role("link", name="Samples", exact=True)).to_be_visible()
    plain: FilePayload = {"name": "plain.xy", "mimeType": "text/plain", "buffer": pattern_text(seed=4711)}
    page.set_input_files("#files", files=[plain])
    page.click("#upload-form button.btn-primary")
    page.wait_for_url("**/runs/*/")
    expect(page.locator(".card-row")).to_contain_text("plain.xy")
