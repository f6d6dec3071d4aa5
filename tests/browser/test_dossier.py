"""The dossier as the browser prints it: pages with numbers, figures without any script, black on white."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from playwright.sync_api import Page
from pypdf import PdfReader

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]


def test_a_dossier_is_printed_from_the_browser(open_page: Callable[..., Page]) -> None:
    page = open_page("/samples/", color_scheme="dark")
    page.click("tbody th a")
    page.click(".actions >> text=Dossier")
    page.wait_for_url("**/dossier/")
    code = page.inner_text("h1").partition(" ")[0]
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    printed = PdfReader(io.BytesIO(page.pdf(prefer_css_page_size=True))).pages
    text = "\n".join(sheet.extract_text() for sheet in printed)
    assert [round(float(side) / 72 * 25.4) for side in printed[0].mediabox[2:]] == [210, 297]
    assert code in text
    assert "Calls" in text
    assert f"1 / {len(printed)}" in text
    assert "Print" not in text, "the tools stay on the screen"


def test_figures_are_there_without_script_and_on_a_phone(open_page: Callable[..., Page]) -> None:
    page = open_page("/samples/", viewport={"width": 390, "height": 800})
    address = page.get_attribute("tbody th a", "href")
    page.goto(f"{address}dossier/")
    assert page.locator("figure svg polyline").first.is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
