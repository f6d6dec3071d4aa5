"""docs/deploy.md, tried: two web hosts, nginx, TLS and a worker, by the files of `deploy/`."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from django.conf import settings

from lims.models import AuditEntry, AuditKind
from tests.deployment.served import HOST, Browser, Nginx, Web, wait_for
from tests.factories import pattern_text
from tests.labs import ALIAS, Lab
from tests.labs import lab as lab

pytestmark = [pytest.mark.workers, pytest.mark.slow]

PASSWORD = "seven sisters over the lake"
PEOPLE = f"""
from datetime import timedelta
from django.contrib.auth.models import Group, User
from lims.models import ApiKey
anna = User.objects.create_user("anna", password="{PASSWORD}")
anna.groups.add(Group.objects.get(name="member"))
print(ApiKey.objects.issue(anna, name="diffractometer", scopes=["upload", "read"], valid_for=timedelta(days=1))[1])
"""


class Deployed:
    def __init__(self, lab: Lab, folder: Path) -> None:
        self.lab = lab
        lab.environment |= {
            "ICOSA_HTTPS": "1",
            "ICOSA_HOSTS": HOST,
            "SECRET_KEY": "0123456789" * 6,
            "ICOSA_LOCKOUT_AFTER": "2",  # and so ten times for an address
            "WEB_CONCURRENCY": "1",
        }
        self.webs = [Web(lab, "one"), Web(lab, "two")]
        self.nginx = Nginx(folder, [f"unix:{web.socket}" for web in self.webs])
        lab.fill(0)
        lab.run("manage.py", "collectstatic", "--no-input", "--verbosity=0")
        told = [sys.executable, "manage.py", "shell", "--verbosity=0", "-c", PEOPLE]
        done = subprocess.run(
            told, cwd=settings.BASE_DIR, env=lab.environment, capture_output=True, text=True, check=True
        )
        self.key = done.stdout.strip()

    def start(self) -> None:
        for web in self.webs:
            web.start()
        self.lab.start_worker()
        for web in self.webs:
            wait_for(web.socket.exists, "the web process")
        self.nginx.start()

    def stop(self) -> None:
        self.nginx.stop()
        for web in self.webs:
            web.stop()


@pytest.fixture
def deployed(lab: Lab, tmp_path: Path) -> Iterator[Deployed]:
    made = Deployed(lab, tmp_path)
    try:
        made.start()
        yield made
    finally:
        made.stop()


def test_a_lab_behind_nginx(deployed: Deployed) -> None:
    """One test, since starting it all takes longest."""
    browser = Browser(deployed.nginx)
    plain_http_leads_to_tls(deployed, browser)
    people_sign_in_by_secure_cookies(browser)
    styles_are_kept_for_ever(browser)
    an_instrument_sends_and_its_pattern_is_screened(deployed, browser)
    what_is_too_large_is_said_so(browser)
    made_up_addresses_do_not_defeat_the_lock_out(deployed)
    one_web_host_may_go_and_both(deployed, browser)


def plain_http_leads_to_tls(deployed: Deployed, browser: Browser) -> None:
    there = f"http://{HOST}:{deployed.nginx.plain_port}/samples/?q=Al"
    answer = browser.get(there, allow_redirects=False)
    assert answer.status_code == 301
    assert answer.headers["Location"] == f"https://{HOST}:{deployed.nginx.port}/samples/?q=Al"


def people_sign_in_by_secure_cookies(browser: Browser) -> None:
    answer = browser.sign_in("anna", PASSWORD)
    assert (answer.status_code, answer.headers["Location"]) == (302, "/")
    assert answer.headers["Strict-Transport-Security"] == "max-age=31536000"
    assert "upgrade-insecure-requests" in answer.headers["Content-Security-Policy"]
    for cookie in browser.cookies:
        assert cookie.secure, cookie.name
    home = browser.ask("/", headers={"X-Request-ID": "mine-was-made-up"})
    assert home.status_code == 200
    assert "anna" in home.text
    assert home.headers["X-Request-ID"] != "mine-was-made-up"


def styles_are_kept_for_ever(browser: Browser) -> None:
    page = browser.ask("/").text
    (style,) = re.findall(r'href="(/static/icosa\.[0-9a-f]{12}\.css)"', page)
    kept = browser.ask(style)
    assert kept.headers["Cache-Control"] == "max-age=315360000, public, immutable"
    assert kept.headers["Content-Encoding"] == "gzip"
    assert "immutable" not in browser.ask("/static/icosa.css").headers["Cache-Control"]


def an_instrument_sends_and_its_pattern_is_screened(deployed: Deployed, browser: Browser) -> None:
    instrument = Browser(deployed.nginx)
    instrument.headers["Authorization"] = f"Bearer {deployed.key}"
    sent = instrument.ask("/api/v1/patterns/", files={"file": ("scan.xy", pattern_text(step=0.05))})
    assert sent.status_code == 201, sent.text
    wait_for(lambda: instrument.ask("/api/v1/results/?state=done").json()["results"], "the class of the pattern")


def what_is_too_large_is_said_so(browser: Browser) -> None:
    answer = browser.ask("/samples/new/", method="POST", headers={"Content-Length": str(100 * 2**20)})
    assert answer.status_code == 413
    assert "This file is too large" in answer.text
    asked = browser.ask("/upload/", method="POST", headers={"Content-Length": "0"})
    assert asked.status_code == 403, "Icosa's own answer: there is no token of the form"


def made_up_addresses_do_not_defeat_the_lock_out(deployed: Deployed) -> None:
    statuses = []
    for number in range(11):
        guesser = Browser(deployed.nginx)
        answer = guesser.sign_in(f"name-{number}", "a guess", **{"X-Forwarded-For": f"203.0.113.{number}"})
        statuses.append(answer.status_code)
    assert statuses[-1] == 429, statuses
    assert statuses[0] == 200
    noted = AuditEntry.objects.using(ALIAS).filter(kind=AuditKind.SIGN_IN_FAILED)
    assert set(noted.values_list("address", flat=True)) == {"127.0.0.1"}


def one_web_host_may_go_and_both(deployed: Deployed, browser: Browser) -> None:
    first, second = deployed.webs
    first.stop()
    assert [browser.ask("/healthz/live").status_code for _ in range(4)] == [200] * 4
    second.stop()
    away = browser.ask("/")
    assert (away.status_code, away.headers["Retry-After"]) == (502, "10")
    assert "The lab is not there just now" in away.text
