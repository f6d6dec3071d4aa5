"""Every page in Chromium under the policy of the lab: none is broken by it, and none asks it for more.

The lab of tests/test_role_matrix.py has one of everything, so that a new address is looked at here from its first day.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib import admin
from django.db.models import Model
from django.test import Client
from django.urls import reverse
from playwright.sync_api import Browser, BrowserContext, Page
from pytest_django.live_server_helper import LiveServer

from lims import headers
from samples.models import Sample
from tests.factories import UserFactory
from tests.test_role_matrix import TO_NOBODY, addresses
from tests.test_role_matrix import lab as whole_lab  # noqa: F401 - a fixture

pytestmark = [
    pytest.mark.browser,
    pytest.mark.slow,
    pytest.mark.xdist_group("browser"),
    pytest.mark.django_db(transaction=True),
]

LISTEN = """
window.broken = [];
document.addEventListener("securitypolicyviolation", (event) =>
  broken.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sourceFile}:${event.lineNumber} ${event.sample}`));
"""
AT_REST = """
() => !document.querySelector(".htmx-request") && [...document.querySelectorAll("[data-figure-url]")].every((figure) =>
  figure.querySelector(".main-svg") || figure.textContent.trim() === figure.dataset.figureFailed)
"""
ASKED_TOO = ["/labels/?q=Al", "/samples/?q=class:A", "/review/next/", "/data-sets/new/?kind=all", "/nowhere/"]
LEAVES = {"logout"}
FIGURES = {"screening:sample", "screening:pattern", "screening:review", "screening:system", "screening:agreement"}


@pytest.fixture(scope="module", autouse=True)
def database_beside_playwright() -> Iterator[None]:
    """Playwright has a loop of its own in this thread, also while the database is emptied."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
        yield


@pytest.fixture
def context(browser: Browser, live_server: LiveServer) -> Iterator[BrowserContext]:
    context = browser.new_context(base_url=live_server.url)
    context.add_init_script(LISTEN)
    yield context
    context.close()


class Looker:
    """A page that notes what the browser complains of."""

    def __init__(self, context: BrowserContext) -> None:
        self.page: Page = context.new_page()
        self.wrong: list[str] = []
        self.page.on("console", lambda said: self.note(said.text) if said.type in {"error", "warning"} else None)
        self.page.on("pageerror", lambda error: self.note(str(error)))
        self.n_figures = 0

    def note(self, said: str) -> None:
        if "the server responded with a status of 4" not in said:  # what was asked for is not there, or forbidden
            self.wrong.append(f"{self.page.url}: {said}")

    def look(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_function(AT_REST)
        self.wrong += [f"{path}: {said}" for said in self.page.evaluate("window.broken")]
        self.n_figures += self.page.locator("[data-figure-url] .main-svg").count()


def sign_in(context: BrowserContext, live_server: LiveServer, **who: object) -> Client:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory.create(**who))
    value = client.cookies["sessionid"].value
    context.add_cookies([{"name": "sessionid", "value": value, "url": live_server.url}])
    return client


def pages_of(client: Client, lab: dict[str, object]) -> dict[str, str]:
    """Name and path of every address that answers with a page."""
    found = {}
    for address in [*addresses(lab, api=False), *addresses(lab, api=True)]:
        if address.name in TO_NOBODY | LEAVES:
            continue
        response = client.get(address.path, follow=False)
        if response.status_code in {200, 404} and headers.is_page(response):
            found[address.name] = address.path
    return found


def admin_pages() -> Iterator[str]:
    yield from ("/admin/", "/admin/password_change/")
    for model, its_admin in admin.site._registry.items():
        name = f"admin:{model._meta.app_label}_{model._meta.model_name}"
        yield reverse(f"{name}_changelist")
        row: Model | None = its_admin.model._default_manager.first()
        if row is not None:
            yield reverse(f"{name}_change", args=[row.pk])
            yield reverse(f"{name}_history", args=[row.pk])


def test_no_page_breaks_the_policy(
    context: BrowserContext,
    live_server: LiveServer,
    whole_lab: dict[str, object],  # noqa: F811
) -> None:
    client = sign_in(context, live_server, roles=["admin"], is_superuser=True, is_staff=True)
    pages = pages_of(client, whole_lab)
    assert pages.keys() >= FIGURES | {"home", "api:docs", "screening:dossier", "screening:upload", "keys", "people"}
    looker = Looker(context)
    for path in [*pages.values(), *ASKED_TOO, *admin_pages()]:
        looker.look(path)
    assert looker.wrong == []
    assert looker.n_figures >= len(FIGURES)


def test_pages_of_strangers_keep_the_policy(context: BrowserContext, whole_lab: dict[str, object]) -> None:  # noqa: F811
    looker = Looker(context)
    for path in ("/sign-in/", f"/welcome/{whole_lab['welcome/']}/", "/welcome/none/", "/admin/login/"):
        looker.look(path)
    assert looker.wrong == []


def test_what_people_do_on_a_figure_keeps_the_policy(
    context: BrowserContext,
    live_server: LiveServer,
    whole_lab: dict[str, object],  # noqa: F811
) -> None:
    """Hover labels with sub- and superscripts, the bar of buttons, another axis, a picture to keep."""
    sign_in(context, live_server, roles=["reviewer"])
    looker = Looker(context)
    looker.look(f"/patterns/{whole_lab['patterns/']}/")
    page = looker.page
    page.locator("#pattern-figure .nsewdrag").first.hover()
    page.click("label[for=axis-q]")
    page.locator("#pattern-figure .xtitle").get_by_text("Å").wait_for()
    with page.expect_download():
        page.locator("[data-figure-save=png]").click(force=True)
    title = page.locator("#pattern-figure .xtitle tspan").first
    assert "font-size: 70%" in (title.get_attribute("style") or ""), "superscripts are small"
    looker.wrong += page.evaluate("window.broken")
    assert looker.wrong == []


def test_a_script_in_a_page_runs_nothing(context: BrowserContext, live_server: LiveServer) -> None:
    """That the policy is on at all: what somebody slipped into a page is refused, and said."""
    looker = Looker(context)
    looker.look("/sign-in/")
    looker.page.evaluate(
        "document.body.insertAdjacentHTML('beforeend', '<img src=x onerror=\"window.run = 1\"><b style=\"color: red\">x</b>')"
    )
    looker.page.wait_for_function("window.broken.length >= 2")
    assert looker.page.evaluate("window.run") is None
    assert {said.split(":")[0] for said in looker.page.evaluate("window.broken")} == {
        "script-src-attr",
        "style-src-attr",
    }
    assert Sample.objects.count() == 0
