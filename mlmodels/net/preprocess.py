"""From a powder pattern to what the network sees: the input contract.

NumPy only: the web process checks patterns with it, and never imports torch.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.grid import LN_Q_EDGES, N_BINS
from samples.xrd.bragg import q_from_two_theta
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Sentence, sentence

INPUT_CONTRACT = "ln-q-2048/1"
"""Names the grid and the rebinning.  A checkpoint that was trained for another contract is refused."""

MIN_COVERAGE = 0.60
MAX_STEP = 0.1
"""Degree of 2θ."""
GAP_STEPS = 2.5
"""Neighbouring points further apart than this many median steps, and than MAX_STEP, have a gap between them."""
SIGNAL_TO_NOISE = 5.0
MAX_SATURATED = 0.01
MIN_PLATEAU = 3
"""Points in a row at the maximum that make a plateau; a count that chance repeats makes none."""

_SMOOTHING = 0.15
"""Degree of 2θ: about the width of a line, over which the flatness test averages the noise away."""
_COARSE_BINS = 64
_COARSE_WINDOWS = tuple(range(16, 0, -1))
TRIMMED_RMS = 0.789
"""Root mean square of the 90 % of normally distributed values that lie nearest to zero, in standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class NetworkInput:
    """One pattern on the grid of ln Q.

    intensity: mean intensity in each bin, any scale, 0 where nothing was measured, float32, shape (N_BINS,)
    measured: whether the bin was measured, bool, shape (N_BINS,)
    """

    intensity: NDArray[np.float32]
    measured: NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class Rebinning:
    """How the points of one axis of angles, measured with one wavelength, fall into the bins.

    ln_q: edges of the points' cells and of the gaps between them, ascending · gaps: which of the cells are gaps
    covered: how much of each bin the cells cover, in ln Q · share: how much of the whole grid, 0–1
    """

    ln_q: NDArray[np.float64]
    gaps: NDArray[np.bool_]
    covered: NDArray[np.float64]
    share: float

    @classmethod
    def of(cls, pattern: PowderPattern) -> Rebinning:
        """Raises ValueError without a wavelength."""
        if pattern.wavelength is None:
            raise ValueError("the ln Q grid needs the wavelength; ask why_not_screenable first")
        return _rebinning(pattern.two_theta.tobytes(), pattern.wavelength)

    def __call__(self, intensity: NDArray[np.float64]) -> NetworkInput:
        values = intensity
        if self.gaps.any():
            values = np.zeros(len(self.gaps))
            values[~self.gaps] = intensity
        areas = np.diff(_cumulative(self.ln_q, values * np.diff(self.ln_q)))
        measured = self.covered >= (LN_Q_EDGES[1] - LN_Q_EDGES[0]) / 2
        binned = np.divide(areas, self.covered, out=np.zeros(N_BINS), where=measured)
        return NetworkInput(binned.astype(np.float32), measured)


@lru_cache(maxsize=32)
def _rebinning(two_theta: bytes, wavelength: float) -> Rebinning:
    """Kept for the next pattern: an instrument measures one range in one step for weeks."""
    edges, gaps = _cell_edges(np.frombuffer(two_theta))
    ln_q = np.log(np.maximum(q_from_two_theta(edges, wavelength), 1e-6))
    covered = np.diff(_cumulative(ln_q, np.where(gaps, 0.0, np.diff(ln_q))))
    widths = np.diff(np.clip(ln_q, LN_Q_EDGES[0], LN_Q_EDGES[-1]))
    share = float(widths[~gaps].sum() / (LN_Q_EDGES[-1] - LN_Q_EDGES[0]))
    return Rebinning(ln_q, gaps, covered, share)


def rebin(pattern: PowderPattern) -> NetworkInput:
    """Rebin by area: every point is a cell that reaches halfway to its neighbours, and a bin gets the mean of what it covers.

    Areas on the axis of ln Q are kept, and the same scattering vectors measured with another wavelength give the same input.
    A bin counts as measured where cells cover at least half of it.  Raises ValueError without a wavelength.
    """
    return Rebinning.of(pattern)(pattern.intensity)


def why_not_screenable(pattern: PowderPattern) -> Sentence | None:
    """The sentence that says why the network cannot judge this pattern and what to do; None where it can."""
    if pattern.wavelength is None:
        return sentence(
            "The wavelength is not known. Enter the radiation (for example Cu Kα1, 1.540593 Å) and screen again."
        )
    if pattern.step > MAX_STEP + 1e-6:  # angles are rounded in files
        return sentence(
            "The step of %(step)s° is too coarse: lines fall between the points. Measure with steps of %(most)s° or less.",
            step=f"{pattern.step:.3g}",
            most=f"{MAX_STEP:g}",
        )
    if (coverage := measured_share(pattern)) < MIN_COVERAGE:
        return sentence(
            "The pattern covers %(coverage)s %% of the range that the network reads (Q 1.42–5.24 Å⁻¹, 2θ 20–80° for Cu Kα); "
            "%(least)s %% are needed. Check the wavelength, or measure a wider range.",
            coverage=str(round(100 * coverage)),
            least=str(round(100 * MIN_COVERAGE)),
        )
    if _is_flat(pattern):
        return sentence(
            "The pattern is flat: no point rises %(sigmas)s σ above its background. Check that the sample was in the beam, or count longer.",
            sigmas=f"{SIGNAL_TO_NOISE:g}",
        )
    if (saturated := _plateau_share(pattern)) > MAX_SATURATED:
        return sentence(
            "The detector was saturated: %(share)s %% of the points stand on one plateau at the maximum. "
            "Measure again with an attenuator or a lower current.",
            share=f"{100 * saturated:.1f}",
        )
    return None


