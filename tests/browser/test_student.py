"""What a student does at the diffractometer, in a real browser, with a real worker and the shipped network."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import FilePayload, Page, expect

from tests.factories import pattern_text

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

ICOSAHEDRAL = Path(__file__).resolve().parents[1] / "data" / "simulated_icosahedral.ras"
SOON = 20_000
"""Milliseconds: generous, for the machine may be running other tests."""

OpenPage = Callable[..., Page]


def a_file(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "application/octet-stream", "buffer": content}


def plotted(page: Page, what: str) -> object:
    return page.evaluate(f"document.getElementById('pattern-figure').{what}")


def position_of(page: Page, reflection: str) -> float:
    """Where on the axis the label of a reflection stands."""
    found = page.evaluate(
        """(label) => {
            const trace = document.getElementById("pattern-figure").data.find(({ text }) => text?.includes(label));
            return trace.x[trace.text.indexOf(label)];
        }""",
        reflection,
    )
    return float(found)


def test_from_an_ingot_to_its_class_and_why(open_page: OpenPage) -> None:
    page = open_page("/samples/new/")
    page.fill("[name=code]", "STUDENT-1")
    page.fill("[name=composition_text]", "Al43Si32Ru25")
    page.click("main button[type=submit], main form button.btn-primary")
    page.wait_for_url("**/samples/STUDENT-1/")

    page.goto("/upload/?sample=STUDENT-1")
    page.set_input_files("#files", str(ICOSAHEDRAL))
    card = page.locator(".card-row")
    expect(card).to_contain_text("1501 points", timeout=SOON)
    expect(card.locator(".class-badge")).to_have_text("Class A", timeout=SOON)
    expect(card).to_contain_text("STUDENT-1")

    card.locator(".card-name a").click()
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    expect(page.locator("#evidence-figure .main-svg").first).to_be_visible(timeout=SOON)
    assert position_of(page, "18/29") == pytest.approx(44.02, abs=0.05)
    assert position_of(page, "7/11") == pytest.approx(26.79, abs=0.05)

    page.fill("#a-r-number", "4.465")
    page.wait_for_function("document.getElementById('a-r-slider').value === '4.465'")
    page.wait_for_timeout(200)
    assert position_of(page, "18/29") == pytest.approx(42.86, abs=0.01)

    page.fill("#a-r-number", "4.36")
    page.click("#refinement button")
    expect(page.locator(".refined-value")).to_contain_text("= 4.353", timeout=SOON)
    expect(page.locator("#refinement table")).to_contain_text("18/29 (2 1 1 1 1 1)")


def test_axis_and_zoom_stay_from_pattern_to_pattern(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/")
    page.click("main a[href^='/patterns/']")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    frame = page.locator("#pattern-figure .nsewdrag.drag").first.bounding_box()
    assert frame
    page.mouse.move(frame["x"] + 200, frame["y"] + 100)
    page.mouse.down()
    page.mouse.move(frame["x"] + 400, frame["y"] + 105, steps=5)
    page.mouse.up()
    page.wait_for_function("sessionStorage.getItem('zoom-in-q')")
    zoom = page.evaluate("JSON.parse(sessionStorage.getItem('zoom-in-q'))")
    page.click("label[for=axis-q]")
    page.wait_for_timeout(300)
    assert plotted(page, "layout.xaxis.range") == pytest.approx(zoom)
    page.goto("/samples/ASR-II/")
    page.click("main a[href^='/patterns/']")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    page.wait_for_timeout(300)
    assert plotted(page, "layout.xaxis.range") == pytest.approx(zoom)
    assert page.locator("#axis-q").is_checked()


def test_no_figure_sends_data_away(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/")
    page.click("main a[href^='/patterns/']")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=SOON)
    buttons = page.locator(".modebar-btn").evaluate_all("all => all.map((one) => one.dataset.title)")
    assert buttons
    assert not [title for title in buttons if "cloud" in title.lower() or "share" in title.lower()]


def test_many_files_tell_what_came_of_each_without_a_reload(open_page: OpenPage) -> None:
    page = open_page("/upload/")
    page.evaluate("window.sameDocument = true")
    good = [a_file(f"scan {n}.xy", pattern_text(seed=100 + n)) for n in range(18)]
    bad = [a_file("empty.xy", b"\n"), a_file("picture.xy", b"\x89PNG\r\n\x1a\n" + bytes(300))]
    page.set_input_files("#files", files=[*good[:9], *bad, *good[9:]])
    expect(page.locator("#upload-status")).to_have_text("All files have arrived.", timeout=SOON)
    expect(page.locator("#run-progress")).to_contain_text("20 of 20 patterns are done", timeout=2 * SOON)
    expect(page.locator("#cards .class-badge")).to_have_count(18)
    expect(page.locator("#cards")).to_contain_text("This is a picture")
    assert page.evaluate("window.sameDocument")
    assert "/runs/" in page.url, "a reload shows the batch again"


def test_a_sample_that_is_not_there_is_said_before_anything_is_sent(open_page: OpenPage) -> None:
    page = open_page("/upload/")
    page.fill("[name=sample]", "XYZ-9")
    with page.expect_response("**/upload/") as answer:
        page.set_input_files("#files", files=[a_file("a.xy", pattern_text(seed=77))])
    assert answer.value.status == 422
    expect(page.locator(".upload-form")).to_contain_text("There is no sample “XYZ-9”")
    expect(page.locator("[name=sample]")).to_have_value("XYZ-9")
