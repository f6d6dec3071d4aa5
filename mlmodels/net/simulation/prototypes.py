"""Simple real structures, with elements put on their sites at random: what alloys, their oxides and their holders show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from samples.xrd.scattering import form_factor

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Prototype:
    """A structure type: all atoms of the cell as (site, x, y, z), and the shape of the cell.

    ratio_c: c/a; hexagonal: γ = 120°; volume_per_atom: usual range (Å³); sites: which letters stand for metals or anions
    """

    name: str
    atoms: tuple[tuple[str, float, float, float], ...]
    ratio_c: float = 1.0
    hexagonal: bool = False
    volume_per_atom: tuple[float, float] = (11.0, 26.0)


F_CENTRES = ((0, 0, 0), (0, 0.5, 0.5), (0.5, 0, 0.5), (0.5, 0.5, 0))
I_CENTRES = ((0, 0, 0), (0.5, 0.5, 0.5))


def _atoms(
    site: str, positions: tuple[tuple[float, float, float], ...], centres: tuple[tuple[float, float, float], ...]
) -> tuple[tuple[str, float, float, float], ...]:
    return tuple((site, x + u, y + v, z + w) for x, y, z in positions for u, v, w in centres)


PROTOTYPES = (
    Prototype("A1", _atoms("A", ((0, 0, 0),), F_CENTRES)),
    Prototype("A2", _atoms("A", ((0, 0, 0),), I_CENTRES)),
    Prototype("A3", (("A", 1 / 3, 2 / 3, 0.25), ("A", 2 / 3, 1 / 3, 0.75)), ratio_c=1.61, hexagonal=True),
    Prototype("B2", (("A", 0, 0, 0), ("B", 0.5, 0.5, 0.5))),
    Prototype("L1_2", (("A", 0, 0, 0), ("B", 0, 0.5, 0.5), ("B", 0.5, 0, 0.5), ("B", 0.5, 0.5, 0))),
    Prototype("B1", _atoms("A", ((0, 0, 0),), F_CENTRES) + _atoms("B", ((0.5, 0, 0),), F_CENTRES)),
    Prototype("A4", _atoms("A", ((0, 0, 0), (0.25, 0.25, 0.25)), F_CENTRES)),
)

_ELEMENTS = (
    "Mg Al Si Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn Ce Gd Ho Yb Ta W Pt Au".split()
)


def prototype_lines(rng: np.random.Generator, inverse_d_max: float) -> FloatArray:
    """Lines of one prototype with random elements and cell: columns 1/d (Å⁻¹), |F|² × multiplicity, cos² to a texture axis."""
    from mlmodels.net.simulation.crystals import cell_vectors, lattice_planes, merge_lines

    prototype = PROTOTYPES[int(rng.integers(len(PROTOTYPES)))]
    angles = np.array([np.pi / 2, np.pi / 2, 2 * np.pi / 3 if prototype.hexagonal else np.pi / 2])
    cell = cell_vectors(np.array([1.0, 1.0, prototype.ratio_c * np.exp(rng.normal(0, 0.01))]), angles)
    volume = len(prototype.atoms) * rng.uniform(*prototype.volume_per_atom)
    cell *= (volume / abs(np.linalg.det(cell))) ** (1 / 3)
    hkl, vectors = lattice_planes(cell, inverse_d_max)
    inverse_d = np.linalg.norm(vectors, axis=1)
    amplitude = np.zeros(len(hkl), dtype=np.complex128)
    for site in sorted({atom[0] for atom in prototype.atoms}):
        positions = np.array([atom[1:] for atom in prototype.atoms if atom[0] == site])
        f = form_factor(str(rng.choice(_ELEMENTS)), inverse_d)
        amplitude += f * np.exp(2j * np.pi * hkl @ positions.T).sum(axis=1)
    intensity = np.abs(amplitude) ** 2 * np.exp(-rng.uniform(0.3, 2.0) * inverse_d**2 / 2)
    lines = merge_lines(vectors, intensity, np.linalg.inv(cell)[:, int(rng.integers(3))])
    return lines[lines[:, 1] > 1e-5 * lines[:, 1].max()]
