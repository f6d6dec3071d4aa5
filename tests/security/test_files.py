"""Files that people sent: they come back as downloads that no browser opens as a page, under harmless names."""

from __future__ import annotations

import io
import stat
import zipfile
from email.message import Message
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.http import HttpResponseBase
from django.test import Client
from pytest_django import Settings

from lims import headers
from samples.models import SheetImport
from screening.models import EvidenceFile, FollowUp, ReferencePhase, ScreeningRun
from screening.packed_files import PackedFiles
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.test_object_matrix import a_png, text_of
from tests.test_role_matrix import addresses
from tests.test_role_matrix import lab as lab

SCRIPT = b"<script>alert(document.domain)</script>"
SVG = b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)">' + SCRIPT + b"</svg>"
HTML = b"<!doctype html><html><body>" + SCRIPT
NAMES = [
    *("page.html", "drawing.svg", "feed.xml", "page.xhtml", "page.html.xy", "code.js"),
    *('quote".xy', "'; x=.xy", "new\r\nX-Evil: 1.xy", "../../../etc/cron.d/x.xy", "..\\..\\boot.xy", "C:\\x.xy"),
    *(
        "txt.\u202eyx.html",
        "\ufeff.xy",
        "\x00null.xy",
        "<img src=x onerror=alert(1)>.xy",
        "長い" * 200 + ".xy",
        "CON.xy",
    ),
]
INERT = {
    *("application/octet-stream", "application/json", "text/csv", "text/plain", "image/jpeg", "image/png"),
    *("application/pdf", "application/zip", "application/vnd.eln+zip", "application/x-python", "text/x-python"),
    *("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", "application/vnd.oai.openapi"),
}
"""What a browser shows or saves, and never runs."""

DRAWN_BY_US = {"screening:labels-svg": "image/svg+xml", "api:docs": "application/javascript"}
"""Shown inside our pages; the policy of their answer lets them run nothing when they are opened alone."""


def check_is_inert(response: HttpResponseBase, *, saved: bool = True) -> str:
    """The name under which it is saved."""
    assert response.status_code == 200
    kind = response["Content-Type"].partition(";")[0]
    assert kind in INERT, kind
    assert response["X-Content-Type-Options"] == "nosniff"
    assert response["Content-Security-Policy"] == headers.NO_PAGE
    assert "sandbox" in response["Content-Security-Policy"]
    disposition = response.get("Content-Disposition", "")
    assert disposition.startswith("attachment") or not saved
    assert "\r" not in disposition
    assert "\n" not in disposition
    assert "X-Evil" not in response.headers
    parsed = Message()
    parsed["Content-Disposition"] = disposition
    return parsed.get_filename() or ""


@pytest.fixture
def person(db: None, settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path
    return UserFactory.create(roles=["member", "microscopist", "curator"])


@pytest.fixture
def browser(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def test_every_address_that_is_no_page_answers_with_something_inert(lab: dict[str, object]) -> None:
    """Also one that comes tomorrow: what it serves must be in the list above, and guarded."""
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory.create(roles=["admin"], is_superuser=True))
    seen = set()
    for address in addresses(lab, api=False) + addresses(lab, api=True):
        if address.name in {"logout", "screening:dossier-pdf"}:
            continue
        response = client.get(address.path)
        if response.status_code != 200 or headers.is_page(response):
            continue
        kind = response["Content-Type"].partition(";")[0]
        assert kind in INERT or DRAWN_BY_US.get(address.name) == kind, f"{address.path}: {kind}"
        assert response["X-Content-Type-Options"] == "nosniff", address.path
        assert response["Content-Security-Policy"] == headers.NO_PAGE, address.path
        seen.add(address.name)
        text_of(response)  # by which its file is closed
    assert seen >= {
        *("screening:original", "screening:evidence-file", "screening:phase-cif", "samples:sheet-original"),
        *(
            "screening:sample-export",
            "screening:model-description",
            "api:pattern-original",
            "api:evidencefile-original",
        ),
    }


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_an_original_comes_back_as_a_download_under_a_harmless_name(browser: Client, person: User, name: str) -> None:
    content = b"# " + SCRIPT + b"\n" + pattern_text(seed=len(name))
    run = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, person)
    run.receive(content, name=name)
    pattern = run.received.get().pattern
    for path in (f"/patterns/{pattern.pk}/original/", f"/api/v1/patterns/{pattern.pk}/original/"):
        response = browser.get(path)
        saved = check_is_inert(response)
        assert not set(saved) & set("/\\\r\n\x00\u202e"), saved
        assert text_of(response).encode().endswith(content)
    for path in (
        f"/readings/{pattern.readings.get().pk}/pattern.csv",
        f"/readings/{pattern.readings.get().pk}/pattern.json",
    ):
        saved = check_is_inert(browser.get(path))
        assert not set(saved) & set("/\\\r\n\x00\u202e"), saved


