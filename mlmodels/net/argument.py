"""Why a pattern is called what it is called: the reflections that should be there, and what was measured at each.

What a crystallographer would do with a ruler: at the best a_R the strongest lines of an icosahedral quasicrystal are looked
for among the measured peaks, and as many more lattice constants are tried to say how many would be found by chance.  NumPy
only; what the network itself weighs (:mod:`mlmodels.net.occlusion`) is set beside it where it was computed.

Which lines are strong depends on the structure, which nobody knows yet: lines are ranked by what known quasicrystals have in
common, the fall of intensity with q_perp, multiplicity and angle.  A single one may be missing for chemical reasons.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from mlmodels.net.grid import CANDIDATES, Q_MAX, Q_MIN
from mlmodels.net.lines import ENVELOPE_WIDTH, MIN_DISTANCE
from samples.xrd.bragg import q_from_two_theta, two_theta_from_q
from samples.xrd.icosahedral import (
    LatticeType,
    ReflectionTable,
    d_over_a_r,
    equivalent_constants,
    reflections,
)
from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.peaks import Peaks, Profile, find_maxima, smoothed_profile

VERSION = 1

N_EXPECTED = 18
"""Strongest lines on the grid at one a_R that are shown."""
STRONG = 0.1
"""Expected intensity from which a line is counted: weaker ones are shown, but their absence says nothing."""
SUPERLATTICE = 0.2
"""Strength of a superlattice line beside a fundamental one of the same q_perp, as in known F-type quasicrystals."""
DECAY = 3
"""Intensities fall as d^3 on average: the Lorentz factor, and the form factors on top."""
POSITION_DEGREE = 0.08
POSITION_LN_Q = 0.0015
"""How far a peak may lie from its line: alignment in degrees of 2θ, and a_R in ln Q, added in quadrature."""
WIDTH_SHARE = 0.2
"""The same, as a share of the usual width of the peaks."""
SEEN_SIGMAS = 6.0
"""Prominence of a peak over the noise; less than where peaks are picked, since here it is known where to look."""
HIDDEN_SIGMAS = 5.0
"""Intensity without a maximum of its own, this far above the background, is the flank of another peak: nothing can be said."""
MISSING_SIGMAS = 15.0
"""A line is missing only where it was expected at this many σ: structures make single lines several times weaker than usual."""
EXPLAINED_Q_PERP = 0.40
"""Peaks at lines up to this q_perp (1/a_R) may be the quasicrystal's."""
N_UNEXPLAINED = 8
STRONG_PEAK = 0.1
"""Of the strongest one's height: unexplained peaks above this are another phase's, not a weak line of this one."""
APART = 0.02
"""In ln a_R: nearer constants share their lines with the best one, and say nothing of chance."""
PLAUSIBLE = (2.4, 8.0)
"""a_R (Å) between which an alternative is worth a look: known quasicrystals have 4.3 to 5.8 Å."""
CONFUSED_RATIO = float(d_over_a_r(20, 32) / d_over_a_r(18, 29))
"""Of a_R where 18/29 is taken for 20/32 (0.951): the strongest line of many patterns read as the other of the pair."""
CONFUSED_FROM = 0.001
"""Probability near such a constant from which it is worth saying."""

Verdict = Literal["seen", "missing", "hidden", "weak", "outside"]


@dataclass(frozen=True, slots=True, eq=False)
class Expected:
    """The lines to look for, strongest first; arrays of shape (n_lines,).

    labels: of the lines, like "18/29 (2 1 1 1 1 1)"; q: Q · a_R (dimensionless); weight: expected intensity, 1 for the strongest
    """

    table: ReflectionTable
    shell: NDArray[np.intp]
    labels: list[str]
    q: FloatArray
    weight: FloatArray

    @property
    def is_strong(self) -> NDArray[np.bool_]:
        return np.asarray(self.weight >= STRONG)


