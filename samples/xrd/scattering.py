"""How strongly atoms scatter X-rays: form factors and Debye–Waller factors."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]

_TABLE = Path(__file__).parent / "tables" / "form_factors.tsv"


@lru_cache(maxsize=1)
def form_factor_table() -> dict[str, tuple[FloatArray, float, FloatArray]]:
    """Waasmaier–Kirfel coefficients (a, c, b) of each neutral element, by symbol; a and b have shape (5,)."""
    rows = [line.split("\t") for line in _TABLE.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    table = {}
    for element, _, *numbers in rows[1:]:
        values = np.array(numbers, dtype=np.float64)
        table[element] = (values[:5], float(values[5]), values[6:])
    return table


def form_factor(element: str, inverse_d: ArrayLike) -> FloatArray:
    """Atomic form factor f0 (electrons) of a neutral ``element`` at 1/d (Å⁻¹), any shape; f0(0) ≈ Z.

    Waasmaier & Kirfel, Acta Cryst. A51, 416 (1995), in s = sinθ/λ = 1/(2d); valid to 1/d = 12 Å⁻¹.
    Raises KeyError for an element that the table does not have.
    """
    a, c, b = form_factor_table()[element]
    s_squared = (np.asarray(inverse_d, dtype=np.float64) / 2) ** 2
    return np.asarray(c + np.exp(-s_squared[..., None] * b) @ a)


def debye_waller(inverse_d: ArrayLike, b_factor: ArrayLike) -> FloatArray:
    """Factor exp(−B/(4 d²)) on the amplitude, for B (Å²) and 1/d (Å⁻¹)."""
    return np.exp(-np.asarray(b_factor) * np.asarray(inverse_d, dtype=np.float64) ** 2 / 4)
