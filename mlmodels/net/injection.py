"""Injection and recovery: icosahedral lines, from line lists that the training simulator did not make, on measured patterns.

The hosts are measured, so that their lines, widths, backgrounds and noise are nature's.  Relative intensities of the lists are
drawn smoothly against q_perp (exp(−2 (q_perp a_R / w)²) times multiplicity, a Debye–Waller factor and the Lorentz-polarisation
factor); the four strongest lines of icosahedrite are those that were measured (Bindi et al., Am. Mineral. 96, 928 (2011)).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samples.xrd.bragg import CU_KALPHA1, two_theta_from_q
from samples.xrd.icosahedral import LatticeType, reflections
from samples.xrd.pattern import PowderPattern

FloatArray = NDArray[np.float64]

RATIOS = (0.05, 0.1, 0.15, 0.2, 0.3, 0.5, 1.0, 3.0)
"""Peak height of the strongest added line over that of the host's strongest."""
A_R_RANGE = (4.1, 5.99)
N_LINES = 24
MIN_FWHM = 0.06
"""Degree of 2θ; a host whose strongest line is narrower has one outlier there, not a line."""
DEBYE_WALLER_B = 0.8
"""Å²."""
PSEUDO_VOIGT_ETA = 0.6


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


def lines_of(line_list: LineList, quasilattice_constant: float) -> tuple[FloatArray, FloatArray]:
    """Positions 2θ (degree, Cu Kα1) between 15 and 85° and peak heights (strongest 1) of the ``N_LINES`` strongest lines."""
    table = reflections(line_list.lattice_type, q_perp_max=0.6)
    q = 2 * np.pi * table.q_par / quasilattice_constant
    two_theta = two_theta_from_q(q, CU_KALPHA1)
    inside = (two_theta > 15) & (two_theta < 85)
    two_theta = two_theta[inside]
    theta = np.radians(two_theta / 2)
    heights = table.multiplicity[inside] * np.exp(-2 * (table.q_perp[inside] / line_list.envelope) ** 2)
    heights = heights * np.where(table.superlattice[inside], line_list.superlattice, 1.0)
    heights = heights * np.exp(-2 * DEBYE_WALLER_B * (q[inside] / (4 * np.pi)) ** 2)
    heights = heights * (1 + np.cos(2 * theta) ** 2) / (np.sin(theta) ** 2 * np.cos(theta))
    measured = dict(line_list.measured)
    scale = heights.max() / 100
    for i, shell in enumerate(zip(table.n[inside].tolist(), table.m[inside].tolist(), strict=True)):
        heights[i] = measured.get(shell, heights[i] / scale) * scale
    strongest = np.argsort(-heights)[:N_LINES]
    return two_theta[strongest], heights[strongest] / heights.max()


def inject(
    host: PowderPattern, line_list: LineList, quasilattice_constant: float, ratio: float, rng: np.random.Generator
) -> PowderPattern:
    """``host`` (Cu Kα) with the lines of ``line_list`` added, as wide as the host's strongest line and with its counting noise."""
    positions, heights = lines_of(line_list, quasilattice_constant)
    top, fwhm = strongest_line(host)
    added = np.zeros(host.n_points)
    for position, height in zip(positions, heights, strict=True):
        x = (host.two_theta - position) / (fwhm / 2)
        profile = PSEUDO_VOIGT_ETA / (1 + x**2) + (1 - PSEUDO_VOIGT_ETA) * np.exp(-np.log(2) * x**2)
        added += ratio * top * height * profile
    noise = rng.standard_normal(host.n_points) * np.sqrt(noise_per_count(host) * added)
    return PowderPattern(host.two_theta, host.intensity + added + noise, host.wavelength)


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
