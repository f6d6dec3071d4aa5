"""A real lab, as `make demo` starts it, and a real Chromium that looks at it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from django.conf import settings
from playwright.sync_api import Browser, ConsoleMessage, Page, sync_playwright
from psycopg import sql

from lims.demo import password_of

START_WITHIN = 240
"""Seconds: migrations, simulating and screening the demo's patterns, on a busy machine of two cores."""


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a lab that runs in processes of its own: web server, worker, database, demo people and samples."""
    folder = tmp_path_factory.mktemp("lab")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    environment = {
        **{name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"},
        "ICOSA_DATA": str(folder),
        "DATABASE_URL": _own_database(folder),
        "OMP_NUM_THREADS": "1",
    }
    log = folder / "demo.log"
    with log.open("wb") as output:
        command = [sys.executable, "manage.py", "demo", "--port", str(port)]
        demo = subprocess.Popen(command, cwd=settings.BASE_DIR, env=environment, stdout=output, stderr=output)
    try:
        until = time.monotonic() + START_WITHIN
        while "The lab is running" not in log.read_text():
            assert demo.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.2)
        yield f"http://localhost:{port}"
    finally:
        demo.terminate()
        demo.wait(30)


def _own_database(folder: Path) -> str:
    """A database that no other test sees, of the kind that the tests run on."""
    server = os.environ.get("DATABASE_URL", "")
    if not server.startswith("postgres"):
        return f"sqlite:///{folder / 'icosa.sqlite3'}"
    name = f"icosa_browser_{uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    return f"{server.rpartition('/')[0]}/{name}"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        message = "Chromium is absent: install Debian's package chromium"
        pytest.fail(message) if os.environ.get("ICOSA_REQUIRE_ALL") else pytest.skip(message)
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield running
        running.close()


def is_complaint(said: ConsoleMessage) -> bool:
    """Chromium notes each refused form (status 422) by itself; those are said on the page."""
    return said.type in {"error", "warning"} and "status of 422" not in said.text


@pytest.fixture
def open_page(browser: Browser, lab: str) -> Iterator[Callable[..., Page]]:
    """Open a page of the lab, signed in as "member"; at the end no page may have complained in the console."""
    contexts = []
    complaints: list[str] = []

    def open_one(path: str = "/", *, who: str = "member", **options: object) -> Page:
        context = browser.new_context(base_url=lab, **options)  # type: ignore[arg-type]
        contexts.append(context)
        page = context.new_page()
        page.on("console", lambda said: complaints.append(said.text) if is_complaint(said) else None)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto("/sign-in/")
        page.fill("form.panel [name=username]", who)
        page.fill("form.panel [name=password]", password_of(who))
        page.click("form.panel button")
        page.wait_for_url("**/")
        page.goto(path)
        return page

    yield open_one
    for context in contexts:
        context.close()
    assert complaints == []
