"""What to look at next: who is proposed, in which order, why, and the one press that opens the follow-up."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from samples.models import THE_LAB, AlloySystem, Project, Sample
from screening.models import FollowUp, ScreeningResult
from screening.proposals import FAR, Proposal, Proposals, nearest
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result
from tests.screening.judged import judge
from tests.screening.reviewing import REASON, make_candidate, make_reviewer

pytestmark = pytest.mark.django_db


@pytest.fixture
def reviewer(client: Client) -> User:
    person = make_reviewer()
    client.force_login(person)
    return person


@pytest.fixture
def version() -> ModelVersion:
    return a_version()


def call(version: ModelVersion, sample: Sample | None = None, level: str = "A", **fields: Any) -> ScreeningResult:
    sample = sample or SampleFactory.create()
    said = {"state": "done", "level": level, "probability": 1.0, "quasilattice_constant": 4.35} | fields
    return make_result(make_pattern(sample=sample), version, **said)


def said_too(result: ScreeningResult, level: str, name: str = "before", state: str = "retired") -> None:
    """Another version's call on the same reading."""
    other, _made = ModelVersion.objects.get_or_create(
        name=name, defaults={"state": state, "sha256": name.ljust(64, "0")}
    )
    make_result(result.reading.pattern, other, state="done", level=level, probability=0.1)


def proposed(**asked: Any) -> list[Proposal]:
    return Proposals(THE_LAB, **asked)[:100]


def codes(**asked: Any) -> list[str]:
    return [one.sample.code for one in proposed(**asked)]


def points_of(proposal: Proposal) -> dict[str, float]:
    return {one.key: one.points for one in proposal.points if one.points}


class TestTheWorth:
    def test_a_class_weighs_most(self, version: ModelVersion) -> None:
        for level in "CAB":
            call(version, SampleFactory.create(code=f"S-{level}"), level)
        assert codes() == ["S-A", "S-B", "S-C"]
        assert points_of(proposed()[0]) == {"level": 40, "novelty": 15, "first": 15}
        assert proposed()[0].worth == 70

    def test_p_is_doubted_most_at_one_half(self, version: ModelVersion) -> None:
        call(version, level="D", probability=0.5)
        call(version, level="D", probability=0.9)
        call(version, level="D", probability=0.49)  # rather without a quasicrystal, and no other version says more
        assert [points_of(one)["doubt"] for one in proposed()] == [10, pytest.approx(2)]
        assert proposed()[0].reasons[0] == "Class D, and yet more likely with a quasicrystal than without."

    def test_an_uncertain_a_r_counts_where_there_is_one(self, version: ModelVersion) -> None:
        call(version, level="A", quasilattice_constant_sigma=0.005)
        call(version, level="A", quasilattice_constant_sigma=0.4)
        call(version, level="D", probability=0.6, quasilattice_constant_sigma=0.4)  # in class D it is no prediction
        assert [points_of(one).get("lattice") for one in proposed()] == [5, 1.2, None]
        assert "Its a_R is told to ± 0.400 Å only." in proposed()[0].reasons

    def test_versions_that_disagree_are_told_by_name(self, version: ModelVersion) -> None:
        said_too(call(version, level="B"), "D")
        said_too(call(version, level="B"), "B")
        first, second = proposed()
        assert points_of(first)["disagreement"] == 10
        assert first.reasons[0] == "Class B, and before says D: the versions disagree."
        assert "disagreement" not in points_of(second)
        assert second.reasons[0] == "Class B, and other versions say the same."

    def test_of_several_versions_the_farthest_counts(self, version: ModelVersion) -> None:
        result = call(version, level="B")
        said_too(result, "C")
        said_too(result, "D", "long before")
        said_too(result, "A", "to come", state="candidate")
        (only,) = proposed()
        assert points_of(only)["disagreement"] == 10
        assert "long before says D" in only.reasons[0]

    def test_what_only_another_version_saw_is_looked_at_too(self, version: ModelVersion) -> None:
        said_too(call(version, level="D", probability=0.01), "A")
        said_too(call(version, level="D", probability=0.01), "D")
        (only,) = proposed()
        assert points_of(only)["disagreement"] == 15

    def test_records_of_calls_made_elsewhere_are_no_version_that_can_run(self, version: ModelVersion) -> None:
        said_too(call(version, level="A"), "D", "as published", state="retired")
        ModelVersion.objects.filter(name="as published").update(state="record", sha256="")
        assert "disagreement" not in points_of(proposed()[0])

    def test_a_composition_is_new_by_its_distance_in_any_system(self, version: ModelVersion) -> None:
        call(version, SampleFactory.create(code="NEAR", composition_text="Al43Si31Ru26"))
        call(version, SampleFactory.create(code="MIDDLE", composition_text="Al53Si22Ru25"))
        call(version, SampleFactory.create(code="FAR", composition_text="Al70Pd20Mn10"))
        judge(SampleFactory.create(code="KNOWN", composition_text="Al43Si32Ru25"), "refuted")
        first, second, third = proposed()
        assert [one.sample.code for one in (first, second, third)] == ["FAR", "MIDDLE", "NEAR"]
        assert [points_of(one)["novelty"] for one in (first, second, third)] == [15, 7.5, 0.8]
        assert f"Nothing within {FAR:.0f} at.% has been looked at, in any system." in first.reasons
        assert "The nearest composition that was looked at is 10 at.% away: KNOWN." in second.reasons

    def test_the_first_of_a_system_is_worth_more(self, version: ModelVersion) -> None:
        call(version, SampleFactory.create(code="AGAIN"))
        call(version, SampleFactory.create(code="FIRST", composition_text="Al40Cu35Fe25"))
        judge(SampleFactory.create(), "confirmed")
        first, second = proposed()
        assert (first.sample.code, points_of(first)["first"]) == ("FIRST", 15)
        assert "No quasicrystal is confirmed in Al-Cu-Fe yet." in first.reasons
        assert "first" not in points_of(second)
        assert "Confirmed in Al-Si-Ru so far: 1." in second.reasons

    def test_a_sample_stands_there_once_with_its_best_call(self, version: ModelVersion) -> None:
        sample = SampleFactory.create()
        call(version, sample, "C")
        best = call(version, sample, "A")
        call(version, sample, "B")
        assert [one.result for one in proposed()] == [best]


