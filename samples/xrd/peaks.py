"""Peaks of one pattern: found above the noise, then refined below the step by a least-squares profile.

The profile is a pseudo-Voigt line on a sloping background; where the file names the Kα doublet it is two such lines, so that
positions are those of Kα1 and the shoulder of Kα2 is no peak of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from scipy.optimize import least_squares
from scipy.signal import find_peaks

from samples.xrd.background import estimate_background
from samples.xrd.pattern import FloatArray, PowderPattern

MIN_SIGNIFICANCE = 8.0
"""Prominence of a peak over the noise of the smoothed pattern. In counting noise alone a prominence is the difference of
two extremes: 1 in 50 patterns of 3,000 points shows one of 8, every second shows one of 7."""
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


def pick_peaks(pattern: PowderPattern, min_significance: float = MIN_SIGNIFICANCE) -> Peaks:
    """The peaks of ``pattern`` that rise above its noise by ``min_significance``; none in a flat pattern."""
    net = pattern.intensity - estimate_background(pattern)
    noise = estimate_noise(pattern)
    width_points = max(SMOOTHING / pattern.step, 0.5)
    smoothed = gaussian_filter1d(net, width_points)
    smoothed_noise = noise / np.sqrt(2 * np.sqrt(np.pi) * width_points) if width_points > 0.5 else noise
    tops, properties = find_peaks(
        smoothed, prominence=min_significance * smoothed_noise, width=(None, MAX_FWHM / pattern.step)
    )
    widths = properties["widths"] * pattern.step
    significance = properties["prominences"] / smoothed_noise[tops]
    doublet = _doublet_of(pattern)
    is_own = ~_are_kalpha2(pattern.two_theta[tops], smoothed[tops], widths, doublet)
    rows = [
        (*_refine_peak(pattern, noise, float(pattern.two_theta[top]), float(width), doublet), float(significant))
        for top, width, significant in zip(tops[is_own], widths[is_own], significance[is_own], strict=True)
    ]
    columns = np.array(rows, dtype=np.float64).reshape(-1, 5)
    columns = columns[np.argsort(columns[:, 0])]
    return Peaks(*columns.T)


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


def _doublet_of(pattern: PowderPattern) -> _Doublet:
    second = pattern.metadata.get("wavelength_2")
    if pattern.wavelength is None or not isinstance(second, int | float) or "monochromator" in pattern.metadata:
        return _Doublet()
    if not pattern.wavelength < second < 1.02 * pattern.wavelength:
        return _Doublet()
    ratio = pattern.metadata.get("ratio_kalpha2", DOUBLET_RATIO)
    is_usable = isinstance(ratio, int | float) and 0 <= ratio <= 1
    return _Doublet(second / pattern.wavelength, float(ratio) if is_usable else DOUBLET_RATIO)


def _are_kalpha2(two_theta: FloatArray, height: FloatArray, fwhm: FloatArray, doublet: _Doublet) -> NDArray[np.bool_]:
    """Which of the found maxima are the Kα2 line of another one; boolean, shape (n_peaks,)."""
    if not doublet.intensity_ratio:
        return np.zeros(two_theta.size, dtype=bool)
    distance = np.abs(two_theta[:, None] - doublet.second_line(two_theta)[None, :])
    is_at_second_line = distance < 0.35 * np.minimum(fwhm[:, None], fwhm[None, :])
    is_weaker = height[:, None] < 1.6 * doublet.intensity_ratio * height[None, :]
    return np.asarray((is_at_second_line & is_weaker).any(axis=1))


def _refine_peak(
    pattern: PowderPattern, noise: FloatArray, top: float, width: float, doublet: _Doublet
) -> tuple[float, float, float, float]:
    """Position, its uncertainty, height and FWHM of the peak near ``top``; the top itself where the fit leads astray."""
    width = max(width, 2 * pattern.step)
    split = float(np.nan_to_num(doublet.second_line(np.array(top)) - top))
    inside = (pattern.two_theta > top - FIT_REACH * width) & (pattern.two_theta < top + FIT_REACH * width + split)
    two_theta, intensity, sigma = pattern.two_theta[inside], pattern.intensity[inside], noise[inside]
    if two_theta.size < 6:
        return top, pattern.step, float(np.ptp(intensity)), width

    def profile(parameters: FloatArray) -> FloatArray:
        position, log_fwhm, height, level, slope = parameters
        line = _pseudo_voigt(two_theta - position, np.exp(log_fwhm))
        if doublet.intensity_ratio:
            second = doublet.second_line(np.array(position))
            line = line + doublet.intensity_ratio * _pseudo_voigt(two_theta - second, np.exp(log_fwhm))
        return np.asarray(height * line + level + slope * (two_theta - top))

    def residuals(parameters: FloatArray) -> FloatArray:
        return np.asarray((profile(parameters) - intensity) / sigma)

    start = np.array([top, np.log(width), np.ptp(intensity), intensity.min(), 0.0])
    fit = least_squares(
        residuals, start, x_scale=[width, 1, start[2], start[2], start[2] / width], method="lm", max_nfev=400
    )
    position, log_fwhm, height = (float(value) for value in fit.x[:3])
    if abs(position - top) > width or height <= 0 or not pattern.step / 2 < np.exp(log_fwhm) < min(5 * width, MAX_FWHM):
        return top, width / 2, float(np.ptp(intensity)), width
    jacobian = np.asarray(fit.jac, dtype=np.float64)
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    misfit = max(1.0, 2 * float(fit.cost) / max(1, two_theta.size - fit.x.size))
    return position, float(np.sqrt(covariance[0, 0] * misfit)), height, float(np.exp(log_fwhm))


def _pseudo_voigt(distance: FloatArray, fwhm: float) -> FloatArray:
    """Line of height 1 at ``distance`` (degree) from its centre, full width ``fwhm`` at half maximum; same shape."""
    squared = (2 * distance / fwhm) ** 2
    return np.asarray(LORENTZ_FRACTION / (1 + squared) + (1 - LORENTZ_FRACTION) * np.exp(-np.log(2) * squared))
