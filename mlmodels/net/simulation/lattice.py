"""Lattices: cells, their planes, and the lines of a powder."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
BoolArray = NDArray[np.bool_]


def cell_vectors(lengths: FloatArray, angles: FloatArray) -> FloatArray:
    """Cell vectors as rows, shape (3, 3), from the lengths a, b, c and the angles α, β, γ (degree)."""
    cos_alpha, cos_beta, cos_gamma = np.cos(np.radians(angles))
    sin_gamma = np.sin(np.radians(angles[2]))
    y = (cos_alpha - cos_beta * cos_gamma) / sin_gamma
    z = np.sqrt(1 - cos_beta**2 - y**2)
    return np.asarray(np.array([[1, 0, 0], [cos_gamma, sin_gamma, 0], [cos_beta, y, z]]) * lengths[:, None])


def with_volume(cell: FloatArray, volume: float) -> FloatArray:
    """``cell`` scaled to ``volume``."""
    return np.asarray(cell * (volume / abs(np.linalg.det(cell))) ** (1 / 3))


def lattice_planes(cell: FloatArray, inverse_d_max: float) -> tuple[IntArray, FloatArray]:
    """One hkl of each Friedel pair with 1/d up to ``inverse_d_max`` (Å⁻¹), and their reciprocal vectors (Å⁻¹), both (n, 3)."""
    reach = np.floor(np.linalg.norm(cell, axis=1) * inverse_d_max).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    hkl = hkl[len(hkl) // 2 + 1 :]  # 000 is the middle one
    vectors = hkl @ np.linalg.inv(cell).T
    lengths = np.linalg.norm(vectors, axis=1)
    keep = lengths <= inverse_d_max
    return hkl[keep], vectors[keep]


def centring_allows(centring: str, hkl: IntArray) -> BoolArray:
    """Which hkl a cell with ``centring`` P, I, C, F or R (obverse) reflects; "D" is F with the diamond glide, shape (n,)."""
    h, k, l = hkl.T  # noqa: E741 - the field's own letter
    all_even_or_odd = (h % 2 == k % 2) & (k % 2 == l % 2)
    rules = {
        "P": np.ones(len(hkl), dtype=np.bool_),
        "I": (h + k + l) % 2 == 0,
        "C": (h + k) % 2 == 0,
        "F": all_even_or_odd,
        "D": all_even_or_odd & ((h % 2 == 1) | ((h + k + l) % 4 == 0)),
        "R": (-h + k + l) % 3 == 0,
    }
    return np.asarray(rules[centring])


def powder_lines(vectors: FloatArray, intensities: FloatArray, axis: FloatArray) -> FloatArray:
    """Lines of a powder, by rising 1/d: columns 1/d (Å⁻¹), summed intensity, cos² between the plane normal and ``axis``.

    Reflections of one 1/d fall on one line; its cos² is that of one of them.
    """
    lengths = np.linalg.norm(vectors, axis=1)
    _, first, line = np.unique(np.round(lengths, 6), return_index=True, return_inverse=True)
    total = np.bincount(line.reshape(-1), weights=intensities)
    cos2 = (vectors[first] @ axis / (lengths[first] * np.linalg.norm(axis))) ** 2
    return np.stack([lengths[first], total, cos2], axis=1)