def measured_share(pattern: PowderPattern) -> float:
    """Share of the network's ln Q grid that the pattern covers, 0–1.  Raises ValueError without a wavelength."""
    return Rebinning.of(pattern).share


def _cell_edges(two_theta: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """Edges of the points' cells (degree), ascending, and which of the cells between them are gaps."""
    steps = np.diff(two_theta)
    half = float(np.median(steps)) / 2
    middles = two_theta[:-1] + steps / 2
    edges = np.concatenate([[two_theta[0] - half], middles, [two_theta[-1] + half]])
    gap_after = np.flatnonzero(steps > max(GAP_STEPS * 2 * half, MAX_STEP))
    gaps = np.zeros(len(two_theta), dtype=np.bool_)
    if len(gap_after):
        edges[gap_after + 1] = two_theta[gap_after] + half
        edges = np.insert(edges, gap_after + 2, two_theta[gap_after + 1] - half)
        gaps = np.insert(gaps, gap_after + 1, True)
    return np.clip(edges, 0, 180), gaps


def _cumulative(ln_q: NDArray[np.float64], areas: NDArray[np.float64]) -> NDArray[np.float64]:
    """Area up to each edge of the grid, (N_BINS + 1,)."""
    return np.asarray(np.interp(LN_Q_EDGES, ln_q, np.concatenate([[0.0], np.cumsum(areas)])))


def _is_flat(pattern: PowderPattern) -> bool:
    """Whether nothing, line or broad hump, stands out of the noise.

    The noise is estimated from second differences without the largest tenth (the lines), then both it and the pattern are
    averaged over the width of a line; the background follows a slope but no hump of up to a quarter of the range.
    """
    y = pattern.intensity
    n_averaged = max(1, min(round(_SMOOTHING / pattern.step), len(y) // 4))
    differences = np.abs(y[:-2] - 2 * y[1:-1] + y[2:])
    n_kept = max(1, int(0.9 * len(differences)))
    kept = np.partition(differences, n_kept - 1)[:n_kept]
    noise = float(np.sqrt(np.mean(kept**2) / 6)) / TRIMMED_RMS / np.sqrt(n_averaged)
    sums = np.concatenate([[0.0], np.cumsum(y)])
    smooth = (sums[n_averaged:] - sums[:-n_averaged]) / n_averaged
    background = _slow_background(smooth)
    above = smooth - background
    above -= np.median(above)  # the clipping runs along the lower edge of the noise
    level = np.clip(
        background / max(float(background.mean()), 1e-30), 0.25, 4.0
    )  # counting noise grows with the counts
    return not (above > SIGNAL_TO_NOISE * noise * np.sqrt(level) + 1e-9 * np.abs(y).max()).any()


def _slow_background(smooth: NDArray[np.float64]) -> NDArray[np.float64]:
    """A background without humps of up to a quarter of the range: SNIP clipping of the means of 64 coarse bins."""
    starts = np.linspace(0, len(smooth), min(_COARSE_BINS, len(smooth)) + 1).astype(int)[:-1]
    sizes = np.diff(np.append(starts, len(smooth)))
    coarse = np.add.reduceat(smooth, starts) / sizes
    for window in _COARSE_WINDOWS:
        below = 2 * coarse[0] - coarse[window:0:-1]  # mirrored through the ends, so that a slope goes on beyond them
        above = 2 * coarse[-1] - coarse[-2 : -window - 2 : -1]
        padded = np.concatenate([below, coarse, above])
        coarse = np.minimum(coarse, (padded[: -2 * window] + padded[2 * window :]) / 2)
    ends = coarse[0] + (coarse[0] - coarse[1]) / 2, coarse[-1] + (coarse[-1] - coarse[-2]) / 2
    middles = np.concatenate([[0], starts + sizes / 2, [len(smooth)]])
    return np.asarray(np.interp(np.arange(len(smooth)), middles, np.concatenate([[ends[0]], coarse, [ends[1]]])))


def _plateau_share(pattern: PowderPattern) -> float:
    """Share of the points that stand in runs of at least MIN_PLATEAU at the maximum."""
    at_top = pattern.intensity >= pattern.intensity.max()
    if np.count_nonzero(at_top) < MIN_PLATEAU:
        return 0.0
    bounds = np.flatnonzero(np.diff(np.concatenate([[0], at_top.astype(np.int8), [0]])))
    runs = bounds[1::2] - bounds[::2]
    return float(runs[runs >= MIN_PLATEAU].sum() / len(at_top))
