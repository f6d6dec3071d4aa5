"""Lines of quasicrystals and approximants, from line lists that the training simulator did not make, on measured patterns.

The hosts are measured, so that their lines, widths, backgrounds and noise are nature's.  Relative intensities of the lists are
drawn smoothly against q_perp (exp(−2 (q_perp a_R / w)²) times multiplicity, a Debye–Waller factor and the Lorentz-polarisation
factor); the four strongest lines of icosahedrite are those that were measured (Bindi et al., Am. Mineral. 96, 928 (2011)).
Approximants have the same envelope on vectors that the linear phason strain has moved, with scatter from line to line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from samples.xrd.bragg import CU_KALPHA1, two_theta_from_q
from samples.xrd.icosahedral import (
    G_UNIT,
    PHASON_STRAIN_1_1,
    PHASON_STRAIN_2_1,
    LatticeType,
    g_par,
    g_perp,
    icosahedral_vectors,
    reflections,
)
from samples.xrd.pattern import PowderPattern

FloatArray = NDArray[np.float64]
Lines = tuple[FloatArray, FloatArray]
"""Positions 2θ (degree, Cu Kα1) and peak heights, the strongest 1."""

RATIOS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 3.0)
"""Peak height of the strongest added line over that of the host's strongest."""
A_R_RANGE = (4.1, 5.99)
N_LINES = 24
N_APPROXIMANT_LINES = 60
MIN_FWHM = 0.06
"""Degree of 2θ; a host whose strongest line is narrower has one outlier there, not a line."""
DEBYE_WALLER_B = 0.8
"""Å²."""
PSEUDO_VOIGT_ETA = 0.6
GAUSSIAN_REACH = 6.0
"""Half widths from a line beyond which its Gaussian part, 10⁻¹¹ of its height, is left out."""
Q_PERP_MAX, Q_PAR_MAX = 0.6, 5.1
"""Of the reflections (1/a_R)."""


@dataclass(frozen=True, slots=True)
class LineList:
    """How strong the lines of a quasicrystal are.

    envelope: w of exp(−2 (q_perp a_R / w)²), in units of 1/a_R
    superlattice: factor on the intensity of superlattice reflections
    measured: intensities, by N/M, that replace the smooth ones (the scale is that of the strongest line, 100)
    """

    name: str
    lattice_type: LatticeType
    envelope: float
    superlattice: float = 0.0
    measured: tuple[tuple[tuple[int, int], float], ...] = ()


LINE_LISTS = (
    LineList("Cd-Yb, Tsai (P)", "P", envelope=0.27),
    LineList(
        "icosahedrite, Mackay (F)", "F", 0.24, 0.25, (((18, 29), 90), ((20, 32), 100), ((52, 84), 30), ((7, 11), 25))
    ),
    LineList("ordered, weak superlattice (F)", "F", envelope=0.30, superlattice=0.1),
)


@dataclass(frozen=True, slots=True)
class ApproximantList:
    """Lines of a cubic approximant by linear phason strain.

    phase_class: the name of its class; strain: ε of g∥ + ε g⊥, over every member of an orbit
    envelope: as of LineList; scatter: σ of the normal scatter of ln intensity from line to line, since atoms relax
    """

    name: str
    phase_class: str
    strain: float
    envelope: float = 0.27
    scatter: float = 0.5


APPROXIMANTS = (
    ApproximantList("1/1, by phason strain", "approximant_1_1", PHASON_STRAIN_1_1),
    ApproximantList("2/1, by phason strain", "approximant_2_1", PHASON_STRAIN_2_1),
)


def lines_of(line_list: LineList, quasilattice_constant: float) -> Lines:
    """The ``N_LINES`` strongest lines of a quasicrystal of this a_R (Å) between 15 and 85°."""
    table = reflections(line_list.lattice_type, q_perp_max=Q_PERP_MAX)
    intensities = table.multiplicity.astype(np.float64) * np.exp(-2 * (table.q_perp / line_list.envelope) ** 2)
    intensities = intensities * np.where(table.superlattice, line_list.superlattice, 1.0)
    two_theta, heights, kept = powder_lines(table.q_par / quasilattice_constant, intensities)
    measured = dict(line_list.measured)
    for i, shell in enumerate(zip(table.n[kept].tolist(), table.m[kept].tolist(), strict=True)):
        heights[i] = measured.get(shell, 100 * heights[i]) / 100
    return _strongest(two_theta, heights, N_LINES)


