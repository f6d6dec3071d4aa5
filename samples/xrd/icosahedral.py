"""Icosahedral reflections, the conventions in which their lattice constant is quoted, and their cubic approximants.

A reflection has six indices h1…h6.  On the axes used here (Cahn, Shechtman & Gratias, J. Mater. Res. 1, 13 (1986)) its
physical and perpendicular parts are, with τ the golden mean::

    g∥ = (h1−h5+τ(h2+h3), h4+h6+τ(h1+h5), h2−h3+τ(h6−h4))
    g⊥ = (τ(h1−h5)−h2−h3, τ(h4+h6)−h1−h5, h4−h6+τ(h2−h3))

    q_par = |g∥| / (2 √(τ+2) a_R),  q_perp = |g⊥| / (2 √(τ+2) a_R),  N + M τ = |g∥|²

so that q_par² + q_perp² = |h|² / (2 a_R²).  All lengths of reciprocal vectors are 1/d, in Å⁻¹, or in units of 1/a_R
where no a_R is given.  P-type quasicrystals have integer indices; the F-type ones add superlattice reflections, whose
indices are all half-odd in this setting.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from itertools import product
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]
LatticeType = Literal["P", "F"]

TAU = (1 + 5**0.5) / 2
G_UNIT = 2 * (TAU + 2) ** 0.5
"""q_par · a_R = |g∥| / G_UNIT."""

_PAR = np.array(
    [[1, TAU, TAU, 0, -1, 0], [TAU, 0, 0, 1, TAU, 1], [0, 1, -1, -TAU, 0, TAU]],
)
_PERP = np.array(
    [[TAU, -1, -1, 0, -TAU, 0], [-1, 0, 0, TAU, -1, TAU], [0, TAU, -TAU, 1, 0, -1]],
)

APPROXIMANT_CUBIC_1_1 = 2 * (TAU + 1) / (TAU + 2) ** 0.5
APPROXIMANT_CUBIC_2_1 = 2 * (2 * TAU + 1) / (TAU + 2) ** 0.5
"""Cubic lattice constants of the 1/1 and 2/1 approximants, in units of a_R (2.7528 and 4.4541)."""

PHASON_STRAIN_1_1 = TAU**-3
PHASON_STRAIN_2_1 = -(TAU**-5)
"""ε of the linear phason strain g∥' = g∥ + ε g⊥ that moves the reflections of the quasicrystal onto those of its approximant."""


class LatticeConvention(StrEnum):
    """The six ways in which the one length of an icosahedral quasicrystal is quoted; values are what records store."""

    A_R = "a_R"
    A_F = "a_F"
    A_6D = "a_6D"
    A_6D_F = "a_6D_F"
    CUBIC_1_1 = "cubic_1_1"
    CUBIC_2_1 = "cubic_2_1"

    @property
    def in_a_r(self) -> float:
        """The quoted length in units of a_R."""
        return _CONVENTION_FACTORS[self]

    def to_a_r(self, length: float) -> float:
        """a_R (Å) of a ``length`` (Å) that was quoted in this convention."""
        return length / self.in_a_r

    def from_a_r(self, quasilattice_constant: float) -> float:
        """What this convention quotes (Å) for an a_R (Å)."""
        return quasilattice_constant * self.in_a_r


_CONVENTION_FACTORS: dict[LatticeConvention, float] = {
    LatticeConvention.A_R: 1.0,
    LatticeConvention.A_F: 2.0,
    LatticeConvention.A_6D: 2**0.5,
    LatticeConvention.A_6D_F: 2 * 2**0.5,
    LatticeConvention.CUBIC_1_1: APPROXIMANT_CUBIC_1_1,
    LatticeConvention.CUBIC_2_1: APPROXIMANT_CUBIC_2_1,
}


def g_par(indices: ArrayLike) -> FloatArray:
    """g∥ of ``indices`` (shape (…, 6)), dimensionless, shape (…, 3)."""
    return np.asarray(np.asarray(indices, dtype=np.float64) @ _PAR.T)


def g_perp(indices: ArrayLike) -> FloatArray:
    """g⊥ of ``indices`` (shape (…, 6)), dimensionless, shape (…, 3)."""
    return np.asarray(np.asarray(indices, dtype=np.float64) @ _PERP.T)


def q_par(indices: ArrayLike, quasilattice_constant: float = 1.0) -> FloatArray:
    """1/d (Å⁻¹) of ``indices`` (shape (…, 6)) for a_R in Å; in units of 1/a_R where none is given."""
    return np.asarray(np.linalg.norm(g_par(indices), axis=-1) / (G_UNIT * quasilattice_constant))


def q_perp(indices: ArrayLike, quasilattice_constant: float = 1.0) -> FloatArray:
    """Length of the perpendicular component (Å⁻¹) of ``indices`` (shape (…, 6)); in units of 1/a_R where no a_R is given."""
    return np.asarray(np.linalg.norm(g_perp(indices), axis=-1) / (G_UNIT * quasilattice_constant))


def cahn_indices(indices: ArrayLike) -> tuple[IntArray, IntArray]:
    """The integers N and M with N + M τ = |g∥|², of ``indices`` (shape (…, 6)); N = 2 Σ h²."""
    h = np.asarray(indices, dtype=np.float64)
    n = 2 * np.sum(h**2, axis=-1)
    m = (np.sum(g_par(h) ** 2, axis=-1) - n) / TAU
    return np.rint(n).astype(np.int64), np.rint(m).astype(np.int64)


def d_over_a_r(n: ArrayLike, m: ArrayLike) -> FloatArray:
    """Lattice spacing d of the reflection N/M in units of a_R."""
    return 2 * np.sqrt((2 + TAU) / (np.asarray(n) + np.asarray(m) * TAU))


