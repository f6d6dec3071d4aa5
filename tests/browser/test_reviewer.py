"""What a reviewer does, by keyboard and with a phone, in a real browser."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

HALITE = Path(__file__).resolve().parents[1] / "data" / "halite.cif"
SOON = 20_000
OpenPage = Callable[..., Page]


def judge(page: Page, key: str, reason: str) -> str:
    """Choose by a key, type the reason, sign by Enter; the address of what comes next."""
    here = page.url
    page.keyboard.press(key)
    expect(page.locator("#id_reason")).to_be_focused()
    page.keyboard.type(reason)
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: address != here)
    return page.url


def test_lines_of_a_known_phase_lie_over_the_pattern(open_page: OpenPage) -> None:
    page = open_page("/phases/", who="reviewer")
    content = (
        HALITE.read_bytes().replace(b"Na1 Na", b"Al1 Al").replace(b"Cl1 Cl", b"Ru1 Ru").replace(b"Halite", b"AlRu")
    )
    page.set_input_files("#id_cif", {"name": "AlRu.cif", "mimeType": "text/plain", "buffer": content})
    page.click("main form button.btn-primary")
    expect(page.locator("#messages")).to_contain_text("AlRu (Fm-3m)")
    page.goto("/review/next/?system=Al-Ru-Si")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    page.check("[data-sticks-url]")
    expect(page.locator("#pattern-figure .legendtext", has_text="AlRu (Fm-3m)")).to_be_visible(timeout=SOON)
    drawn = "document.getElementById('pattern-figure').data.find(({ name }) => name === 'AlRu (Fm-3m)').x[0]"
    assert page.evaluate(drawn) == pytest.approx(27.37, abs=0.01)  # 1 1 1 of a = 5.6402 Å with Cu Kα1


def test_five_candidates_by_keyboard_and_one_taken_back(open_page: OpenPage) -> None:
    page = open_page("/", who="reviewer")
    page.keyboard.press("g")
    page.keyboard.press("q")
    page.wait_for_url("**/review/")
    page.click("#start-review")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    first = page.url
    n_left = int(page.locator("#n-left").inner_text().split()[0])
    assert n_left >= 5

    judge(page, "1", "sharp lines at every strong reflection")
    expect(page.locator("#messages")).to_contain_text("follow up")
    page.keyboard.press("z")
    page.wait_for_url(first)
    judge(page, "1", "sharp lines, looked at again")

    page.keyboard.press("2")
    expect(page.locator("#id_phase")).to_be_focused()
    page.fill("#id_phase_name", "AlRu (B2)")
    page.fill("#id_reason", "1 2 3 typed into a reason choose nothing")
    page.keyboard.press("Enter")
    expect(page.locator("#messages")).to_contain_text("known phase: AlRu (B2)")

    here = page.url
    page.keyboard.press("n")
    page.wait_for_url(lambda address: address != here)
    page.keyboard.press("p")
    page.wait_for_url(here)
    for key in ("3", "4", "6"):
        judge(page, key, "for the test")
    page.goto("/review/")
    expect(page.locator("main")).to_contain_text("sharp lines, looked at again")

    page.keyboard.press("?")
    page.click("[data-keys-switch]")
    page.click("#keys-dialog button.btn-primary")
    page.goto("/review/next/")
    if page.locator("#verdict-1").count():
        page.keyboard.press("1")
        expect(page.locator("#verdict-1")).not_to_be_checked()


def test_a_phone_shows_the_evidence_and_signs(open_page: OpenPage) -> None:
    page = open_page("/review/", who="admin", viewport={"width": 390, "height": 844}, has_touch=True)
    wider = "document.documentElement.scrollWidth > document.documentElement.clientWidth"
    assert not page.evaluate(wider)
    page.tap("#start-review")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    assert not page.evaluate(wider)
    page.tap("label[for=verdict-6]")
    page.fill("#id_reason", "read on a phone")
    page.tap("#verdict-form button.btn-primary")
    expect(page.locator("#messages")).to_contain_text("unsure")