def approximant_lines_of(approximant: ApproximantList, quasilattice_constant: float, rng: np.random.Generator) -> Lines:
    """The ``N_APPROXIMANT_LINES`` strongest lines of an approximant to a quasicrystal of this a_R (Å)."""
    inverse_d, intensities = _strained(approximant.strain, approximant.envelope)
    scattered = intensities * np.exp(approximant.scatter * rng.standard_normal(len(intensities)))
    two_theta, heights, _ = powder_lines(inverse_d / quasilattice_constant, scattered)
    return _strongest(two_theta, heights, N_APPROXIMANT_LINES)


@lru_cache(maxsize=4)
def _strained(strain: float, envelope: float) -> tuple[FloatArray, FloatArray]:
    """1/d (1/a_R) and intensity of the distinct lines of the strained primitive lattice."""
    vectors = icosahedral_vectors("P", Q_PAR_MAX, Q_PERP_MAX)
    perpendicular = g_perp(vectors)
    length = np.linalg.norm(g_par(vectors) + strain * perpendicular, axis=1) / G_UNIT
    weights = np.exp(-2 * (np.linalg.norm(perpendicular, axis=1) / G_UNIT / envelope) ** 2)
    inverse_d, line = np.unique(np.round(length, 6), return_inverse=True)
    return inverse_d, np.asarray(np.bincount(line.reshape(-1), weights), dtype=np.float64)


def powder_lines(inverse_d: FloatArray, intensities: FloatArray) -> tuple[FloatArray, FloatArray, NDArray[np.bool_]]:
    """2θ (degree, Cu Kα1) and peak heights (strongest 1) of the lines between 15 and 85°, and which these are.

    inverse_d: Å⁻¹; intensities: with multiplicity, before temperature and Lorentz-polarisation factors
    """
    two_theta = two_theta_from_q(2 * np.pi * inverse_d, CU_KALPHA1)
    inside = (two_theta > 15) & (two_theta < 85)
    theta = np.radians(two_theta[inside] / 2)
    heights = intensities[inside] * np.exp(-2 * DEBYE_WALLER_B * (inverse_d[inside] / 2) ** 2)
    heights = heights * (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    return two_theta[inside], heights / heights.max(), inside


def _strongest(two_theta: FloatArray, heights: FloatArray, n_lines: int) -> Lines:
    strongest = np.argsort(-heights)[:n_lines]
    return two_theta[strongest], heights[strongest] / heights.max()


def inject(host: PowderPattern, lines: Lines, ratio: float, rng: np.random.Generator) -> PowderPattern:
    """``host`` (Cu Kα) with ``lines`` added, as wide as the host's strongest line and with its counting noise."""
    top, fwhm = strongest_line(host)
    added = ratio * top * profile(host.two_theta, lines, fwhm)
    noise = rng.standard_normal(host.n_points) * np.sqrt(noise_per_count(host) * added)
    return PowderPattern(host.two_theta, host.intensity + added + noise, host.wavelength)


def profile(two_theta: FloatArray, lines: Lines, fwhm: float) -> FloatArray:
    """Pseudo-Voigt lines on ``two_theta`` (degree, ascending), the strongest of height 1."""
    half = fwhm / 2
    lorentzian = 1 / (1 + ((two_theta[:, None] - lines[0]) / half) ** 2)
    summed = PSEUDO_VOIGT_ETA * (lorentzian @ lines[1])
    for position, height in zip(*lines, strict=True):
        near = slice(*np.searchsorted(two_theta, [position - GAUSSIAN_REACH * half, position + GAUSSIAN_REACH * half]))
        summed[near] += (1 - PSEUDO_VOIGT_ETA) * height * np.exp2(-(((two_theta[near] - position) / half) ** 2))
    return np.asarray(summed)


def strongest_line(host: PowderPattern) -> tuple[float, float]:
    """Height above the pattern's lowest tenth, and full width at half of it (degree), of the host's strongest line."""
    y = host.intensity - np.quantile(host.intensity, 0.1)
    peak = int(np.argmax(y))
    below = np.flatnonzero(y < y[peak] / 2)
    left = below[below < peak].max(initial=0)
    right = below[below > peak].min(initial=host.n_points - 1)
    return float(y[peak]), max(MIN_FWHM, float(host.two_theta[right] - host.two_theta[left]) - host.step)


def noise_per_count(host: PowderPattern) -> float:
    """Variance of the noise over the intensity: 1 for counts, other where the file was scaled."""
    y = host.intensity
    variance = (y[:-2] - 2 * y[1:-1] + y[2:]) ** 2 / 6
    positive = y[1:-1] > 0
    return float(np.median(variance[positive] / y[1:-1][positive]) / 0.455) if positive.any() else 0.0
