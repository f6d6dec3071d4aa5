"""What the demo lab holds: a person for each role, six alloy systems, the case of Uryu et al. (2023), simulated patterns.

The measured patterns of the case are not public.  Its four calls are kept as calls of a model version of which nothing but
the calls is known; the patterns beside them are simulated, say so on every page, and are screened by the shipped network.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from decimal import Decimal

from django.contrib.auth.models import Group, User
from django.db import transaction

from lims import demo_case, demo_dataset
from lims.roles import ROLES
from mlmodels.models import ModelVersion
from mlmodels.net.classify import THRESHOLDS_VERSION
from samples.models import AlloySystem, Sample, SynthesisStep, WeighedMass
from samples.xrd.icosahedral import LatticeType
from screening.models import ScreeningResult, ScreeningRun

SOURCE = "Uryu et al., Advanced Science (2023), DOI 10.1002/advs.202304546"
REPORTED_VERSION = "Uryu et al. 2023, as reported"

WHAT_TO_CLICK = """
The lab is running on {url}

{people}

  1. Sign in as "member".
  2. Home shows what waits, and the classes of each alloy system.
  3. Samples → ASR-I: the pattern, its class, and the icosahedral reflections drawn over it.
  4. Follow-ups: sign in as "microscopist"; what was found in ASR-I to ASR-IV, and the outcomes.
  5. Upload: drop a file of your own diffractometer (.ras, .xrdml, .brml, two columns of text, …).

