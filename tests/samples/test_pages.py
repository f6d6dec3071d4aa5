"""The pages that write a sample: what is typed is saved or kept, and every refusal says why."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from samples.models import AlloySystem, Sample, SynthesisStep
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def member(client: Client) -> User:
    user = UserFactory.create(roles=["member"])
    client.force_login(user)
    return user


@pytest.fixture
def stranger() -> Client:
    """Signed in, without a role."""
    client = Client()
    client.force_login(UserFactory.create())
    return client


def typed(**changed: Any) -> dict[str, Any]:
    """What a browser sends of the form with one blank row of each kind."""
    return {
        "composition_text": "Al43Si32Ru25",
        "composition_unit": "at",
        "code": "",
        "parent": "",
        "origin": "",
        "steps-TOTAL_FORMS": "1",
        "steps-INITIAL_FORMS": "0",
        "masses-TOTAL_FORMS": "1",
        "masses-INITIAL_FORMS": "0",
        **changed,
    }


ANNEALED = {"steps-0-kind": "annealing", "steps-0-temperature": "９００，５", "steps-0-duration": " 48 "}
WEIGHED = {"masses-0-substance": "Ａｌ", "masses-0-mass": "0,5124", "masses-0-purity": "99.99"}


class TestNew:
    def test_the_form_opens(self, client: Client, member: User) -> None:
        page = client.get("/samples/new/")
        assert page.status_code == 200
        assert "Nominal composition" in page.content.decode()

    def test_a_sample_with_steps_and_masses_is_logged(self, client: Client, member: User) -> None:
        page = client.post("/samples/new/", typed(place="Box 3", **ANNEALED, **WEIGHED), follow=True)
        sample = Sample.objects.get()
        assert page.redirect_chain == [(f"/samples/{sample.code}/", 302)]
        assert "ASR-001 is logged as Al₄₃Si₃₂Ru₂₅." in page.content.decode()
        assert (sample.code, sample.place, sample.made_by) == ("ASR-001", "Box 3", member)
        assert sample.steps.get().facts() == ["900.5 °C", "48 h"]
        assert str(sample.weighed_masses.get()) == "Al 0.5124 g"

    def test_a_ratio_is_normalised_and_said(self, client: Client, member: User) -> None:
        page = client.post("/samples/new/", typed(composition_text="Al6Mn"), follow=True)
        assert "normalised to 100 %" in page.content.decode()

    def test_a_sum_of_80_gets_a_sentence_and_a_choice(self, client: Client, member: User) -> None:
        page = client.post("/samples/new/", typed(composition_text="Al26Si34Ru20", notes="kept"))
        text = page.content.decode()
        assert "sums to 80 %, not 100" in text
        assert "Keep as reported" in text
        assert "kept</textarea>" in text
        assert not Sample.objects.exists()
        client.post("/samples/new/", typed(composition_text="Al26Si34Ru20", composition_sum="reported"))
        assert Sample.objects.get().composition == "Al26Si34Ru20"

    def test_the_choice_is_not_shown_before_it_matters(self, client: Client, member: User) -> None:
        assert "Keep as reported" not in client.get("/samples/new/").content.decode()

    @pytest.mark.parametrize(
        ("changed", "said"),
        [
            ({"composition_text": "Al43Xx57"}, "“Xx” is not an element"),
            ({"composition_text": "Al-43Si"}, "is negative"),
            ({"composition_text": ""}, "This field is required"),
            ({"code": "a/b"}, "no spaces, like ASR-001"),
            ({"code": "TAKEN-1"}, "The code TAKEN-1 is not free"),
            ({"parent": "nobody"}, "There is no sample “nobody”"),
            ({"measured_text": "Al43(2)"}, "Brackets are not read"),
            ({"mass_after": "2 g"}, "This is not a number"),
            ({"steps-0-kind": "annealing"}, "Annealing needs its temperature"),
            ({"steps-0-temperature": "900"}, "This field is required"),
            ({"masses-0-substance": "Al"}, "This field is required"),
            ({"masses-0-substance": "Xx", "masses-0-mass": "1"}, "“Xx” is not an element"),
            ({"composition_unit": "mol"}, "Select a valid choice"),
            ({"steps-TOTAL_FORMS": "much"}, "ManagementForm data is missing"),
        ],
    )
    def test_a_bad_form_says_why_and_keeps_what_was_typed(
        self, client: Client, member: User, changed: dict[str, str], said: str
    ) -> None:
        SampleFactory.create(code="taken-1")
        page = client.post("/samples/new/", typed(notes="what I typed", **changed))
        assert page.status_code == 200
        text = page.content.decode()
        assert said in text
        assert "what I typed</textarea>" in text
        assert Sample.objects.count() == 1

    def test_the_first_error_takes_the_focus(self, client: Client, member: User) -> None:
        text = client.post("/samples/new/", typed(composition_text="Xx1", mass_after="x")).content.decode()
        assert text.count("autofocus") == 1
        assert "autofocus" in text[text.index("composition_text") : text.index("composition_unit")]

    def test_a_piece_starts_from_its_parent(self, client: Client, member: User) -> None:
        SampleFactory.create(code="ASR-001")
        text = client.get("/samples/new/?parent=ASR-001").content.decode()
        assert "Log a piece of ASR-001" in text
        assert "Al43Si32Ru25</textarea>" in text
        client.post("/samples/new/", typed(parent="asr-001", origin="cut"))
        assert Sample.objects.get(code="ASR-001-1").parent == Sample.objects.get(code="ASR-001")

    def test_without_the_right_it_is_refused(self, stranger: Client) -> None:
        assert stranger.get("/samples/new/").status_code == 403
        assert stranger.post("/samples/new/", typed()).status_code == 403

    def test_without_sign_in_it_asks_for_it(self) -> None:
        assert Client().get("/samples/new/").status_code == 302

    def test_a_form_from_elsewhere_is_refused(self, member: User) -> None:
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(member)
        assert strict.post("/samples/new/", typed()).status_code == 403


class TestEdit:
    def test_what_is_stored_stands_in_the_form(self, client: Client, member: User) -> None:
        SampleFactory.create(
            code="ASR-001",
            composition_text="Al₄₃Si₃₂Ru₂₅",
            parent=SampleFactory.create(code="ASR-000"),
            steps=[SynthesisStep(kind="annealing", temperature="900.0", duration="48")],
        )
        text = client.get("/samples/ASR-001/edit/").content.decode()
        for stored in ("Al₄₃Si₃₂Ru₂₅</textarea>", 'value="ASR-000"', 'value="900"', 'value="48"'):
            assert stored in text

    def test_a_change_is_saved(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001")
        client.post("/samples/ASR-001/edit/", typed(code="ASR-001", place="Box 9", edition="1", **ANNEALED))
        sample.refresh_from_db()
        assert (sample.place, sample.edition, sample.changed_by) == ("Box 9", 2, member)
        assert sample.steps.count() == 1

    def test_a_row_can_be_removed_or_made_blank(self, client: Client, member: User) -> None:
        steps = [SynthesisStep(kind="crushing"), SynthesisStep(kind="arc_melting"), SynthesisStep(kind="induction")]
        sample = SampleFactory.create(code="ASR-001", steps=steps)
        rows = {
            "steps-TOTAL_FORMS": "3",
            "steps-0-kind": "crushing",
            "steps-0-DELETE": "on",
            "steps-2-kind": "induction",
        }
        client.post("/samples/ASR-001/edit/", typed(code="ASR-001", edition="1", **rows))
        assert [step.kind for step in sample.steps.all()] == ["induction"]

    def test_two_tabs_saving_the_same_sample(self, client: Client, member: User) -> None:
        """The second is shown both editions, nothing is lost, and saving again is a decision."""
        SampleFactory.create(code="ASR-001")
        address = "/samples/ASR-001/edit/"
        client.post(address, typed(code="ASR-001", place="from the first tab", edition="1", **ANNEALED))
        page = client.post(address, typed(code="ASR-001", place="from the second tab", edition="1", **WEIGHED))
        text = page.content.decode()
        assert page.status_code == 409
        assert "Someone saved this sample while you were typing" in text
        for told in ("from the first tab", "from the second tab", "1. annealing, 900.5 °C, 48 h", "Al · 0.5124 g"):
            assert told in text
        assert Sample.objects.get(code="ASR-001").place == "from the first tab"
        client.post(address, typed(code="ASR-001", place="from the second tab", edition="2", **WEIGHED))
        assert Sample.objects.get(code="ASR-001").place == "from the second tab"

    def test_a_choice_for_another_composition_is_asked_again(self, client: Client, member: User) -> None:
        SampleFactory.create(code="R-1", composition_text="Al26Si34Ru20", composition_sum="reported")
        again = typed(code="R-1", edition="1", composition_text="Al26Si34Ru30", composition_sum="reported")
        assert "sums to 90 %" in client.post("/samples/R-1/edit/", again).content.decode()
        same = typed(code="R-1", edition="1", composition_text="Al26Si34Ru20", composition_sum="reported")
        assert client.post("/samples/R-1/edit/", same).status_code == 302

    def test_an_unknown_code_is_404(self, client: Client, member: User) -> None:
        assert client.get("/samples/NO-1/edit/").status_code == 404

    def test_without_the_right_it_is_refused(self, stranger: Client) -> None:
        SampleFactory.create(code="ASR-001")
        assert stranger.get("/samples/ASR-001/edit/").status_code == 403

    def test_rows_cost_no_queries(
        self, client: Client, member: User, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        SampleFactory.create(code="ASR-001", steps=[SynthesisStep(kind="crushing") for _ in range(9)])
        with django_assert_max_num_queries(9):
            client.get("/samples/ASR-001/edit/")


class TestArchive:
    def test_archive_and_back(self, client: Client, member: User) -> None:
        sample = SampleFactory.create(code="ASR-001")
        page = client.post("/samples/ASR-001/archive/", follow=True)
        assert "nothing was deleted" in page.content.decode()
        assert sample not in Sample.objects.current()
        client.post("/samples/ASR-001/restore/")
        assert sample in Sample.objects.current()

    @pytest.mark.parametrize("verb", ["archive", "restore"])
    def test_a_link_does_nothing(self, client: Client, member: User, verb: str) -> None:
        SampleFactory.create(code="ASR-001")
        assert client.get(f"/samples/ASR-001/{verb}/").status_code == 405

    @pytest.mark.parametrize("verb", ["archive", "restore"])
    def test_without_the_right_it_is_refused(self, stranger: Client, verb: str) -> None:
        SampleFactory.create(code="ASR-001")
        assert stranger.post(f"/samples/ASR-001/{verb}/").status_code == 403


class TestSystemOrder:
    def test_the_order_is_changed(self, client: Client, member: User) -> None:
        SampleFactory.create()
        client.post("/systems/Al-Ru-Si/edit/", {"name": " Ｒｕ - Si–Al ", "notes": "", "edition": "1"})
        assert AlloySystem.objects.get().name == "Ru-Si-Al"

    def test_the_set_is_not(self, client: Client, member: User) -> None:
        SampleFactory.create()
        page = client.post("/systems/Al-Ru-Si/edit/", {"name": "Al-Si-Rh", "notes": ""})
        assert "A system keeps its elements: write Al, Ru, Si in any order" in page.content.decode()
        assert AlloySystem.objects.get().name == "Al-Si-Ru"

    def test_without_the_right_it_is_refused(self, stranger: Client) -> None:
        SampleFactory.create()
        assert stranger.get("/systems/Al-Ru-Si/edit/").status_code == 403
