"""Known structures as a line table, so that elements are put on their sites where patterns are made.

structures.npz holds 42 prototypes of our own and those of the AFLOW library (its ``source`` names authors
and licence; :mod:`mlmodels.net.simulation.make_structures` writes it).  A structure has up to MAX_SLOTS slots, each for one
element.  Since form factors f are real, a line's intensity is a sum over pairs of slots, Σ f_i f_j P_ij, and the table keeps P:
the products of the geometric structure factors, summed over the reflections of the line.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import combinations_with_replacement
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from mlmodels.net.simulation.atoms import element_coefficients, form_factors
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.prototypes import METALS
from samples.xrd.icosahedral import APPROXIMANT_CUBIC_1_1
from samples.xrd.scattering import form_factor_table

STRUCTURES_FILE = Path(__file__).with_name("structures.npz")

MAX_LINES = 160
"""Lines of a structure, its strongest ones."""
MANY_LINES = 60
"""Lines from which a phase counts as a many-line one."""
MAX_SLOTS = 3
PAIRS = tuple(combinations_with_replacement(range(MAX_SLOTS), 2))
SYMBOLS = (*METALS, *(element for element in form_factor_table() if element not in METALS))
"""Elements that stand in slots; the metals, which come first, are those that are drawn."""
METAL, UNUSED = -1, -2
"""What stands in a slot instead of the index of an element: any metal, or nothing."""

SYSTEMS = ("triclinic", "monoclinic", "orthorhombic", "tetragonal", "hexagonal", "cubic")
FREE_STRAINS = {
    "triclinic": "xx yy zz xy xz yz",
    "monoclinic": "xx yy zz xz",
    "orthorhombic": "xx yy zz",
    "tetragonal": "zz",
    "hexagonal": "zz",
    "cubic": "",
}
"""Strains that keep the symmetry, besides a change of volume; the axes are those of AFLOW (c along z, monoclinic b along y)."""
STRAIN = 0.015
"""Standard deviation of each: a compound's axial ratios differ from those of the type by a percent or two."""
OWN_WEIGHT = 2.0
"""How much oftener one of our own prototypes is drawn than another: they have the common metals, oxides and holders."""


@dataclass(frozen=True, slots=True)
class StructureTable:
    """Lines of n known structures; unused places have products 0.

    names: AFLOW labels, or names of our own prototypes
    vectors: reciprocal vector of each line for an atom volume of 1 Å³, shape (n, MAX_LINES, 3)
    products: sums of G_i G_j* of each pair of slots (PAIRS), twice where i ≠ j, shape (n, MAX_LINES, n_pairs)
    slots: index into SYMBOLS, METAL or UNUSED, int64, shape (n, MAX_SLOTS)
    volume: of an atom (Å³), lower and upper end, shape (n, 2); strains: STRAIN where FREE_STRAINS, shape (n, 3, 3)
    crystals, rich, approximants_1_1: indices of the structures that are no approximants, of those among them with many
        lines, and of the 1/1 approximants
    weights: of the crystals, how often each is drawn
    n_cell: atoms of an approximant's cubic cell, which is as large (Å³) where an atom has 1 Å³, shape (n,)
    """

    names: tuple[str, ...]
    vectors: Tensor
    products: Tensor
    slots: Tensor
    volume: Tensor
    strains: Tensor
    crystals: Tensor
    rich: Tensor
    approximants_1_1: Tensor
    weights: tuple[float, ...]
    n_cell: Tensor


@dataclass(frozen=True, slots=True)
class StructureLines:
    """1/d (Å⁻¹), intensity and squared cosine between plane normal and texture axis of n phases, shape (n, MAX_LINES) each."""

    inverse_d: Tensor
    intensity: Tensor
    texture_cos2: Tensor


