"""Requests that other sites, or people with a wish, make up: CSRF, open redirects, split headers, fields that nobody offered."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from lims.models import ApiKey
from samples.models import Pattern, Project, Sample
from screening.models import ScreeningResult
from tests.factories import PASSWORD, SampleFactory, UserFactory
from tests.screening.reviewing import make_candidate
from tests.test_role_matrix import addresses
from tests.test_role_matrix import lab as lab

ELSEWHERE = ["https://evil.example/", "//evil.example/", "/\\evil.example", "https:evil.example", "javascript:alert(1)"]


def test_no_post_is_taken_without_the_token_of_the_page(lab: dict[str, object]) -> None:
    client = Client(enforce_csrf_checks=True, raise_request_exception=False)
    client.force_login(UserFactory.create(roles=["admin"], is_superuser=True))
    refused = 0
    for api in (False, True):
        for address in addresses(lab, api=api):
            for extra in ({}, {"HX-Request": "true"}):
                response = client.post(address.path, {}, headers=extra)
                if response.status_code == 405:
                    continue
                # 415: the API looks for the token in a form, and takes none there
                assert response.status_code in ({403, 415} if api else {403}), f"{address.path}: {response.status_code}"
                refused += 1
    assert refused > 150


def test_a_sign_in_of_another_site_is_refused() -> None:
    client = Client(enforce_csrf_checks=True)
    assert client.post("/sign-in/", {"username": "a", "password": "b"}).status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("address", ELSEWHERE)
def test_nobody_is_sent_to_another_site(address: str) -> None:
    person = UserFactory.create(roles=["member"])
    client = Client()
    sent = {"username": person.username, "password": PASSWORD, "next": address}
    response = client.post(f"/sign-in/?next={address}", sent)
    assert response.headers.get("Location", "/").startswith("/")
    assert "evil" not in response.headers.get("Location", "")
    for path, words in (("/language/", {"language": "ja"}), ("/notices/read/", {}), ("/sign-out/", {})):
        client.force_login(person)
        answer = client.post(path, {**words, "next": address}, headers={"Referer": address})
        assert "evil" not in answer.headers.get("Location", ""), path
        assert "javascript" not in answer.headers.get("Location", ""), path


@pytest.mark.django_db
def test_no_line_break_gets_into_a_header() -> None:
    client = Client(raise_request_exception=False)
    client.force_login(UserFactory.create(roles=["member"]))
    for path in (
        "/language/?next=/%0d%0aSet-Cookie:%20x=1",
        "/samples/export/?as=csv&name=%0d%0aX-Evil:1",
        "/s/1%0d%0a/",
    ):
        response = client.get(path)
        assert "X-Evil" not in response.headers
        assert "x" not in response.cookies
    for given in ("x\r\nX-Evil: 1", "<script>", "a" * 500):
        assert client.get("/healthz/live", headers={"X-Request-ID": given})["X-Request-ID"] != given


class TestFieldsThatNobodyOffered:
    """Mass assignment by the API: what the server decides stays as it was, whatever is sent along."""

    @pytest.fixture
    def sent(self, db: None) -> dict[str, Any]:
        owner, other = UserFactory.create(roles=["member"]), UserFactory.create(roles=["admin"])
        foreign = Project.objects.begin(by=other, key="foreign", name="Foreign", leaders=[other])
        _key, secret = ApiKey.objects.issue(
            owner, name="k", scopes=list(ApiKey.Scope.values), valid_for=timedelta(days=1)
        )
        return {"owner": owner, "other": other, "foreign": foreign, "headers": {"Authorization": f"Bearer {secret}"}}

    def test_a_sample_is_its_makers_and_in_no_project_that_is_not_theirs(self, sent: dict[str, Any]) -> None:
        owner, other, foreign = sent["owner"], sent["other"], sent["foreign"]
        said = {
            "composition_text": "Al65Cu20Fe15", "composition": "Al65Cu20Fe15", "code": "MA-1", "id": 4711, "pk": 4711,
            "made_by": other.pk, "owner": other.pk, "changed_by": other.pk, "edition": 99,
            "made_at": "2001-01-01T00:00:00Z", "archived_at": "2001-01-01T00:00:00Z", "import_of": 1,
            "project_id": foreign.pk,
        }  # fmt: skip
        answer = Client().post("/api/v1/samples/", json.dumps(said), "application/json", headers=sent["headers"])
        if answer.status_code == 201:
            made = Sample.objects.get(code="MA-1")
            assert (made.made_by, made.changed_by) in [(owner, owner), (owner, None)]
            assert made.pk != 4711
            assert made.project_id is None
            assert made.edition != 99
            assert made.archived_at is None
            assert made.made_at.year > 2001
        else:
            assert answer.status_code == 400
        said = {"composition_text": "Al65Cu20Fe15", "composition": "Al65Cu20Fe15", "code": "MA-2", "project": "foreign"}
        answer = Client().post("/api/v1/samples/", json.dumps(said), "application/json", headers=sent["headers"])
        assert answer.status_code == 400
        assert not Sample.objects.filter(code="MA-2").exists()
        unknown = {**said, "project": "no-such"}
        other_answer = Client().post(
            "/api/v1/samples/", json.dumps(unknown), "application/json", headers=sent["headers"]
        )
        assert answer.content.replace(b"foreign", b"") == other_answer.content.replace(b"no-such", b""), (
            "it tells that it exists"
        )

    def test_no_signed_or_computed_row_is_written(self, sent: dict[str, Any]) -> None:
        result = make_candidate(sample=SampleFactory.create())
        stands = ScreeningResult.objects.filter(pk=result.pk).values().get()
        for verb in ("put", "patch", "delete", "post"):
            for path in (f"/api/v1/results/{result.pk}/", "/api/v1/results/", "/api/v1/reviews/", "/api/v1/models/"):
                said = json.dumps({"level": "D", "state": "failed", "probability": 0})
                answer = getattr(Client(), verb)(path, said, "application/json", headers=sent["headers"])
                assert answer.status_code in {403, 405}, f"{verb} {path}: {answer.status_code}"
        assert ScreeningResult.objects.filter(pk=result.pk).values().get() == stands

    def test_a_pattern_is_its_senders(self, sent: dict[str, Any]) -> None:
        pattern = make_candidate().reading.pattern
        before = Pattern.objects.filter(pk=pattern.pk).values().get()
        said = json.dumps({"uploaded_by": sent["owner"].pk, "project": "foreign", "sample": None})
        for verb in ("put", "patch"):
            getattr(Client(), verb)(
                f"/api/v1/patterns/{pattern.pk}/", said, "application/json", headers=sent["headers"]
            )
        assert Pattern.objects.filter(pk=pattern.pk).values().get() == before
