"""Exports and imports of data sets as people, scripts and the command line ask for them."""

from __future__ import annotations

import hashlib
from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries, Settings

from lims.models import ApiKey
from mlmodels.export.packing import sha256_of
from mlmodels.models import Dataset
from samples.models import Sample
from samples.models.projects import Project
from samples.store import store
from screening.exports import jobs
from screening.models import DatasetExport, DatasetImport
from tests.factories import UserFactory, make_pattern
from tests.screening.frozen import freeze, make_set

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(settings: Settings, tmp_path: Path) -> User:
    settings.MEDIA_ROOT = tmp_path / "lab"
    Path(settings.MEDIA_ROOT).mkdir()
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def browser(client: Client, curator: User) -> Client:
    client.force_login(curator)
    return client


@pytest.fixture
def dataset(curator: User) -> Dataset:
    return make_set(curator)


def page_of(dataset: Dataset) -> str:
    return reverse("screening:export-list", args=[dataset.pk])


def content_of(response: Any) -> bytes:
    return b"".join(response)


def test_from_the_button_to_the_file(browser: Client, dataset: Dataset) -> None:
    assert "Nothing was exported yet" in browser.get(page_of(dataset)).text
    assert browser.post(page_of(dataset), {"originals": "on"}).headers["Location"] == page_of(dataset)
    export = DatasetExport.objects.get()
    card = reverse("screening:export", args=[export.pk])
    assert "Waiting for a worker" in browser.get(card).text
    assert 'hx-trigger="every 1s"' in browser.get(page_of(dataset)).text
    DatasetExport.objects.update(state="running", n_done=1)
    assert "1 of 4 patterns are written" in browser.get(card).text
    DatasetExport.objects.update(state="queued", n_done=0)
    jobs.do_waiting()
    export.refresh_from_db()
    shown = browser.get(page_of(dataset)).text
    assert export.sha256 in shown
    assert "hx-trigger" not in shown[shown.index("<h2>") :]
    response = browser.get(reverse("screening:export-download", args=[export.pk]))
    assert response.headers["Content-Disposition"] == 'attachment; filename="icosahedral-v1.eln"'
    assert response.headers["Content-Type"] == "application/vnd.eln+zip"
    assert hashlib.sha256(content_of(response)).hexdigest() == export.sha256
    part = next(part for part in export.parts if part["path"] == "data-sheet.md")
    response = browser.get(reverse("screening:export-part", args=[export.pk, "data-sheet.md"]))
    assert "attachment" in response.headers["Content-Disposition"]
    assert hashlib.sha256(content_of(response)).hexdigest() == part["sha256"]
    for name in ("ro-crate-metadata.json", "..", "x"):
        assert browser.get(f"/exports/{export.pk}/parts/{name}/").status_code == 404


def test_asked_for_again_the_page_says_so(browser: Client, dataset: Dataset) -> None:
    browser.post(page_of(dataset))
    jobs.do_waiting()
    assert "This export was made already" in browser.post(page_of(dataset), follow=True).text
    assert DatasetExport.objects.count() == 1


def test_a_draft_says_why_not(browser: Client, curator: User) -> None:
    draft = Dataset.objects.begin("drafted", curator)
    response = browser.post(page_of(draft))
    assert response.status_code == 422
    assert "Freeze it first" in response.text


def test_what_failed_says_why_and_is_tried_again(browser: Client, dataset: Dataset) -> None:
    browser.post(page_of(dataset), {"originals": "on"})
    file = dataset.entries.get(position=1).reading.pattern.file
    path, content = Path(file.content.path), Path(file.content.path).read_bytes()
    path.unlink()
    jobs.do_waiting()
    failed = DatasetExport.objects.get()
    assert "ASR-001.xy cannot be read: it is missing" in browser.get(page_of(dataset)).text
    path.write_bytes(content)
    browser.post(reverse("screening:export-again", args=[failed.pk]))
    jobs.do_waiting()
    assert "Download (" in browser.get(page_of(dataset)).text
    assert browser.get(reverse("screening:export-download", args=[failed.pk])).status_code == 404


def test_who_may_not_see_all_of_a_set_sees_none_of_its_exports(
    browser: Client, dataset: Dataset, curator: User, settings: Settings
) -> None:
    browser.post(page_of(dataset))
    jobs.do_waiting()
    export = DatasetExport.objects.get()
    project = Project.objects.begin(key="yb", name="Yb hunt", by=curator)
    Sample.objects.filter(code="ASR-001-1").update(project=project)
    for name in ("export", "export-download"):
        assert browser.get(reverse(f"screening:{name}", args=[export.pk])).status_code == 404
    assert browser.get(page_of(dataset)).status_code == 404
    assert browser.get(f"/api/v1/exports/{export.pk}/download/").status_code == 404
    assert browser.get(f"/api/v1/exports/{export.pk}/").status_code == 404
    assert browser.get("/api/v1/exports/").json()["results"] == []