@pytest.mark.parametrize(
    "content", [HTML, SVG, b"\x89PNG\r\n\x1a\n" + HTML, b"GIF89a/*" + SCRIPT, a_png() + HTML], ids=range(5)
)
@pytest.mark.parametrize("name", ["page.html", "drawing.svg", "photo.png", 'a"b.htm', "x\u202egnp.html"])
def test_a_file_of_a_follow_up_is_never_shown_as_a_page(
    browser: Client, person: User, content: bytes, name: str
) -> None:
    follow_up = FollowUp.objects.open(SampleFactory.create(), person)
    file = EvidenceFile.objects.add(follow_up, SimpleUploadedFile(name, content), person)
    for path in (f"/evidence-files/{file.pk}/", f"/api/v1/evidence-files/{file.pk}/original/"):
        response = browser.get(path)
        check_is_inert(response)
        text_of(response)
    shown = browser.get(f"/evidence-files/{file.pk}/thumbnail.jpg")
    if shown.status_code == 200:  # of our own making, from the pixels alone
        check_is_inert(shown, saved=False)
        assert shown["Content-Type"] == "image/jpeg"
        assert b"<script" not in shown.content


def test_a_crystal_and_a_sheet_come_back_as_downloads(browser: Client, person: User) -> None:
    halite = (Path(__file__).parents[1] / "data" / "halite.cif").read_bytes() + b"\n# " + SCRIPT + b"\n"
    phase = ReferencePhase.objects.bring(halite, person, name='"><svg onload=alert(1)>\r\nX-Evil: 1')
    response = browser.get(f"/phases/{phase.pk}/cif/")
    check_is_inert(response)
    text_of(response)
    sheet = SheetImport.objects.receive(b"code,composition\n<script>,Al\n", name="x.html", by=person)
    response = browser.get(f"/samples/import/{sheet.pk}/original/")
    check_is_inert(response)
    text_of(response)


def test_nothing_is_served_from_the_folder_of_files(browser: Client, person: User) -> None:
    pattern = make_pattern(by=person)
    for start in ("/files/", "/media/", "/static/", "/static/../files/", "/static/%2e%2e/files/"):
        assert browser.get(start + pattern.file.original.name).status_code == 404


SLIPPERY = [
    *("../../evil.xy", "/etc/evil.xy", "C:\\evil.xy", "\\\\host\\share\\evil.xy", "a/../../evil.xy", "evil.xy\x00.txt"),
    *("./././evil.xy", "con/../evil.xy", "\u202eyx.evil.xy"),
]


def test_names_in_an_archive_lead_nowhere_and_a_link_is_not_followed(tmp_path: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name in SLIPPERY:
            archive.writestr(name, b"1 2\n")
        link = zipfile.ZipInfo("link.xy")
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    files = PackedFiles(packed)
    for member in files.members:
        path = files.path_of(member)
        parts = path.split("/")
        assert not path.startswith("/")
        assert ".." not in parts
        assert not set(path) & set("\\:\x00\u202e"), path
        assert b"root:" not in files.read(member)
    assert list(tmp_path.iterdir()) == []
