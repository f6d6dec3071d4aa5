"""The quasilattice constant by least squares from measured peak positions, with a zero shift of the instrument."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from samples.xrd.icosahedral import LatticeType, reflections
from samples.xrd.pattern import FloatArray, check_wavelength
from samples.xrd.sentences import Sentence, sentence

MIN_ASSIGNED = 4
"""Two parameters are refined; with fewer reflections any peaks can be made to fit."""
ASSIGNMENT_WINDOW = 0.3
"""Largest distance (degree) between a peak and its reflection at the start."""
MIN_WINDOW = 0.04
"""The window shrinks with the scatter, but not below this (degree)."""
STRONG_Q_PERP = 0.35
"""Reflections with a q_perp (1/a_R) up to this are used: the strong ones. Among all, any peak finds a neighbour."""
LEAST_SIGMA = 0.005
"""Smallest uncertainty (degree) that a peak position is believed to have: alignment and profile add to counting."""
MAX_ROUNDS = 30
CONVERGED = 1e-8
"""Relative change of a_R in a round."""


class RefinementError(ValueError):
    """The lattice cannot be refined; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


@dataclass(frozen=True, slots=True)
class AssignedReflection:
    """A peak and the reflection it was assigned to; angles in degree.

    label: N/M and six indices; two_theta_calculated: with the refined a_R and zero shift
    """

    label: str
    two_theta_observed: float
    two_theta_calculated: float

    @property
    def difference(self) -> float:
        """Observed minus calculated (degree)."""
        return self.two_theta_observed - self.two_theta_calculated


@dataclass(frozen=True, slots=True)
class LatticeRefinement:
    """a_R and its standard uncertainty (Å), zero shift (degree, observed minus true 2θ) and its own, and the evidence."""

    quasilattice_constant: float
    quasilattice_constant_sigma: float
    zero_shift: float
    zero_shift_sigma: float
    assigned: tuple[AssignedReflection, ...]

    @property
    def n_assigned(self) -> int:
        return len(self.assigned)

    @property
    def rms_difference(self) -> float:
        """Root mean square of observed minus calculated (degree)."""
        return float(np.sqrt(np.mean([reflection.difference**2 for reflection in self.assigned])))


def refine_quasilattice_constant(
    peak_two_theta: FloatArray,
    wavelength: float,
    start: float,
    lattice_type: LatticeType,
    peak_sigmas: FloatArray | None = None,
    window: float = ASSIGNMENT_WINDOW,
    q_perp_max: float = STRONG_Q_PERP,
) -> LatticeRefinement:
    """Refine a_R and a zero shift of 2θ on peaks, assigned anew to reflections in each round until nothing changes.

    peak_two_theta: positions (degree), ascending, shape (n_peaks,); peaks of other phases may be among them
    wavelength: Å; start: a_R to begin with (Å), right to some 0.3 %
    peak_sigmas: uncertainties of the positions (degree), shape (n_peaks,); None: all alike
    window: largest distance of a peak from its reflection at the start (degree)

    Raises RefinementError where fewer than four reflections find a peak.
    """
    check_wavelength(wavelength)
    observed = np.asarray(peak_two_theta, dtype=np.float64)
    sigmas = np.ones_like(observed) if peak_sigmas is None else np.maximum(peak_sigmas, LEAST_SIGMA)
    table = reflections(lattice_type, q_perp_max=q_perp_max)
    a_r, zero_shift = start, 0.0
    previous: list[tuple[int, int]] = []
    for _ in range(MAX_ROUNDS):
        calculated = _two_theta_of(table.d_over_a_r * a_r, wavelength)
        pairs = _mutual_neighbours(observed - zero_shift, calculated, window)
        if len(pairs) < MIN_ASSIGNED:
            raise _too_few(len(pairs), a_r)
        peak_of, shell_of = (np.array(side) for side in zip(*pairs, strict=True))
        differences = observed[peak_of] - zero_shift - calculated[shell_of]
        weighted_sigmas = sigmas[peak_of] / _trust(differences)
        slope = -2 * np.degrees(np.tan(np.radians(calculated[shell_of]) / 2)) / a_r
        design = np.stack([slope, np.ones_like(slope)], axis=1) / weighted_sigmas[:, None]
        covariance = np.linalg.pinv(design.T @ design)
        step_a, step_zero = covariance @ design.T @ (differences / weighted_sigmas)
        a_r, zero_shift = a_r + float(step_a), zero_shift + float(step_zero)
        left = differences - slope * step_a - step_zero
        if pairs == previous and abs(step_a) < CONVERGED * a_r:
            break
        previous = pairs
        window = float(np.clip(3 * _spread(left), MIN_WINDOW, window))
    scatter = float(np.sum((left / weighted_sigmas) ** 2)) / (len(pairs) - 2)
    # Stated uncertainties are widened by a poor fit, never narrowed by a lucky one; unstated ones come from the scatter.
    sigma_a, sigma_zero = np.sqrt(np.diag(covariance) * (scatter if peak_sigmas is None else max(1.0, scatter)))
    labels = table.labels()
    return LatticeRefinement(
        quasilattice_constant=a_r,
        quasilattice_constant_sigma=float(sigma_a),
        zero_shift=zero_shift,
        zero_shift_sigma=float(sigma_zero),
        assigned=tuple(
            AssignedReflection(labels[shell], float(observed[peak]), float(observed[peak] - difference))
            for (peak, shell), difference in zip(pairs, left, strict=True)
        ),
    )


def _spread(differences: FloatArray) -> float:
    """Standard deviation (degree) of ``differences``, shape (n,), hardly touched by wrong assignments among them."""
    return 1.4826 * float(np.median(np.abs(differences)))


def _trust(differences: FloatArray) -> FloatArray:
    """Square root of Cauchy weights, shape (n,): a peak far off the others is probably of another phase."""
    off = differences - np.median(differences)
    return np.asarray(1 / np.sqrt(1 + (off / (2 * max(_spread(off), LEAST_SIGMA))) ** 2))


def _too_few(n_pairs: int, a_r: float) -> RefinementError:
    return RefinementError(
        sentence(
            "Only %(n)s peaks lie near an icosahedral reflection of a_R = %(a_r)s Å; at least %(least)s are "
            "needed to refine it. Start from another a_R, or pick more peaks.",
            n=n_pairs,
            a_r=f"{a_r:.3f}",
            least=MIN_ASSIGNED,
        )
    )


def _two_theta_of(d_spacing: FloatArray, wavelength: float) -> FloatArray:
    """2θ (degree) of ``d_spacing`` (Å), same shape; NaN where the wavelength cannot reach it."""
    sine = wavelength / (2 * d_spacing)
    return np.asarray(2 * np.degrees(np.arcsin(np.where(sine <= 1, sine, np.nan))))


def _mutual_neighbours(observed: FloatArray, calculated: FloatArray, window: float) -> list[tuple[int, int]]:
    """Pairs (peak, reflection) of which each is the other's nearest, within ``window`` (degree), by rising 2θ."""
    distance = np.abs(observed[:, None] - calculated[None, :])
    distance[np.isnan(distance)] = np.inf
    if not distance.size:
        return []
    nearest_shell, nearest_peak = distance.argmin(axis=1), distance.argmin(axis=0)
    return [
        (peak, int(shell))
        for peak, shell in enumerate(nearest_shell)
        if nearest_peak[shell] == peak and distance[peak, shell] <= window
    ]
