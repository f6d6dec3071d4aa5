"""The page of one pattern, what can be done there, and what can be taken away."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from mlmodels.models import ModelVersion
from samples.models import Pattern, PatternFile
from screening.models import ScreeningResult
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import a_version, make_result

pytestmark = pytest.mark.django_db

ICOSAHEDRAL = Path(__file__).resolve().parents[1] / "data" / "simulated_icosahedral.ras"


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(username="student", roles=["member"])
    client.force_login(user)
    return user


@pytest.fixture
def version(member: User) -> ModelVersion:
    return a_version()


def page_of(client: Client, pattern: Pattern) -> str:
    return client.get(f"/patterns/{pattern.pk}/").content.decode()


class TestPage:
    def test_says_class_probability_and_lattice_as_papers_do(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern(sample=SampleFactory.create(code="ASR-001"))
        make_result(pattern, version)
        page = page_of(client, pattern)
        for said in ("class-A", "p = 0.9994", "= 4.353(4) Å", "25 %", "for tests", "approximant 1/1", "Al₄₃Si₃₂Ru₂₅"):
            assert said in page

    def test_class_d_says_that_its_constant_is_no_finding(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern()
        fields = {"state": "done", "level": "D", "probability": 0.01, "quasilattice_constant": 5.1, "lattice_type": "P"}
        make_result(pattern, version, **fields)
        page = page_of(client, pattern)
        assert "not a finding" in page
        assert re.search(r'id="lattice-none" checked', page), "no reflections are drawn for it"

    def test_asks_until_the_call_stands(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern()
        result = make_result(pattern, version, state="queued")
        assert f'hx-get="/patterns/{pattern.pk}/call/"' in page_of(client, pattern)
        ScreeningResult.objects.filter(pk=result.pk).delete()
        made = make_result(pattern, version)
        part = client.get(f"/patterns/{pattern.pk}/call/", headers={"HX-Request": "true"}).content.decode()
        assert "hx-get" not in part
        assert f"/results/{made.pk}/evidence.json" in part, "the evidence comes along"

    def test_a_file_that_cannot_be_read_says_why(self, client: Client, version: ModelVersion) -> None:
        page = page_of(client, make_pattern(content=b"\n"))
        assert "The file is empty" in page
        assert "Try again" in page

    def test_warnings_and_assumptions_are_seen(self, client: Client, version: ModelVersion) -> None:
        page = page_of(client, make_pattern())
        assert "The file names no wavelength" in page
        assert "(assumed)" in page

    def test_simulated_is_marked_on_page_and_exports(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern(simulated=True)
        reading = pattern.readings.get()
        assert "SIMULATED" in page_of(client, pattern)
        assert "SIMULATED" in client.get(f"/readings/{reading.pk}/figure.json").content.decode()
        for ending in ("csv", "json"):
            assert "SIMULATED" in client.get(f"/readings/{reading.pk}/pattern.{ending}")["Content-Disposition"]

    def test_other_versions_say_their_call_too(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern()
        reported = ModelVersion.objects.record("as reported", thresholds_version="uryu-2023")
        make_result(pattern, version)
        make_result(pattern, reported, state="done", level="C")
        page = page_of(client, pattern)
        assert page.index("class-A") < page.index("Calls of other versions") < page.index("as reported")

    def test_sisters_of_the_sample_are_one_click_away(self, client: Client, version: ModelVersion) -> None:
        sample = SampleFactory.create()
        first, second, third = (make_pattern(sample=sample) for _ in range(3))
        page = page_of(client, second)
        assert f'rel="prev" href="/patterns/{first.pk}/"' in page
        assert f'rel="next" href="/patterns/{third.pk}/"' in page

    def test_the_number_of_queries_is_fixed(
        self, client: Client, version: ModelVersion, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        pattern = make_pattern(sample=SampleFactory.create())
        make_result(pattern, version)
        with django_assert_num_queries(18):
            page_of(client, pattern)
        for number in range(4):
            pattern.correct(pattern.uploaded_by, wavelength=1.54 + number / 1000, reason="tried")
            make_result(pattern, version)
        with django_assert_num_queries(18):
            page_of(client, pattern)

    def test_without_a_role_it_is_closed(self, client: Client) -> None:
        pattern = make_pattern()
        client.force_login(UserFactory.create())
        for address in (f"/patterns/{pattern.pk}/", f"/readings/{pattern.readings.get().pk}/figure.json"):
            assert client.get(address).status_code == 403


class TestCorrection:
    def correct(self, client: Client, pattern: Pattern, **typed: object) -> str:
        sent = {"wavelength": "1.540593", "blank": "", "blank_scale": "1", "reason": "it was Co", **typed}
        return client.post(f"/patterns/{pattern.pk}/correct/", sent, follow=True).content.decode()

    def test_makes_a_new_reading_and_queues_it(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        page = self.correct(client, pattern, wavelength=" １，７８８９９６ ")
        assert [reading.wavelength for reading in pattern.readings.all()] == [1.788996, 1.540593]
        assert "it was Co" in page
        assert ScreeningResult.objects.get().reading.number == 2

    def test_a_blank_is_subtracted(self, client: Client, member: User) -> None:
        pattern = make_pattern(content=pattern_text(seed=1))
        blank = make_pattern(content=pattern_text(seed=2), kind="blank")
        self.correct(client, pattern, blank=blank.pk, blank_scale="0,5")
        newest, oldest = pattern.readings.all()
        taken_off = oldest.as_pattern().intensity - newest.as_pattern().intensity
        assert taken_off == pytest.approx(blank.readings.get().as_pattern().intensity / 2)

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"wavelength": "0"}, "A wavelength of 0 Å is not one"),
            ({"wavelength": "50"}, "A wavelength of 50 Å is not one"),
            ({"wavelength": "Cu"}, "This is not a number"),
            ({"reason": ""}, "This field is required"),
            ({"blank_scale": "-1"}, "must be a positive number"),
        ],
    )
    def test_what_makes_no_sense_is_said_and_what_was_typed_stays(
        self, client: Client, member: User, typed: dict[str, str], said: str
    ) -> None:
        pattern = make_pattern()
        blank = make_pattern(kind="blank")
        page = self.correct(client, pattern, **{"reason": "kept words", "blank": blank.pk, **typed})
        assert said in page
        assert "<details" in page
        assert ("kept words" in page) is ("reason" not in typed)
        assert pattern.readings.count() == 1

    def test_a_blank_is_marked_and_a_measurement_is_screened(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        for kind, n_results in (("blank", 0), ("measurement", 1)):
            client.post(f"/patterns/{pattern.pk}/mark/", {"kind": kind})
            pattern.refresh_from_db()
            assert pattern.kind == kind
            assert ScreeningResult.objects.count() == n_results
        assert client.post(f"/patterns/{pattern.pk}/mark/", {"kind": "nonsense"}).status_code == 400

    def test_moving_archiving_and_restoring(self, client: Client, member: User) -> None:
        pattern = make_pattern()
        SampleFactory.create(code="ASR-001")
        page = client.post(f"/patterns/{pattern.pk}/move/", {"sample": "ASR-001"}, follow=True).content.decode()
        assert "Moved to ASR-001." in page
        assert "There is no sample" in client.post(f"/patterns/{pattern.pk}/move/", {"sample": "?"}).content.decode()
        for archived in (True, False):
            client.post(f"/patterns/{pattern.pk}/archive/")
            pattern.refresh_from_db()
            assert bool(pattern.archived_at) is archived
            assert pattern.sample

    @pytest.mark.parametrize("action", ["move", "mark", "correct", "retry", "archive", "refine"])
    def test_nothing_changes_by_a_link(self, client: Client, member: User, action: str) -> None:
        assert client.get(f"/patterns/{make_pattern().pk}/{action}/").status_code == 405


@pytest.mark.parametrize(
    ("content", "said"),
    [("", "stayed in the lab that this pattern came from"), ("patterns/gone", "manage.py check_files names it")],
)
def test_an_original_file_that_is_not_here_is_said(client: Client, member: User, content: str, said: str) -> None:
    pattern = make_pattern()
    PatternFile.objects.update(content=content)
    assert ("Where is the original file?" in page_of(client, pattern)) is (content == "")
    assert said in client.get(f"/patterns/{pattern.pk}/original/", follow=True).content.decode()


class TestRefinement:
    def refine(self, client: Client, pattern: Pattern, start: str, **options: object) -> str:
        sent = {"quasilattice_constant": start, "lattice_type": "F"}
        return client.post(f"/patterns/{pattern.pk}/refine/", sent, **options).content.decode()  # type: ignore[arg-type]

    def test_finds_the_constant_that_was_simulated(self, client: Client, member: User) -> None:
        pattern = make_pattern(content=ICOSAHEDRAL.read_bytes(), name="simulated_icosahedral.ras")
        part = self.refine(client, pattern, "4,36", headers={"HX-Request": "true"})
        assert "18/29 (2 1 1 1 1 1)" in part
        sent = json.loads(re.search(r'<script id="refined"[^>]*>(.*?)</script>', part)[1])  # type: ignore[index]
        assert sent["quasilattice_constant"] == pytest.approx(4.353, abs=0.002)
        assert len(sent["peaks"]) > 8
        assert "<html" not in part
        assert "<html" in self.refine(client, pattern, "4.36"), "without script it is a page"

    def test_says_why_it_cannot(self, client: Client, member: User) -> None:
        pattern = make_pattern(content=pattern_text(seed=1))
        assert "at least 4 are needed" in self.refine(client, pattern, "5.9")
        assert "Start between 4 and 6 Å." in self.refine(client, pattern, "9")


class TestDownloads:
    def test_csv_has_angles_intensities_q_and_d(self, client: Client, member: User) -> None:
        reading = make_pattern().readings.get()
        lines = client.get(f"/readings/{reading.pk}/pattern.csv").content.decode().splitlines()
        assert lines[0] == "# wavelength 1.540593 angstrom"
        assert lines[1] == "two_theta_deg,intensity,q_per_angstrom,d_angstrom"
        two_theta, _intensity, q, d = (float(value) for value in lines[2].split(","))
        assert two_theta == 20.0
        assert q == pytest.approx(1.41643, abs=1e-5)
        assert d * q == pytest.approx(2 * 3.141592654, rel=1e-6)
        assert len(lines) == 2 + reading.n_points

    def test_json_has_the_calls(self, client: Client, version: ModelVersion) -> None:
        pattern = make_pattern()
        make_result(pattern, version)
        record = client.get(f"/readings/{pattern.readings.get().pk}/pattern.json").json()
        assert record["results"][0]["level"] == "A"
        assert len(record["results"][0]["evidence"]) == 162
        assert len(record["two_theta"]) == len(record["intensity"]) == 3000

    def test_a_sample_shows_its_patterns_stacked(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001")
        assert "sample-figure" not in client.get("/samples/ASR-001/").content.decode()
        for name in ("first.xy", "second.xy"):
            make_pattern(sample=sample, name=name)
        make_pattern(sample=sample, name="empty.xy", content=b"\n")
        assert "/samples/ASR-001/figure.json" in client.get("/samples/ASR-001/").content.decode()
        figure = client.get("/samples/ASR-001/figure.json").json()
        assert [trace["name"] for trace in figure["data"]] == ["first.xy", "second.xy"]

    def test_evidence_that_is_not_there_is_not_found(self, client: Client, version: ModelVersion) -> None:
        result = make_result(make_pattern(), version, state="queued")
        assert client.get(f"/results/{result.pk}/evidence.json").status_code == 404
