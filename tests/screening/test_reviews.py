"""Verdicts: who may sign them, what they need, and how they are taken back."""

from __future__ import annotations

from datetime import timedelta
from threading import Barrier, Thread

import pytest
import time_machine
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from mlmodels.models import ModelVersion
from samples.models.unchanging import UnchangingError
from screening.models import Candidate, Review, ReviewError, ScreeningResult
from screening.models.candidates import CLAIM
from tests.factories import SampleFactory, UserFactory, make_pattern
from tests.screening.calls import a_version, make_result
from tests.screening.reviewing import REASON, make_candidate, make_reviewer, production, waiting

Verdict = Review.Verdict


@pytest.fixture
def reviewer(db: None) -> User:
    return make_reviewer(username="reviewer")


class TestSigning:
    def test_a_verdict_is_signed_and_takes_the_call_out_of_the_queue(self, reviewer: User) -> None:
        result = make_candidate()
        assert waiting() == [result]
        review = result.add_review(reviewer, Verdict.FOLLOW_UP, f" {REASON} ")
        assert (review.signer, review.reason, review.number) == (reviewer, REASON, 1)
        assert review.meaning == "I have looked at the evidence of this call, and my verdict is: follow up."
        assert not waiting()
        with pytest.raises(UnchangingError):
            review.delete()

    @pytest.mark.parametrize(
        ("verdict", "reason", "said"),
        [
            (Verdict.FOLLOW_UP, "  ", "A verdict needs its reason"),
            (Verdict.KNOWN_PHASE, REASON, "Say which known phase"),
            (Verdict.WITHDRAWN, REASON, "Choose one of the six verdicts"),
            ("nonsense", REASON, "Choose one of the six verdicts"),
        ],
    )
    def test_what_is_missing_is_said_in_a_sentence(self, reviewer: User, verdict: str, reason: str, said: str) -> None:
        result = make_candidate()
        with pytest.raises(ReviewError, match=said):
            result.add_review(reviewer, verdict, reason)
        assert not Review.objects.exists()
        assert waiting()

    def test_members_do_not_sign(self, db: None) -> None:
        with pytest.raises(ReviewError, match="signed by reviewers"):
            make_candidate().add_review(UserFactory.create(roles=["member"]), Verdict.UNSURE, REASON)

    def test_a_call_that_does_not_stand_is_not_judged(self, reviewer: User) -> None:
        result = make_candidate()
        queued = make_result(result.reading.pattern, _other_version(), state="queued")
        with pytest.raises(ReviewError, match="has no class"):
            queued.add_review(reviewer, Verdict.UNSURE, REASON)

    def test_nobody_judges_a_call_twice_nor_one_that_is_judged(self, reviewer: User) -> None:
        result = make_candidate()
        result.add_review(reviewer, Verdict.ARTEFACT, REASON)
        with pytest.raises(ReviewError, match="judged this call already"):
            result.add_review(reviewer, Verdict.ARTEFACT, REASON)
        with pytest.raises(ReviewError, match="reviewer has judged this call meanwhile"):
            result.add_review(make_reviewer(), Verdict.ARTEFACT, REASON)

    def test_a_call_that_its_reader_has_seen_is_not_read_blind_again(self, reviewer: User) -> None:
        result = make_candidate()
        first = result.add_review(reviewer, Verdict.ARTEFACT, REASON, blind=True)
        first.withdraw(reviewer, REASON)
        again = result.add_review(reviewer, Verdict.FOLLOW_UP, REASON, blind=True)
        assert (first.blind, again.blind) == (True, False)

    def test_unsure_asks_another_reader(self, reviewer: User) -> None:
        result = make_candidate()
        result.add_review(reviewer, Verdict.UNSURE, REASON)
        assert not Candidate.objects.open_to(reviewer).exists()
        other = make_reviewer()
        assert Candidate.objects.open_to(other).get().result == result
        result.add_review(other, Verdict.KNOWN_PHASE, REASON, phase_name="Al13Ru4")
        assert not waiting()

    def test_a_second_reader_judges_where_the_lab_asks_for_it(self, reviewer: User, settings: Settings) -> None:
        settings.REVIEW_SECOND_READER = "A"
        first, other = make_candidate("A"), make_candidate("B", 0.995)
        for result in (first, other):
            result.add_review(reviewer, Verdict.FOLLOW_UP, REASON)
        assert waiting() == [first]
        first.add_review(make_reviewer(), Verdict.ARTEFACT, REASON)
        assert not waiting()


