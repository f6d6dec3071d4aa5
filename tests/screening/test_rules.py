"""The lab's rules: asked in order, tried on real names, kept by curators alone."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from samples.models import THE_LAB, Sample
from screening.matching import Named, SampleMatcher
from screening.models import MatchingRule
from tests.factories import SampleFactory, UserFactory, make_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def curator(client: Client) -> User:
    user = UserFactory.create(username="curator", roles=["curator"])
    client.force_login(user)
    return user


def found(named: Named, *rules: tuple[str, str]) -> tuple[str, str]:
    """The code that the rules find, and which of them did."""
    asked = [MatchingRule(where=where, template=template) for where, template in rules] if rules else None
    (finding,) = SampleMatcher(THE_LAB, asked).find_all([named])
    code = finding.sample.code if finding.sample else f"new {finding.proposed_code}" if finding.proposed_code else ""
    return code, finding.template


def typed(*rules: tuple[str, str], **more: str) -> dict[str, Any]:
    sent = {"rules-TOTAL_FORMS": str(len(rules)), "rules-INITIAL_FORMS": "0", "names": ""}
    for n, (where, template) in enumerate(rules):
        sent |= {f"rules-{n}-where": where, f"rules-{n}-template": template, f"rules-{n}-ORDER": str(n + 1)}
    return {**sent, **more}


class TestFinding:
    def test_a_logged_sample_comes_before_a_new_one(self) -> None:
        SampleFactory.create(code="ASR-001")
        rules = [("name", "{code}_*"), ("header", "{code}")]
        assert found(Named("XRD9_scan.ras", "ASR-001"), *rules) == ("ASR-001", "{code}")
        assert found(Named("XRD9_scan.ras", "unknown"), *rules) == ("new XRD9", "{code}_*")

    def test_rules_are_asked_in_their_order(self) -> None:
        for code in ("ASR-001", "ASR-002"):
            SampleFactory.create(code=code)
        named = Named("ASR-002/ASR-001.ras")
        assert found(named, ("folder", "{code}"), ("name", "{code}"))[0] == "ASR-002"
        assert found(named, ("name", "{code}"), ("folder", "{code}"))[0] == "ASR-001"

    def test_a_template_keeps_to_its_place(self) -> None:
        for code in ("ASR-001", "ASR-002"):
            SampleFactory.create(code=code)
        assert found(Named("ASR-001 on ASR-002.ras"), ("name", "{code} on *"))[0] == "ASR-001"
        assert found(Named("ASR-001 on ASR-002.ras"), ("name", "* on {code}"))[0] == "ASR-002"

    @pytest.mark.parametrize("written", ["asr_001", "ASR 001", "ＡＳＲ－００１", "asr.001"])
    def test_codes_are_known_however_they_are_separated(self, written: str) -> None:
        SampleFactory.create(code="ASR-001")
        assert found(Named(f"{written}_cast.ras"))[0] == "ASR-001"

    def test_an_archived_sample_is_neither_found_nor_proposed(self) -> None:
        sample = SampleFactory.create(code="ASR-001")
        sample.archive(by=sample.made_by)
        assert found(Named("ASR-001.ras")) == ("", "")

    def test_only_codes_that_could_be_meant_are_asked_for(
        self, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(30):
            SampleFactory.create(code=f"ASR-{n:03d}")
        named = [Named(f"june/ASR-{n:03d}_cast.ras", "a sample") for n in range(8)]
        with django_assert_num_queries(2):  # the rules, and the samples
            findings = SampleMatcher(THE_LAB).find_all(named)
        assert [finding.sample and finding.sample.code for finding in findings] == [f"ASR-{n:03d}" for n in range(8)]


class TestPage:
    def test_shows_what_the_rules_find_in_the_files_that_came_last(self, client: Client, curator: User) -> None:
        SampleFactory.create(code="ASR-001")
        make_pattern(name="ASR-001_cast.xy")
        make_pattern(name="ACI-009_cast.xy")
        page = client.get("/upload/rules/").content.decode()
        assert "<strong>ASR-001</strong>" in page
        assert "new sample ACI-009" in page

    def test_others_are_tried_and_not_kept(self, client: Client, curator: User) -> None:
        make_pattern(name="XRD_ACI-009.xy")
        page = client.post("/upload/rules/", typed(("name", "XRD_{code}"), names="XRD_B-2.ras", **{"try": "1"}))
        assert "new sample ACI-009" in page.content.decode()
        assert "new sample B-2" in page.content.decode()
        assert not MatchingRule.objects.exists()

    def test_are_kept_in_the_order_that_was_typed(self, client: Client, curator: User) -> None:
        sent = typed(("name", "a{code}"), ("header", "b{code}"), ("name", ""), keep="1")
        sent |= {"rules-0-ORDER": "5"}
        assert client.post("/upload/rules/", sent).status_code == 302
        assert [str(rule) for rule in MatchingRule.objects.in_force()] == ["header: b{code}", "name: a{code}"]
        page = client.get("/history/rules/").content.decode()
        assert page.index("b{code}") < page.index("a{code}")

    def test_none_are_those_of_the_beginning(self, client: Client, curator: User) -> None:
        MatchingRule.objects.replace([MatchingRule(where="name", template="x{code}")], curator)
        client.post("/upload/rules/", typed(("name", ""), keep="1"))
        assert next(rule.template for rule in MatchingRule.objects.in_force()) == "*{code}*"

    @pytest.mark.parametrize("template", ["(a+)+$", "{code}{code}", "{code", "*"])
    def test_what_is_no_template_is_said_and_stays_typed(self, client: Client, curator: User, template: str) -> None:
        response = client.post("/upload/rules/", typed(("name", template), keep="1"))
        assert response.status_code == 422
        assert "{code}" in response.content.decode()
        assert not MatchingRule.objects.exists()

    def test_members_look_and_do_not_change(self, client: Client) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        assert "A curator can change them" in client.get("/upload/rules/").content.decode()
        client.post("/upload/rules/", typed(("name", "x{code}"), keep="1"))
        assert not MatchingRule.objects.exists()

    def test_the_number_of_queries_is_fixed(
        self, client: Client, curator: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_pattern()
        with django_assert_num_queries(10):
            client.get("/upload/rules/")
        for _ in range(5):
            make_pattern(sample=SampleFactory.create())
        with django_assert_num_queries(10):
            client.get("/upload/rules/")
        assert Sample.objects.count() == 5
