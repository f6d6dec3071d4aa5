"""The straight line: a student signs in, logs an ingot, drops the file of the diffractometer, and sees its class and why."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoCaptureOnCommitCallbacks, Settings

from mlmodels.registry import network_for
from samples.models import Sample
from screening.models import ScreeningResult
from tests.factories import PASSWORD, UserFactory

RAS = Path(__file__).parent / "data" / "simulated_icosahedral.ras"
A_R = 4.353
"""Of the quasicrystal that is simulated in RAS (Å)."""


@pytest.mark.django_db
def test_from_the_ingot_to_the_class(
    client: Client,
    settings: Settings,
    tmp_path: Path,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    settings.MEDIA_ROOT = tmp_path
    network_for.cache_clear()
    UserFactory.create(username="student", roles=["member"])

    assert client.get("/").status_code == 302
    signed_in = client.post("/sign-in/", {"username": "student", "password": PASSWORD}, follow=True)
    assert signed_in.status_code == 200

    forms = {f"{rows}-{count}_FORMS": "0" for rows in ("steps", "masses") for count in ("TOTAL", "INITIAL")}
    client.post("/samples/new/", {"composition_text": "Al43Si32Ru25", "composition_unit": "at", **forms})
    sample = Sample.objects.get()

    # The upload answers at once; the bell rings when it is committed, and here the worker screens in this process.
    with django_capture_on_commit_callbacks(execute=False) as bells:
        upload = SimpleUploadedFile(RAS.name, RAS.read_bytes())
        answer = client.post("/upload/", {"files": [upload], "sample": sample.code})
    pattern = sample.patterns.get()
    result = ScreeningResult.objects.get()
    assert result.state == ScreeningResult.State.QUEUED
    assert "queued" in client.get(answer["Location"]).content.decode()
    assert pattern.file.sha256 == hashlib.sha256(RAS.read_bytes()).hexdigest()
    for bell in bells:
        bell()

    result.refresh_from_db()
    assert (result.state, result.level, result.lattice_type) == (ScreeningResult.State.DONE, "A", "F")
    assert result.quasilattice_constant == pytest.approx(A_R, abs=0.01)
    cards = client.get(answer["Location"]).content.decode()
    assert "1 of 1 pattern is done" in cards

    page = client.get(f"/patterns/{pattern.pk}/").content.decode()
    assert "4.35" in page
    assert client.get(f"/readings/{result.reading_id}/figure.json").json()["data"][0]["x"]
    assert client.get(f"/results/{result.pk}/evidence.json").status_code == 200
    assert b"".join(client.get(f"/patterns/{pattern.pk}/original/")) == RAS.read_bytes()
    assert sample.code in client.get("/samples/").content.decode()

    again = SimpleUploadedFile("copy.ras", RAS.read_bytes())
    answer = client.post("/upload/", {"files": [again]})
    assert "not stored twice" in client.get(answer["Location"]).content.decode()
    assert (sample.patterns.count(), ScreeningResult.objects.count()) == (1, 1)
