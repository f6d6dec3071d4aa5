"""A library of random lattices of all crystal systems, with lines where the lattice has them.

Each use of an entry scales its cell and draws its intensities anew.  Crystals with a known structure come from
:mod:`mlmodels.net.simulation.structures`.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import torch
from torch import Tensor

from mlmodels.net.grid import Q_MAX, Q_MIN
from mlmodels.net.simulation.lattice import (
    BoolArray,
    FloatArray,
    IntArray,
    cell_vectors,
    centring_allows,
    lattice_planes,
    powder_lines,
    with_volume,
)
from mlmodels.net.simulation.structures import MANY_LINES, MAX_LINES

INVERSE_D_MAX = 0.90
"""Lines are kept up to this 1/d (Å⁻¹), Q = 5.65 Å⁻¹: the ln Q grid, with room to scale a cell by 5 %."""

CENTRINGS = {
    "cubic": "PIFD",
    "hexagonal": "P",
    "rhombohedral": "R",
    "tetragonal": "PI",
    "orthorhombic": "PPCIF",
    "monoclinic": "PC",
    "triclinic": "P",
}
SYSTEM_WEIGHTS = (0.28, 0.17, 0.10, 0.15, 0.16, 0.11, 0.03)
LATTICE_POINTS = {"P": 1, "I": 2, "C": 2, "R": 3, "F": 4, "D": 4}
VOLUME_PER_POINT = (15.0, 900.0)
"""Cell volume of a lattice point (Å³), from a simple metal's to a mineral's, drawn evenly on a logarithmic scale."""
MAX_VOLUME = 1800.0


@dataclass(frozen=True, slots=True)
class LatticeLibrary:
    """Lines of many random lattices; n_lines is MAX_LINES, and unused places have multiplicity 0.

    inverse_d: 1/d (Å⁻¹), shape (n_lattices, n_lines); multiplicity: same shape
    texture_cos2: squared cosine between the normal of the lattice plane and the axis of preferred orientation, same shape
    rich: indices of the lattices with at least MANY_LINES lines on the ln Q grid, int64
    """

    inverse_d: Tensor
    multiplicity: Tensor
    texture_cos2: Tensor
    rich: Tensor


@lru_cache(maxsize=4)
def lattice_library(device: torch.device, n_lattices: int, seed: int) -> LatticeLibrary:
    """The library of ``seed``; the same on every device."""
    rng = np.random.default_rng(seed)
    shape = (n_lattices, MAX_LINES)
    inverse_d, multiplicity, cos2 = np.ones(shape), np.zeros(shape), np.zeros(shape)
    for i in range(n_lattices):
        lines = random_lattice_lines(rng)
        if len(lines) > MAX_LINES:
            lines = lines[np.sort(rng.choice(len(lines), MAX_LINES, replace=False))]
        inverse_d[i, : len(lines)], multiplicity[i, : len(lines)], cos2[i, : len(lines)] = lines.T

    def tensor(values: FloatArray) -> Tensor:
        return torch.tensor(values, dtype=torch.float32, device=device)

    on_grid = (2 * np.pi * inverse_d > Q_MIN) & (2 * np.pi * inverse_d < Q_MAX) & (multiplicity > 0)
    return LatticeLibrary(
        inverse_d=tensor(inverse_d),
        multiplicity=tensor(multiplicity),
        texture_cos2=tensor(cos2),
        rich=torch.tensor(np.flatnonzero(on_grid.sum(axis=1) >= MANY_LINES), device=device),
    )


def random_lattice_lines(rng: np.random.Generator) -> FloatArray:
    """Lines of one random lattice with its multiplicities: columns 1/d, multiplicity, cos² to a texture axis; never empty."""
    while True:
        centring, cell = random_cell(rng)
        hkl, vectors = lattice_planes(cell, INVERSE_D_MAX)
        allowed = centring_allows(centring, hkl) & _random_extinction(rng, hkl)
        if np.any(allowed):
            texture_axis = np.asarray(np.linalg.inv(cell)[:, int(rng.integers(3))], dtype=np.float64)
            return powder_lines(vectors[allowed], np.ones(int(allowed.sum())), texture_axis)


def random_cell(rng: np.random.Generator) -> tuple[str, FloatArray]:
    """Centring and cell vectors (rows, Å, shape (3, 3)) of a random lattice of any crystal system."""
    system = str(rng.choice(list(CENTRINGS), p=SYSTEM_WEIGHTS))
    centring = str(rng.choice(list(CENTRINGS[system])))
    volume = LATTICE_POINTS[centring] * np.exp(rng.uniform(*np.log(VOLUME_PER_POINT)))
    b, c = np.exp(rng.normal(0, 0.35, 2))
    angles = np.full(3, 90.0)
    if system == "cubic":
        b = c = 1.0
    elif system in ("hexagonal", "rhombohedral"):
        b, c, angles[2] = 1.0, np.exp(rng.normal(0.45, 0.45)), 120.0
    elif system == "tetragonal":
        b = 1.0
    elif system == "monoclinic":
        angles[1] = rng.uniform(90, 122)
    elif system == "triclinic":
        angles = rng.uniform(92, 115, 3)
    return centring, with_volume(cell_vectors(np.array([1.0, b, c]), angles), min(volume, MAX_VOLUME))


def _random_extinction(rng: np.random.Generator, hkl: IntArray) -> BoolArray:
    """A screw axis along c, a glide plane normal to b, or (mostly) neither, shape (n,)."""
    h, k, l = hkl.T  # noqa: E741 - the field's own letter
    rule = rng.random()
    if rule < 0.2:
        return np.asarray((h != 0) | (k != 0) | (l % 2 == 0))
    if rule < 0.35:
        return np.asarray((k != 0) | (l % 2 == 0))
    return np.ones(len(hkl), dtype=np.bool_)
