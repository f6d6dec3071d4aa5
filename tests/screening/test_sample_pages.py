"""The pages that show samples and systems with their calls."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from samples.models import THE_LAB, Pattern, Sample, SynthesisStep, WeighedMass
from screening.models import ScreeningResult, ScreeningRun
from screening.scores import SystemStanding, system_standings
from screening.search import Search
from tests.factories import SampleFactory, UserFactory, make_pattern

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


@pytest.fixture
def production() -> ModelVersion:
    ModelVersion.objects.filter(state="production").update(state="retired")  # the shipped one
    return ModelVersion.objects.create(name="for tests", state="production", sha256="0" * 64)


def called(pattern: Pattern, version: ModelVersion, level: str, probability: float | None = None, **more: Any) -> None:
    """A call of `version` on the newest reading of `pattern`."""
    ScreeningResult.objects.create(
        run=ScreeningRun.objects.create(why="upload", started_by=pattern.uploaded_by),
        reading=pattern.readings.latest("number"),
        model_version=version,
        state="done",
        level=level,
        probability=probability,
        finished_at=timezone.now(),
        **more,
    )


def codes(page: Any) -> list[str]:
    return [sample.code for sample in page.context["table"].rows]


class TestList:
    def test_an_empty_list_says_what_to_do_first(self, client: Client, member: User) -> None:
        assert "Log the first one" in client.get("/samples/").content.decode()

    def test_the_best_call_of_the_version_in_production_is_shown(
        self, client: Client, member: User, production: ModelVersion
    ) -> None:
        sample = SampleFactory.create(code="ASR-001")
        called(make_pattern(sample=sample), production, "C", 0.96)
        called(make_pattern(sample=sample), production, "B", 0.9921)
        retired = ModelVersion.objects.create(name="before it", state="retired", sha256="1" * 64)
        called(make_pattern(sample=sample), retired, "A", 0.9999)
        row = client.get("/samples/").context["table"].rows[0]
        assert (row.best_level, row.best_probability, row.n_patterns) == ("B", 0.9921, 3)

    def test_the_best_class_is_found_whatever_else_a_sample_was_called(self, production: ModelVersion) -> None:
        """A sample for each mix of calls, and each mix asked for."""
        mixes = ["".join(levels) for n in range(5) for levels in combinations("ABCD", n)]
        for number, mix in enumerate(mixes):
            sample = SampleFactory.create(code=f"S-{number}")
            for level in mix:
                called(make_pattern(sample=sample), production, level, 0.5)
        for asked in mixes[1:]:
            found = Search.read(f"class:{asked}").samples(THE_LAB).values_list("code", flat=True)
            assert set(found) == {f"S-{n}" for n, mix in enumerate(mixes) if mix and min(mix) in asked}, asked
        assert [sample.code for sample in Search.read("class:none").samples(THE_LAB)] == ["S-0"]

    def test_calls_on_archived_blank_and_corrected_patterns_do_not_count(
        self, client: Client, member: User, production: ModelVersion
    ) -> None:
        sample = SampleFactory.create()
        archived, blank, corrected = (make_pattern(sample=sample) for _ in range(3))
        for pattern in (archived, blank, corrected):
            called(pattern, production, "A", 0.9999)
        archived.archive(member)
        blank.mark_as(Pattern.Kind.BLANK, member)
        corrected.correct(member, wavelength=1.7889, reason="Co tube")
        row = client.get("/samples/").context["table"].rows[0]
        assert row.best_level is None
        assert row.n_patterns == 2

    @pytest.mark.parametrize(
        ("asked", "found"),
        [
            ("q=al70", ["AR-001"]),
            ("q=system:Al-Si-Ru", ["ASR-002", "ASR-001"]),
            ("q=contains+Ru", ["AR-001", "ASR-002", "ASR-001"]),
            ("q=Mn", ["AM-001"]),
            ("q=Al+65-75", ["AR-001"]),
            ("q=Al+%3E+70", ["AM-001"]),
            ("q=Ａｌ　６５－７５", ["AR-001"]),
            ("q=without+Si", ["AR-001", "AM-001"]),
            ("q=class:A", ["ASR-001"]),
            ("q=class:B", []),
            ("q=class:none", ["AR-001", "AM-001", "ASR-002"]),
            ("q=a_R+4.35", ["ASR-001"]),
            ("q=a_R+4.4-5", []),
            ("q=radiation:Cu", ["ASR-001"]),
            ("q=radiation:Mo", []),
            ("q=is:simulated", ["ASR-002"]),
            ("q=is:used-up", ["AM-001"]),
            ("q=is:archived", ["OLD-1"]),
            ("q=by:mori", ["AM-001"]),
            ("q=hanako", ["AM-001"]),
            ("q=note:%22slow+cool%22", ["AR-001"]),
            ("q=note:%22cool+slow%22", []),
            ("q=焼鈍", ["AR-001"]),
            ("q=備考:急冷し", ["AR-001"]),
            ("q=place:box", ["ASR-002"]),
            ("q=logged:2000..2001", []),
            ("q=contains+Ru+is:measured&sort=code", ["AR-001", "ASR-001"]),
            ("q=class:Q+system:Al-Xx&sort=nonsense&page=x", ["AR-001", "AM-001", "ASR-002", "ASR-001"]),
            ("sort=-class", ["ASR-001", "AR-001", "AM-001", "ASR-002"]),
            ("sort=-patterns", ["ASR-001", "AR-001", "AM-001", "ASR-002"]),
        ],
    )
    def test_filters_and_order_stand_in_the_address(
        self, client: Client, member: User, production: ModelVersion, asked: str, found: list[str]
    ) -> None:
        mori = UserFactory.create(username="mori", first_name="Hanako")
        pattern = make_pattern(sample=SampleFactory.create(code="ASR-001"))
        called(pattern, production, "A", 0.9995, quasilattice_constant=4.353)
        SampleFactory.create(code="ASR-002", simulated=True, place="Box 3")
        SampleFactory.create(code="AM-001", composition_text="Al6Mn", used_up=True, made_by=mori)
        SampleFactory.create(code="AR-001", composition_text="Al70Ru30", notes="焼鈍後に急冷した。Slow cooling")
        SampleFactory.create(code="OLD-1").archive(by=member)
        assert codes(client.get(f"/samples/?{asked}")) == found

    def test_pages_of_fifty_keep_what_was_asked(self, client: Client, member: User) -> None:
        for _ in range(51):
            SampleFactory.create()
        first = client.get("/samples/?q=Ru")
        assert len(codes(first)) == 50
        assert first.context["table"].next_address == "?q=Ru&page=2"
        assert len(codes(client.get("/samples/?q=Ru&page=2"))) == 1

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: Client, member: User, production: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in range(1, 7):
            called(
                make_pattern(sample=SampleFactory.create(composition_text=f"Al{60 + n}Ru{40 - n}")),
                production,
                "A",
                0.9995,
            )
            with django_assert_num_queries(
                10
            ):  # session, person, two of rights, closed projects, systems, projects, keys, rows, views
                client.get("/samples/")

    def test_without_the_right_it_is_refused(self, client: Client) -> None:
        client.force_login(UserFactory.create())
        for address in ("/samples/", "/systems/"):
            assert client.get(address).status_code == 403

    def test_without_sign_in_it_asks_for_it(self, client: Client) -> None:
        assert client.get("/samples/").status_code == 302


class TestSample:
    def test_the_page_tells_what_it_is_and_what_happened(
        self, client: Client, member: User, production: ModelVersion
    ) -> None:
        sample = SampleFactory.create(
            code="ASR(I)",
            place="Box 3",
            measured_text="Al43.4 Si31.5 Ru24.1",
            mass_after="1.98",
            steps=[SynthesisStep(kind="annealing", temperature=900, duration=48, quench="water")],
            masses=[
                WeighedMass(substance=s, mass=m) for s, m in (("Al", "0.5061"), ("Si", "0.3920"), ("Ru", "1.1020"))
            ],
        )
        pattern = make_pattern(sample=sample, name="asr.xy", by=member)
        called(pattern, production, "A", 0.99942, quasilattice_constant=4.353, quasilattice_constant_sigma=0.004)
        reported = ModelVersion.objects.create(name="as reported", state="record")
        called(pattern, reported, "B")
        text = client.get("/samples/ASR(I)/").content.decode()
        for told in (
            "Al<sub>43</sub>Si<sub>32</sub>Ru<sub>25</sub>",
            "Box 3",
            "900 °C · 48 h · quench: water",
            "2.0001 g",
            "0.0201 g (1 %)",
            "sums to 99 %",
            "asr.xy",
            "0.9994",
            "4.353(4)",
            "as reported",
            "1 pattern attached",
            "1 pattern screened",
            "/upload/?sample=ASR%28I%29",
        ):
            assert told in text, told

    def test_an_empty_sample_says_what_to_do_first(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        assert "No pattern yet" in client.get("/samples/ASR-001/").content.decode()

    def test_simulated_is_marked(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001", simulated=True)
        for address in ("/samples/ASR-001/", "/samples/", "/systems/Al-Ru-Si/"):
            assert "SIMULATED" in client.get(address).content.decode()

    def test_kept_as_reported_is_said(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001", composition_text="Al26Si34Ru20", composition_sum="reported")
        assert "it sums to 80 %, not 100" in client.get("/samples/ASR-001/").content.decode()

    def test_parent_and_pieces_are_linked(self, client: Client, member: User) -> None:
        SampleFactory.create(code="PIECE", parent=SampleFactory.create(code="INGOT"), origin="cut")
        assert 'href="/samples/PIECE/"' in client.get("/samples/INGOT/").content.decode()
        assert 'href="/samples/INGOT/"' in client.get("/samples/PIECE/").content.decode()

    def test_an_archived_sample_is_still_there(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001").archive(by=member)
        assert "Restore" in client.get("/samples/ASR-001/").content.decode()

    def test_an_unknown_code_is_404(self, client: Client, member: User) -> None:
        assert client.get("/samples/NO-1/").status_code == 404

    def test_without_the_right_it_is_refused(self, client: Client) -> None:
        client.force_login(UserFactory.create())
        SampleFactory.create(code="ASR-001")
        assert client.get("/samples/ASR-001/").status_code == 403

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: Client, member: User, production: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        sample = SampleFactory.create(
            code="ASR-001",
            steps=[SynthesisStep(kind="crushing") for _ in range(3)],
            masses=[WeighedMass(substance="Al", mass="1"), WeighedMass(substance="Ru", mass="1")],
        )
        for _ in range(3):
            SampleFactory.create(parent=sample)
            called(make_pattern(sample=sample), production, "A", 0.9995)
            with django_assert_num_queries(15):
                client.get("/samples/ASR-001/")


class TestSystems:
    def test_scores_by_class(self, production: ModelVersion) -> None:
        asr = SampleFactory.create(composition_text="Al43Si32Ru25")
        for level, probability in (("A", 0.9999), ("D", 0.1), ("C", 0.96)):
            called(make_pattern(sample=asr), production, level, probability)
        SampleFactory.create(composition_text="Al6Mn")
        first, second = system_standings(THE_LAB)
        assert (first.system.name, first.counts, first.n_screened) == ("Al-Si-Ru", {"A": 1, "B": 0, "C": 1, "D": 1}, 3)
        assert first.score == pytest.approx(4 / 3)
        assert (second.system.name, second.n_samples, second.score) == ("Al-Mn", 1, None)

    def test_the_score_lies_between_0_and_3(self) -> None:
        system = SampleFactory.create().system
        for level, score in (("A", 3), ("B", 2), ("C", 1), ("D", 0)):
            assert SystemStanding(system, 1, {level: 7}).score == score

    def test_the_list_and_a_system_open(self, client: Client, member: User, production: ModelVersion) -> None:
        called(make_pattern(sample=SampleFactory.create(code="ASR-001")), production, "A", 0.9999)
        assert "Al-Si-Ru" in client.get("/systems/").content.decode()
        page = client.get("/systems/Al-Ru-Si/")
        assert codes(page) == ["ASR-001"]
        assert "3.00" in page.content.decode()

    def test_elements_in_any_order_lead_to_the_system(self, client: Client, member: User) -> None:
        SampleFactory.create()
        assert client.get("/systems/Al-Si-Ru/").headers["Location"] == "/systems/Al-Ru-Si/"

    def test_an_unknown_system_is_404(self, client: Client, member: User) -> None:
        assert client.get("/systems/Al-Xx/").status_code == 404

    def test_the_number_of_queries_does_not_grow_with_the_rows(
        self, client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for text in ("Al43Si32Ru25", "Al6Mn", "Cd5.7Yb"):
            SampleFactory.create(composition_text=text)
            with django_assert_num_queries(9):
                client.get("/systems/")


def test_a_sample_is_never_shown_as_real_where_its_parent_is_simulated(member: User) -> None:
    piece = Sample(composition_text="Al6Mn", parent=SampleFactory.create(simulated=True))
    piece.log(by=member)
    assert piece.simulated
