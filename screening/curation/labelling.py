"""Which label follows from what people signed, what it weighs, and the sentence where none follows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _

from mlmodels.models import DatasetEntry, Label
from mlmodels.net.simulated_as import SimulatedAs
from samples.xrd.sentences import Sentence, sentence
from screening.curation.reasons import LeftOut, Reason
from screening.ledger import QUASICRYSTAL_CONVENTIONS
from screening.models import LatticeMeasurement, ObservedPhase, Outcome, Technique

Origin = DatasetEntry.Origin
Structure = ObservedPhase.Structure

OVERALL_WEIGHT = 1.0
TECHNIQUE_WEIGHTS: dict[str, float] = {
    Technique.TEM: 0.9,
    Technique.SAED: 0.9,
    Technique.SINGLE_CRYSTAL: 0.9,
    Technique.EBSD: 0.8,
    Technique.EDX: 0.6,
    Technique.SEM: 0.6,
}
"""SEM and EDX see shapes and compositions, and no symmetry."""
REVIEWS_WEIGHT = 0.5
ONE_REVIEW_WEIGHT = 0.3
SIMULATED_WEIGHT = 0.5
BY_HAND_WEIGHT = 0.5


def weights_in_words() -> list[tuple[str, float]]:
    """Each weight, by where its label comes from, for people."""
    names: dict[float, list[str]] = {weight: [] for weight in TECHNIQUE_WEIGHTS.values()}
    for technique, weight in TECHNIQUE_WEIGHTS.items():
        names[weight].append(str(Technique(technique).label))
    alone = [(_("signed by %(techniques)s alone") % {"techniques": ", ".join(of)}, one) for one, of in names.items()]
    return [
        (_("signed overall outcome"), OVERALL_WEIGHT),
        *alone,
        (_("two readings or more “not a quasicrystal”"), REVIEWS_WEIGHT),
        (_("one reading “not a quasicrystal”"), ONE_REVIEW_WEIGHT),
        (_("simulated"), SIMULATED_WEIGHT),
        (_("taken in by hand"), BY_HAND_WEIGHT),
    ]


CUBIC_OF = {
    Label.APPROXIMANT_1_1: (LatticeMeasurement.Convention.CUBIC_1_1,),
    Label.APPROXIMANT_2_1: (LatticeMeasurement.Convention.CUBIC_2_1,),
    Label.ICOSAHEDRAL: tuple(QUASICRYSTAL_CONVENTIONS),
    Label.NONE: (),
}
"""Conventions in which the lattice of a phase of this label is quoted."""


@dataclass(frozen=True, slots=True)
class Labelled:
    """A label, what it weighs and what it rests on: ids of outcomes and reviews.

    a_r, a_r_sigma: Å
    """

    label: str
    origin: str
    words: str
    weight: float
    a_r: float | None = None
    a_r_sigma: float | None = None
    lattice_type: str = ""
    outcomes: tuple[int, ...] = ()
    reviews: tuple[int, ...] = ()


class Signed(NamedTuple):
    """A standing outcome, as far as a label follows from it."""

    pk: int
    number: int
    sample: int
    technique: str
    verdict: str
    evidence: Mapping[str, Any]


class Read(NamedTuple):
    """A standing review that came to a verdict."""

    pk: int
    number: int
    pattern: int
    level: str
    verdict: str
    signer: int


def from_overall(outcome: Signed) -> Labelled | LeftOut:
    """What the overall outcome of a sample makes of its patterns."""
    techniques = _techniques_of(outcome.evidence)
    seen_by = f" by {', '.join(techniques)}" if techniques else ""
    words = f"outcome {outcome.number}: {outcome.verdict} overall{seen_by}"
    return _from_verdict([outcome], outcome.verdict, words, OVERALL_WEIGHT)


def from_techniques(outcomes: Sequence[Signed]) -> Labelled | LeftOut:
    """What outcomes by techniques say where nothing overall is signed: they have to agree."""
    told = [outcome for outcome in outcomes if outcome.verdict != Outcome.Verdict.INCONCLUSIVE]
    if not told:
        return _inconclusive(outcomes[0])
    if len({outcome.verdict for outcome in told}) > 1:
        confirmed, refuted = (
            ", ".join(_name(outcome.technique) for outcome in told if outcome.verdict == verdict)
            for verdict in (Outcome.Verdict.CONFIRMED, Outcome.Verdict.REFUTED)
        )
        return LeftOut(
            Reason.CONFLICT,
            sentence(
                "%(confirmed)s says confirmed and %(refuted)s refuted. An overall outcome decides: weigh them and sign it.",
                confirmed=confirmed,
                refuted=refuted,
            ),
        )
    said = ", ".join(f"{_name(outcome.technique)} (outcome {outcome.number})" for outcome in told)
    words = f"{told[0].verdict} by {said}; nothing overall is signed"
    return _from_verdict(told, told[0].verdict, words, max(TECHNIQUE_WEIGHTS[one.technique] for one in told))


def from_reviews(reviews: Sequence[Read], levels: Iterable[str], readings: int) -> Labelled | LeftOut | None:
    """No quasicrystal, where enough people read the call so and nobody otherwise; None where too few did."""
    wanted = "not_a_quasicrystal"
    against = {review.signer for review in reviews if review.verdict == wanted and review.level in levels}
    if not against:
        return None
    if any(review.verdict == "follow_up" for review in reviews):
        return LeftOut(
            Reason.READERS_DISAGREE,
            sentence("One reviewer says “not a quasicrystal”, another one “follow up”. A follow-up decides."),
        )
    if len(against) < readings:
        return LeftOut(
            Reason.TOO_FEW_READINGS,
            sentence(
                "%(n)s of %(wanted)s readings say “not a quasicrystal”. Ask a further reviewer.",
                n=len(against),
                wanted=readings,
            ),
        )
    counted = [review for review in reviews if review.verdict == wanted and review.level in levels]
    numbers = " and ".join(str(review.number) for review in counted)
    return Labelled(
        label=Label.NONE,
        origin=Origin.REVIEW,
        words=f"reviews {numbers}: not a quasicrystal, of a call of class {counted[0].level}",
        weight=REVIEWS_WEIGHT if len(against) > 1 else ONE_REVIEW_WEIGHT,
        reviews=tuple(review.pk for review in counted),
    )


def from_simulation(simulated: SimulatedAs) -> Labelled:
    return Labelled(
        label=simulated.phase_class,
        origin=Origin.SIMULATED,
        words=str(simulated),
        weight=SIMULATED_WEIGHT,
        a_r=simulated.quasilattice_constant,
        lattice_type=simulated.lattice_type,
    )


def by_hand(label: str, reason: str) -> Labelled:
    return Labelled(label=label, origin=Origin.BY_HAND, words=reason, weight=BY_HAND_WEIGHT)


def _from_verdict(outcomes: Sequence[Signed], verdict: str, words: str, weight: float) -> Labelled | LeftOut:
    if verdict == Outcome.Verdict.INCONCLUSIVE:
        return _inconclusive(outcomes[0])
    structures = {phase["structure"] for outcome in outcomes for phase in outcome.evidence.get("phases", ())}
    label = Label.ICOSAHEDRAL
    if verdict == Outcome.Verdict.REFUTED:
        contrary = _why_not_refuted(structures)
        if contrary:
            return LeftOut(Reason.CONFLICT, contrary)
        label = next((one for one in (Label.APPROXIMANT_1_1, Label.APPROXIMANT_2_1) if one in structures), Label.NONE)
    a_r, sigma, lattice_type = _lattice(outcomes, label)
    return Labelled(
        label=label,
        origin=Origin.OUTCOME,
        words=words,
        weight=weight,
        a_r=a_r,
        a_r_sigma=sigma,
        lattice_type=lattice_type,
        outcomes=tuple(outcome.pk for outcome in outcomes),
    )


def _why_not_refuted(structures: set[str]) -> Sentence | None:
    """Why "refuted" gives no label beside these phases."""
    if Structure.ICOSAHEDRAL in structures:
        return sentence(
            "The outcome is refuted, and an icosahedral phase stands in its evidence. Amend the outcome or the phases."
        )
    if Structure.DECAGONAL in structures:
        return sentence("A decagonal quasicrystal was found, and the network has no class for it.")
    if {Structure.APPROXIMANT_1_1, Structure.APPROXIMANT_2_1} <= structures:
        return sentence(
            "Both approximants were found, and which one the pattern shows cannot be told. Take it in by hand with a label."
        )
    return None


def _lattice(outcomes: Sequence[Signed], label: Label) -> tuple[float | None, float | None, str]:
    """The most certain a_R that was signed on, its uncertainty (Å), and the lattice type."""
    measured = [
        (_sigma(one), float(one["a_R"]), one.get("lattice_type", ""))
        for outcome in outcomes
        for one in outcome.evidence.get("lattice", ())
        if one["convention"] in CUBIC_OF[label]
    ]
    if not measured:
        return None, None, ""
    sigma, a_r, lattice_type = min(measured, key=lambda one: (one[0] is None, one[0] or 0.0))
    return a_r, sigma, lattice_type or next((one[2] for one in measured if one[2]), "")


def _sigma(measured: Mapping[str, Any]) -> float | None:
    if "uncertainty" not in measured:
        return None
    return float(measured["a_R"]) * float(measured["uncertainty"]) / float(measured["value"])


def _inconclusive(outcome: Signed) -> LeftOut:
    return LeftOut(Reason.INCONCLUSIVE, sentence("Outcome %(number)s could not tell.", number=outcome.number))


def _techniques_of(evidence: Mapping[str, Any]) -> list[str]:
    used = {row.get("technique", "") for rows in evidence.values() for row in rows}
    return [_name(technique) for technique in Technique if technique in used]


def _name(technique: str) -> str:
    """Short, whatever language is read."""
    return {"saed": "SAED", "scxrd": "single-crystal XRD"}.get(technique, technique.upper())
