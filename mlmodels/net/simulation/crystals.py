"""A library of crystalline phases, from which the other phases of a pattern are drawn.

Most entries are random lattices of all crystal systems, with lines where the lattice has them; the rest are simple real
structures (:mod:`mlmodels.net.simulation.prototypes`).  Each use of an entry scales its cell and scatters its intensities anew.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlmodels.net.simulation.prototypes import prototype_lines

FloatArray = NDArray[np.float64]

INVERSE_D_MAX = 0.90
"""Lines are kept up to this 1/d (Å⁻¹), Q = 5.65 Å⁻¹: the ln Q grid, with room to scale a cell by 5 %."""

MAX_LINES = 160

SYSTEMS = ("cubic", "hexagonal", "rhombohedral", "tetragonal", "orthorhombic", "monoclinic", "triclinic")
SYSTEM_WEIGHTS = (0.28, 0.17, 0.10, 0.15, 0.16, 0.11, 0.03)


@dataclass(frozen=True, slots=True)
class PhaseLibrary:
    """Lines of many phases; n_lines is MAX_LINES, and unused places have intensity 0.

    inverse_d: 1/d (Å⁻¹), shape (n_phases, n_lines)
    intensity: |F|² × multiplicity, or the multiplicity alone for random lattices, shape (n_phases, n_lines)
    texture_cos2: squared cosine between the line's lattice plane normal and the axis of preferred orientation, same shape
    random: True for a random lattice, whose intensities each use draws, shape (n_phases,)
    n_visible: number of lines within the ln Q grid, by which many-line phases are chosen, shape (n_phases,)
    """

    inverse_d: Tensor
    intensity: Tensor
    texture_cos2: Tensor
    random: Tensor
    n_visible: Tensor


@lru_cache(maxsize=4)
def phase_library(device: torch.device, n_lattices: int, n_prototypes: int, seed: int) -> PhaseLibrary:
    """The library of ``seed``; the same on every device."""
    rng = np.random.default_rng(seed)
    n = n_lattices + n_prototypes
    inverse_d, intensity, cos2 = np.ones((n, MAX_LINES)), np.zeros((n, MAX_LINES)), np.zeros((n, MAX_LINES))
    for i in range(n):
        lines = random_lattice_lines(rng) if i < n_lattices else prototype_lines(rng, INVERSE_D_MAX)
        if len(lines) > MAX_LINES:
            lines = lines[np.sort(rng.choice(len(lines), MAX_LINES, replace=False))]
        inverse_d[i, : len(lines)], intensity[i, : len(lines)], cos2[i, : len(lines)] = lines.T

    def tensor(values: FloatArray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    visible = ((inverse_d > 0.225) & (inverse_d < 0.835) & (intensity > 0)).sum(axis=1)
    return PhaseLibrary(
        inverse_d=tensor(inverse_d),
        intensity=tensor(intensity),
        texture_cos2=tensor(cos2),
        random=torch.arange(n, device=device) < n_lattices,
        n_visible=torch.tensor(visible, device=device),
    )


def random_cell(rng: np.random.Generator) -> tuple[str, str, FloatArray]:
    """Crystal system, centring and cell vectors (rows, Å, shape (3, 3)) of a random lattice."""
    system = str(rng.choice(SYSTEMS, p=SYSTEM_WEIGHTS))
    centrings = {
        "cubic": "PIFD",
        "tetragonal": "PI",
        "orthorhombic": "PPCIF",
        "monoclinic": "PC",
        "rhombohedral": "R",
    }.get(system, "P")
    centring = str(rng.choice(list(centrings)))
    points = {"P": 1, "I": 2, "C": 2, "R": 3, "F": 4, "D": 4}[centring]
    # Volume a lattice point from a small metal's to a mineral's; complex high-symmetry phases are common too.
    per_point = float(np.exp(rng.uniform(np.log(15), np.log(900 if system != "cubic" else 700))))
    volume = min(per_point * points, 1800.0)
    ratio_b, ratio_c = np.exp(rng.normal(0, 0.35, 2))
    angles = np.radians(rng.uniform(92, 118, 3)) if system == "triclinic" else np.full(3, np.pi / 2)
    if system == "cubic":
        ratio_b = ratio_c = 1.0
    elif system in ("hexagonal", "rhombohedral"):
        ratio_b, angles[2] = 1.0, 2 * np.pi / 3
        ratio_c = float(np.exp(rng.normal(0.45, 0.45)))
    elif system == "tetragonal":
        ratio_b = 1.0
    elif system == "monoclinic":
        angles[1] = np.radians(rng.uniform(90, 122))
    cell = cell_vectors(np.array([1.0, ratio_b, ratio_c]), angles)
    return system, centring, cell * (volume / abs(np.linalg.det(cell))) ** (1 / 3)


def cell_vectors(lengths: FloatArray, angles: FloatArray) -> FloatArray:
    """Cell vectors as rows (Å) from a, b, c (Å) and α, β, γ (radian)."""
    cos_a, cos_b, cos_g = np.cos(angles)
    sin_g = np.sin(angles[2])
    y = (cos_a - cos_b * cos_g) / sin_g
    z = np.sqrt(max(1 - cos_b**2 - y**2, 1e-3))
    return np.asarray(np.array([[1, 0, 0], [cos_g, sin_g, 0], [cos_b, y, z]]) * lengths[:, None])


def lattice_planes(cell: FloatArray, inverse_d_max: float) -> tuple[NDArray[np.int64], FloatArray]:
    """All hkl up to ``inverse_d_max`` (Å⁻¹) of the cell (rows, Å), shape (n, 3), and their reciprocal vectors (Å⁻¹)."""
    reach = np.floor(np.linalg.norm(cell, axis=1) * inverse_d_max).astype(int)
    axes = [np.arange(-r, r + 1) for r in reach]
    hkl = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    vectors = hkl @ np.linalg.inv(cell).T
    lengths = np.linalg.norm(vectors, axis=1)
    keep = (lengths > 0) & (lengths <= inverse_d_max)
    return hkl[keep], vectors[keep]


def random_lattice_lines(rng: np.random.Generator) -> FloatArray:
    """Lines of one random lattice: columns 1/d, multiplicity and cos² to a texture axis; at least one line."""
    while True:
        _, centring, cell = random_cell(rng)
        hkl, vectors = lattice_planes(cell, INVERSE_D_MAX)
        allowed = centring_allows(centring, hkl) & random_extinction(rng, hkl)
        if np.any(allowed):
            axis = np.linalg.inv(cell)[:, int(rng.integers(3))]
            return merge_lines(vectors[allowed], np.ones(int(allowed.sum())), axis)


def centring_allows(centring: str, hkl: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which hkl a centred cell reflects; "D" is the diamond glide on top of F."""
    h, k, l = hkl.T  # noqa: E741
    same = (h % 2 == k % 2) & (k % 2 == l % 2)
    rules = {
        "P": np.ones(len(hkl), dtype=bool),
        "I": (h + k + l) % 2 == 0,
        "C": (h + k) % 2 == 0,
        "F": same,
        "D": same & ((h % 2 == 1) | ((h + k + l) % 4 == 0)),
        "R": (-h + k + l) % 3 == 0,
    }
    return np.asarray(rules[centring])


def random_extinction(rng: np.random.Generator, hkl: NDArray[np.int64]) -> NDArray[np.bool_]:
    """A screw axis along c, a glide plane normal to b, or (mostly) neither."""
    h, k, l = hkl.T  # noqa: E741
    rule = rng.random()
    if rule < 0.2:
        return np.asarray((h != 0) | (k != 0) | (l % 2 == 0))
    if rule < 0.35:
        return np.asarray((k != 0) | (l % 2 == 0))
    return np.ones(len(hkl), dtype=bool)


def merge_lines(vectors: FloatArray, intensities: FloatArray, axis: FloatArray) -> FloatArray:
    """Sum reflections of one 1/d: columns 1/d (Å⁻¹), intensity, cos² to ``axis`` of one of them."""
    lengths = np.linalg.norm(vectors, axis=1)
    _, first, line = np.unique(np.round(lengths, 6), return_index=True, return_inverse=True)
    total = np.bincount(line.reshape(-1), weights=intensities)
    cos2 = (vectors[first] @ axis / (lengths[first] * np.linalg.norm(axis))) ** 2
    return np.stack([lengths[first], total, cos2], axis=1)
