"""The four follow-ups of the case of Uryu et al. (2023): what the microscopes found, kept as it is reported.

People of the demo stand for them, so each reason says whose finding it is.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal

from django.contrib.auth.models import User

from screening.models import FollowUp, LatticeMeasurement, ObservedPhase, Outcome, Review, ScreeningResult, Technique

REFERENCE = "Uryu et al., Advanced Science (2023), DOI 10.1002/advs.202304546; press release of 17 November 2023"
AS_REPORTED = "As reported by Uryu et al. (2023); the demo's own people measured nothing."


@dataclass(frozen=True, slots=True)
class Found:
    """phases: compositions by EDX, as printed · icosahedral: the one of them that is, if any; TEM measured its lattice"""

    code: str
    reported_as: str
    phases: tuple[str, ...]
    icosahedral: str = ""


CASE = (
    Found("ASR-I", "ASR(I)", ("Al43Si32Ru25", "Al26Si34Ru20", "Al38Si42Ru20"), "Al43Si32Ru25"),
    Found("ASR-II", "ASR(II)", ("Al73Si1Ru26",)),
    Found("ASR-III", "ASR(III)", ("Al69Si5Ru26", "Al61Si3Ru36")),
    Found("ASR-IV", "ASR(IV)", ("Al44Si31Ru25", "Al55Si17Ru28", "Al53Si23Ru24"), "Al44Si31Ru25"),
)
"""The second composition of ASR(I) sums to 80, as printed."""


def tell(found: Found, call: ScreeningResult, reviewer: User, microscopist: User) -> FollowUp:
    """Follow ``call`` up as it was: asked for, filled with what was found, and signed."""
    asked = f"{found.reported_as} was chosen for follow-up by SEM, EDX and EBSD. {AS_REPORTED}"
    review = call.add_review(reviewer, Review.Verdict.FOLLOW_UP, asked)
    sample = call.reading.pattern.sample
    assert sample
    follow_up = FollowUp.objects.open(
        sample,
        reviewer,
        review=review,
        question="Is one of its phases an icosahedral quasicrystal?",
        assigned_to=microscopist,
        reference=REFERENCE,
    )
    lattice = [_lattice()] if found.icosahedral else []
    follow_up.revise(
        by=microscopist,
        edition=follow_up.edition,
        phases=[_phase(composition, found) for composition in found.phases],
        measurements=lattice,
    )
    if lattice:
        reason = f"Quasilattice constant 0.8706 nm (a_F) of an F-type quasicrystal. {AS_REPORTED}"
        follow_up.sign(microscopist, Outcome.Verdict.CONFIRMED, reason, technique=Technique.TEM)
        follow_up.sign(microscopist, Outcome.Verdict.CONFIRMED, f"{found.icosahedral} is icosahedral. {AS_REPORTED}")
    else:
        follow_up.sign(microscopist, Outcome.Verdict.REFUTED, f"None of its phases is icosahedral. {AS_REPORTED}")
    return follow_up


def _phase(composition: str, found: Found) -> ObservedPhase:
    """Of a phase that is not icosahedral no structure is reported."""
    is_icosahedral = composition == found.icosahedral
    return ObservedPhase(
        technique=Technique.EDX,
        composition_text=composition,
        as_reported=True,
        structure=ObservedPhase.Structure.ICOSAHEDRAL if is_icosahedral else ObservedPhase.Structure.UNKNOWN,
        notes="" if is_icosahedral else "Not icosahedral; its structure is not reported.",
    )


def _lattice() -> LatticeMeasurement:
    return LatticeMeasurement(
        technique=Technique.TEM,
        value=Decimal("0.8706"),
        unit=LatticeMeasurement.Unit.NANOMETRE,
        convention=LatticeMeasurement.Convention.A_F,
        lattice_type=LatticeMeasurement.LatticeType.F,
    )
