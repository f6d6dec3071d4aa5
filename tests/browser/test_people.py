"""An invitation from one browser to another, and what was typed and not saved."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from playwright.sync_api import Dialog, Page, expect

pytestmark = [pytest.mark.browser, pytest.mark.slow, pytest.mark.xdist_group("browser")]

OpenPage = Callable[..., Page]


def test_an_invitation_is_handed_over_and_used(open_page: OpenPage) -> None:
    admin = open_page("/people/", who="admin")
    admin.click("text=Invite somebody")
    admin.fill("[name=username]", "newcomer")
    admin.click("form .form-actions button")
    address = admin.locator("#link").input_value()
    admin.click("[data-copy]")
    expect(admin.locator("[data-copy]")).to_have_text("Copied")

    guest = open_page("/", who="member")
    guest.context.clear_cookies()
    guest.goto(address)
    guest.fill("[name=password1]", "icosahedra have 6 axes")
    guest.fill("[name=password2]", "icosahedra have 6 axes")
    guest.click("main form button")
    expect(guest.locator("#messages")).to_contain_text("Welcome, newcomer")


def test_what_was_typed_is_offered_again_until_it_is_saved(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/edit/")
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("[name=notes]", "grey, brittle")
    page.reload()
    expect(page.locator("[name=notes]")).not_to_have_value("grey, brittle")
    page.click(".draft-offer .btn-primary")
    expect(page.locator("[name=notes]")).to_have_value("grey, brittle")
    page.click(".form-actions .btn-primary")
    page.wait_for_url("**/samples/ASR-I/")
    page.goto("/samples/ASR-I/edit/")
    expect(page.locator("[name=notes]")).to_have_value("grey, brittle")
    expect(page.locator(".draft-offer")).to_have_count(0)


def test_leaving_with_unsaved_words_is_asked_about(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/")
    asked: list[str] = []

    def leave(dialog: Dialog) -> None:
        asked.append(dialog.type)
        dialog.accept()

    page.on("dialog", leave)
    page.fill("#comments textarea", "not said yet")
    page.goto("/inbox/")
    assert asked == ["beforeunload"]


def test_what_was_thrown_away_is_taken_back_from_the_trash(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/edit/")
    page.on("dialog", lambda dialog: dialog.accept())
    page.fill("[name=place]", "Box 99")
    page.reload()
    page.click(".draft-offer .btn-outline-secondary")
    page.goto("/trash/")
    row = page.locator("[data-browser-trash] li")
    expect(row).to_contain_text("ASR-I")
    row.locator("button").click()
    page.wait_for_url("**/samples/ASR-I/edit/")
    page.click(".draft-offer .btn-primary")
    expect(page.locator("[name=place]")).to_have_value("Box 99")
    page.goto("/trash/")
    expect(row).to_have_count(0)


def test_the_history_is_unfolded_on_the_page(open_page: OpenPage) -> None:
    page = open_page("/samples/ASR-I/")
    page.on("dialog", lambda dialog: dialog.accept())
    page.locator("#history summary").click()
    expect(page.locator("#history .history-list li").last).to_contain_text("Entered")