@lru_cache(maxsize=4)
def structure_table(device: torch.device) -> StructureTable:
    """The table of structures.npz on ``device``."""
    with np.load(STRUCTURES_FILE, allow_pickle=False) as file:
        n_lines, approximant = file["n_lines"], file["approximant"]
        used = np.arange(MAX_LINES) < n_lines[:, None]
        vectors = np.ones((*used.shape, 3), dtype=np.float32)
        products = np.zeros((*used.shape, len(PAIRS)), dtype=np.float32)
        vectors[used], products[used] = file["vectors"], file["products"]
        strains = np.array([_strains(SYSTEMS[system]) for system in file["system"]], dtype=np.float32)
        crystals = np.flatnonzero(approximant == 0)
        weights = np.where(file["own"], OWN_WEIGHT, 1.0)[crystals]
        return StructureTable(
            names=tuple(file["name"].tolist()),
            vectors=torch.tensor(vectors, device=device),
            products=torch.tensor(products, device=device),
            slots=torch.tensor(file["slots"].astype(np.int64), device=device),
            volume=torch.tensor(file["volume"], device=device),
            strains=torch.tensor(strains, device=device),
            crystals=torch.tensor(crystals, device=device),
            rich=torch.tensor(crystals[n_lines[crystals] >= MANY_LINES], device=device),
            approximants_1_1=torch.tensor(np.flatnonzero(approximant == 1), device=device),
            weights=tuple(weights.tolist()),
            n_cell=torch.tensor(file["n_cell"].astype(np.float32), device=device),
        )


def _strains(system: str) -> np.ndarray:
    strains = np.zeros((3, 3))
    for component in FREE_STRAINS[system].split():
        i, j = ("xyz".index(axis) for axis in component)
        strains[i, j] = strains[j, i] = STRAIN
    return strains


def draw_crystals(draw: Draw, many: Tensor) -> StructureLines:
    """One known structure for each entry of ``many``, a many-line one where it is true, with cell and elements drawn."""
    table, n = structure_table(draw.device), many.numel()
    of_all = table.crystals[draw.choice(n, table.weights)]
    of_rich = table.rich[draw.integers(n, below=table.rich.numel())]
    entry = torch.where(many, of_rich, of_all)
    low, high = table.volume[entry].T
    volume = low + (high - low) * draw.uniform(n)
    noise = draw.normal(n, 3, 3)
    strain = table.strains[entry] * (noise + noise.transpose(1, 2)) / 2**0.5
    vectors = table.vectors[entry] / volume.pow(1 / 3)[:, None, None]
    return _with_elements(draw, entry, vectors + vectors @ strain)


def draw_approximants_1_1(draw: Draw, quasilattice_constant: Tensor) -> StructureLines:
    """A 1/1 approximant with published coordinates for each a_R (Å) of shape (n, 1), with elements drawn; its cubic cell is
    APPROXIMANT_CUBIC_1_1 × a_R."""
    table, n = structure_table(draw.device), quasilattice_constant.shape[0]
    entry = table.approximants_1_1[draw.integers(n, below=table.approximants_1_1.numel())]
    scale = table.n_cell[entry].pow(1 / 3)[:, None] / (APPROXIMANT_CUBIC_1_1 * quasilattice_constant)
    return _with_elements(draw, entry, table.vectors[entry] * scale[:, :, None])


def _with_elements(draw: Draw, entry: Tensor, vectors: Tensor) -> StructureLines:
    table, n = structure_table(draw.device), entry.numel()
    slots = table.slots[entry]
    elements = torch.where(slots == METAL, draw.integers(n, MAX_SLOTS, below=len(METALS)), slots.clamp(min=0))
    squared = (vectors**2).sum(dim=2)
    inverse_d = squared.sqrt()
    intensity = structure_intensities(table, entry, elements, inverse_d)
    thermal = torch.exp(-draw.uniform(n, 1, low=0.3, high=2.0) * squared / 2)
    axis = draw.integers(n, below=3)[:, None, None].expand(n, MAX_LINES, 1)
    cos2 = vectors.gather(2, axis).squeeze(2) ** 2 / squared
    return StructureLines(inverse_d, intensity * thermal, cos2)


def structure_intensities(table: StructureTable, entry: Tensor, elements: Tensor, inverse_d: Tensor) -> Tensor:
    """|F|² × multiplicity of structures ``entry`` (n,) with ``elements`` (indices into SYMBOLS, (n, MAX_SLOTS)) on their
    slots, at ``inverse_d`` (Å⁻¹, (n, MAX_LINES)); without temperature factor."""
    coefficients = element_coefficients(inverse_d.device, SYMBOLS)
    f = [form_factors(coefficients[elements[:, slot]], inverse_d) for slot in range(MAX_SLOTS)]
    products = table.products[entry]
    total = torch.zeros_like(inverse_d)
    for pair, (i, j) in enumerate(PAIRS):
        total += f[i] * f[j] * products[:, :, pair]
    # Rounding leaves a line that two slots extinguish slightly below zero.
    return total.clamp(min=0)