def make_argument(
    pattern: PowderPattern,
    quasilattice_constant: float,
    lattice_type: LatticeType,
    probability: float,
    evidence: ArrayLike,
    log_odds: ArrayLike | None = None,
) -> dict[str, Any]:
    """The argument for and against a quasicrystal of ``quasilattice_constant`` (Å) in ``pattern``, as plain JSON.

    probability: of an i-QC; evidence: over CANDIDATES, summing to 1
    log_odds: what each group of :func:`line_groups` adds to the log-odds of an i-QC; None where it was not computed

    Raises ValueError for a pattern without a wavelength.
    """
    if pattern.wavelength is None:
        raise ValueError("an argument needs the wavelength; ask why_not_screenable first")
    profile = smoothed_profile(pattern)
    peaks = find_maxima(pattern, profile, SEEN_SIGMAS)
    measured = _Measured(pattern, profile, peaks, pattern.wavelength)
    expected = expected_lines(lattice_type, quasilattice_constant)
    lines = _judged(measured, expected, quasilattice_constant)
    mass = np.asarray(evidence, dtype=np.float64) * probability
    argument: dict[str, Any] = {
        "version": VERSION,
        "quasilattice_constant": round(quasilattice_constant, 5),
        "lattice_type": lattice_type,
        "lines": lines,
        "chance": _by_chance(measured, expected, quasilattice_constant),
        **_other_peaks(measured, quasilattice_constant, lattice_type),
        "alternatives": _alternatives(measured, quasilattice_constant, lattice_type, mass),
    }
    if log_odds is not None:
        *of_lines, of_others = np.asarray(log_odds, dtype=np.float64).round(2).tolist()
        for line, change in zip(lines, of_lines, strict=True):
            line["log_odds"] = change
        argument["other_log_odds"] = of_others
    return argument


def line_groups(
    lattice_type: LatticeType, quasilattice_constant: float, line_constants: Sequence[float]
) -> list[list[int]]:
    """Which of the network's ``line_constants`` (Q · a_R) lies at each expected line, none or one; then all the others."""
    constants = np.log(line_constants)
    left = set(range(len(constants)))
    groups: list[list[int]] = []
    for q in expected_lines(lattice_type, quasilattice_constant).q:
        distance = np.abs(constants - np.log(q))
        nearest = int(distance.argmin())
        groups.append([nearest] if distance[nearest] <= MIN_DISTANCE and nearest in left else [])
        left.difference_update(groups[-1])
    return [*groups, sorted(left)]


def expected_lines(lattice_type: LatticeType, quasilattice_constant: float) -> Expected:
    """The N_EXPECTED strongest lines that lie on the network's grid at this a_R (Å), strongest first."""
    table, shells, labels, q, weight = _ranked(lattice_type)
    on_grid = (q > Q_MIN * quasilattice_constant) & (q < Q_MAX * quasilattice_constant)
    rank = np.flatnonzero(on_grid)[:N_EXPECTED]
    return Expected(table, shells[rank], [labels[i] for i in rank], q[rank], weight[rank] / weight[rank][0])


@lru_cache(maxsize=2)
def _ranked(
    lattice_type: LatticeType,
) -> tuple[ReflectionTable, NDArray[np.intp], list[str], FloatArray, FloatArray]:
    """All lines by falling expected intensity, without those beside a stronger one: table, shells, labels, Q · a_R, intensity."""
    table = reflections(lattice_type)
    envelope = np.exp(-2 * (table.q_perp / ENVELOPE_WIDTH) ** 2)
    weight = table.multiplicity * envelope * table.d_over_a_r**DECAY * np.where(table.superlattice, SUPERLATTICE, 1.0)
    q = 2 * np.pi / table.d_over_a_r
    kept: list[int] = []
    for shell in np.argsort(-weight, kind="stable"):
        if not kept or np.abs(np.log(q[kept] / q[shell])).min() > MIN_DISTANCE:
            kept.append(int(shell))
    shells = np.array(kept)
    labels = table.labels()
    return table, shells, [labels[shell] for shell in shells], q[shells], weight[shells]


