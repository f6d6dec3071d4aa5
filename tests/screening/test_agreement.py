"""Calls against outcomes: which rows count, what is told of them, and how the page says it."""

from __future__ import annotations

import csv
import io
import json

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from samples.models import THE_LAB, AlloySystem
from screening.agreement import Agreement, Asked
from screening.models import Candidate, FollowUp
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result
from tests.screening.judged import REPORTED, case_of_uryu, judge

pytestmark = pytest.mark.django_db


@pytest.fixture
def production() -> ModelVersion:
    return a_version()


@pytest.fixture
def member(client: Client) -> User:
    person = UserFactory.create(roles=["member"])
    client.force_login(person)
    return person


def shares(agreement: Agreement) -> dict[str, tuple[int, int]]:
    return {row.level: (row.precision.n_right, row.precision.n) for row in agreement.by_class if row.precision.n}


class TestTheCase:
    def test_the_reported_calls_give_the_published_table(self, production: ModelVersion) -> None:
        case_of_uryu(production)
        reported = ModelVersion.objects.get(name=REPORTED)
        agreement = Agreement(Asked(version=reported), THE_LAB)
        assert shares(agreement) == {"A": (1, 1), "B": (0, 2), "C": (1, 1)}
        assert [round(one.a_r, 4) for one in agreement.measured.values()] == [4.353, 4.353]
        assert agreement.n_disagreements == 2
        Candidate.objects.consider(agreement.versions[-1].results.all())  # as if they had been put before people
        assert Agreement(Asked(version=reported), THE_LAB).recall_called is None

    def test_our_calls_on_simulated_patterns_stand_beside_it_uncounted_until_asked_for(
        self, production: ModelVersion
    ) -> None:
        case_of_uryu(production)
        assert Agreement(Asked(), THE_LAB).version == ModelVersion.objects.get(name=REPORTED)
        ours, reported = Agreement(Asked(), THE_LAB).by_version
        assert (ours.name, ours.together.n, ours.n_simulated) == (production, 0, 4)
        assert (reported.together.n_right, reported.together.n, reported.n_simulated) == (2, 4, 0)
        assert shares(Agreement(Asked(version=production, simulated=True), THE_LAB)) == {"A": (2, 4)}

    def test_the_page_tells_it(self, client: Client, member: User, production: ModelVersion) -> None:
        case_of_uryu(production)
        reported = ModelVersion.objects.get(name=REPORTED)
        page = client.get("/agreement/", {"version": reported.pk}).content.decode()
        for said in ("1 of 1; 95 % interval 0.21–1", "0 of 2; 95 % interval 0–0.66", "2 disagreements", "4.353"):
            assert said in page
        assert page.index("ASR-II<") < page.index("ASR-I<")  # the worst first
        assert "were recorded without p" in page
        assert f'<option value="{reported.pk}" selected>' in client.get("/agreement/").content.decode()
        assert "SIMULATED" in page