def test_pinned_queries(
    browser: Client, dataset: Dataset, curator: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for parquet in ({}, {"parquet": "on"}):
        browser.post(page_of(dataset), parquet)
    browser.get(page_of(dataset))
    with django_assert_num_queries(7):
        browser.get(page_of(dataset))


def test_an_export_comes_in_by_the_browser(browser: Client, dataset: Dataset, curator: User) -> None:
    browser.post(page_of(dataset))
    jobs.do_waiting()
    archive = store.read(DatasetExport.objects.get().stored_name)
    address = reverse("screening:import-list")
    assert "Nothing was imported yet" in browser.get(address).text
    response = browser.post(address, {"file": SimpleUploadedFile("theirs.eln", archive)}, follow=True)
    assert "Waiting for a worker" in response.text
    jobs.do_waiting()
    assert "It was here already" in browser.get(address).text
    browser.post(address, {"file": SimpleUploadedFile("spoilt.eln", archive[:3000])})
    jobs.do_waiting()
    assert "it was cut off" in browser.get(address).text
    assert browser.post(address).status_code == 422
    for row in DatasetImport.objects.all():
        assert browser.get(reverse("screening:import", args=[row.pk])).status_code == 200


def test_too_large_a_file_is_for_the_command(browser: Client, settings: Settings) -> None:
    settings.MAX_DATASET_FILE_SIZE = 10
    response = browser.post(reverse("screening:import-list"), {"file": SimpleUploadedFile("x.eln", b"0" * 11)})
    assert "manage.py import_dataset" in response.text


# Scripts


@pytest.fixture
def script(curator: User) -> Client:
    _key, secret = ApiKey.objects.issue(curator, name="it", scopes=["read", "write"], valid_for=timedelta(days=1))
    return Client(headers={"Authorization": f"Bearer {secret}"})


def test_a_script_asks_waits_and_downloads(script: Client, dataset: Dataset) -> None:
    asked = script.post("/api/v1/exports/", {"dataset": dataset.pk}, content_type="application/json")
    assert asked.status_code == 201, asked.json()
    assert asked.json()["state"] == "queued"
    address = f"/api/v1/exports/{asked.json()['id']}/"
    assert script.get(f"{address}download/").status_code == 404
    again = script.post("/api/v1/exports/", {"dataset": dataset.pk}, content_type="application/json")
    assert (again.status_code, again.json()["id"]) == (200, asked.json()["id"])
    jobs.do_waiting()
    done = script.get(address).json()
    assert (done["state"], done["n_done"]) == ("done", 4)
    assert hashlib.sha256(content_of(script.get(f"{address}download/"))).hexdigest() == done["sha256"]
    assert [one["id"] for one in script.get(f"/api/v1/exports/?dataset={dataset.pk}").json()["results"]] == [done["id"]]


def test_a_script_is_told_why_not(script: Client, dataset: Dataset, curator: User) -> None:
    draft = Dataset.objects.begin("drafted", curator)
    refused = script.post("/api/v1/exports/", {"dataset": draft.pk}, content_type="application/json")
    assert refused.status_code == 400
    empty = freeze([], curator, "empty")
    refused = script.post("/api/v1/exports/", {"dataset": empty.pk}, content_type="application/json")
    assert "nothing to export" in refused.json()["error"]["fields"]["dataset"][0]


# The command line


def test_the_commands(dataset: Dataset, curator: User, tmp_path: Path) -> None:
    said = StringIO()
    call_command("export_dataset", "icosahedral", to=tmp_path / "out", originals=True, stdout=said, stderr=StringIO())
    path = tmp_path / "out" / "icosahedral-v1.eln"
    assert sha256_of(path) in said.getvalue()
    said = StringIO()
    call_command("import_dataset", str(path), person=curator.username, stdout=said)
    assert "icosahedral v1 was here already: nothing was taken in." in said.getvalue()
    for arguments, says in (
        (["nothing"], "There is no data set “nothing”. Frozen ones: “icosahedral v1”$"),
        (["icosahedral", "--version-number", "7"], "v7"),
    ):
        with pytest.raises(CommandError, match=says):
            call_command("export_dataset", *arguments)
    for arguments, says in (
        ([str(path), "--as", "nobody"], "no active person nobody"),
        (["/nowhere", "--as", curator.username], "no file /nowhere"),
        ([__file__, "--as", curator.username], "no export of a data set"),
    ):
        with pytest.raises(CommandError, match=says):
            call_command("import_dataset", *arguments)
    freeze([(make_pattern(by=curator), {})], curator, "other")
    Dataset.objects.begin("other", curator)
    call_command("export_dataset", "other", to=tmp_path, stdout=StringIO(), stderr=StringIO())
    assert (tmp_path / "other-v1.eln").exists()