@dataclass(frozen=True, eq=False)
class _Measured:
    """A pattern with its peaks, and the questions that are asked of it."""

    pattern: PowderPattern
    profile: Profile
    peaks: Peaks
    wavelength: float

    @cached_property
    def usual_width(self) -> float:
        """Median FWHM of the peaks (degree)."""
        return float(np.median(self.peaks.fwhm)) if len(self.peaks) else 0.0

    @property
    def highest(self) -> float:
        """The strongest peak, in the unit of the pattern."""
        return float(self.peaks.height.max()) if len(self.peaks) else float(max(self.profile.height.max(), 1e-12))

    def is_covered(self, two_theta: FloatArray) -> NDArray[np.bool_]:
        first, last = self.pattern.two_theta[0], self.pattern.two_theta[-1]
        return np.asarray((two_theta >= first) & (two_theta <= last))  # NaN is not

    def tolerance(self, two_theta: FloatArray) -> FloatArray:
        """Largest distance (degree) of a peak from a line at ``two_theta`` (degree)."""
        of_a_r = POSITION_LN_Q * np.degrees(2 * np.tan(np.radians(two_theta) / 2))
        return np.asarray(np.sqrt(POSITION_DEGREE**2 + (WIDTH_SHARE * self.usual_width) ** 2 + of_a_r**2))

    def nearest(self, two_theta: FloatArray) -> tuple[NDArray[np.intp], FloatArray]:
        """Index of the peak nearest to each ``two_theta`` and its offset (degree, measured − expected); same shape."""
        positions = self.peaks.two_theta
        if not positions.size:
            return np.zeros(two_theta.shape, dtype=np.intp), np.full(two_theta.shape, np.inf)
        right = np.clip(np.searchsorted(positions, two_theta), 0, positions.size - 1)
        left = np.maximum(right - 1, 0)
        is_left = np.abs(positions[left] - two_theta) < np.abs(positions[right] - two_theta)
        peak = np.where(is_left, left, right)
        return peak, positions[peak] - two_theta

    def are_seen(self, q: FloatArray) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Of lines at ``q`` (Å⁻¹, any shape): which have a peak, and which were covered."""
        two_theta = two_theta_from_q(q, self.wavelength)
        covered = self.is_covered(two_theta)
        two_theta = np.where(covered, two_theta, 90.0)
        _, offset = self.nearest(two_theta)
        return covered & (np.abs(offset) <= self.tolerance(two_theta)), covered


def _judged(measured: _Measured, expected: Expected, a_r: float) -> list[dict[str, Any]]:
    """Each expected line with what was measured at it, strongest first."""
    q = expected.q / a_r
    two_theta = two_theta_from_q(q, measured.wavelength)
    seen, covered = measured.are_seen(q)
    peak, offset = measured.nearest(np.where(covered, two_theta, 90.0))
    level, noise = _level(measured, two_theta)
    peaks, highest = measured.peaks, measured.highest
    scale = float(np.median(peaks.height[peak[seen]] / expected.weight[seen])) if np.count_nonzero(seen) >= 3 else None
    lines = []
    for i, shell in enumerate(expected.shell):
        table = expected.table
        line: dict[str, Any] = {
            "label": expected.labels[i],
            "n": int(table.n[shell]),
            "m": int(table.m[shell]),
            "strong": bool(expected.is_strong[i]),
            "superlattice": bool(table.superlattice[shell]),
            "q": round(float(q[i]), 4),
            "d": round(float(2 * np.pi / q[i]), 4),
            "two_theta": round(float(two_theta[i]), 3) if np.isfinite(two_theta[i]) else None,
            "expected": round(float(expected.weight[i]), 3),
        }
        if not covered[i]:
            line["verdict"] = "outside"
        elif seen[i]:
            line |= {
                "verdict": "seen",
                "offset": round(float(offset[i]), 3),
                "height": round(float(peaks.height[peak[i]]) / highest, 4),
                "significance": round(float(peaks.significance[peak[i]]), 1),
            }
        else:
            line |= {
                "verdict": _why_unseen(level[i], noise[i], expected.weight[i], scale),
                "height": round(max(float(level[i]), 0.0) / highest, 4),
                "significance": round(max(float(level[i] / noise[i]), 0.0), 1),
                "limit": round(float(SEEN_SIGMAS * noise[i]) / highest, 4),
            }
        lines.append(line)
    return lines


def _level(measured: _Measured, two_theta: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Height above the background at ``two_theta``, and its noise; the clipped background runs below the noise's middle."""
    axis, profile = measured.pattern.two_theta, measured.profile
    middle = float(np.median(profile.height / profile.noise))
    noise = np.interp(two_theta, axis, profile.noise)
    return np.interp(two_theta, axis, profile.height) - middle * noise, noise


