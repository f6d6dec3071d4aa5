"""A follow-up: asked for, filled with what was found, and signed; the rules stand on its rows."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import IntegrityError, transaction

from screening.models import (
    FollowUp,
    FollowUpConflict,
    FollowUpError,
    LatticeMeasurement,
    ObservedPhase,
    Outcome,
    Technique,
)
from tests.factories import SampleFactory, UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def microscopist() -> User:
    return UserFactory.create(roles=["microscopist"])


@pytest.fixture
def follow_up(microscopist: User) -> FollowUp:
    return FollowUp.objects.open(SampleFactory.create(), microscopist, question="Is it icosahedral?")


def phase(composition: str = "Al43Si32Ru25", **said: object) -> ObservedPhase:
    facts = {"technique": Technique.EDX, "structure": ObservedPhase.Structure.UNKNOWN, **said}
    return ObservedPhase(composition_text=composition, **facts)


def lattice(value: str = "0.8706", unit: str = "nm", convention: str = "a_F", **said: object) -> LatticeMeasurement:
    facts = {"technique": Technique.TEM, "value": Decimal(value), "unit": unit, "convention": convention, **said}
    return LatticeMeasurement(**facts)


def fill(follow_up: FollowUp, by: User, *rows: ObservedPhase | LatticeMeasurement) -> None:
    follow_up.revise(
        by=by,
        edition=follow_up.edition,
        phases=[row for row in rows if isinstance(row, ObservedPhase)],
        measurements=[row for row in rows if isinstance(row, LatticeMeasurement)],
    )


def test_the_first_evidence_starts_it_and_the_overall_outcome_closes_it(
    follow_up: FollowUp, microscopist: User
) -> None:
    assert follow_up.state == FollowUp.State.ASKED
    fill(follow_up, microscopist, phase(), lattice())
    assert follow_up.state == FollowUp.State.IN_PROGRESS
    follow_up.sign(microscopist, "confirmed", "Fivefold diffraction.", technique=Technique.TEM)
    assert follow_up.state == FollowUp.State.IN_PROGRESS
    outcome = follow_up.sign(microscopist, "confirmed", "EDX and TEM agree.")
    assert follow_up.state == FollowUp.State.DONE
    assert follow_up.closed_at
    assert outcome.evidence["phases"][0]["composition_text"] == "Al43Si32Ru25"
    assert outcome.evidence["lattice"][0]["a_R"] == "4.35300"
    assert FollowUp.objects.with_outcome().get().verdict == "confirmed"  # type: ignore[attr-defined]
    assert list(follow_up.sample.outcomes.answering()) == [outcome]


def test_an_outcome_needs_evidence_by_its_technique(follow_up: FollowUp, microscopist: User) -> None:
    with pytest.raises(FollowUpError, match="needs evidence"):
        follow_up.sign(microscopist, "refuted", "Nothing seen.")
    fill(follow_up, microscopist, phase())
    with pytest.raises(FollowUpError, match="needs evidence"):
        follow_up.sign(microscopist, "refuted", "Nothing seen.", technique=Technique.EBSD)
    assert not Outcome.objects.exists()


def test_who_is_no_microscopist_cannot_sign_even_past_the_rules(follow_up: FollowUp, microscopist: User) -> None:
    fill(follow_up, microscopist, phase())
    reviewer = UserFactory.create(roles=["reviewer"])
    with pytest.raises(FollowUpError, match="signed by microscopists"):
        follow_up.sign(reviewer, "confirmed", "I would like it to be.")
    with pytest.raises(FollowUpError, match="signed by microscopists"):
        Outcome.objects.create(
            follow_up=follow_up, sample=follow_up.sample, verdict="confirmed", signer=reviewer, reason="x", evidence={}
        )


def test_an_outcome_is_amended_by_a_further_entry_and_only_once(follow_up: FollowUp, microscopist: User) -> None:
    fill(follow_up, microscopist, phase())
    first = follow_up.sign(microscopist, "confirmed", "Looks fivefold.")
    with pytest.raises(FollowUpError, match="can only be amended"):
        follow_up.sign(microscopist, "refuted", "Tenfold after all.")
    second = follow_up.sign(microscopist, "refuted", "Tenfold after all.", amends=first)
    with pytest.raises(FollowUpError, match="can only be amended"):
        follow_up.sign(microscopist, "inconclusive", "Hm.", amends=first)
    assert list(follow_up.outcomes.standing()) == [second]
    assert FollowUp.objects.with_outcome().get().verdict == "refuted"  # type: ignore[attr-defined]


def test_the_database_keeps_one_first_outcome_a_technique(follow_up: FollowUp, microscopist: User) -> None:
    fill(follow_up, microscopist, phase())
    first = follow_up.sign(microscopist, "confirmed", "Looks fivefold.")
    again = Outcome(
        follow_up=follow_up, sample=follow_up.sample, verdict="refuted", signer=microscopist, reason="x",
        meaning="x", evidence=first.evidence, evidence_sha256=first.evidence_sha256,
    )  # fmt: skip
    with pytest.raises(IntegrityError), transaction.atomic():
        again.save()


def test_evidence_that_changes_after_signing_is_told(follow_up: FollowUp, microscopist: User) -> None:
    fill(follow_up, microscopist, phase(), lattice())
    by_tem = follow_up.sign(microscopist, "confirmed", "Fivefold.", technique=Technique.TEM)
    overall = follow_up.sign(microscopist, "confirmed", "All agree.")
    fill(follow_up, microscopist, phase("Al42Si33Ru25"), lattice())
    assert overall.is_on_earlier_evidence
    assert not by_tem.is_on_earlier_evidence
    assert overall.evidence["phases"][0]["composition_text"] == "Al43Si32Ru25"


def test_evidence_that_changed_since_it_was_read_is_not_signed(follow_up: FollowUp, microscopist: User) -> None:
    fill(follow_up, microscopist, phase())
    seen = follow_up.evidence_sha256()
    fill(follow_up, microscopist, phase("Al42Si33Ru25"))
    with pytest.raises(FollowUpError, match="changed while you read it"):
        follow_up.sign(microscopist, "confirmed", "Fivefold.", seen=seen)


def test_two_who_enter_evidence_at_once_are_told(follow_up: FollowUp, microscopist: User) -> None:
    mine = FollowUp.objects.get(pk=follow_up.pk)
    fill(follow_up, microscopist, phase())
    with pytest.raises(FollowUpConflict) as conflict:
        fill(mine, microscopist, phase("Al42Si33Ru25"))
    assert conflict.value.stored.phases.get().composition == "Al43Si32Ru25"


def test_a_composition_that_sums_to_80_is_kept_as_reported_and_else_refused(
    follow_up: FollowUp, microscopist: User
) -> None:
    with pytest.raises(ValidationError, match="sums to 80 %, not 100"):
        fill(follow_up, microscopist, phase("Al26Si34Ru20"))
    assert follow_up.edition == FollowUp.objects.get().edition
    fill(follow_up, microscopist, phase("Al26Si34Ru20", as_reported=True))
    assert follow_up.phases.get().composition == "Al26Si34Ru20"


def test_shares_of_one_technique_sum_to_a_hundred_at_most(follow_up: FollowUp, microscopist: User) -> None:
    with pytest.raises(ValidationError, match="sum to 112 %"):
        fill(follow_up, microscopist, phase(share=Decimal(60)), phase(share=Decimal(52)))
    fill(
        follow_up,
        microscopist,
        phase(share=Decimal("60.2")),
        phase(share=Decimal(40)),
        phase(share=Decimal(90), technique=Technique.SEM),
    )
    assert follow_up.phases.count() == 3


@pytest.mark.parametrize(("group", "kept"), [("200", "P m -3"), ("Pm-3", "P m -3"), ("", "")])
def test_a_space_group_is_known_by_number_and_symbol(
    follow_up: FollowUp, microscopist: User, group: str, kept: str
) -> None:
    fill(follow_up, microscopist, phase(structure="crystalline", space_group=group))
    assert follow_up.phases.get().space_group == kept


def test_an_uncertainty_as_large_as_the_length_is_in_another_unit(follow_up: FollowUp, microscopist: User) -> None:
    with pytest.raises(ValidationError, match="as large as the length"):
        fill(follow_up, microscopist, lattice(uncertainty=Decimal(4)))
    fill(follow_up, microscopist, lattice(uncertainty=Decimal("0.0004")))


def test_a_lattice_length_that_fits_only_otherwise_needs_a_word(follow_up: FollowUp, microscopist: User) -> None:
    meant_as_a_r = lattice(convention="a_R")
    with pytest.raises(ValidationError, match=r"0.8706 nm as a_R is outside 4–6 Å; as a_F it gives a_R = 4.353 Å"):
        fill(follow_up, microscopist, meant_as_a_r)
    meant_as_a_r.confirmed = "0.8706 nm as a_R"
    fill(follow_up, microscopist, meant_as_a_r)
    assert follow_up.lattice_measurements.get().quasilattice_constant == pytest.approx(8.706)