Ctrl-C stops everything.
"""


@dataclass(frozen=True, slots=True)
class Phase:
    """What a pattern is simulated with: phase class, a_R (Å), lattice type, share of the scattering."""

    phase_class: str
    quasilattice_constant: float = 4.5
    lattice_type: LatticeType = "P"
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class DemoSample:
    code: str
    composition: str
    phase: Phase
    notes: str
    reported_class: str = ""
    parent: str = ""


SIMULATED = "Made up for the demo; its pattern is simulated and is no part of the reported case."
CASE = f"From {SOURCE}. The nominal composition is not reported: the composition of a phase found by EDX stands in its place. "

SAMPLES = (
    DemoSample(
        "ASR-I", "Al43Si32Ru25", Phase("icosahedral", 4.353, "F", 0.6),
        CASE + "ASR(I): phases Al43Si32Ru25 (icosahedral), Al26Si34Ru20 (as printed; sums to 80), Al38Si42Ru20. "
        "TEM: F-type, quasilattice constant 0.8706 nm (a_F), so a_R = 4.353 Å.", "A",
    ),
    DemoSample("ASR-II", "Al73Si1Ru26", Phase("none"), CASE + "ASR(II): single phase Al73Si1Ru26, no quasicrystal.", "B"),
    DemoSample(
        "ASR-III", "Al69Si5Ru26", Phase("none"), CASE + "ASR(III): phases Al69Si5Ru26 and Al61Si3Ru36, no quasicrystal.", "B"
    ),
    DemoSample(
        "ASR-IV", "Al44Si31Ru25", Phase("icosahedral", 4.353, "F", 0.25),
        CASE + "ASR(IV): phases Al44Si31Ru25 (icosahedral), Al55Si17Ru28, Al53Si23Ru24. TEM as for ASR(I).", "C",
    ),
    DemoSample("AFI-001", "Al70Fe20Ir10", Phase("none"), SIMULATED),
    DemoSample("AFI-002", "Al65Fe20Ir15", Phase("approximant_1_1", 4.46, "P", 0.7), SIMULATED),
    DemoSample("AFI-003", "Al75Fe10Ir15", Phase("none"), SIMULATED),
    DemoSample("AMI-001", "Al70Mn20Ir10", Phase("none"), SIMULATED),
    DemoSample("AMI-001-1", "Al70Mn20Ir10", Phase("icosahedral", 4.60, "P", 0.12), SIMULATED, parent="AMI-001"),
    DemoSample("AMI-002", "Al73Mn17Ir10", Phase("none"), SIMULATED),
    DemoSample("AMI-003", "Al65Mn15Ir20", Phase("none"), SIMULATED),
    DemoSample("ACP-001", "Al60Cu20Pt20", Phase("none"), SIMULATED),
    DemoSample("ACP-002", "Al57Cu31Pt12", Phase("none"), SIMULATED),
    DemoSample("APC-001", "Al70Pt15Co15", Phase("none"), SIMULATED),
    DemoSample("APC-002", "Al72Pt10Co18", Phase("approximant_2_1", 4.55, "P", 0.6), SIMULATED),
    DemoSample("ACI-001", "Al65Cu20Ir15", Phase("icosahedral", 4.48, "F", 0.9), SIMULATED),
    DemoSample("ACI-002", "Al60Cu30Ir10", Phase("none"), SIMULATED),
    DemoSample("ACI-003", "Al63Cu25Ir12", Phase("icosahedral", 4.47, "F", 0.04), SIMULATED),
    DemoSample("ASR-101", "Al45Si30Ru25", Phase("icosahedral", 4.353, "F", 0.5), SIMULATED),
    DemoSample("ASR-102", "Al50Si26Ru24", Phase("icosahedral", 4.35, "F", 0.35), SIMULATED),
    DemoSample("ASR-103", "Al38Si37Ru25", Phase("none"), SIMULATED),
    DemoSample("AMI-004", "Al72Mn20Ir8", Phase("icosahedral", 4.59, "P", 0.4), SIMULATED),
    DemoSample("ACI-004", "Al64Cu22Ir14", Phase("icosahedral", 4.48, "F", 0.5), SIMULATED),
    DemoSample("APC-003", "Al71Pt12Co17", Phase("icosahedral", 4.55, "F", 0.6), SIMULATED),
)  # fmt: skip


SYSTEM_NOTES = {"Al-Si-Ru": f"{SOURCE}: 237 measured patterns of this system were screened: A 4, B 16, C 53, D 164."}

WEIGHED = {"AMI-001": (("Al", "1.8887", "99.99"), ("Mn", "1.0988", "99.9"), ("Ir", "1.9222", "99.9"))}
"""Substance, mass (g), purity (%)."""
MASS_AFTER = {"AMI-001": Decimal("4.8731")}


def password_of(role: str) -> str:
    """Passwords that everyone may know: only the demo makes these people."""
    return f"icosa-demo-{role}"


def what_to_click(url: str) -> str:
    """What the demo says once it runs."""
    people = "\n".join(f"  {role:<14}{password_of(role)}" for role in ROLES)
    return WHAT_TO_CLICK.format(url=url, people=people)


def fill(say: Callable[[str], None]) -> None:
    """Make the demo lab where it is not there yet; starting again changes nothing."""
    people = _people()
    if Sample.objects.filter(code=SAMPLES[0].code).exists():
        return
    say("Simulating the demo's patterns …")
    patterns = {wanted.code: _simulated(wanted, seed) for seed, wanted in enumerate(SAMPLES, start=1)}
    with transaction.atomic():
        calls = _log_samples(people["member"], patterns)
        for found in demo_case.CASE:
            demo_case.tell(found, calls[found.code], people["reviewer"], people["microscopist"])
        demo_dataset.make(people["curator"])


def _people() -> dict[str, User]:
    people = {}
    for role in ROLES:
        person, made = User.objects.get_or_create(username=role, defaults={"is_staff": role == "admin"})
        if made:
            person.set_password(password_of(role))
            person.save()
            person.groups.add(Group.objects.get(name=role))
        people[role] = person
    return people


def _log_samples(member: User, patterns: dict[str, bytes]) -> dict[str, ScreeningResult]:
    """Log what the demo lab holds; the calls that the case reports, by the code of their sample."""
    reported = ModelVersion.objects.record(
        REPORTED_VERSION, thresholds_version=THRESHOLDS_VERSION, notes=f"The calls that {SOURCE} reports."
    )
    upload = ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by=member)
    record = ScreeningRun.objects.start(ScreeningRun.Why.RECORD, by=member)
    calls = {}
    for wanted in SAMPLES:
        sample = _log_sample(wanted, member)
        receipt = upload.receive(
            patterns[wanted.code], name=f"{wanted.code}_simulated.xy", sample=sample, simulated=True
        )
        reading = receipt.patterns[0].current_reading
        if wanted.reported_class and reading:
            call = ScreeningResult.objects.record_call(record, reading, reported, wanted.reported_class)
            calls[wanted.code] = call
    for name, notes in SYSTEM_NOTES.items():
        AlloySystem.objects.filter(name=name).update(notes=notes)
    return calls


def _log_sample(wanted: DemoSample, member: User) -> Sample:
    parent = Sample.objects.get(code=wanted.parent) if wanted.parent else None
    sample = Sample(
        code=wanted.code,
        composition_text=wanted.composition,
        parent=parent,
        origin=Sample.Origin.ANNEALED if parent else "",
        mass_after=MASS_AFTER.get(wanted.code),
        notes=wanted.notes,
        simulated=True,
    )
    masses = [
        WeighedMass(substance=substance, mass=Decimal(mass), purity=Decimal(purity))
        for substance, mass, purity in WEIGHED.get(wanted.code, ())
    ]
    sample.log(by=member, steps=[] if wanted.reported_class else [_made_up_step(parent)], masses=masses)
    return sample


def _made_up_step(parent: Sample | None) -> SynthesisStep:
    """How a made-up sample was made; of the reported case nothing is made up."""
    kind = SynthesisStep.Kind
    if parent is None:
        return SynthesisStep(kind=kind.ARC_MELTING, melts=3, atmosphere="Ar")
    annealing = SynthesisStep(kind=kind.ANNEALING, temperature=Decimal(800), duration=Decimal(48), atmosphere="Ar")
    annealing.quench = SynthesisStep.Quench.WATER
    return annealing


def _simulated(wanted: DemoSample, seed: int) -> bytes:
    # Here, since these import torch, which the web process must not load.
    from mlmodels.net.simulation.single import pattern_text, simulate_pattern

    phase = wanted.phase
    pattern = simulate_pattern(
        phase.phase_class, phase.quasilattice_constant, phase.lattice_type, phase.share, n_hosts=2, seed=seed
    )
    title = f"{wanted.code}: simulated pattern, not a measurement\n{pattern.metadata['comment']}"
    return pattern_text(replace(pattern, metadata={"comment": title})).encode()
