"""The pages on which a network goes into production: what each button does, and what it says where it does nothing."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import User
from django.test import Client
from pytest_django import Settings

from mlmodels.models import ModelVersion, Promotion
from screening.models import ArchiveScreening, PromotionAnswer, PromotionRequest, Proof
from tests.factories import UserFactory, make_pattern
from tests.screening.promoting import finished_proof, register

pytestmark = pytest.mark.django_db
REASON = "Fewer false alarms on the new holders."


@pytest.fixture
def first(client: Client) -> User:
    person = UserFactory.create(roles=["curator"], username="first")
    client.force_login(person)
    return person


@pytest.fixture
def second(first: User) -> tuple[User, Client]:
    person, client = UserFactory.create(roles=["curator"], username="second"), Client()
    client.force_login(person)
    return person, client


@pytest.fixture
def candidate(tiny_version: ModelVersion) -> ModelVersion:
    return register(2, "candidate")


@pytest.fixture
def proof(candidate: ModelVersion, first: User) -> Proof:
    return finished_proof(candidate, first)


def post(client: Client, address: str, **sent: str) -> tuple[int, str]:
    response = client.post(address, sent, follow=True)
    return response.status_code, response.content.decode()


def in_production() -> str:
    version = ModelVersion.objects.production()
    return version.name if version else "none"


def test_one_asks_the_other_approves_and_the_archive_is_screened_anew(
    client: Client, second: tuple[User, Client], proof: Proof, person: User
) -> None:
    make_pattern(by=person)
    status, shown = post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    assert status == 200
    assert "goes into production once one of them approves" in shown
    assert in_production() == "tiny"
    asked = PromotionRequest.objects.get()
    person_, other = second
    shown = other.get(asked.get_absolute_url()).content.decode()
    assert REASON in shown
    assert "Approved." not in shown  # nobody declines for a reason that was written for an approval
    status, shown = post(other, f"/promotions/{asked.pk}/answer/", reason="Looked at all changes.", approve="1")
    assert "candidate is in production, and the archive is being screened anew." in shown
    assert in_production() == "candidate"
    promotion = Promotion.objects.latest("number")
    assert (promotion.signer, promotion.asked_by, promotion.reason) == (person_, asked.signer, REASON)
    assert ArchiveScreening.objects.going_on().get().version == proof.candidate


def test_who_asked_cannot_approve_nor_by_a_request_of_their_own_making(client: Client, proof: Proof) -> None:
    post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    asked = PromotionRequest.objects.get()
    assert 'name="approve"' not in client.get(asked.get_absolute_url()).content.decode()
    status, shown = post(client, f"/promotions/{asked.pk}/answer/", reason="Mine.", approve="1")
    assert status == 422
    assert "You asked for this promotion yourself" in shown
    assert in_production() == "tiny"
    assert not PromotionAnswer.objects.exists()


def test_the_second_of_two_approvals_at_once_changes_nothing(
    client: Client, second: tuple[User, Client], proof: Proof
) -> None:
    post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    asked, third = PromotionRequest.objects.get(), Client()
    third.force_login(UserFactory.create(roles=["admin"], username="third"))
    post(second[1], f"/promotions/{asked.pk}/answer/", reason="Yes.", approve="1")
    n = Promotion.objects.count()
    status, shown = post(third, f"/promotions/{asked.pk}/answer/", reason="Yes.", approve="1")
    assert status == 422
    assert "second has answered already, while you looked at it." in shown
    assert Promotion.objects.count() == n


def test_two_candidates_proved_against_one_version_and_approved_one_after_the_other(
    client: Client, second: tuple[User, Client], proof: Proof, first: User
) -> None:
    rival = finished_proof(register(3, "rival"), first)
    for one in (proof, rival):
        post(client, f"/proofs/{one.pk}/promote/", reason=REASON)
    asked, late = PromotionRequest.objects.order_by("number")
    post(second[1], f"/promotions/{asked.pk}/answer/", reason="Yes.", approve="1")
    status, shown = post(second[1], f"/promotions/{late.pk}/answer/", reason="Yes.", approve="1")
    assert status == 422
    assert "compares rival with tiny" in shown
    assert in_production() == "candidate"


def test_declined_the_version_in_production_stays(client: Client, second: tuple[User, Client], proof: Proof) -> None:
    post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    asked = PromotionRequest.objects.get()
    _status, shown = post(second[1], f"/promotions/{asked.pk}/answer/", reason="Not yet.", decline="1")
    assert "Declined. The version in production stays." in shown
    assert PromotionAnswer.objects.get().verdict == PromotionAnswer.Verdict.DECLINED
    assert in_production() == "tiny"


def test_a_worse_one_wants_a_word_of_its_own_that_stays_in_the_history(
    client: Client, second: tuple[User, Client], candidate: ModelVersion, first: User
) -> None:
    proof = finished_proof(candidate, first, worse=True)
    address = f"/proofs/{proof.pk}/promote/"
    assert "Why although it raises more false alarms" in client.get(address).content.decode()
    status, shown = post(client, address, reason=REASON)
    assert status == 422
    assert "raises more false alarms than tiny" in shown
    assert REASON in shown
    assert not PromotionRequest.objects.exists()
    post(client, address, reason=REASON, override="All of them are of one bad holder.")
    asked = PromotionRequest.objects.get()
    assert "All of them are of one bad holder." in second[1].get(asked.get_absolute_url()).content.decode()
    post(second[1], f"/promotions/{asked.pk}/answer/", reason="Agreed.", approve="1")
    assert Promotion.objects.latest("number").override == "All of them are of one bad holder."
    assert "All of them are of one bad holder." in client.get("/models/").content.decode()


def test_without_a_reason_nothing_is_signed(client: Client, second: tuple[User, Client], proof: Proof) -> None:
    assert post(client, f"/proofs/{proof.pk}/promote/", reason=" ")[0] == 422
    post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    asked = PromotionRequest.objects.get()
    assert post(second[1], f"/promotions/{asked.pk}/answer/", reason="")[0] == 422
    assert not PromotionAnswer.objects.exists()
    assert "Say why in a few words" in post(client, "/models/roll-back/", reason="")[1]
    assert in_production() == "tiny"


def test_where_one_is_enough_the_button_promotes_and_one_click_rolls_back(
    client: Client, proof: Proof, settings: Settings
) -> None:
    settings.PROMOTE_BY_TWO = False
    _status, shown = post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    assert "candidate is in production, and the archive is being screened anew." in shown
    seen = str(proof.candidate_id)
    assert f'name="seen" value="{seen}"' in client.get("/models/").content.decode()
    for answer in ("tiny screens again.", "tiny was put into production while you looked."):  # clicked twice
        _status, shown = post(client, "/models/roll-back/", reason="Alarms on every blank.", seen=seen)
        assert answer in shown
        assert in_production() == "tiny"


def test_a_rescreen_is_started_paused_and_resumed(client: Client, proof: Proof, person: User) -> None:
    make_pattern(by=person)
    post(client, "/models/rescreen/")
    archive = ArchiveScreening.objects.rescreens().get()
    post(client, f"/rescreens/{archive.pk}/pause/")
    assert "paused" in client.get(f"/rescreens/{archive.pk}/").content.decode().lower()
    archive.refresh_from_db()
    assert archive.paused_at
    post(client, f"/rescreens/{archive.pk}/pause/", resume="1")
    archive.refresh_from_db()
    assert archive.is_going_on


@pytest.mark.parametrize("role", ["member", "reviewer"])
def test_others_can_press_none_of_it(client: Client, first: User, proof: Proof, role: str) -> None:
    post(client, f"/proofs/{proof.pk}/promote/", reason=REASON)
    asked = PromotionRequest.objects.get()
    client.force_login(UserFactory.create(roles=[role]))
    for address in (
        f"/proofs/{proof.pk}/promote/",
        f"/promotions/{asked.pk}/answer/",
        "/models/roll-back/",
        "/models/rescreen/",
        f"/models/{proof.candidate_id}/prove/",
    ):
        assert post(client, address, reason=REASON, approve="1")[0] == 403
    assert in_production() == "tiny"


def test_a_proof_on_which_somebody_asked_leads_to_the_request(client: Client, proof: Proof) -> None:
    address = f"/proofs/{proof.pk}/promote/"
    assert address in client.get(f"/proofs/{proof.pk}/").content.decode()
    post(client, address, reason=REASON)
    page = client.get(f"/proofs/{proof.pk}/").content.decode()
    assert address not in page
    assert "somebody else approves or declines" in page