class TestWhichCallsCount:
    def test_an_outcome_answers_for_each_pattern_of_its_sample_once_a_version(self, production: ModelVersion) -> None:
        sample = SampleFactory.create()
        older = ModelVersion.objects.create(name="older", state="retired", sha256="1" * 64)
        for _pattern in range(3):
            pattern = make_pattern(sample=sample)
            make_result(pattern, production)
            make_result(pattern, older)
        make_result(make_pattern(sample=SampleFactory.create()), production)  # without an outcome
        judge(sample, "confirmed")
        by_version = {str(row.name): row for row in Agreement(Asked(), THE_LAB).by_version}
        assert {name: row.together.n for name, row in by_version.items()} == {"for tests": 3, "older": 3}
        assert by_version["older"].n_samples == 1
        assert len(Agreement(Asked(pooled=True), THE_LAB).ledger) == 6

    def test_what_a_candidate_says_in_the_shadow_is_its_own(self, production: ModelVersion) -> None:
        candidate = ModelVersion.objects.create(name="candidate", state="candidate", sha256="1" * 64)
        sample = SampleFactory.create()
        pattern = make_pattern(sample=sample)
        make_result(pattern, production)
        make_result(pattern, candidate)
        judge(sample, "confirmed")
        assert len(Agreement(Asked(pooled=True), THE_LAB).ledger) == 1
        assert len(Agreement(Asked(version=candidate), THE_LAB).ledger) == 1

    def test_not_for_its_pieces_nor_archived_patterns(self, production: ModelVersion) -> None:
        sample = SampleFactory.create()
        piece = SampleFactory.create(parent=sample, origin="cut")
        archived = make_pattern(sample=sample)
        for pattern in (make_pattern(sample=piece), archived):
            make_result(pattern, production)
        archived.archive(by=archived.uploaded_by)
        judge(sample, "confirmed")
        assert len(Agreement(Asked(), THE_LAB).everything) == 0

    def test_an_amended_outcome_counts_as_amended_and_the_newest_follow_up_answers(
        self, production: ModelVersion
    ) -> None:
        sample, by = SampleFactory.create(), UserFactory.create(roles=["microscopist"])
        make_result(make_pattern(sample=sample), production)
        first = judge(sample, "confirmed", by=by)
        FollowUp.objects.get().sign(by, "refuted", "Tenfold after all.", amends=first)
        assert shares(Agreement(Asked(), THE_LAB)) == {"A": (0, 1)}
        judge(sample, "inconclusive", by=by)
        assert [row.n_inconclusive for row in Agreement(Asked(), THE_LAB).by_class] == [1, 0, 0, 0]
        assert shares(Agreement(Asked(), THE_LAB)) == {}

    def test_filters(self, production: ModelVersion) -> None:
        for composition in ("Al43Si32Ru25", "Al70Mn20Ir10"):
            sample = SampleFactory.create(composition_text=composition)
            make_result(make_pattern(sample=sample), production)
            outcome = judge(sample, "confirmed")
        system = AlloySystem.objects.get(name="Al-Mn-Ir")
        day = outcome.signed_at.date()
        assert shares(Agreement(Asked(system=system), THE_LAB)) == {"A": (1, 1)}
        assert shares(Agreement(Asked(signed_from=day), THE_LAB)) == {"A": (2, 2)}
        assert shares(Agreement(Asked(signed_to=day.replace(year=day.year - 1)), THE_LAB)) == {}
        assert [str(row.name) for row in Agreement(Asked(), THE_LAB).by_system] == ["Al-Mn-Ir", "Al-Si-Ru"]


class TestWhatIsTold:
    def test_disagreements_come_worst_first(self, production: ModelVersion) -> None:
        wanted = {}
        for name, level, p, verdict in (
            ("sure and wrong", "A", 0.9999, "refuted"),
            ("missed", "D", 0.01, "confirmed"),
            ("wrong", "C", 0.96, "refuted"),
            ("right", "C", 0.96, "confirmed"),
            ("rightly low", "D", 0.90, "refuted"),
            ("open", "A", 0.9999, "inconclusive"),
        ):
            sample = SampleFactory.create()
            result = make_result(make_pattern(sample=sample), production, state="done", level=level, probability=p)
            wanted[result.pk] = name
            judge(sample, verdict)
        order = [wanted[pk] for pk in Agreement(Asked(), THE_LAB).ledger.worst_first().result.tolist()]
        assert order == ["sure and wrong", "missed", "wrong", "rightly low", "right", "open"]

    def test_recall_weighs_what_chance_drew(self, production: ModelVersion, client: Client, member: User) -> None:
        for level, p, verdict in (("A", 0.9995, "confirmed"), ("D", 0.5, "confirmed"), ("D", 0.5, "refuted")):
            sample = SampleFactory.create()
            make_result(make_pattern(sample=sample), production, state="done", level=level, probability=p)
            judge(sample, verdict)
        for _undrawn in range(8):
            make_result(
                make_pattern(sample=SampleFactory.create()), production, state="done", level="D", probability=0.1
            )
        Candidate.objects.catch_up()
        judged = Candidate.objects.filter(result__reading__pattern__sample__outcomes__isnull=False, level="D")
        rest = Candidate.objects.filter(level="D").exclude(pk__in=judged.values("pk"))
        rest.update(drawn=False, draw=0.9, inclusion_probability=0.2)
        Candidate.objects.filter(pk__in=list(judged.values_list("pk", flat=True))).update(
            drawn=True, draw=0.1, inclusion_probability=0.2
        )
        agreement = Agreement(Asked(), THE_LAB)
        drawn = {draw.level: (draw.stratum.n_calls, draw.n_drawn, draw.n_answered) for draw in agreement.draws}
        assert drawn == {"A": (1, 1, 1), "B": (0, 0, 0), "C": (0, 0, 0), "D": (10, 2, 2)}
        assert agreement.recall_always_looked_at
        assert agreement.recall_always_looked_at.value == pytest.approx(1 / 6)  # 1 in A, half of 10 in D
        page = client.get("/agreement/").content.decode()
        assert "In class A or B: <strong>0.17</strong>" in page

    @pytest.mark.parametrize(
        ("of_a", "said"),
        [
            ("refuted", "in none of the samples with an outcome was a quasicrystal found"),
            ("inconclusive", "of the calls of class A that chance drew, none has an outcome that could tell"),
        ],
    )
    def test_why_recall_is_not_known(
        self, production: ModelVersion, client: Client, member: User, of_a: str, said: str
    ) -> None:
        for level, p, verdict in (("A", 0.9995, of_a), ("B", 0.995, "refuted")):
            sample = SampleFactory.create()
            make_result(make_pattern(sample=sample), production, state="done", level=level, probability=p)
            judge(sample, verdict)
        Candidate.objects.catch_up()
        assert said in client.get("/agreement/").content.decode()

    def test_reliability_has_a_point_for_each_bin_that_holds_a_call(self, production: ModelVersion) -> None:
        for p, verdict in ((0.0, "refuted"), (0.07, "refuted"), (0.97, "confirmed"), (0.99999, "confirmed")):
            sample = SampleFactory.create()
            level = "A" if p > 0.999 else "C" if p > 0.95 else "D"
            make_result(make_pattern(sample=sample), production, state="done", level=level, probability=p)
            judge(sample, verdict)
        bins = Agreement(Asked(), THE_LAB).reliability
        assert [(one.low, one.high, one.found.n_right, one.found.n) for one in bins] == [
            (0, 0.1, 0, 2), (0.95, 0.99, 1, 1), (0.999, 1, 1, 1),
        ]  # fmt: skip
        assert bins[0].mean_p == pytest.approx(0.035)

    def test_called_lattices_lie_on_a_line(self, production: ModelVersion, client: Client, member: User) -> None:
        for a_f, called in (("0.8706", 4.355), ("0.9000", 4.502), ("0.9400", 4.702)):
            sample = SampleFactory.create()
            fields = {"state": "done", "level": "A", "probability": 0.9999, "quasilattice_constant": called}
            make_result(make_pattern(sample=sample), production, **fields)
            judge(sample, "confirmed", a_f=a_f)
        compared = Agreement(Asked(), THE_LAB).lattices
        assert compared.bias == pytest.approx(0.002)
        assert compared.scatter == pytest.approx(0, abs=1e-9)
        assert compared.line == pytest.approx((1.0, 0.002))
        figure = json.loads(client.get("/agreement/lattices.json").content)
        assert [trace["name"] for trace in figure["data"]][:3] == ["equal", "straight line", "A"]


