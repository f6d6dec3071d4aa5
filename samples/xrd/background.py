"""The smooth background under the peaks of one pattern.

SNIP: Ryan et al., Nucl. Instrum. Methods B 34, 396 (1988); with the shrinking window of Morháč et al., Nucl. Instrum.
Methods A 401, 113 (1997), which leaves no steps beside broad peaks.
"""

from __future__ import annotations

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern

BACKGROUND_HALF_WIDTH = 1.5
"""Half width of the widest window (degree): structure narrower than twice this is peak, broader is background."""


def snip(intensity: FloatArray, half_width_points: int) -> FloatArray:
    """Background of ``intensity`` by statistics-sensitive non-linear iterative peak clipping.

    intensity: shape (n_points,), evenly spaced, any unit, negative values allowed
    half_width_points: half width of the widest clipping window; peaks narrower than twice this are removed

    Returns the background, shape (n_points,), nowhere above a point by more than the transform's rounding.
    """
    half_width = min(half_width_points, (intensity.size - 1) // 2)
    floor = min(float(intensity.min()), 0.0)
    # The double logarithm evens out the scales, so that strong and weak peaks are clipped alike.
    clipped = np.log(np.log(np.sqrt(intensity - floor + 1) + 1) + 1)
    clipped = np.pad(clipped, half_width, mode="reflect")
    for window in range(half_width, 0, -1):
        chord = (clipped[2 * window :] + clipped[: -2 * window]) / 2
        clipped[window:-window] = np.minimum(clipped[window:-window], chord)
    clipped = clipped[half_width : half_width + intensity.size]
    return np.asarray((np.exp(np.exp(clipped) - 1) - 1) ** 2 - 1 + floor)


def estimate_background(pattern: PowderPattern, half_width: float = BACKGROUND_HALF_WIDTH) -> FloatArray:
    """Background of ``pattern`` in its own unit, shape (n_points,); ``half_width`` of the widest window in degree."""
    return snip(pattern.intensity, max(1, round(half_width / pattern.step)))