class TestDistance:
    def test_is_the_part_of_the_atoms_that_would_be_others(self) -> None:
        distances, places = nearest(["Al60Cu40", "Al60Fe40", "Al61Cu39"], ["Al60Cu40", "Al50Cu50"])
        assert distances.tolist() == pytest.approx([0, np.inf, 1])
        assert places.tolist() == [0, 2, 0]

    def test_compositions_that_were_kept_as_reported_are_normalised(self) -> None:
        distances, _places = nearest(["Al32.5Si42.5Ru25"], ["Al26Si34Ru20"])
        assert distances.tolist() == pytest.approx([0], abs=1e-9)

    def test_nothing_to_compare_with(self) -> None:
        assert nearest(["Al60Cu40"], [])[0].tolist() == [np.inf]
        assert nearest([], ["Al60Cu40"])[0].tolist() == []


class TestWhoIsLeftOut:
    def test_with_a_follow_up_an_outcome_or_out_of_reach(self, version: ModelVersion, reviewer: User) -> None:
        followed, judged, archived, used_up = (SampleFactory.create() for _ in range(4))
        for sample in (followed, judged, archived, used_up):
            call(version, sample)
        FollowUp.objects.open(followed, reviewer)
        judge(judged, "inconclusive")
        archived.archive(by=reviewer)
        used_up.used_up = True
        used_up.save()
        assert codes() == []

    def test_called_off_follow_ups_leave_it_open(self, version: ModelVersion, reviewer: User) -> None:
        result = call(version)
        sample = result.reading.pattern.sample
        assert sample
        FollowUp.objects.open(sample, reviewer).call_off(reviewer, "no time")
        assert codes() == [sample.code]

    def test_a_reviewer_said_no(self, reviewer: User) -> None:
        make_candidate().add_review(reviewer, "not_a_quasicrystal", REASON)
        make_candidate().add_review(reviewer, "unsure", REASON)
        asked = make_candidate()
        asked.add_review(reviewer, "follow_up", REASON)
        found = {one.result.pk: one for one in proposed()}
        assert len(found) == 2
        assert "A reviewer asked for a follow-up, and none is open." in found[asked.pk].reasons

    def test_simulated_ones_unless_they_are_all_there_is(self, version: ModelVersion) -> None:
        simulated = SampleFactory.create(code="SIM", simulated=True)
        call(version, simulated)
        assert codes() == ["SIM"]
        call(version, SampleFactory.create(code="REAL"), "C")
        assert codes() == ["REAL"]
        assert codes(simulated=True) == ["SIM", "REAL"]
        assert Proposals(THE_LAB).n_simulated == 1

    def test_other_systems_where_one_is_asked_for(self, version: ModelVersion) -> None:
        call(version, SampleFactory.create(code="ASR"))
        call(version, SampleFactory.create(code="CDYB", composition_text="Cd85Yb15"))
        assert codes(system=AlloySystem.objects.get(key="Cd-Yb")) == ["CDYB"]

    def test_what_a_closed_project_holds_and_what_came_of_it(self, version: ModelVersion) -> None:
        leader, outsider = UserFactory.create(roles=["member"]), UserFactory.create(roles=["member"])
        project = Project.objects.begin(by=leader, key="p", name="P", leaders=[leader])
        call(version, SampleFactory.create(code="OPEN"))
        hidden = SampleFactory.create(code="HIDDEN", project=project, made_by=leader)
        call(version, hidden)
        judge(SampleFactory.create(project=project, made_by=leader), "confirmed")
        (theirs,) = Proposals(outsider)[:10]
        assert theirs.sample.code == "OPEN"
        assert points_of(theirs)["novelty"] == 15
        assert "No sample has an outcome yet." in theirs.reasons
        assert {one.sample.code for one in Proposals(leader)[:10]} == {"OPEN", "HIDDEN"}


