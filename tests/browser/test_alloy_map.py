"""The map of an alloy system and the agreement page, looked at in a real browser."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Locator, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

SOON = 20_000
OpenPage = Callable[..., Page]

FIRST_MARKER = ".scatterlayer .trace .points path, .ternarylayer .points path"


def marker(page: Page, n: int = 0) -> Locator:
    found = page.locator(FIRST_MARKER)
    expect(found.first).to_be_visible(timeout=SOON)
    return found.nth(n)


def middle_of(place: Locator) -> tuple[float, float]:
    place.scroll_into_view_if_needed()
    box = place.bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


def test_a_sample_on_the_map_is_named_and_opened(open_page: OpenPage) -> None:
    page = open_page("/systems/Al-Mn-Ir/")
    x, y = middle_of(marker(page))
    page.mouse.move(x, y)
    said = page.locator(".hoverlayer .hovertext").first
    expect(said).to_contain_text("AMI-")
    code = (said.text_content() or "").split()[0]
    page.mouse.click(x, y)
    page.wait_for_url(f"**/samples/{code}/")


def test_six_systems_stand_side_by_side(open_page: OpenPage) -> None:
    page = open_page("/systems/")
    for box in page.locator("[name=system]").all():
        box.check()
    page.get_by_role("button", name="side by side").click()
    page.wait_for_url("**/systems/maps/**")
    expect(page.locator("[data-map] .main-svg:first-child")).to_have_count(6, timeout=SOON)


def test_the_agreement_page_opens_with_its_figures(open_page: OpenPage) -> None:
    page = open_page("/agreement/?simulated=on&version=all")
    expect(page.get_by_role("heading", name="Was the network right?")).to_be_visible()
    for figure in page.locator("[data-figure-url]").all():
        expect(figure.locator(".main-svg").first).to_be_visible(timeout=SOON)
