"""What can be said of a pattern on the network's grid without the network, the same of simulated and of measured ones.

NumPy only: workers, commands and pages use it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.preprocess import TRIMMED_RMS, NetworkInput

KEPT = 0.9
"""Of the second differences, the smallest: what is left out are lines."""


def coverage(one: NetworkInput) -> float:
    """Share of the grid that was measured, 0–1."""
    return float(one.measured.mean())


def noise(one: NetworkInput) -> float:
    """Standard deviation of neighbouring bins, as a share of the highest bin; 0 where too little was measured.

    From the second differences of three measured bins in a row, without the largest tenth; the network sees every pattern scaled
    to its highest bin, so this is the noise that it sees.  A step wider than a bin is interpolated, which makes it
    smaller, in training too.
    """
    y = one.intensity.astype(np.float64)
    whole = one.measured[:-2] & one.measured[1:-1] & one.measured[2:]
    differences: NDArray[np.float64] = np.abs(y[:-2] - 2 * y[1:-1] + y[2:])[whole]
    highest = float(y.max(initial=0.0))
    if not differences.size or highest <= 0:
        return 0.0
    n_kept = max(1, int(KEPT * differences.size))
    kept = np.partition(differences, n_kept - 1)[:n_kept]
    return float(np.sqrt(np.mean(kept**2) / 6)) / TRIMMED_RMS / highest
