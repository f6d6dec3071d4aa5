"""What a microscopist does: cells from a spreadsheet, a length in the wrong convention, a photo from a phone, an outcome."""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

OpenPage = Callable[..., Page]
SOON = 20_000

PASTE = """text => {
  const cell = document.activeElement;
  const clipboardData = new DataTransfer();
  clipboardData.setData("text/plain", text);
  cell.dispatchEvent(new ClipboardEvent("paste", { clipboardData, bubbles: true, cancelable: true }));
}"""


def test_from_the_question_to_the_signed_outcome(open_page: OpenPage) -> None:
    page = open_page("/follow-ups/new/?sample=ACI-001", who="microscopist")
    page.fill("#id_question", "Is the grey phase icosahedral?")
    page.click("main form button.btn-primary")
    follow_up = page.url

    page.goto(f"{follow_up}evidence/")
    page.focus("#id_phases-0-technique")
    rows = ["EDX\tAl26Si34Ru20\t0.5\tx\t60\tarea\ticosahedral", *["EBSD\t\t\t\t\t\tunknown"] * 3]
    page.evaluate(PASTE, "\n".join(rows))
    expect(page.locator("#id_phases-0-as_reported")).to_be_checked()
    expect(page.locator("#id_phases-3-structure")).to_have_value("unknown")

    page.select_option("#id_lattice-0-technique", "tem")
    page.fill("#id_lattice-0-value", "0.8706")
    page.select_option("#id_lattice-0-convention", "a_R")
    expect(page.locator("[data-conversion]").first).to_contain_text("as a_F it gives a_R = 4.353 Å")
    page.select_option("#id_lattice-0-convention", "a_F")
    expect(page.locator("[data-conversion]").first).to_contain_text("a_R = a_F / 2 = 8.706 Å / 2 = 4.353 Å")
    page.click("main form .form-actions .btn-primary")
    expect(page.locator("#messages")).to_contain_text("The evidence is saved.")

    page.set_viewport_size({"width": 390, "height": 844})
    photo = io.BytesIO()
    Image.new("RGB", (800, 600), "white").save(photo, "JPEG")
    page.set_input_files("#id_photo", {"name": "photo.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()})
    page.click("#files form[enctype] button.btn-primary")
    expect(page.locator("#files img")).to_be_visible(timeout=SOON)
    assert page.evaluate("document.documentElement.scrollWidth") <= 390

    page.click("label[for=outcome-confirmed]")
    page.fill("#id_reason", "Icosahedral by its composition and lattice.")
    page.check("#id_agreed")
    page.click("#outcome form button.btn-primary")
    expect(page.locator(".page-head .outcome")).to_contain_text("confirmed")
