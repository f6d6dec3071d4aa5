"""Peaks of one pattern: found above the noise, then refined below the step by a least-squares profile.

The profile is a pseudo-Voigt line on a sloping background. At the wavelength of a laboratory anode it may be the Kα doublet,
two such lines: then positions are those of Kα1, and the shoulder of Kα2 is no peak of its own. Whether it is the doublet is
judged by the strongest peaks, because files name Kα2 wavelengths even where a monochromator took them away, and text files
name none.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares
from scipy.signal import find_peaks

from samples.xrd.background import estimate_background
from samples.xrd.bragg import radiation_of
from samples.xrd.pattern import FloatArray, PowderPattern

MIN_SIGNIFICANCE = 8.0
"""Prominence of a peak over the noise of the smoothed pattern. In counting noise alone a prominence is the difference of
two extremes: 1 in 50 patterns of 3,000 points shows one of 8, every second shows one of 7."""
MAX_PEAKS = 80
"""The most significant ones are fitted, so that a page answers soon; a lattice is refined on far fewer."""
SMOOTHING = 0.03
"""Standard deviation (degree) of the Gaussian under which peaks are looked for: narrower than laboratory peaks."""
LORENTZ_FRACTION = 0.6
"""Of the pseudo-Voigt profile. Positions hardly depend on it."""
FIT_REACH = 1.5
"""Half width of the fitted range, in FWHM of the peak."""
MAX_FWHM = 2.0
"""Broader maxima (degree) are halos of an amorphous phase, not reflections."""
NOISE_FLOOR = 1e-4
"""Least noise, as a share of the highest point: a simulated pattern has none, and rounding is not a peak."""
DOUBLET_RATIO = 0.5
"""Kα2/Kα1, where the file does not state it."""
SAME_LINE = 0.0005
"""Wavelengths (Å) that differ by less are one line, quoted with other digits."""
MAX_WAVELENGTH_RATIO = 1.02
"""Kα2/Kα1 wavelengths; the widest doublet, that of Ag, has 1.008."""
N_JUDGED = 8
"""Strongest peaks by which the doublet is judged."""
CLEARLY_BETTER = 2.0
"""Ratio of misfits. Broad peaks show no difference; resolved ones of monochromatic radiation show 4 and more."""


@dataclass(frozen=True, slots=True, eq=False)
class Peaks:
    """Peaks in ascending 2θ; all arrays of shape (n_peaks,).

    two_theta, two_theta_sigma: position of Kα1 and its standard uncertainty (degree)
    height: above the background, in the unit of the pattern
    fwhm: full width at half maximum of one line of the doublet (degree)
    significance: prominence over the noise of the smoothed pattern
    """

    two_theta: FloatArray
    two_theta_sigma: FloatArray
    height: FloatArray
    fwhm: FloatArray
    significance: FloatArray

    def __len__(self) -> int:
        return int(self.two_theta.size)


@dataclass(frozen=True, slots=True, eq=False)
class Profile:
    """A pattern as its peaks are looked for: smoothed, above its background; arrays of shape (n_points,).

    height: in the unit of the pattern; noise: its standard deviation
    """

    height: FloatArray
    noise: FloatArray


def smoothed_profile(pattern: PowderPattern) -> Profile:
    return _smoothed(pattern, estimate_noise(pattern))


def find_maxima(pattern: PowderPattern, profile: Profile, min_significance: float = MIN_SIGNIFICANCE) -> Peaks:
    """The peaks of ``pattern`` by the tops of its ``profile``, without a fit: a hundred times faster than pick_peaks.

    Positions are those of a parabola through the top, good to some 0.01° for peaks of a laboratory; a maximum at the place
    of Kα2 that is no stronger than Kα2 can be is left out.
    """
    tops, properties = _tops(profile, pattern.step, min_significance)
    widths = properties["widths"] * pattern.step
    is_own = ~_are_kalpha2(pattern.two_theta[tops], profile.height[tops], widths, _possible_doublet(pattern))
    tops, widths = tops[is_own], widths[is_own]
    before, top, after = (profile.height[tops + shift] for shift in (-1, 0, 1))
    curvature = np.maximum(2 * top - before - after, 1e-300)
    two_theta = pattern.two_theta[tops] + np.clip((after - before) / (2 * curvature), -0.5, 0.5) * pattern.step
    significance = properties["prominences"][is_own] / profile.noise[tops]
    return Peaks(two_theta, widths / (2 * significance), top, widths, significance)


def pick_peaks(pattern: PowderPattern, min_significance: float = MIN_SIGNIFICANCE) -> Peaks:
    """The peaks of ``pattern`` that rise above its noise by ``min_significance``, at most MAX_PEAKS; none in a flat pattern."""
    noise = estimate_noise(pattern)
    profile = _smoothed(pattern, noise)
    tops, properties = _tops(profile, pattern.step, min_significance)
    widths = properties["widths"] * pattern.step
    significance = properties["prominences"] / profile.noise[tops]
    doublet = _judge_doublet(pattern, noise, tops, profile.height[tops], widths)
    is_own = ~_are_kalpha2(pattern.two_theta[tops], profile.height[tops], widths, doublet)
    is_own[np.argsort(-significance * is_own)[MAX_PEAKS:]] = False
    fits = [
        _fit_peak(pattern, noise, float(pattern.two_theta[top]), float(width), doublet)
        for top, width in zip(tops[is_own], widths[is_own], strict=True)
    ]
    order = np.argsort([fit.two_theta for fit in fits])
    two_theta, sigma, height, fwhm, _ = np.array(fits, dtype=np.float64).reshape(-1, 5)[order].T
    return Peaks(two_theta, sigma, height, fwhm, significance[is_own][order])


def _smoothed(pattern: PowderPattern, noise: FloatArray) -> Profile:
    net = pattern.intensity - estimate_background(pattern)
    width_points = max(SMOOTHING / pattern.step, 0.5)
    smoothed_noise = noise / np.sqrt(2 * np.sqrt(np.pi) * width_points) if width_points > 0.5 else noise
    return Profile(gaussian_filter1d(net, width_points), smoothed_noise)


def _tops(profile: Profile, step: float, min_significance: float) -> tuple[NDArray[np.intp], dict[str, FloatArray]]:
    """Indices of the maxima that rise by ``min_significance``, with their "prominences" and "widths" (points)."""
    prominence = min_significance * profile.noise
    tops, properties = find_peaks(profile.height, prominence=prominence, width=(None, MAX_FWHM / step))
    return tops, {"prominences": properties["prominences"], "widths": properties["widths"]}


def estimate_noise(pattern: PowderPattern) -> FloatArray:
    """Standard deviation of each intensity, shape (n_points,), in the unit of the pattern.

    The noise of counting grows with the square root of the intensity; its size is taken from the second differences of
    neighbouring points, so that counts, counts per second and scaled patterns are served alike.
    """
    intensity = pattern.intensity
    least = NOISE_FLOOR * max(float(np.ptp(intensity)), np.finfo(np.float64).tiny)
    level = np.sqrt(np.maximum(gaussian_filter1d(intensity, 3), least))
    second_differences = intensity[2:] - 2 * intensity[1:-1] + intensity[:-2]
    spread = 1.4826 * np.median(np.abs(second_differences) / level[1:-1]) / np.sqrt(6)
    return np.asarray(np.maximum(spread * level, least))


@dataclass(frozen=True, slots=True)
class _Doublet:
    """wavelength_ratio: λ(Kα2)/λ(Kα1); intensity_ratio: Kα2/Kα1, 0 for monochromatic radiation."""

    wavelength_ratio: float = 1.0
    intensity_ratio: float = 0.0

    def second_line(self, two_theta: FloatArray) -> FloatArray:
        """2θ (degree) of Kα2 where Kα1 lies at ``two_theta``; NaN beyond 180°."""
        sine = self.wavelength_ratio * np.sin(np.radians(two_theta) / 2)
        return np.asarray(2 * np.degrees(np.arcsin(np.where(sine <= 1, sine, np.nan))))


def _possible_doublet(pattern: PowderPattern) -> _Doublet:
    """The doublet that the file names, or that of the anode whose Kα1 the wavelength is."""
    first, second = pattern.wavelength, pattern.metadata.get("wavelength_2")
    ratio = pattern.metadata.get("ratio_kalpha2")
    if first is None:
        return _Doublet()
    radiation = radiation_of(first)
    if not isinstance(second, int | float) and radiation and abs(first - radiation.kalpha1) < SAME_LINE:
        second = radiation.kalpha2
    if not isinstance(second, int | float) or not 1 < second / first < MAX_WAVELENGTH_RATIO:
        return _Doublet()
    if not isinstance(ratio, int | float) or not 0 < ratio <= 1:
        ratio = DOUBLET_RATIO
    return _Doublet(second / first, ratio)


def _judge_doublet(
    pattern: PowderPattern, noise: FloatArray, tops: NDArray[np.intp], heights: FloatArray, widths: FloatArray
) -> _Doublet:
    """The possible doublet, unless a single line describes the strongest peaks clearly better."""
    possible = _possible_doublet(pattern)
    if not possible.intensity_ratio:
        return possible
    is_own = ~_are_kalpha2(pattern.two_theta[tops], heights, widths, possible)
    strongest = np.flatnonzero(is_own)[np.argsort(heights[is_own])[-N_JUDGED:]]

    def misfit(doublet: _Doublet) -> float:
        return sum(
            _fit_peak(pattern, noise, float(pattern.two_theta[tops[peak]]), float(widths[peak]), doublet).misfit
            for peak in strongest
        )

    return _Doublet() if CLEARLY_BETTER * misfit(_Doublet()) < misfit(possible) else possible


def _are_kalpha2(two_theta: FloatArray, height: FloatArray, fwhm: FloatArray, doublet: _Doublet) -> NDArray[np.bool_]:
    """Which of the found maxima are the Kα2 line of another one; boolean, shape (n_peaks,)."""
    if not doublet.intensity_ratio:
        return np.zeros(two_theta.size, dtype=bool)
    distance = np.abs(two_theta[:, None] - doublet.second_line(two_theta)[None, :])
    is_at_second_line = distance < 0.35 * np.minimum(fwhm[:, None], fwhm[None, :])
    is_weaker = height[:, None] < 1.6 * doublet.intensity_ratio * height[None, :]
    return np.asarray((is_at_second_line & is_weaker).any(axis=1))


class _Fit(NamedTuple):
    """A fitted peak, as in :class:`Peaks`; misfit: χ² per degree of freedom."""

    two_theta: float
    two_theta_sigma: float
    height: float
    fwhm: float
    misfit: float


def _fit_peak(pattern: PowderPattern, noise: FloatArray, top: float, width: float, doublet: _Doublet) -> _Fit:
    """Fit the peak near ``top`` (degree), which is ``width`` wide; the top itself is kept where the fit leads astray."""
    width = max(width, 2 * pattern.step)
    split = float(np.nan_to_num(doublet.second_line(np.array(top)) - top))
    inside = (pattern.two_theta > top - FIT_REACH * width) & (pattern.two_theta < top + FIT_REACH * width + split)
    two_theta, intensity, sigma = pattern.two_theta[inside], pattern.intensity[inside], noise[inside]
    unfitted = _Fit(top, width / 2, float(np.ptp(intensity)), width, float("inf"))
    if two_theta.size < 6:
        return unfitted

    def profile(parameters: FloatArray) -> FloatArray:
        position, log_fwhm, height, level, slope = parameters
        distance, fwhm = two_theta - position, np.exp(log_fwhm)
        line = _pseudo_voigt(distance, fwhm)
        if doublet.intensity_ratio:
            line += doublet.intensity_ratio * _pseudo_voigt(distance - split, fwhm)
        return np.asarray(height * line + level + slope * (two_theta - top))

    def residuals(parameters: FloatArray) -> FloatArray:
        return np.asarray((profile(parameters) - intensity) / sigma)

    start = np.array([top, np.log(width), np.ptp(intensity), intensity.min(), 0.0])
    fit = least_squares(
        residuals, start, x_scale=[width, 1, start[2], start[2], start[2] / width], method="lm", max_nfev=400
    )
    position, log_fwhm, height = (float(value) for value in fit.x[:3])
    fwhm = float(np.exp(log_fwhm))
    if abs(position - top) > width or height <= 0 or not pattern.step / 2 < fwhm < min(5 * width, MAX_FWHM):
        return unfitted
    jacobian = np.asarray(fit.jac, dtype=np.float64)
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    misfit = 2 * float(fit.cost) / max(1, two_theta.size - fit.x.size)
    return _Fit(position, float(np.sqrt(covariance[0, 0] * max(1.0, misfit))), height, fwhm, misfit)


def _pseudo_voigt(distance: FloatArray, fwhm: float) -> FloatArray:
    """Line of height 1 at ``distance`` (degree) from its centre, full width ``fwhm`` at half maximum; same shape."""
    squared = (2 * distance / fwhm) ** 2
    return np.asarray(LORENTZ_FRACTION / (1 + squared) + (1 - LORENTZ_FRACTION) * np.exp(-np.log(2) * squared))
