"""Alloy maps: where samples and phases lie, in two, three and more elements."""

from __future__ import annotations

import csv
import io
import json
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from samples.models import THE_LAB, AlloySystem, Sample
from screening.maps import AlloyMap
from screening.scores import system_standings
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result
from tests.screening.judged import case_of_uryu, judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    person = UserFactory.create(roles=["member"])
    client.force_login(person)
    return person


def the_map(name: str, axes: list[str] | None = None) -> AlloyMap:
    return AlloyMap(AlloySystem.objects.get(key=AlloySystem.key_of(name.split("-"))), THE_LAB, axes or [])


def traces(client: Client, address: str) -> dict[str, dict[str, Any]]:
    figure = json.loads(client.get(address).content)
    return {trace.get("name", "joins"): trace for trace in figure["data"]}


class TestWhereThingsLie:
    def test_a_ternary_has_its_elements_as_corners_in_the_order_of_the_lab(self) -> None:
        SampleFactory.create(composition_text="Al43Si32Ru25")
        SampleFactory.create(composition_text="Al50Ru50Si10", composition_sum="normalised")
        alloys = the_map("Al-Si-Ru")
        assert alloys.names == ["Al", "Si", "Ru"]
        assert [sample.position for sample in alloys.samples] == [
            (43, 32, 25),
            pytest.approx((45.4545, 9.0909, 45.4545), abs=1e-3),
        ]
        assert not alloys.left_out

    def test_what_was_kept_as_reported_is_normalised(self) -> None:
        SampleFactory.create(composition_text="Al26Si34Ru20", composition_sum="reported")
        assert the_map("Al-Si-Ru").samples[0].position == (32.5, 42.5, 25)

    def test_a_quaternary_sums_the_rest_unless_three_axes_are_chosen(self) -> None:
        SampleFactory.create(composition_text="Al65Cu20Fe10Mn5")
        summed = the_map("Al-Cu-Fe-Mn")
        assert (summed.names, summed.samples[0].position) == (["Al", "Cu", "Fe + Mn"], (65, 20, 15))
        chosen = the_map("Al-Cu-Fe-Mn", ["Cu", "Fe", "Mn"])
        assert chosen.left_out == ["Al"]
        assert chosen.samples[0].position == pytest.approx((57.142857, 28.571429, 14.285714))
        assert the_map("Al-Cu-Fe-Mn", ["Cu", "Cu", "Xx"]).names == summed.names

    def test_phases_are_joined_to_their_sample(self) -> None:
        sample = SampleFactory.create(composition_text="Al50Si25Ru25")
        judge(sample, "confirmed", phase="Al43Si32Ru25")
        judge(SampleFactory.create(composition_text="Al50Si25Ru25"), "refuted", phase="Al75Ru25")
        archived = SampleFactory.create(composition_text="Al50Si25Ru25")
        judge(archived, "refuted")
        archived.archive(by=archived.made_by)
        first, second = the_map("Al-Si-Ru").phases
        assert (first.sample.code, first.position) == (sample.code, (43, 32, 25))
        assert second.position == (75, 0, 25)


class TestTheFigure:
    def test_colour_tells_the_class_and_shape_the_outcome(self, client: Client, member: User) -> None:
        version = a_version()
        for verdict in ("confirmed", "refuted", ""):
            sample = SampleFactory.create(simulated=False)
            make_result(make_pattern(sample=sample), version)
            if verdict:
                judge(sample, verdict)
        SampleFactory.create()
        drawn = traces(client, "/systems/Al-Ru-Si/map.json")
        assert list(drawn) == ["joins", "icosahedral phase", "other phase", "class A", "no call"]
        assert drawn["class A"]["type"] == "scatterternary"
        assert drawn["class A"]["marker"]["symbol"] == ["circle", "x", "circle-open"]
        assert drawn["joins"]["a"] == [43, 43, None, 43, 43, None]
        code = Sample.objects.order_by("pk")[0].code
        assert drawn["class A"]["customdata"][0] == f"/samples/{code}/"
        assert drawn["icosahedral phase"]["customdata"][0].startswith("/follow-ups/")
        by_outcome = traces(client, "/systems/Al-Ru-Si/map.json?colour=outcome")
        assert list(by_outcome)[3:] == ["confirmed", "refuted", "no outcome yet"]

    def test_a_binary_is_a_line(self, client: Client, member: User) -> None:
        judge(SampleFactory.create(composition_text="Cd85Yb15"), "confirmed", phase="Cd84Yb16")
        drawn = traces(client, "/systems/Cd-Yb/map.json")
        assert (drawn["no call"]["x"], drawn["no call"]["y"]) == ([15], [0])
        assert (drawn["icosahedral phase"]["x"], drawn["icosahedral phase"]["y"]) == ([16], [-1])
        assert (drawn["joins"]["x"], drawn["joins"]["y"]) == ([15, 16, None], [0, -1, None])

    def test_simulated_samples_are_marked(self, client: Client, member: User) -> None:
        case_of_uryu()
        figure = json.loads(client.get("/systems/Al-Ru-Si/map.json").content)
        assert figure["layout"]["annotations"][0]["text"] == "SIMULATED"
        assert "SIMULATED" in next(t for t in figure["data"] if t.get("name") == "no call")["text"][0]


