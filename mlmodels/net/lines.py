"""The line table: which reflections the network looks for.  It is configuration, and travels in the checkpoint."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.grid import A_R_MAX, A_R_MIN, LN_Q_STEP, Q_MAX, Q_MIN
from samples.xrd.icosahedral import (
    G_UNIT,
    PHASON_STRAIN_1_1,
    PHASON_STRAIN_2_1,
    g_par,
    g_perp,
    icosahedral_vectors,
)

Q_PAR_MAX = 5.1
Q_PERP_MAX = 0.65
"""In units of 1/a_R; lines beyond are too weak to be seen in any known icosahedral quasicrystal."""

ENVELOPE_WIDTH = 0.28
"""w of the intensity envelope exp(−2 (q_perp a_R / w)²) by which lines are ranked, in the middle of what structures show."""

N_FUNDAMENTAL = 44
N_SUPERLATTICE = 20
N_APPROXIMANT = 16
"""Lines of the primitive lattice, of the F-type superlattice, and further ones of each approximant."""

MIN_DISTANCE = 2.5 * LN_Q_STEP
"""Lines closer in ln Q than this are one column."""


def default_line_constants() -> tuple[float, ...]:
    """Q · a_R of the strongest distinct lines, ascending: of P- and F-type quasicrystals and of the 1/1 and 2/1 approximants."""
    integer = icosahedral_vectors("P", Q_PAR_MAX, Q_PERP_MAX)
    both = icosahedral_vectors("F", Q_PAR_MAX, Q_PERP_MAX)
    half_odd = both[both[:, 0] % 1 != 0]
    chosen: list[float] = []
    for vectors, strain, n_lines in (
        (integer, 0.0, N_FUNDAMENTAL),
        (half_odd, 0.0, N_SUPERLATTICE),
        (integer, PHASON_STRAIN_1_1, N_APPROXIMANT),
        (integer, PHASON_STRAIN_2_1, N_APPROXIMANT),
    ):
        _add_strongest(chosen, *_powder_lines(vectors, strain), n_lines)
    return tuple(sorted(chosen))


def _powder_lines(vectors: NDArray[np.float64], strain: float) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Positions Q · a_R and rank weights of the lines of ``vectors`` under the linear phason strain g∥ + ε g⊥."""
    perp = g_perp(vectors)
    length = np.linalg.norm(g_par(vectors) + strain * perp, axis=1)
    q_perp = np.linalg.norm(perp, axis=1) / G_UNIT
    positions, line = np.unique(np.round(2 * np.pi * length / G_UNIT, 6), return_inverse=True)
    envelope = np.bincount(line, np.exp(-2 * (q_perp / ENVELOPE_WIDTH) ** 2))
    seen = _share_of_candidates(positions)
    with np.errstate(divide="ignore", invalid="ignore"):
        return positions, np.where(seen > 0, envelope * np.sqrt(seen) / positions**2, 0.0)  # 1/Q²: Lorentz factor


def _share_of_candidates(positions: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of the candidates (in ln a_R) for which a line lies inside the grid."""
    low = np.maximum(np.log(positions / Q_MAX), np.log(A_R_MIN))
    high = np.minimum(np.log(positions / Q_MIN), np.log(A_R_MAX))
    return np.asarray(np.clip(high - low, 0, None) / np.log(A_R_MAX / A_R_MIN))


def _add_strongest(
    chosen: list[float], positions: NDArray[np.float64], weights: NDArray[np.float64], n_lines: int
) -> None:
    """Add the ``n_lines`` heaviest positions that are not close to one chosen before."""
    n_before = len(chosen)
    for index in np.argsort(-weights, kind="stable"):
        if len(chosen) == n_before + n_lines or weights[index] == 0:
            return
        position = positions[index]
        if all(abs(np.log(position / other)) > MIN_DISTANCE for other in chosen):
            chosen.append(float(position))