class TestFourEyes:
    def test_the_uploader_does_not_sign(self, reviewer: User) -> None:
        result = make_candidate(by=reviewer)
        assert not Candidate.objects.open_to(reviewer).exists()
        with pytest.raises(ReviewError, match="uploaded this pattern yourself"):
            result.add_review(reviewer, Verdict.FOLLOW_UP, REASON)

    def test_nor_does_the_database_let_them(self, reviewer: User) -> None:
        result = make_candidate(by=reviewer)
        with pytest.raises(IntegrityError, match="uploader_does_not_sign"), transaction.atomic():
            Review.objects.create(
                result=result, verdict=Verdict.UNSURE, uploader=reviewer, four_eyes=True, signer=reviewer, reason="x"
            )

    def test_a_small_lab_can_switch_it_off(self, reviewer: User, settings: Settings) -> None:
        settings.REVIEW_FOUR_EYES = False
        review = make_candidate(by=reviewer).add_review(reviewer, Verdict.FOLLOW_UP, REASON)
        assert review.four_eyes is False


class TestTakingBack:
    def test_a_further_entry_takes_a_verdict_back_and_the_call_waits_again(self, reviewer: User) -> None:
        result = make_candidate()
        review = result.add_review(reviewer, Verdict.FOLLOW_UP, REASON)
        withdrawal = review.withdraw(reviewer, "pressed the wrong key")
        assert withdrawal.meaning == "I take back my verdict: follow up."
        assert list(result.reviews.standing()) == []
        assert Candidate.objects.open_to(reviewer).get().result == result
        assert not Candidate.objects.open_to(make_reviewer()).exists(), "it is held for who took it back"
        result.add_review(reviewer, Verdict.ARTEFACT, REASON)
        assert [r.verdict for r in result.reviews.all()] == ["artefact", "withdrawn", "follow_up"]

    def test_once_and_by_its_signer_alone(self, reviewer: User) -> None:
        review = make_candidate().add_review(reviewer, Verdict.FOLLOW_UP, REASON)
        with pytest.raises(ReviewError, match="Only the person who signed"):
            review.withdraw(make_reviewer(), "not mine")
        review.withdraw(reviewer, "wrong key")
        with pytest.raises(ReviewError, match="taken back already"):
            review.withdraw(reviewer, "wrong key")


class TestClaims:
    def test_a_claim_keeps_others_away_and_runs_out(self, reviewer: User) -> None:
        result, other = make_candidate(), make_reviewer()
        assert result.candidate.claim(reviewer)
        assert result.candidate.claim(reviewer), "looking again goes on holding it"
        assert not result.candidate.claim(other)
        assert not Candidate.objects.open_to(other).exists()
        with pytest.raises(ReviewError, match="reviewer is looking at this candidate now"):
            result.add_review(other, Verdict.UNSURE, REASON)
        with time_machine.travel(timezone.now() + CLAIM + timedelta(seconds=1)):
            assert Candidate.objects.open_to(other).exists()
            assert result.candidate.claim(other)

    def test_a_claim_can_be_given_back(self, reviewer: User) -> None:
        candidate = make_candidate().candidate
        candidate.claim(reviewer)
        candidate.release(reviewer)
        assert candidate.claim(make_reviewer())


