"""Each real file of the formats that the lab's machines write, dropped into the browser: a class, or the right reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.shared, pytest.mark.slow, pytest.mark.xdist_group("browser")]

PATIENCE = 60_000
"""Milliseconds, on a machine that runs other tests beside."""

REFUSED = {
    "empyrean.xrdml": "covers 24 % of the range",
    "m82762_rc1mm_1_16dg_src_slit_phi-101_3dg_-420_mesh_long.xrdml": "area scan",
    "ExampleChiPlot.chi": "step of 1° is too coarse",
    "ExampleRigaku.dat": "something in it is not a number",
    "example_mac.xye": "Check the wavelength",  # synchrotron data whose file names no wavelength
    "example_mythen.dat": "Check the wavelength",
}


def test_a_real_ras_file_goes_from_its_sample_to_class_and_plot(
    open_page: Callable[..., Page], shared_data: Path
) -> None:
    """Before the test below, to which the same file is one that is known."""
    page = open_page("/samples/new/")
    page.fill("[name=code]", "CRNI-1")
    page.fill("[name=composition_text]", "Cr50Ni50")
    page.click("main form button.btn-primary")
    page.wait_for_url("**/samples/CRNI-1/")
    page.goto("/upload/?sample=CRNI-1")
    page.set_input_files("#files", str(shared_data / "instrument_files" / "ras" / "Cr-Ni.ras"))
    card = page.locator(".card-row")
    expect(card.locator(".class-badge")).to_have_text("Class D", timeout=PATIENCE)
    expect(card).to_contain_text("CRNI-1")
    page.goto("/samples/CRNI-1/")
    page.click("main a[href^='/patterns/']")
    expect(page.locator("#pattern-figure .main-svg").first).to_be_visible(timeout=PATIENCE)
    expect(page.locator("main")).to_contain_text("Cu Kα1")


def test_every_real_file_is_screened_or_refused_with_its_reason(
    open_page: Callable[..., Page], shared_data: Path
) -> None:
    files = sorted(
        file for folder in ("xrdml", "ras", "text") for file in (shared_data / "instrument_files" / folder).iterdir()
    )
    assert {file.name for file in files} > set(REFUSED)
    page = open_page("/upload/")
    page.set_input_files("#files", files=[str(file) for file in files])
    expect(page.locator("#upload-status")).to_have_text("All files have arrived.", timeout=PATIENCE)
    expect(page.locator("#run-progress")).to_contain_text(
        f"{len(files)} of {len(files)} patterns are done", timeout=PATIENCE
    )
    for file in files:
        card = page.locator(".card-row").filter(has_text=file.name)
        expect(card).to_have_count(1)
        if file.name in REFUSED:
            expect(card).to_contain_text(REFUSED[file.name])
            expect(card.locator(".class-badge")).to_have_count(0)
        else:
            expect(card.locator(".class-badge")).to_have_text("Class D")  # none of them holds a quasicrystal
