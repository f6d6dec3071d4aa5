"""The API: what each address gives and takes, and what it says to bad input."""

from __future__ import annotations

import csv
import io
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import models
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import ModelVersion
from samples.models import Pattern, PatternFile, Project, Sample
from screening.models import ScreeningResult, ScreeningRun
from tests.api import API, JSON, listed, read, refusal
from tests.api import called as called
from tests.api import files_of_this_test as files_of_this_test
from tests.api import member as member
from tests.factories import SampleFactory, UserFactory, make_pattern, pattern_text
from tests.screening.calls import make_result

pytestmark = pytest.mark.django_db


class TestSamples:
    def test_a_field_of_a_mistyped_name_is_said(self, client: Client, member: User) -> None:
        assert "notes" in refusal(self.log(client, note="slow"))["fields"]["note"][0]
        said = refusal(self.log(client, steps=[{"kind": "annealing", "temprature": 900}]))
        assert "temperature" in said["fields"]["steps.0.temprature"][0]
        assert not Sample.objects.exists()

    def log(self, client: Client, **sent: object) -> Any:
        return client.post(f"{API}samples/", {"composition_text": "Al43Si32Ru25", **sent}, content_type=JSON)

    def test_one_is_logged_as_by_the_form(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        response = self.log(
            client,
            parent="asr-001",
            origin="annealed",
            steps=[{"kind": "annealing", "temperature": "900", "duration": 48, "quench": "water"}],
            weighed_masses=[{"substance": "Ａｌ", "mass": "0.5124"}, {"substance": "Ru", "mass": "1.2"}],
        )
        assert response.status_code == 201
        sample = Sample.objects.get(code="ASR-001-1")
        assert sample.made_by == member
        assert [step.kind for step in sample.steps.all()] == ["annealing"]
        assert [mass.substance for mass in sample.weighed_masses.all()] == ["Al", "Ru"]
        assert response.json() == read(client, "samples/ASR-001-1/")
        assert response.json()["parent"] == "ASR-001"
        assert response.json()["system"] == "Al-Ru-Si"

    @pytest.mark.parametrize(
        ("sent", "field", "sentence"),
        [
            ({"composition_text": "Al65 Cu20 Fe1"}, "composition_sum", "86"),
            ({"composition_text": "Xx50Al50"}, "composition_text", "Xx"),
            ({"composition_text": ""}, "composition_text", "may not be blank"),
            ({"code": "asr-001"}, "code", "The code asr-001 is not free"),
            ({"code": "not a code"}, "code", "A code is letters and digits"),
            ({"parent": "XYZ-9"}, "parent", "There is no sample “XYZ-9”"),
            ({"parent": "\x00"}, "parent", "Null characters"),
            ({"steps": [{"kind": "crushing"}, {"kind": "annealing"}]}, "steps.1.temperature", "Annealing needs its"),
            ({"weighed_masses": [{"substance": "Xx", "mass": 1}]}, "weighed_masses.0.substance", "Xx"),
        ],
    )
    def test_bad_input_is_answered_by_field_and_nothing_is_logged(
        self, client: Client, member: User, sent: dict[str, object], field: str, sentence: str
    ) -> None:
        SampleFactory.create(code="ASR-001")
        error = refusal(self.log(client, **sent))
        assert sentence in error["fields"][field][0]
        assert error["code"] == "invalid"
        assert Sample.objects.count() == 1

    @pytest.mark.parametrize("body", ["{", "[]", '"text"', "null", "[1]"])
    def test_a_body_that_is_no_sample_is_said(self, client: Client, member: User, body: str) -> None:
        refusal(client.post(f"{API}samples/", body, content_type=JSON))

    def test_are_found(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001", notes="a needle")
        SampleFactory.create(code="AMI-001", composition_text="Al70Mn20Ir10").archive(by=member)
        for question, codes in {
            "q=needle": ["ASR-001"],
            "element=Ir": ["AMI-001"],
            "system=al-ru-si": ["ASR-001"],
            "archived=false": ["ASR-001"],
            "ordering=code": ["AMI-001", "ASR-001"],
            "ordering=-code": ["ASR-001", "AMI-001"],
            "parent=ASR-001": [],
        }.items():
            assert [row["code"] for row in listed(client, f"samples/?{question}")] == codes, question

    def test_pages_go_on_by_cursor(self, client: Client, member: User) -> None:
        codes = [SampleFactory.create().code for _ in range(5)]
        page = read(client, "samples/?page_size=2&ordering=made_at")
        seen = [row["code"] for row in page["results"]]
        while page["next"]:
            page = client.get(page["next"]).json()
            seen += [row["code"] for row in page["results"]]
        assert seen == codes

    def test_pages_go_on_where_thousands_are_of_one_moment(self, client: Client, member: User) -> None:
        """As after an import of a sheet, which changes all of its samples at once."""
        moment = timezone.now()
        system = SampleFactory.create(code="N-0000").system
        rows = [
            Sample(code=f"N-{n:04}", system=system, composition_text="Al43Si32Ru25", made_by=member, changed_by=member)
            for n in range(1, 2400)
        ]
        Sample.objects.bulk_create(rows)
        models.QuerySet(Sample).update(changed_at=moment)
        for order in ("changed_at", "-changed_at"):
            forth: list[str] = []
            page = read(client, f"samples/?page_size=700&ordering={order}")
            while True:
                forth += [row["code"] for row in page["results"]]
                if not page["next"] or len(forth) > 2400:
                    break
                page = client.get(page["next"]).json()
            assert sorted(forth) == [f"N-{n:04}" for n in range(2400)]
            back = [row["code"] for row in page["results"]]
            while page["previous"]:
                page = client.get(page["previous"]).json()
                back = [row["code"] for row in page["results"]] + back
            assert back == forth

    @pytest.mark.parametrize(
        ("address", "field"),
        [
            ("samples/?smaple=ASR-001", "smaple"),
            ("patterns/?archived=maybe", "archived"),
            ("samples/?used_up=maybe", "used_up"),
            ("samples/?ordering=nope", "ordering"),
            ("models/?q=x", "q"),
            ("runs/?page_size=many", "page_size"),
            ("results/?pattern=99999999999999999999", "pattern"),
        ],
    )
    def test_what_is_asked_wrongly_is_said(self, client: Client, member: User, address: str, field: str) -> None:
        """A list that leaves out what it does not understand answers another question."""
        assert refusal(client.get(API + address))["fields"][field]

    def test_one_is_found_by_its_code_in_any_case_and_width(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-I")
        for code in ("asr-i", "ＡＳＲ-Ｉ"):
            assert read(client, f"samples/{code}/")["code"] == "ASR-I"
            assert client.get(f"/samples/{code}/").headers["Location"] == "/samples/ASR-I/"

    def test_an_element_is_asked_for_in_any_case(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(composition_text="Al43Si32Ru25")
        assert [row["code"] for row in listed(client, "samples/?element=ru")] == [sample.code]

    @pytest.mark.parametrize("cursor", ["x", "cD1ub3doZXJl", "cD0lMDA="])
    def test_a_cursor_that_is_none_is_said(self, client: Client, member: User, cursor: str) -> None:
        assert refusal(client.get(f"{API}samples/?cursor={cursor}"), 404)["code"] == "not_found"

    @pytest.mark.parametrize("code", ["XYZ-9", "%00", "a%20b", "%ED%A0%80"])
    def test_an_unknown_one_is_said(self, client: Client, member: User, code: str) -> None:
        refusal(client.get(f"{API}samples/{code}/"), 404)

    def test_the_number_of_queries_is_fixed(
        self, client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in (1, 4):
            for _ in range(n):
                SampleFactory.create(parent=SampleFactory.create())
            with django_assert_num_queries(8):
                listed(client, "samples/")


def test_alloy_systems_are_read(client: Client, member: User) -> None:
    SampleFactory.create()
    assert [row["key"] for row in listed(client, "alloy-systems/")] == ["Al-Ru-Si"]
    assert read(client, "alloy-systems/Al-Ru-Si/")["elements"] == ["Al", "Si", "Ru"]


def test_projects_are_read_but_for_the_closed_ones_of_others(client: Client, member: User) -> None:
    own = Project.objects.begin(by=member, leaders=[member], key="yb", name="Yb hunt")
    other = Project.objects.begin(by=member, leaders=[UserFactory.create()], key="zn", name="Zn hunt")
    (row,) = listed(client, "projects/")
    assert (row["key"], row["is_closed"], row["members"]) == ("yb", True, [member.username])
    refusal(client.get(f"{API}projects/{other.pk}/"), 404)
    assert read(client, f"projects/{own.pk}/")["name"] == "Yb hunt"


def test_models_are_read(client: Client, member: User) -> None:
    version = ModelVersion.objects.production()
    assert version
    assert [row["name"] for row in listed(client, "models/?state=production")] == [version.name]
    assert read(client, f"models/{version.pk}/")["sha256"] == version.sha256
    assert "state" in refusal(client.get(f"{API}models/?state=best"))["fields"]


class TestUpload:
    def send(self, client: Client, name: str = "scan.xy", content: bytes | None = None, **more: object) -> Any:
        file = SimpleUploadedFile(name, pattern_text(seed=1) if content is None else content)
        return client.post(f"{API}patterns/", {"file": file, **more})

    def test_a_pattern_is_kept_and_queued(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        response = self.send(client, sample="asr-001")
        assert response.status_code == 201
        receipt = response.json()
        pattern = Pattern.objects.get()
        assert pattern.uploaded_by == member
        assert (receipt["known"], receipt["failure"], receipt["whereabouts"]) == (False, None, None)
        assert [shown["id"] for shown in receipt["patterns"]] == [pattern.pk]
        assert receipt["patterns"][0] == read(client, f"patterns/{pattern.pk}/")
        assert receipt["patterns"][0]["sample"] == "ASR-001"
        assert receipt["patterns"][0]["result"]["state"] == "queued"
        assert any("assumed" in warning for warning in receipt["patterns"][0]["reading"]["warnings"])
        assert read(client, f"runs/{receipt['run']}/")["progress"] == {
            "n_patterns": 1,
            "n_finished": 0,
            "n_by_level": {},
            "n_without_class": 0,
        }

    def test_the_same_bytes_again_store_nothing(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        first = self.send(client, "ASR-001.xy").json()
        response = self.send(client, "another name.xy", run=first["run"])
        assert response.status_code == 200
        again = response.json()
        assert again["known"]
        assert "is here already, with sample ASR-001" in again["whereabouts"]
        assert (again["patterns"], again["run"]) == (first["patterns"], first["run"])
        assert Pattern.objects.count() == ScreeningResult.objects.count() == 1

    def test_what_cannot_be_read_is_kept_with_its_reason(self, client: Client, member: User) -> None:
        response = self.send(client, "picture.xy", b"\x89PNG\r\n\x1a\n" + bytes(500))
        assert response.status_code == 201
        receipt = response.json()
        assert "This is a picture" in receipt["failure"]
        pattern = receipt["patterns"][0]
        assert (pattern["failure"], pattern["reading"], pattern["result"]) == (receipt["failure"], None, None)
        error = refusal(client.get(f"{API}patterns/{pattern['id']}/csv/"), 404)
        assert "could not be read" in error["message"]

    def test_a_file_too_large_is_refused_and_leaves_no_run(
        self, client: Client, member: User, settings: Settings
    ) -> None:
        settings.MAX_PATTERN_FILE_SIZE = 1000
        error = refusal(self.send(client))
        assert "larger than" in error["fields"]["file"][0]
        assert not ScreeningRun.objects.exists()
        assert not Pattern.objects.exists()

    @pytest.mark.parametrize(
        ("sent", "field", "sentence"),
        [
            ({"sample": "XYZ-9"}, "sample", "There is no sample “XYZ-9”"),
            ({"run": "12345"}, "run", "There is no upload 12345 of yours"),
            ({"run": "first"}, "run", "Write its number"),
            ({"run": str(10**30)}, "run", "There is no upload"),
        ],
    )
    def test_bad_input_is_answered_by_field_and_nothing_is_kept(
        self, client: Client, member: User, sent: dict[str, Any], field: str, sentence: str
    ) -> None:
        assert sentence in refusal(self.send(client, **sent))["fields"][field][0]
        assert not Pattern.objects.exists()

    def test_no_file_is_said(self, client: Client, member: User) -> None:
        assert "No file arrived" in refusal(client.post(f"{API}patterns/", {"sample": ""}))["message"]

    def test_nobody_joins_the_run_of_another(self, client: Client, member: User) -> None:
        other = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=UserFactory.create())
        refusal(self.send(client, run=other.pk))

    def test_only_files_are_taken(self, client: Client, member: User) -> None:
        error = refusal(client.post(f"{API}patterns/", {"file": "text"}, content_type=JSON), 415)
        assert error["code"] == "unsupported_media_type"

    def test_a_browser_needs_its_token(self, member: User) -> None:
        browser = Client(enforce_csrf_checks=True)
        browser.force_login(member)
        assert "CSRF" in refusal(self.send(browser), 403)["message"]


class TestPatterns:
    def test_arrays_come_where_asked_for(self, client: Client, called: ScreeningResult) -> None:
        address = f"patterns/{called.reading.pattern_id}/"
        assert "arrays" not in read(client, address)
        arrays = read(client, f"{address}?arrays=1")["arrays"]
        assert len(arrays["two_theta"]) == len(arrays["intensity"]) == called.reading.n_points

    def test_can_be_taken_away(self, client: Client, called: ScreeningResult) -> None:
        pattern = called.reading.pattern
        original = client.get(f"{API}patterns/{pattern.pk}/original/")
        assert b"".join(original.streaming_content) == pattern.file.original.read()  # type: ignore[attr-defined]
        lines = client.get(f"{API}patterns/{pattern.pk}/csv/").content.decode().splitlines()
        rows = list(csv.DictReader(io.StringIO("\n".join(line for line in lines if not line.startswith("#")))))
        assert len(rows) == called.reading.n_points
        assert read(client, f"patterns/{pattern.pk}/json/")["results"][0]["level"] == "A"

    def test_an_original_that_is_not_here_is_said(self, client: Client, called: ScreeningResult) -> None:
        address = f"{API}patterns/{called.reading.pattern_id}/original/"
        Path(called.reading.pattern.file.content.path).unlink()
        assert "cannot be read from the lab's folder: No such file" in refusal(client.get(address), 404)["message"]
        PatternFile.objects.update(content="")
        assert "stayed in the lab that this pattern came from" in refusal(client.get(address), 404)["message"]

    def test_are_found(self, client: Client, called: ScreeningResult, member: User) -> None:
        pattern, waiting = called.reading.pattern, make_pattern()
        for question, found in {
            "sample=asr-001": [pattern],
            "inbox=true": [waiting],
            f"sha256={waiting.file.sha256}": [waiting],
            "unreadable=true": [],
            "ordering=uploaded_at": [pattern, waiting],
            f"run={called.run_id}": [],
        }.items():
            assert [row["id"] for row in listed(client, f"patterns/?{question}")] == [p.pk for p in found], question

    def test_the_number_of_queries_is_fixed(
        self, client: Client, called: ScreeningResult, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in (1, 4):
            for _ in range(n):
                make_result(make_pattern(sample=called.reading.pattern.sample), called.model_version)
            with django_assert_num_queries(8):
                listed(client, "patterns/")


class TestResults:
    def test_tell_the_call(self, client: Client, called: ScreeningResult) -> None:
        shown = read(client, f"results/{called.pk}/")
        assert (shown["level"], shown["probability"]) == ("A", 0.9994)
        assert (shown["sample"], shown["system"], shown["model_version"]) == ("ASR-001", "Al-Ru-Si", "for tests")

    def test_one_without_a_sample_or_a_call_is_told_too(self, client: Client, called: ScreeningResult) -> None:
        reason = {"template": "Flat: no point stands out of its background.", "values": {}}
        result = make_result(make_pattern(), called.model_version, state="not_screenable", reason=reason)
        shown = read(client, f"results/{result.pk}/")
        assert (shown["sample"], shown["system"], shown["level"]) == (None, None, "")
        assert shown["reason"] == reason["template"]

    def test_are_found(self, client: Client, called: ScreeningResult) -> None:
        waiting = make_result(make_pattern(), called.model_version, state="queued")
        for question, found in {
            "level=A": [called],
            "level=A&level=B": [called],
            "state=queued": [waiting],
            "system=Al-Ru-Si": [called],
            "model_version=for tests": [waiting, called],
            "model_version=another": [],
            f"pattern={called.reading.pattern_id}": [called],
            f"run={waiting.run_id}": [waiting],
        }.items():
            assert [row["id"] for row in listed(client, f"results/?{question}")] == [r.pk for r in found], question

    @pytest.mark.parametrize("question", ["level=E", "state=lost", "run=first", "pattern=1e999", "sample=%00"])
    def test_a_question_that_makes_no_sense_is_said(self, client: Client, member: User, question: str) -> None:
        assert question.partition("=")[0] in refusal(client.get(f"{API}results/?{question}"))["fields"]

    def test_the_number_of_queries_is_fixed(
        self, client: Client, called: ScreeningResult, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        for n in (1, 4):
            for _ in range(n):
                make_result(make_pattern(sample=called.reading.pattern.sample), called.model_version)
            with django_assert_num_queries(6):
                listed(client, "results/")


def test_the_number_of_queries_for_runs_is_fixed(
    client: Client, member: User, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    for n in (1, 4):
        runs = [ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=UserFactory.create()) for _ in range(n)]
        for number in range(n):
            runs[0].receive(pattern_text(seed=number), name=f"{number}.xy")
        with django_assert_num_queries(6):
            listed(client, "runs/?why=upload")
        with django_assert_num_queries(10):
            read(client, f"runs/{runs[0].pk}/")
