"""Patterns to measure with."""

from __future__ import annotations

import numpy as np


def pattern_text(seed: int) -> bytes:
    """A text file of 3,000 points as a laboratory measures them: ten lines on a background, counted."""
    rng = np.random.default_rng(seed)
    two_theta = np.arange(20.0, 80.0, 0.02)
    counts = np.full(two_theta.size, 60.0)
    for position in rng.uniform(21, 79, 10):
        counts += rng.uniform(50, 1000) * np.exp(-0.5 * ((two_theta - position) / 0.07) ** 2)
    rows = zip(two_theta, rng.poisson(counts), strict=True)
    return "".join(f"{angle:.3f} {count}\n" for angle, count in rows).encode()