class TestThePage:
    def test_says_why_and_how_the_worth_is_counted(self, client: Client, reviewer: User, version: ModelVersion) -> None:
        said_too(call(version, SampleFactory.create(code="ASR-7"), "B"), "D")
        page = client.get("/next/").content.decode()
        assert "1 sample waits for a follow-up" in page
        assert "Class B, and before says D: the versions disagree." in page
        assert "A 40, B 30, C 20, D 0 points" in page
        assert "/samples/ASR-7/" in page

    def test_an_empty_list_says_so(self, client: Client, reviewer: User) -> None:
        assert "Nothing is left" in client.get("/next/?system=No-Such&page=x").content.decode()

    def test_one_press_opens_the_follow_up(self, client: Client, reviewer: User, version: ModelVersion) -> None:
        result = call(version)
        opened_at = client.post(f"/next/{result.pk}/follow-up/")["Location"]
        opened = FollowUp.objects.get()
        assert opened_at == opened.get_absolute_url()
        assert (opened.prompted_by, opened.opened_by, opened.state) == (result, reviewer, "asked")
        assert opened.question == "Is one of its phases an icosahedral quasicrystal?"
        assert codes() == []

    def test_a_second_press_finds_the_first_one(self, client: Client, reviewer: User, version: ModelVersion) -> None:
        result = call(version)
        for _press in range(2):
            response = client.post(f"/next/{result.pk}/follow-up/", follow=True)
        assert "open already" in response.content.decode()
        assert FollowUp.objects.count() == 1

    def test_the_verdict_that_asked_is_answered(self, client: Client, reviewer: User) -> None:
        result = make_candidate()
        review = result.add_review(reviewer, "follow_up", REASON)
        client.post(f"/next/{result.pk}/follow-up/")
        opened = FollowUp.objects.get()
        assert (opened.review, opened.question) == (review, REASON)

    def test_members_see_and_do_not_open(self, client: Client, version: ModelVersion) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        result = call(version)
        page = client.get("/next/").content.decode()
        assert f"/next/{result.pk}/follow-up/" not in page
        assert client.post(f"/next/{result.pk}/follow-up/").status_code == 403
        assert client.get(f"/next/{result.pk}/follow-up/").status_code == 405

    def test_asks_a_fixed_number_of_questions(
        self, client: Client, reviewer: User, version: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(3):
            said_too(call(version, SampleFactory.create(composition_text=f"Al{60 + n}Cu{40 - n}")), "D")
        judge(SampleFactory.create(), "confirmed")
        client.get("/next/")
        for n_more in (0, 20):
            for n in range(n_more):
                call(version, SampleFactory.create(composition_text=f"Al{30 + n}Fe{70 - n}"))
            with django_assert_num_queries(14):
                client.get("/next/")

    def test_the_api_tells_the_same(self, client: Client, reviewer: User, version: ModelVersion) -> None:
        said_too(call(version, SampleFactory.create(code="ASR-7"), "B"), "D")
        call(version, SampleFactory.create(code="CDYB", composition_text="Cd85Yb15"))
        answer = client.get("/api/v1/proposals/?page_size=1").json()
        assert (answer["count"], len(answer["results"])) == (2, 1)
        (first,) = client.get("/api/v1/proposals/?system=Al-Ru-Si").json()["results"]
        assert first["sample"] == "ASR-7"
        assert first["worth"] == sum(first["points"].values()) == 70
        assert first["reasons"][0] == "Class B, and before says D: the versions disagree."
        assert client.get("/api/v1/proposals/?system=Xx").status_code == 400
