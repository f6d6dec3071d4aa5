"""The API: every address for every role, and the schema that tells of them."""

from __future__ import annotations

import warnings
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import call_command
from django.test import Client
from django.urls import get_resolver

from lims.roles import ROLES
from mlmodels.models import Dataset, TrainingRun
from samples.models import Project
from screening.models import EvidenceFile, FollowUp, ScreeningResult
from tests.api import API, JSON, refusal
from tests.api import called as called
from tests.api import files_of_this_test as files_of_this_test
from tests.api import member as member
from tests.factories import SampleFactory, UserFactory
from tests.screening.promoting import finished_proof, register

pytestmark = pytest.mark.django_db

OF_SOME_ROLES = {"evidencefile-list", "trainingrun-list", "proof-list", "archivescreening-list"}
"""What only some roles may send to."""
ONLY_TAKE = {"trainingrun-cancel", "trainingrun-resume", "archivescreening-pause", "archivescreening-resume"}
OF_CURATORS = {"datasetexport-list", "datasetexport-detail", "datasetexport-download"}
"""What is not read by everybody; tests of their own ask for it."""


def addresses() -> dict[str, str]:
    """Every address of the API by its name, with the row that it is about still to be filled in."""
    namespace = get_resolver().namespace_dict["api"][1]
    return {
        str(name): f"{API}{namespace.reverse_dict.getlist(name)[0][0][0][0]}"
        for name in namespace.reverse_dict
        if isinstance(name, str)
    }


@pytest.fixture
def filled(called: ScreeningResult) -> dict[str, str]:
    """Every address of the API, each about a row that is there."""
    microscopist = UserFactory.create(roles=["microscopist"])
    follow_up = FollowUp.objects.open(SampleFactory.create(), microscopist)
    file = EvidenceFile.objects.add(follow_up, SimpleUploadedFile("notes.txt", b"seen"), microscopist)
    proof = finished_proof(register(7, "another network"), UserFactory.create(roles=["curator"]))
    rows = {
        "samples": "ASR-001",
        "alloy-systems": "Al-Ru-Si",
        "projects": Project.objects.begin(by=microscopist, key="yb", name="Yb hunt", is_closed=False).pk,
        "patterns": called.reading.pattern_id,
        "results": called.pk,
        "reviews": called.add_review(UserFactory.create(roles=["reviewer"]), "unsure", "for tests").pk,
        "runs": called.run_id,
        "models": called.model_version_id,
        "follow-ups": follow_up.pk,
        "datasets": Dataset.objects.begin("all", UserFactory.create(roles=["curator"])).pk,
        "evidence-files": file.pk,
        "proofs": proof.pk,
        "rescreens": proof.archive_id,
        "training-runs": TrainingRun.objects.start(microscopist, kind="anew", preset="tiny").pk,
    }
    return {
        name: address % dict.fromkeys(("pk", "code", "key"), rows.get(address.split("/")[3]))
        for name, address in addresses().items()
        if name not in ONLY_TAKE | OF_CURATORS
    }


class TestEveryAddress:
    def test_is_known(self) -> None:
        assert len(addresses()) == 48

    @pytest.mark.parametrize("role", ROLES)
    def test_is_read_by_every_role(self, filled: dict[str, str], role: str) -> None:
        client = Client()
        client.force_login(UserFactory.create(roles=[role]))
        for address in filled.values():
            assert client.get(address).status_code == 200, address

    @pytest.mark.parametrize("role", ROLES)
    def test_takes_from_every_role_what_members_may_send(self, filled: dict[str, str], role: str) -> None:
        client = Client()
        client.force_login(UserFactory.create(roles=[role]))
        for name, address in filled.items():
            taken = name in {"sample-list", "pattern-list", "instrumentheartbeat-list"}
            expected = {400, 415} if taken else {201, 400, 403, 415} if name in OF_SOME_ROLES else {405}
            assert client.post(address, {}).status_code in expected, address

    def test_is_closed_to_a_person_without_a_role(self, filled: dict[str, str]) -> None:
        client = Client()
        client.force_login(UserFactory.create())
        for name, address in filled.items():
            if name not in {"schema", "docs"}:
                refusal(client.get(address), 403)

    def test_asks_for_a_sign_in(self, filled: dict[str, str]) -> None:
        for name, address in filled.items():
            response = Client().get(address)
            if name == "docs":
                assert response["Location"].startswith("/sign-in/")
            else:
                assert response.status_code == 401, address
                assert response["WWW-Authenticate"] == "Bearer"

    def test_changes_nothing(self, client: Client, filled: dict[str, str]) -> None:
        for name, address in filled.items():
            if name != "docs":
                for method in ("put", "patch", "delete", "options"):
                    assert getattr(client, method)(address).status_code == 405, (method, address)

    def test_elsewhere_is_said_in_the_same_shape(self, client: Client, member: User) -> None:
        for address in ("", "nowhere/", "samples", "patterns/first/", "patterns/9999999999999999999999/"):
            assert refusal(client.get(API + address), 404)["code"] == "not_found"


class TestSchema:
    def test_is_generated_without_a_warning(self, tmp_path: Path) -> None:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            call_command("spectacular", "--validate", "--fail-on-warn", "--file", str(tmp_path / "schema.yml"))

    def test_tells_the_shape_of_errors(self, client: Client, member: User) -> None:
        schema = client.get(f"{API}schema/?format=json").json()
        for path, operations in schema["paths"].items():
            for operation in operations.values():
                answer = operation["responses"]["default"]["content"][JSON]["schema"]
                assert answer == {"$ref": "#/components/schemas/Error"}, path
        assert schema["components"]["schemas"]["SampleRequest"]["additionalProperties"] is False

    def test_its_page_brings_everything_along(self, client: Client, member: User) -> None:
        page = client.get(f"{API}docs/")
        text = page.content.decode()
        assert "script-src 'self'" in page["Content-Security-Policy"]
        assert "//" not in text.replace("<!--", "")
        assert "<script>" not in text
        script = client.get(f"{API}docs/?script=")
        assert script["Content-Type"].startswith("application/javascript")
