"""Into production by two people, and back by one: every way that is refused says why, and changes nothing."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.contrib.auth.models import User
from pytest_django import Settings

from mlmodels.models import ModelVersion, Promotion, PromotionError
from samples.models import Notice
from samples.trail import check_chain
from screening import tasks
from screening.models import (
    ArchiveScreening,
    PromotionAnswer,
    PromotionRequest,
    Proof,
    ScreeningResult,
    roll_back,
)
from tests.factories import UserFactory, make_pattern
from tests.screening.promoting import finished_proof, register

pytestmark = pytest.mark.django_db
REASON = "Fewer false alarms on the new holders."


@pytest.fixture
def curator(db: None) -> User:
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def second(db: None) -> User:
    return UserFactory.create(roles=["curator"])


@pytest.fixture
def candidate(tiny_version: ModelVersion) -> Iterator[ModelVersion]:
    yield register(2, "candidate")
    assert ModelVersion.objects.filter(state="production").count() <= 1


def test_one_asks_and_another_approves(curator: User, second: User, candidate: ModelVersion) -> None:
    former = ModelVersion.objects.production()
    proof = finished_proof(candidate, curator)
    asked = PromotionRequest.objects.ask(proof, curator, REASON)
    assert ModelVersion.objects.production() == former
    assert set(Notice.objects.values_list("person", "address")) == {(second.pk, asked.get_absolute_url())}
    asked.approve(second, "Looked at every changed class.")
    assert ModelVersion.objects.production() == candidate
    promotion = Promotion.objects.latest("pk")
    assert (promotion.signer, promotion.asked_by, promotion.former) == (second, curator, former)
    assert (promotion.proof, promotion.proof_sha256) == (proof.pk, proof.sha256)
    for model in (Promotion, PromotionRequest, PromotionAnswer):
        assert check_chain(model).problem == ""


def test_the_archive_is_screened_anew_by_the_new_version(curator: User, second: User, candidate: ModelVersion) -> None:
    pattern = make_pattern(by=curator)
    proof = finished_proof(candidate, curator)
    proof.archive.stop()
    PromotionRequest.objects.ask(proof, curator, REASON).approve(second, "Yes.")
    tasks.screen_waiting()
    assert ScreeningResult.objects.latest_of([pattern])[pattern.pk].model_version == candidate
    assert ArchiveScreening.objects.rescreens().get().finished_at


def test_who_asked_does_not_approve(curator: User, candidate: ModelVersion) -> None:
    asked = PromotionRequest.objects.ask(finished_proof(candidate, curator), curator, REASON)
    with pytest.raises(PromotionError, match="asked for this promotion yourself"):
        asked.approve(curator, "Yes.")
    assert ModelVersion.objects.production() != candidate
    asked.decline(curator, "Too early.")
    assert asked.answer.verdict == PromotionAnswer.Verdict.DECLINED


def test_where_one_is_enough_asking_promotes(curator: User, candidate: ModelVersion, settings: Settings) -> None:
    settings.PROMOTE_BY_TWO = False
    PromotionRequest.objects.ask(finished_proof(candidate, curator), curator, REASON)
    assert ModelVersion.objects.production() == candidate
    assert Promotion.objects.latest("pk").asked_by is None
    assert not Notice.objects.exists()


def test_only_curators_and_admins_may(curator: User, candidate: ModelVersion) -> None:
    proof, reviewer = finished_proof(candidate, curator), UserFactory.create(roles=["reviewer"])
    with pytest.raises(PromotionError, match="promoted by curators"):
        PromotionRequest.objects.ask(proof, reviewer, REASON)
    asked = PromotionRequest.objects.ask(proof, curator, REASON)
    for answer in (asked.approve, asked.decline):
        with pytest.raises(PromotionError, match="promoted by curators"):
            answer(reviewer, "Yes.")
    with pytest.raises(PromotionError, match="promoted by curators"):
        roll_back(reviewer, "No.")


def test_more_false_alarms_want_an_override_that_is_signed(
    curator: User, second: User, candidate: ModelVersion
) -> None:
    proof = finished_proof(candidate, curator, worse=True)
    with pytest.raises(PromotionError, match="more false alarms"):
        PromotionRequest.objects.ask(proof, curator, REASON)
    asked = PromotionRequest.objects.ask(proof, curator, REASON, override="It finds the new phase.")
    asked.approve(second, "Yes.")
    assert Promotion.objects.latest("pk").override == "It finds the new phase."


def test_asked_twice_or_answered_twice_it_is_said(curator: User, second: User, candidate: ModelVersion) -> None:
    proof = finished_proof(candidate, curator)
    asked = PromotionRequest.objects.ask(proof, curator, REASON)
    with pytest.raises(PromotionError, match="has asked for this already"):
        PromotionRequest.objects.ask(proof, second, REASON)
    asked.decline(second, "No.")
    with pytest.raises(PromotionError, match="has answered already"):
        PromotionRequest.objects.get(pk=asked.pk).approve(UserFactory.create(roles=["admin"]), "Yes.")


def test_of_two_promotions_at_once_the_second_is_told(curator: User, second: User, candidate: ModelVersion) -> None:
    other = register(3, "other")
    first = PromotionRequest.objects.ask(finished_proof(candidate, curator), curator, REASON)
    late = PromotionRequest.objects.ask(finished_proof(other, curator), curator, REASON)
    first.approve(second, "Yes.")
    with pytest.raises(PromotionError, match="candidate is in production now"):
        late.approve(second, "Yes.")
    assert ModelVersion.objects.production() == candidate
    assert not PromotionAnswer.objects.filter(request=late).exists()


def test_the_lock_holds_where_both_looked_before_either_signed(curator: User, candidate: ModelVersion) -> None:
    former = ModelVersion.objects.production()
    other = register(3, "other")
    candidate.promote(curator, "first", in_place_of=former)
    with pytest.raises(PromotionError, match="was put into production meanwhile"):
        other.promote(curator, "second", in_place_of=former)
    assert ModelVersion.objects.production() == candidate


def test_a_proof_that_goes_on_ends_when_another_version_is_promoted(
    curator: User, second: User, candidate: ModelVersion
) -> None:
    going_on = Proof.objects.start(register(3, "other"), curator)
    PromotionRequest.objects.ask(finished_proof(candidate, curator), curator, REASON).approve(second, "Yes.")
    going_on.refresh_from_db()
    assert going_on.state == Proof.State.STOPPED
    assert going_on.reason


def test_one_click_rolls_back_and_is_signed(curator: User, candidate: ModelVersion) -> None:
    former = ModelVersion.objects.production()
    candidate.promote(curator, "better")
    promotion = roll_back(curator, "It calls the holder a quasicrystal.")
    assert ModelVersion.objects.production() == former
    assert promotion.is_roll_back
    assert (promotion.version, promotion.former, promotion.signer) == (former, candidate, curator)
    assert check_chain(Promotion).problem == ""
    roll_back(curator, "And forth again.")
    assert ModelVersion.objects.production() == candidate


def test_there_may_be_nothing_to_go_back_to(curator: User) -> None:
    with pytest.raises(PromotionError, match="nothing to go back to"):
        roll_back(curator, "No.")


def test_a_promoted_version_whose_contract_is_another_by_now_is_refused(curator: User, candidate: ModelVersion) -> None:
    ModelVersion.objects.filter(pk=candidate.pk).update(config={**candidate.config, "input_contract": "other/1"})
    candidate.refresh_from_db()
    with pytest.raises(PromotionError, match="other/1"):
        candidate.promote(curator, "no")