class TestThePage:
    def test_it_opens_empty_and_says_what_to_do(self, client: Client, member: User) -> None:
        page = client.get("/agreement/")
        assert page.status_code == 200
        assert "No outcome is signed yet" in page.content.decode()

    def test_a_wrong_date_is_said_and_the_rest_still_asked(self, client: Client, member: User) -> None:
        page = client.get("/agreement/", {"signed_from": "yesterday", "version": "x", "page": "z"})
        assert page.status_code == 200
        assert "Enter a valid date" in page.content.decode()

    def test_who_may_not_see_outcomes_sees_none(self, client: Client) -> None:
        client.force_login(User.objects.create_user("nobody"))
        for address in ("", "agreement.csv", "reliability.json", "lattices.json"):
            assert client.get(f"/agreement/{address}").status_code == 403

    def test_figures_and_csv_answer_to_the_same_choices(
        self, client: Client, member: User, production: ModelVersion
    ) -> None:
        case_of_uryu(production)
        assert len(json.loads(client.get("/agreement/reliability.json?simulated=on&version=all").content)["data"]) == 2
        rows = list(csv.DictReader(io.StringIO(client.get("/agreement/agreement.csv").content.decode())))
        assert [(row["sample"], row["class"], row["outcome"], row["disagrees"]) for row in rows] == [
            ("ASR-II", "B", "refuted", "yes"),
            ("ASR-III", "B", "refuted", "yes"),
            ("ASR-IV", "C", "confirmed", ""),
            ("ASR-I", "A", "confirmed", ""),
        ]
        assert rows[-1]["a_R_measured_angstrom"] == "4.35300"
        both = client.get("/agreement/agreement.csv?version=all&simulated=on").content.decode()
        assert both.count("\n") == 9

    def test_its_queries_do_not_grow(
        self, client: Client, member: User, production: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n_samples in (2, 6):
            for _sample in range(n_samples):
                sample = SampleFactory.create()
                make_result(make_pattern(sample=sample), production)
                judge(sample, "confirmed", a_f="0.8706")
            with django_assert_num_queries(15):
                client.get("/agreement/")
