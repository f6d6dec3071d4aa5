"""A folder of a morning's measurements, in a real browser: dropped, checked, corrected, undone and brought back."""

from __future__ import annotations

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.factories import pattern_text

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

SOON = 30_000
"""Milliseconds: generous, for the machine may be running other tests."""

OpenPage = Callable[..., Page]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """40 files: of a logged sample, of ten new ones, of none, and one that is a picture."""
    folder = tmp_path / "morning"
    folder.mkdir()
    names = [
        *(f"ASR-I_{number}.xy" for number in range(9)),
        *(f"NEW-{number // 2 + 41}_{'cast' if number % 2 else 'annealed'}.xy" for number in range(20)),
        *(f"scan {number}.xy" for number in range(10)),
    ]
    for seed, name in enumerate(names, start=5000):
        (folder / name).write_bytes(pattern_text(seed=seed, step=0.05))
    (folder / "picture.xy").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(300))
    (folder / ".DS_Store").write_bytes(b"of the system")
    return folder


def test_a_folder_is_checked_corrected_undone_and_brought_back(open_page: OpenPage, folder: Path) -> None:
    page = open_page("/upload/")
    page.set_input_files("#folder", str(folder))
    expect(page.locator("#upload-status")).to_have_text("All files have arrived.", timeout=4 * SOON)
    expect(page.locator("#cards .card-row")).to_have_count(40)
    page.click("#sort-out a")
    for words in ("all 40", "with a sample 9", "new sample 20", "without a sample 10", "not readable 1"):
        expect(page.locator("#standings")).to_contain_text(words)

    row = page.locator(".card-row", has_text="scan 3.xy")
    field = row.locator("[data-codes]")
    field.press_sequentially("ASR-")
    expect(page.locator("#codes option[value='ASR-II']")).to_have_count(1, timeout=SOON)
    field.fill("asr-ii")
    field.press("Enter")
    expect(row.locator(".card-sample")).to_contain_text("ASR-II · set by hand", timeout=SOON)

    page.click("[data-mark-all=new-take]")
    page.fill("[name=new-everywhere]", "Al43Si32Ru25")
    page.click(".new-samples button")
    expect(page.locator("#messages")).to_contain_text("10 samples are logged", timeout=SOON)
    expect(page.locator("#standings")).to_contain_text("with a sample 30")

    batch = page.url
    page.click("summary:has-text('Undo this upload')")
    page.fill("[name=why]", "the wrong folder")
    page.click("#undo-upload")
    expect(page.locator(".batch-undone")).to_contain_text("what was screened stays on record")
    expect(page.locator(".card-aside")).to_have_count(40)
    page.goto("/samples/?q=NEW-41")
    expect(page.locator("main")).not_to_contain_text("NEW-41_")
    page.goto(batch)
    page.click("text=Bring it back")
    expect(page.locator("#standings")).to_contain_text("with a sample 30", timeout=SOON)


def test_an_archive_is_taken_out_while_one_watches(open_page: OpenPage, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "june.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for number in range(30):
            archive.writestr(f"june/ACI-9/zip {number}.xy", pattern_text(seed=6000 + number, step=0.05))
        archive.writestr("june/bomb.xy", b"0" * 9_000_000)
    page = open_page("/upload/")
    page.set_input_files("#files", str(tmp_path / "june.zip"))
    expect(page.locator("#upload-status")).to_have_text("All files have arrived.", timeout=4 * SOON)
    expect(page.locator("#cards .card-row")).to_have_count(31)
    expect(page.locator("#cards")).to_contain_text("packed far more tightly")
    expect(page.locator("#cards .class-badge")).to_have_count(30, timeout=4 * SOON)