class TestThePages:
    def test_the_system_page_has_the_map_its_phases_and_the_csv(self, client: Client, member: User) -> None:
        case_of_uryu()
        page = client.get("/systems/Al-Ru-Si/?colour=outcome").content.decode()
        assert 'data-figure-url="/systems/Al-Ru-Si/map.json?colour=outcome"' in page
        assert "4 observed phases" in page
        assert "2 confirmed" in page
        rows = list(csv.DictReader(io.StringIO(client.get("/systems/Al-Ru-Si/map.csv").content.decode())))
        assert [(row["marker"], row["sample"], row["Si_%"], row["outcome"]) for row in rows[:2]] == [
            ("sample", "ASR-I", "32.0", "confirmed"),
            ("sample", "ASR-II", "1.0", "refuted"),
        ]
        assert rows[4]["structure"] == "icosahedral"
        assert {row["simulated_sample"] for row in rows} == {"yes"}

    def test_of_four_elements_the_axes_are_chosen_and_what_is_left_out_is_said(
        self, client: Client, member: User
    ) -> None:
        SampleFactory.create(composition_text="Al65Cu20Fe10Mn5")
        page = client.get("/systems/Al-Cu-Fe-Mn/?axis=Cu&axis=Fe&axis=Mn").content.decode()
        assert "Left out: Al; the three axes are normalised to 100 %." in page
        assert "the rest, summed" in page

    def test_one_element_has_no_map_and_still_a_page(self, client: Client, member: User) -> None:
        SampleFactory.create(composition_text="Al100")
        page = client.get("/systems/Al/")
        assert page.status_code == 200
        assert "system-map" not in page.content.decode()

    def test_nor_a_figure(self, client: Client, member: User) -> None:
        SampleFactory.create(composition_text="Al")
        assert client.get("/systems/Al/map.json").status_code == 404

    def test_several_systems_stand_side_by_side(self, client: Client, member: User) -> None:
        for composition in ("Al43Si32Ru25", "Cd85Yb15", "Al65Cu20Fe15"):
            SampleFactory.create(composition_text=composition)
        page = client.get("/systems/maps/?system=Al-Ru-Si&system=Cd-Yb").content.decode()
        assert page.count("data-map ") == 2
        assert client.get("/systems/maps/").content.decode().count("data-map ") == 3

    def test_who_may_see_no_samples_sees_no_map(self, client: Client) -> None:
        SampleFactory.create()
        client.force_login(User.objects.create_user("nobody"))
        for address in ("maps/", "Al-Ru-Si/map.json", "Al-Ru-Si/map.csv"):
            assert client.get(f"/systems/{address}").status_code == 403

    def test_an_unknown_system_has_none(self, client: Client, member: User) -> None:
        assert client.get("/systems/Al-Xx/map.json").status_code == 404

    def test_its_queries_do_not_grow(
        self, client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n_samples in (2, 5):
            for _sample in range(n_samples):
                judge(SampleFactory.create(), "confirmed")
            with django_assert_num_queries(9):
                client.get("/systems/Al-Ru-Si/map.json")


def test_the_score_board_tells_what_follow_ups_found(client: Client, member: User) -> None:
    case_of_uryu()
    assert system_standings(THE_LAB)[0].verdicts == {"confirmed": 2, "refuted": 2}
    page = client.get("/systems/").content.decode()
    assert "2 confirmed" in page
    assert "Every screened pattern counts 3" in page or "every screened pattern counts 3" in page
