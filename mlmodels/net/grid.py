"""The grid of ln Q on which every pattern is seen, and the grid of candidate lattice constants.

Every icosahedral reflection lies at Q = c / a_R with a constant c of its indices, so that on an axis of ln Q a change
of a_R is a pure shift (and a change of wavelength is none at all).  NumPy only: the web process reads these too.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

N_BINS = 2048
Q_MIN = 1.416
Q_MAX = 5.243
"""Edges of the grid (Å⁻¹): 2θ 20–80° at Cu Kα1."""

LN_Q_STEP = float(np.log(Q_MAX / Q_MIN) / N_BINS)
LN_Q_EDGES: NDArray[np.float64] = np.log(Q_MIN) + LN_Q_STEP * np.arange(N_BINS + 1)
"""Bin edges in ln Q, shape (N_BINS + 1,), ascending."""

BINS_PER_CANDIDATE = 4
N_CANDIDATES = 162
A_R_MIN = 3.985
CANDIDATES: NDArray[np.float64] = A_R_MIN * np.exp(BINS_PER_CANDIDATE * LN_Q_STEP * np.arange(N_CANDIDATES))
"""Candidate quasilattice constants a_R (Å), shape (N_CANDIDATES,): from one to the next every reflection moves by exactly
BINS_PER_CANDIDATE bins (2.56·10⁻³ in ln a_R), so that looking at all candidates is reading the grid with a stride."""
A_R_MAX = float(CANDIDATES[-1])

PHASE_CLASSES = ("icosahedral", "approximant_1_1", "approximant_2_1", "none")
"""What a pattern may hold; "none" stands for neither a quasicrystal nor one of its approximants."""