@lru_cache(maxsize=16)
def icosahedral_vectors(lattice_type: LatticeType, q_par_max: float, q_perp_max: float) -> FloatArray:
    """Every reciprocal vector but the origin with q_par and q_perp (units of 1/a_R) up to the given limits.

    Returns indices, shape (n_vectors, 6): integers, and for "F" also all six half-odd.  Read-only.
    """
    parts = [_vectors_of_coset(0.0, q_par_max, q_perp_max)]
    if lattice_type == "F":
        parts.append(_vectors_of_coset(0.5, q_par_max, q_perp_max))
    vectors = np.concatenate(parts)
    vectors.flags.writeable = False
    return vectors


def _vectors_of_coset(offset: float, q_par_max: float, q_perp_max: float) -> FloatArray:
    """Vectors whose indices are integers plus ``offset``.

    h1, h2, h3 are enumerated (|h| ≤ q_par + q_perp, in units of 1/a_R); the other three then lie close to where g⊥ vanishes.
    """
    bound = int(q_par_max + q_perp_max) + 1
    axis = np.arange(-bound, bound) + offset if offset else np.arange(-bound, bound + 1.0)
    first = np.array(list(product(axis, repeat=3)))
    inverse = np.linalg.inv(_PERP[:, 3:])
    centre = -first @ (inverse @ _PERP[:, :3]).T
    reach = int(np.ceil(np.linalg.norm(inverse, axis=1).max() * G_UNIT * q_perp_max)) + 1
    steps = np.array(list(product(range(-reach, reach + 1), repeat=3)))
    near = np.rint(centre - offset) + offset
    last = near[:, None, :] + steps[None, :, :]
    h = np.concatenate([np.broadcast_to(first[:, None, :], last.shape), last], axis=2).reshape(-1, 6)
    h = h[np.sum((h @ _PERP.T) ** 2, axis=1) <= (G_UNIT * q_perp_max) ** 2]
    h = h[np.sum((h @ _PAR.T) ** 2, axis=1) <= (G_UNIT * q_par_max) ** 2]
    return np.asarray(h[np.any(h != 0, axis=1)])


@dataclass(frozen=True, slots=True, eq=False)
class ReflectionTable:
    """Distinct shells of reflections (one powder line each), by falling d; arrays are read-only, one row a shell.

    indices: of one member of the shell, shape (n_shells, 6); integers, or all half-odd for a superlattice reflection
    n, m: Cahn–Gratias indices N and M, int64, shape (n_shells,)
    multiplicity: number of six-index vectors in the shell, int64, shape (n_shells,)
    d_over_a_r: lattice spacing in units of a_R, shape (n_shells,)
    q_par, q_perp: in units of 1/a_R, shape (n_shells,)
    superlattice: True for the reflections that only an F-type quasicrystal has, shape (n_shells,)
    """

    indices: FloatArray
    n: IntArray
    m: IntArray
    multiplicity: IntArray
    d_over_a_r: FloatArray
    q_par: FloatArray
    q_perp: FloatArray
    superlattice: BoolArray

    def __post_init__(self) -> None:
        for name in self.__slots__:
            getattr(self, name).flags.writeable = False

    def __len__(self) -> int:
        return int(self.n.size)

    def labels(self) -> list[str]:
        """What a page writes at each reflection."""
        return [reflection_label(n, m, h) for n, m, h in zip(self.n, self.m, self.indices, strict=True)]


@lru_cache(maxsize=16)
def reflections(lattice_type: LatticeType, q_perp_max: float = 0.65, q_par_max: float = 5.1) -> ReflectionTable:
    """The shells with q_perp and q_par (units of 1/a_R) up to the given limits.

    The default q_par reaches d = 1.18 Å at a_R = 6 Å, the end of the ln Q grid; the default q_perp leaves out lines that no
    powder pattern of a known quasicrystal shows.
    """
    h = icosahedral_vectors(lattice_type, q_par_max, q_perp_max)
    h = h[np.lexsort(h.T[::-1])[::-1]]
    n, m = cahn_indices(h)
    _, first, counts = np.unique(np.stack([n, m]), axis=1, return_index=True, return_counts=True)
    d = d_over_a_r(n[first], m[first])
    order = np.argsort(-d)
    first = first[order]
    return ReflectionTable(
        indices=h[first],
        n=n[first],
        m=m[first],
        multiplicity=counts[order],
        d_over_a_r=d[order],
        q_par=q_par(h[first]),
        q_perp=q_perp(h[first]),
        superlattice=n[first] % 2 == 1,
    )


def reflection_label(n: int, m: int, indices: ArrayLike) -> str:
    """ "18/29 (2 1 1 1 1 1)"; half-odd indices doubled, as "7/11 ½(3 1 1 1 1 1)"."""
    h = np.asarray(indices, dtype=np.float64)
    half = bool(np.any(h % 1))
    digits = " ".join(str(int(i)).replace("-", "−") for i in np.rint(2 * h if half else h))
    return f"{n}/{m} {'½' if half else ''}({digits})"


def tau_scaling(lattice_type: LatticeType) -> float:
    """The factor of a_R under which the set of line positions repeats: τ³ for P-type, τ for F-type."""
    return TAU**3 if lattice_type == "P" else TAU


def equivalent_constants(
    quasilattice_constant: float, lattice_type: LatticeType, n_steps: int = 1
) -> tuple[float, ...]:
    """The other a_R (Å), ascending, whose reflections lie at the same positions, up to ``n_steps`` scalings either way."""
    scale = tau_scaling(lattice_type)
    return tuple(quasilattice_constant * scale**k for k in range(-n_steps, n_steps + 1) if k)