def _why_unseen(level: float, noise: float, weight: float, scale: float | None) -> Verdict:
    """Of a line without a peak.  ``scale``: height of a seen line a unit of expected intensity, None where too few are seen."""
    if level > HIDDEN_SIGMAS * noise:
        return "hidden"
    if weight < STRONG or (scale is not None and scale * weight < MISSING_SIGMAS * noise):
        return "weak"
    return "missing"


def _by_chance(measured: _Measured, expected: Expected, a_r: float) -> dict[str, float]:
    """What share of the strong lines other lattice constants between 4 and 6 Å would find: on average, and at most."""
    others = CANDIDATES[np.abs(np.log(CANDIDATES / a_r)) > APART]
    seen, covered = measured.are_seen(expected.q[expected.is_strong][None, :] / others[:, None])
    share = seen.sum(axis=1) / np.maximum(covered.sum(axis=1), 1)
    return {"mean": round(float(share.mean()), 3), "most": round(float(share.max()), 3)}


def _other_peaks(measured: _Measured, a_r: float, lattice_type: LatticeType) -> dict[str, Any]:
    """What share of the peaks' area lies at lines of the quasicrystal, and the strongest peaks that do not."""
    peaks = measured.peaks
    if not len(peaks):
        return {"n_peaks": 0, "explained": None, "unexplained": [], "n_unexplained": 0}
    table = reflections(lattice_type, q_perp_max=EXPLAINED_Q_PERP)
    lines = np.sort(two_theta_from_q(2 * np.pi / (table.d_over_a_r * a_r), measured.wavelength))
    lines = lines[np.isfinite(lines)]
    tolerance = measured.tolerance(peaks.two_theta)
    distance = (
        np.abs(peaks.two_theta[:, None] - lines[None, :]).min(axis=1) if lines.size else np.full(len(peaks), np.inf)
    )
    is_explained = distance <= tolerance
    area = peaks.height * peaks.fwhm
    height = peaks.height / measured.highest
    strongest = [i for i in np.argsort(-height) if not is_explained[i] and height[i] >= STRONG_PEAK]
    return {
        "n_peaks": len(peaks),
        "explained": round(float(area[is_explained].sum() / area.sum()), 3),
        "n_unexplained": len(strongest),
        "unexplained": [
            {
                "two_theta": round(float(peaks.two_theta[i]), 3),
                "d": round(float(2 * np.pi / q_from_two_theta(peaks.two_theta[i], measured.wavelength)), 4),
                "height": round(float(height[i]), 4),
            }
            for i in strongest[:N_UNEXPLAINED]
        ],
    }


def _alternatives(measured: _Measured, a_r: float, lattice_type: LatticeType, mass: FloatArray) -> list[dict[str, Any]]:
    """Other a_R whose lines lie at the same positions, and those at which 18/29 and 20/32 are confused, if they got some p."""
    scaled = [(constant, "tau") for constant in equivalent_constants(a_r, lattice_type)]
    confused = [(a_r * ratio, "18/29") for ratio in (CONFUSED_RATIO, 1 / CONFUSED_RATIO)]
    found = []
    for constant, relation in scaled + confused:
        near = np.abs(np.log(CANDIDATES / constant)) < APART / 2
        probability = float(mass[near].sum())
        if relation == "18/29" and probability < CONFUSED_FROM:
            continue
        alternative: dict[str, Any] = {"quasilattice_constant": round(constant, 4), "relation": relation}
        alternative["plausible"] = PLAUSIBLE[0] <= constant <= PLAUSIBLE[1]
        if alternative["plausible"]:
            expected = expected_lines(lattice_type, constant)
            seen, covered = measured.are_seen(expected.q[expected.is_strong] / constant)
            alternative |= {"n_seen": int(seen.sum()), "n_covered": int(covered.sum())}
        alternative["probability"] = round(probability, 6) if near.any() else None
        found.append(alternative)
    return found
