"""One simulated pattern on an ordinary 2θ axis, with everything about it chosen: for demonstrations, examples and tests."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from mlmodels.net.grid import PHASE_CLASSES
from mlmodels.net.simulated_as import SimulatedAs
from mlmodels.net.simulation.config import APPROXIMANT_1_1, ICOSAHEDRAL, NONE
from mlmodels.net.simulation.crystals import INVERSE_D_MAX
from mlmodels.net.simulation.instrument import N_POINTS, Instrument, axis_of, line_profiles
from mlmodels.net.simulation.line_lists import LineLists
from mlmodels.net.simulation.prototypes import random_prototype_lines
from mlmodels.net.simulation.quasicrystals import approximant_lines, orbits
from samples.xrd.bragg import CU_KALPHA1, radiation_of
from samples.xrd.icosahedral import LatticeType
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import sentence

Q_PAR_MAX, Q_PERP_MAX = 6.5, 0.65
ENVELOPE = 0.22
"""w of exp(−2 (q_perp a_R / w)²), the smooth structure of the quasicrystal (1/a_R)."""
SUPERLATTICE = 0.15
"""Strength of superlattice lines beside fundamental ones of the same q_perp."""
B_FACTOR = 1.0
MIXING, STRAIN = 0.6, 0.5


def simulate_pattern(
    phase_class: str = "icosahedral",
    quasilattice_constant: float = 4.469,
    lattice_type: LatticeType = "F",
    share: float = 1.0,
    *,
    n_hosts: int = 1,
    wavelength: float = CU_KALPHA1,
    two_theta: tuple[float, float] = (20.0, 80.0),
    step: float = 0.02,
    peak_counts: float = 5000.0,
    background: float = 0.05,
    fwhm: float = 0.15,
    seed: int = 0,
) -> PowderPattern:
    """Simulate one pattern of whole counts; Kα1 and Kα2 where ``wavelength`` (Å) is a laboratory's Kα1.

    phase_class: of PHASE_CLASSES; with "none" a_R, lattice type and share are not used
    quasilattice_constant: a_R (Å); share: of the diffracted area, the rest goes to ``n_hosts`` crystalline phases
    two_theta, step, fwhm: degree; peak_counts: expected counts at the highest point; background: as a share of them
    Raises ValueError for a phase class or a share that there is not.
    """
    if phase_class not in PHASE_CLASSES:
        raise ValueError(f"{phase_class!r} is no phase class; choose one of {', '.join(PHASE_CLASSES)}.")
    if not 0 < share <= 1:
        raise ValueError(f"A share of {share} is not between 0 (excluded) and 1.")
    rng = np.random.default_rng(seed)
    wanted = PHASE_CLASSES.index(phase_class)
    phases = []
    if wanted != NONE:
        phases.append(_wanted(wanted, quasilattice_constant, lattice_type, share if n_hosts else 1.0))
    left = 1.0 if wanted == NONE else 1 - share
    for part in rng.dirichlet(np.full(n_hosts, 3.0)) * left if n_hosts and left > 0 else ():
        lines = torch.tensor(random_prototype_lines(rng, INVERSE_D_MAX), dtype=torch.float32)
        phases.append(_phase(lines[:, 0], lines[:, 1], float(part), wanted=False))

    instrument = _instrument(wavelength, two_theta, step, fwhm)
    axis = axis_of(instrument)
    profiles, _ = line_profiles(phases, instrument, axis)
    fine = axis.start.double() + axis.fine_step.double() * torch.arange(N_POINTS)
    n_points = round((two_theta[1] - two_theta[0]) / step) + 1
    angles = np.asarray(two_theta[0] + step * np.arange(n_points), dtype=np.float64).round(6)
    profile = np.interp(angles, fine.numpy(), profiles.sum(dim=0)[0].double().numpy())
    highest = profile.max()
    lines_part = profile / highest * (1 - background) if highest > 0 else profile
    slope = 1.3 - 0.6 * (angles - angles[0]) / (angles[-1] - angles[0])
    counts = rng.poisson(peak_counts * (lines_part + background * slope))
    told = SimulatedAs(phase_class)
    if wanted != NONE:
        told = SimulatedAs(phase_class, quasilattice_constant, lattice_type)
    return PowderPattern(
        angles,
        counts.astype(np.float64),
        wavelength,
        metadata={"comment": told.line},
        warnings=(sentence("This pattern is simulated; nothing was measured."),),
    )


def pattern_text(pattern: PowderPattern) -> str:
    """The pattern as a text file: a commented heading, then 2θ (degree) and counts."""
    heading = [
        *(f"# {line}" for line in str(pattern.metadata.get("comment", "")).splitlines()),
        f"# wavelength {pattern.wavelength} Angstrom",
        "# 2theta counts",
    ]
    rows = [f"{angle:.4f} {counts:.0f}" for angle, counts in zip(pattern.two_theta, pattern.intensity, strict=True)]
    return "\n".join([*heading, *rows]) + "\n"


def _wanted(wanted: int, a_r: float, lattice_type: LatticeType, share: float) -> LineLists:
    device = torch.device("cpu")
    rows = orbits(device, Q_PAR_MAX, Q_PERP_MAX)
    ordering = SUPERLATTICE if lattice_type == "F" else 0.0
    squared = torch.exp(-2 * (rows.q_perp / ENVELOPE) ** 2) * torch.where(rows.superlattice, ordering, 1.0)
    squared = squared * torch.exp(-B_FACTOR * (rows.q_par / a_r) ** 2 / 2)
    if wanted == ICOSAHEDRAL:
        return _phase(rows.q_par / a_r, squared * rows.multiplicity, share, wanted=True)
    lines = approximant_lines(device, 1 if wanted == APPROXIMANT_1_1 else 2, Q_PAR_MAX, Q_PERP_MAX)
    return _phase(lines.inverse_d / a_r, squared @ lines.members, share, wanted=True)


def _phase(inverse_d: Tensor, intensity: Tensor, share: float, *, wanted: bool) -> LineLists:
    return LineLists(
        pattern=torch.zeros(1, dtype=torch.int64),
        inverse_d=inverse_d[None],
        intensity=intensity[None],
        broadening=torch.zeros_like(inverse_d)[None],
        share=torch.tensor([share]),
        wanted=torch.tensor([wanted]),
    )


def _instrument(wavelength: float, two_theta: tuple[float, float], step: float, fwhm: float) -> Instrument:
    radiation = radiation_of(wavelength)
    second, ratio = (radiation.kalpha2, radiation.ratio) if radiation else (wavelength, 0.0)

    def one(value: float) -> Tensor:
        return torch.tensor([value])

    return Instrument(
        wavelengths=torch.tensor([[wavelength, second]]),
        ratios=torch.tensor([[1.0, ratio]]),
        two_theta_low=one(two_theta[0]),
        two_theta_high=one(two_theta[1]),
        step=one(step),
        zero_shift=one(0.0),
        displacement=one(0.0),
        polarisation=one(1.0),
        fwhm=torch.full((1, 2), fwhm),
        mixing=torch.full((1, 2), MIXING),
        strain=one(STRAIN),
        asymmetry=one(0.0),
    )
