"""The review queue in the browser's eyes: what is on the page, what is not, and what becomes of a verdict."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from django.contrib.auth.models import User
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import ModelVersion
from samples.models import Sample, SynthesisStep
from screening.models import Candidate, ReferencePhase, Review, ScreeningResult
from screening.reader_agreement import cohens_kappa
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.reviewing import REASON, make_candidate, make_reviewer, waiting

pytestmark = pytest.mark.django_db

HALITE = (Path(__file__).resolve().parents[1] / "data" / "halite.cif").read_bytes()


@pytest.fixture
def reviewer(client: Client) -> User:
    person = make_reviewer(username="reviewer")
    client.force_login(person)
    return person


def page_of(client: Client, result: ScreeningResult) -> str:
    return client.get(f"/review/{result.pk}/").content.decode()


def taken(client: Client, asked: str = "") -> int:
    """The id of the result that the queue hands out."""
    found = re.search(r"/review/(\d+)/", client.get(f"/review/next/?{asked}")["Location"])
    assert found
    return int(found[1])


def sign(client: Client, result: ScreeningResult, **typed: str):  # type: ignore[no-untyped-def]
    return client.post(f"/review/{result.pk}/", {"verdict": "follow_up", "reason": REASON, **typed})


class TestOrder:
    @pytest.fixture
    def four(self, reviewer: User) -> dict[str, ScreeningResult]:
        elsewhere = SampleFactory.create(composition_text="Al72Pd20Mn8", code="APM-001")
        return {
            "b": make_candidate("B", 0.991, sample=elsewhere),
            "a": make_candidate("A", 0.9995),
            "b2": make_candidate("B", 0.998),
            "a2": make_candidate("A", 0.9999, sample=elsewhere),
        }

    @pytest.mark.parametrize(
        ("order", "names"),
        [
            ("class", ["a", "a2", "b", "b2"]),
            ("doubt", ["b", "b2", "a", "a2"]),
            ("system", ["a2", "b", "a", "b2"]),
            ("age", ["b", "a", "b2", "a2"]),
            ("nonsense", ["a", "a2", "b", "b2"]),
        ],
    )
    def test_forth_round_and_back(
        self, client: Client, four: dict[str, ScreeningResult], order: str, names: list[str]
    ) -> None:
        ids = [four[name].pk for name in names]
        seen = [taken(client, f"order={order}")]
        for _ in range(4):
            seen.append(taken(client, f"order={order}&after={seen[-1]}"))
        assert seen == [*ids, ids[0]]
        assert taken(client, f"order={order}&before={ids[2]}") == ids[1]
        assert taken(client, f"order={order}&before={ids[0]}") == ids[3]

    def test_of_one_system(self, client: Client, four: dict[str, ScreeningResult]) -> None:
        assert taken(client, "system=Al-Mn-Pd") == four["a2"].pk
        assert taken(client, f"system=Al-Mn-Pd&after={four['b'].pk}") == four["a2"].pk

    def test_two_reviewers_hold_different_candidates(self, client: Client, four: dict[str, ScreeningResult]) -> None:
        mine, other = taken(client), Client()
        other.force_login(make_reviewer())
        assert taken(other) != mine
        said = other.get(f"/review/{mine}/").content.decode()
        assert "reviewer is looking at this candidate now" in said
        assert 'id="verdict-form"' not in said

    def test_archived_patterns_and_old_readings_do_not_come(
        self, client: Client, reviewer: User, four: dict[str, ScreeningResult]
    ) -> None:
        four["a"].reading.pattern.archive(reviewer)
        four["a2"].reading.pattern.correct(reviewer, wavelength=1.54, reason="tried")
        assert taken(client) == four["b"].pk

    def test_what_is_counted_is_what_can_be_taken(
        self, client: Client, reviewer: User, four: dict[str, ScreeningResult]
    ) -> None:
        four["a"].reading.pattern.archive(reviewer)
        sample = four["b"].reading.pattern.sample
        assert sample
        sample.archive(by=reviewer)  # of Al-Mn-Pd, with a2
        assert taken(client) == four["b2"].pk
        assert "1 left for you" in page_of(client, four["b2"])
        assert "1 candidate waits for your verdict" in client.get("/").content.decode()
        assert "</span>A</span> 1" not in client.get("/review/").content.decode()
        ModelVersion.objects.update(state="retired")
        assert "0 left for you" in page_of(client, four["b2"])

    def test_of_very_many_only_the_first_are_counted_and_listed(
        self, client: Client, four: dict[str, ScreeningResult], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("screening.review_queue.MOST_COUNTED", 3)
        monkeypatch.setattr("screening.views.reviews.MOST_LISTED", 3)
        assert "more than 3 left for you" in page_of(client, four["a"])
        assert "More than 3 candidates wait for your verdict" in client.get("/").content.decode()
        listed = client.get("/review/").content.decode()
        assert "No more than the first 3 in this order are listed" in listed
        assert listed.count('name="candidates"') == 3
        assert "2 left for you" in client.get(f"/review/{four['a2'].pk}/?system=Al-Mn-Pd").content.decode()

    def test_the_end_says_so(self, client: Client, reviewer: User) -> None:
        page = client.get("/review/next/", follow=True).content.decode()
        assert "Nothing is left in the queue for you." in page


class TestPage:
    def test_shows_call_sample_synthesis_sisters_and_earlier_patterns(self, client: Client, reviewer: User) -> None:
        step = SynthesisStep(kind="annealing", temperature=900, duration=48, quench="water")
        parent = SampleFactory.create(code="ASR-001")
        sample = SampleFactory.create(code="ASR-001-1", parent=parent, origin="annealed", steps=[step])
        SampleFactory.create(code="ASR-009", composition_text="Al44Si31Ru25")
        earlier = make_pattern(sample=sample, name="before.xy")
        page = page_of(client, make_candidate(sample=sample))
        for said in ("p = 0.9994", "ASR-001-1", "900 °C · 48 h", "ASR-001", "ASR-009", "before.xy", "Annealing"):
            assert said in page, said
        assert earlier.pk

    def test_blind_reading_leaves_p_and_class_out_of_the_page_until_the_verdict(
        self, client: Client, reviewer: User
    ) -> None:
        result = make_candidate()
        make_candidate(sample=result.reading.pattern.sample)
        client.post("/review/blind/", {"blind": "1"})
        for page in (page_of(client, result), client.get("/review/").content.decode()):
            assert "0.9994" not in page
            assert "0.999" not in page
            assert "class-badge" not in page.replace('class="quiet"', "")
        answer = sign(client, result, read_blind="1")
        assert Review.objects.get().blind is True
        assert "The network said: class A, p = 0.9994." in client.get(answer["Location"], follow=True).content.decode()
        assert "p = 0.9994" in page_of(client, result)

    def test_a_verdict_is_blind_where_its_page_hid_the_calls(self, client: Client, reviewer: User) -> None:
        seen, hidden, marked = make_candidate(), make_candidate(), make_candidate()
        assert "read_blind" not in page_of(client, seen)
        client.post("/review/blind/", {"blind": "1"})
        for result, said in ((seen, {}), (hidden, {"read_blind": "1"})):  # the page of the first stood open before
            sign(client, result, **said)
        typed = {"candidates": [marked.candidate.pk], "verdict": "artefact", "reason": "ice rings", "read_blind": "1"}
        client.post("/review/batch/", typed)
        assert [Review.objects.get(result=result).blind for result in (seen, hidden, marked)] == [False, True, True]
        for page in (page_of(client, make_candidate()), client.get("/review/").content.decode()):
            assert '<input type="hidden" name="read_blind" value="1">' in page

    def test_a_second_reader_does_not_see_the_first_verdict(
        self, client: Client, reviewer: User, settings: Settings
    ) -> None:
        settings.REVIEW_SECOND_READER = "AB"
        result = make_candidate()
        result.add_review(make_reviewer(username="first"), "artefact", "a spike of the detector")
        for page in (page_of(client, result), client.get("/review/").content.decode()):
            assert "a spike of the detector" not in page
        sign(client, result)
        assert "a spike of the detector" in page_of(client, result)

    def test_the_number_of_queries_is_fixed(
        self, client: Client, reviewer: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        result = make_candidate()

        def more() -> None:
            make_candidate()
            make_candidate(sample=result.reading.pattern.sample)

        more()
        page_of(client, result)
        with django_assert_num_queries(22):
            page_of(client, result)
        for _ in range(3):
            more()
        with django_assert_num_queries(22):
            page_of(client, result)

    def test_members_look_at_the_list_and_do_not_judge(self, client: Client) -> None:
        result = make_candidate()
        client.force_login(UserFactory.create(roles=["member"]))
        assert "Review one by one" not in client.get("/review/").content.decode()
        assert client.get(f"/review/{result.pk}/").status_code == 403
        assert sign(client, result).status_code == 403
        assert client.post("/review/batch/", {"verdict": "unsure", "reason": REASON}).status_code == 403


class TestVerdict:
    def test_is_signed_and_the_next_candidate_comes(self, client: Client, reviewer: User) -> None:
        first, second = make_candidate(), make_candidate("B", 0.995)
        answer = client.post(f"/review/{first.pk}/", {"verdict": "follow_up", "reason": REASON}, follow=True)
        assert answer.redirect_chain[-1][0] == f"/review/{second.pk}/?order=class"
        page = answer.content.decode()
        assert "follow up." in page
        assert 'id="review-undo"' in page

    @pytest.mark.parametrize(
        ("typed", "said"),
        [
            ({"reason": ""}, "A verdict needs its reason"),
            ({"verdict": ""}, "Choose one of the six verdicts"),
            ({"verdict": "known_phase"}, "Say which known phase it is"),
        ],
    )
    def test_what_is_missing_is_said_and_what_was_typed_stays(
        self, client: Client, reviewer: User, typed: dict[str, str], said: str
    ) -> None:
        result = make_candidate()
        answer = sign(client, result, **typed)
        page = answer.content.decode()
        assert answer.status_code == 422
        assert said in page
        assert typed.get("reason", REASON) in page
        assert not Review.objects.exists()

    @pytest.mark.parametrize(
        ("other_signs", "said"), [(True, "has judged this call meanwhile"), (False, "is looking at this candidate now")]
    )
    def test_what_the_slower_of_two_typed_is_still_there(
        self, client: Client, reviewer: User, other_signs: bool, said: str
    ) -> None:
        result, other = make_candidate(), make_reviewer(username="quicker")
        page_of(client, result)
        Candidate.objects.update(claimed_until=None)  # a quarter of an hour later
        assert result.candidate.claim(other)
        if other_signs:
            result.add_review(other, "artefact", "a spike of the detector")
        answer = sign(client, result, reason="lines of the holder")
        page = answer.content.decode()
        assert (answer.status_code, said in page) == (422, True)
        assert 'value="lines of the holder"' in page

    def test_the_uploader_is_told_that_somebody_else_signs(self, client: Client, reviewer: User) -> None:
        result = make_candidate(by=reviewer)
        assert "You uploaded this pattern yourself" in page_of(client, result)
        assert "You uploaded this pattern yourself" in sign(client, result).content.decode()

    def test_undo_takes_it_back_and_returns_to_it(self, client: Client, reviewer: User) -> None:
        result = make_candidate()
        sign(client, result)
        answer = client.post(f"/reviews/{Review.objects.get().pk}/undo/", follow=True)
        assert answer.redirect_chain[-1][0].startswith(f"/review/{result.pk}/")
        assert "is taken back" in answer.content.decode()
        assert waiting() == [result]
        assert client.get(f"/reviews/{Review.objects.latest('number').pk}/undo/").status_code == 405

    def test_of_a_call_that_waits_no_more_the_page_says_so(self, client: Client, reviewer: User) -> None:
        result = make_candidate()
        assert "no longer in the queue" not in page_of(client, result)
        result.reading.pattern.correct(reviewer, wavelength=1.54, reason="tried")
        assert "no longer in the queue" in page_of(client, result)

    def test_a_known_phase_of_the_library(self, client: Client, reviewer: User) -> None:
        halite = ReferencePhase.objects.bring(HALITE, reviewer)
        result = make_candidate(sample=None)
        sign(client, result, verdict="known_phase", phase=str(halite.pk))
        review = Review.objects.get()
        assert (review.phase, review.phase_name, review.said) == (halite, "Halite", "known phase: Halite")


class TestBatch:
    def test_one_verdict_for_the_marked_ones(self, client: Client, reviewer: User) -> None:
        results = [make_candidate(), make_candidate(), make_candidate(by=reviewer)]
        marked = [result.candidate.pk for result in results]
        typed = {"candidates": marked, "verdict": "artefact", "reason": "ice rings"}
        page = client.post("/review/batch/", typed, follow=True).content.decode()
        assert "2 verdicts are signed." in page
        assert "You uploaded this pattern yourself" in page
        assert set(Review.objects.values_list("result", flat=True)) == {result.pk for result in results[:2]}

    def test_nothing_marked_or_said(self, client: Client, reviewer: User) -> None:
        result = make_candidate()
        answer = client.post("/review/batch/", {"verdict": "artefact", "reason": "ice"})
        assert (answer.status_code, "Mark the calls" in answer.content.decode()) == (422, True)
        answer = client.post("/review/batch/", {"candidates": [result.candidate.pk], "verdict": "artefact"})
        assert (answer.status_code, "A verdict needs its reason" in answer.content.decode()) == (422, True)

    def test_the_list_asks_a_fixed_number_of_queries(
        self, client: Client, reviewer: User, django_assert_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_candidate()
        client.get("/review/")
        with django_assert_num_queries(11):
            client.get("/review/")
        for _ in range(4):
            make_candidate().add_review(reviewer, "unsure", REASON)
        with django_assert_num_queries(11):
            client.get("/review/")


class TestLibrary:
    def bring(self, client: Client, content: bytes, name: str = ""):  # type: ignore[no-untyped-def]
        return client.post("/phases/", {"cif": SimpleUploadedFile("a.cif", content), "name": name}, follow=True)

    def test_members_fill_it_and_it_shows_itself_where_its_elements_are(self, client: Client, reviewer: User) -> None:
        client.force_login(UserFactory.create(roles=["member"]))
        page = self.bring(client, HALITE).content.decode()
        assert "Halite (Fm-3m) is in the library with" in page
        assert "a = 5.64 Å" in page
        phase = ReferencePhase.objects.get()
        assert client.get(f"/phases/{phase.pk}/cif/").getvalue() == HALITE
        sticks = client.get(f"/phases/{phase.pk}/sticks.json").json()["sticks"]
        assert [stick[2] for stick in sticks[:3]] == ["1 1 1", "2 0 0", "2 2 0"]
        assert sticks[1][0] == pytest.approx(5.6402 / 2)
        assert ReferencePhase.objects.current().within(["Al", "Ru"]) == []
        assert ReferencePhase.objects.current().within(["Cl", "Na", "Al"]) == [phase]

    @pytest.mark.parametrize(
        ("content", "said"),
        [
            (b"nonsense", "is not a CIF that can be read"),
            (b"data_x\n_cell_length_a 5\n", "lists no atoms"),
            (b"", "The file is empty"),
            (HALITE.replace(b"Na1 Na", b"Xx1 Xx"), "is no element"),
            (HALITE.replace(b"5.6402", b"564.02"), "unit cell of this CIF cannot be used"),
            (b"#" * 2_000_001, "larger than 2 MB"),
        ],
    )
    def test_what_is_no_structure_is_refused_in_a_sentence(
        self, client: Client, reviewer: User, content: bytes, said: str
    ) -> None:
        answer = self.bring(client, content)
        assert (answer.status_code, said in answer.content.decode()) == (422, True)
        assert not ReferencePhase.objects.exists()

    def test_the_same_cif_again_is_the_same_phase_back_from_the_archive(self, client: Client, reviewer: User) -> None:
        self.bring(client, HALITE)
        phase = ReferencePhase.objects.get()
        client.post(f"/phases/{phase.pk}/archive/")
        assert not ReferencePhase.objects.current().exists()
        self.bring(client, HALITE)
        assert ReferencePhase.objects.current().get() == phase


class TestAgreement:
    def test_kappa_of_a_published_table(self) -> None:
        # The worked example of Cohen's kappa with 50 cases: both yes 20, both no 15, yes/no 5, no/yes 10.
        pairs = [("y", "y")] * 20 + [("n", "n")] * 15 + [("y", "n")] * 5 + [("n", "y")] * 10
        agreement = cohens_kappa(pairs)
        assert agreement is not None
        assert agreement.kappa == pytest.approx(0.4)
        assert agreement.share == pytest.approx(0.7)
        assert agreement.low == pytest.approx(0.15, abs=0.02)
        assert agreement.high == pytest.approx(0.65, abs=0.02)

    def test_readers_of_one_mind_few_cases_and_one_category(self) -> None:
        assert cohens_kappa([("a", "a"), ("b", "b")] * 5) == (10, 1.0, 1.0, 1.0, 1.0)
        assert cohens_kappa([("a", "b")] * 4) is None
        assert cohens_kappa([("a", "a")] * 9) == (9, 1.0, 1.0, 1.0, 1.0)

    def test_is_shown_once_two_people_judged_enough(self, client: Client, reviewer: User, settings: Settings) -> None:
        settings.REVIEW_SECOND_READER = "A"
        other = make_reviewer()
        for n in range(5):
            result = make_candidate()
            result.add_review(reviewer, "follow_up" if n % 2 else "artefact", REASON)
            result.add_review(other, "follow_up" if n % 2 else "artefact", REASON)
        assert "κ = " in client.get("/review/").content.decode()
        assert Candidate.objects.waiting().count() == 0
        assert Sample.objects.exists()