class TestDrawing:
    def test_class_a_and_b_are_all_drawn_and_of_c_and_d_what_the_rates_say(self, db: None, settings: Settings) -> None:
        settings.REVIEW_RATES = {"A": 1.0, "B": 1.0, "C": 0.5, "D": 0.0}
        for level in "ABD":
            make_candidate(level, 0.9)
        drawn = dict(Candidate.objects.values_list("level", "drawn"))
        assert drawn == {"A": True, "B": True, "D": False}
        rows = [make_candidate("C", 0.96).candidate for _ in range(20)]
        assert all(row.drawn == (row.draw < 0.5) and row.inclusion_probability == 0.5 for row in rows)
        assert 2 < sum(row.drawn for row in rows) < 18

    def test_a_rate_that_changes_later_draws_nothing_anew(self, db: None, settings: Settings) -> None:
        settings.REVIEW_RATES = {"A": 1.0, "B": 1.0, "C": 0.0, "D": 0.0}
        result = make_candidate("C", 0.96)
        settings.REVIEW_RATES = {"A": 1.0, "B": 1.0, "C": 1.0, "D": 1.0}
        Candidate.objects.catch_up()
        result.candidate.refresh_from_db()
        assert (result.candidate.drawn, result.candidate.inclusion_probability) == (False, 0.0)

    def test_a_judged_pattern_is_not_asked_about_again_when_a_new_version_calls_it(self, reviewer: User) -> None:
        result = make_candidate()
        result.add_review(reviewer, Verdict.KNOWN_PHASE, REASON, phase_name="Al13Ru4")
        newer = make_result(result.reading.pattern, _other_version())
        Candidate.objects.catch_up()
        assert newer.candidate.closed_at is not None
        assert not waiting()

    def test_calls_made_elsewhere_do_not_wait(self, db: None) -> None:
        result = make_candidate()
        recorded = ModelVersion.objects.record("as reported", thresholds_version="uryu-2023")
        make_result(result.reading.pattern, recorded, state="done", level="C")
        assert Candidate.objects.catch_up() == 0

    def test_a_pattern_that_finds_its_sample_later_is_in_its_system(self, reviewer: User) -> None:
        result = make_candidate(sample=None)
        assert result.candidate.system_key == ""
        sample = make_candidate().reading.pattern.sample
        result.reading.pattern.move_to(sample, reviewer)
        Candidate.objects.catch_up()
        result.candidate.refresh_from_db()
        assert result.candidate.system_key == "Al-Ru-Si"


@pytest.mark.django_db(transaction=True)
def test_two_who_sign_at_once_do_not_both_judge() -> None:
    if connection.vendor == "sqlite":
        pytest.skip(
            "the tests' SQLite lies in memory, where a writer fails instead of waiting as it does on a lab's file"
        )
    result = make_candidate()
    people = [make_reviewer(), make_reviewer()]
    start, said = Barrier(2), []

    def sign(person: User) -> None:
        start.wait()
        try:
            ScreeningResult.objects.get(pk=result.pk).add_review(person, Verdict.FOLLOW_UP, REASON)
        except ReviewError as error:
            said.append(str(error))
        finally:
            connection.close()

    threads = [Thread(target=sign, args=[person]) for person in people]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert Review.objects.count() == 1
    assert len(said) == 1
    assert "has judged this call meanwhile" in said[0]


def _other_version() -> ModelVersion:
    """A version in production in place of the one that made the candidates."""
    ModelVersion.objects.filter(name="for tests").update(sha256="1" * 64)
    return a_version("newer")


@pytest.mark.django_db
class TestCatchingUp:
    """What it costs grows with what is new."""

    def test_a_call_is_considered_once(self) -> None:
        result = make_candidate()
        result.refresh_from_db()
        assert result.considered_at
        assert Candidate.objects.catch_up() == 0

    def test_calls_of_a_version_that_goes_into_production_are_considered_then(self) -> None:
        make_candidate()
        version = production()
        other = ModelVersion.objects.exclude(pk=version.pk).runnable().earliest("pk")
        pattern = make_pattern(sample=SampleFactory.create())
        make_result(pattern, other, state="done", level="A", probability=0.9995)
        assert Candidate.objects.catch_up() == 0
        other.promote(None, "for tests")
        assert Candidate.objects.catch_up() == 1

    def test_the_system_follows_a_pattern_that_moved_and_a_sample_that_was_corrected(self) -> None:
        person = UserFactory.create()
        moved, corrected, other = (make_candidate() for _ in range(3))
        pattern = moved.reading.pattern
        pattern.move_to(SampleFactory.create(composition_text="Al65Cu20Fe15"), person)
        sample = corrected.reading.pattern.sample
        assert sample
        sample.composition_text = "Al70Pd21Mn9"
        sample.revise(by=person, edition=1, steps=[], masses=[])
        Candidate.objects.catch_up()
        keys = {candidate.result_id: candidate.system_key for candidate in Candidate.objects.all()}
        assert keys == {moved.pk: "Al-Cu-Fe", corrected.pk: "Al-Mn-Pd", other.pk: "Al-Ru-Si"}

    def test_a_bell_with_nothing_new_looks_at_few_rows(
        self, django_assert_max_num_queries: DjangoAssertNumQueries
    ) -> None:
        make_candidate()
        with django_assert_max_num_queries(8):
            Candidate.objects.catch_up()
