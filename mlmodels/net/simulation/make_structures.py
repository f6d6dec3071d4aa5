"""Write structures.npz, the line table of known structures.  Run by hand, when a structure is added:

    pip download --no-deps pymatgen==2024.8.9
    python -m mlmodels.net.simulation.make_structures pymatgen-2024.8.9-*.whl

The wheel is opened, not installed.  All of its prototypes are taken but those that :mod:`mlmodels.net.simulation.prototypes` has
already: intermetallics, because they stand beside quasicrystals, and salts, oxides and molecules, because whatever a laboratory
measures must not be taken for one.  In intermetallics any metal stands on a metal's site; in the others, whose shapes belong to
their ions, a metal is replaced in half of the entries, which are kept twice.  Hydrogen is left out.
"""

from __future__ import annotations

import json
import sys
import zipfile
from dataclasses import dataclass
from itertools import combinations_with_replacement

import numpy as np

from mlmodels.net.simulation.lattice import FloatArray, cell_vectors, lattice_planes
from mlmodels.net.simulation.prototypes import METALS, PROTOTYPES, Prototype, cell_atoms
from mlmodels.net.simulation.structures import MAX_LINES, MAX_SLOTS, METAL, STRUCTURES_FILE, SYMBOLS, SYSTEMS, UNUSED
from samples.xrd.scattering import form_factor_table

SOURCE = """Own prototypes: mlmodels/net/simulation/prototypes.py (positions of the name-giving compounds).
All others: the AFLOW Library of Crystallographic Prototypes, Part 1 (M. J. Mehl, D. Hicks, C. Toher, O. Levy, R. M. Hanson,
G. Hart, S. Curtarolo, Comput. Mater. Sci. 136, S1-S828 (2017), doi:10.1016/j.commatsci.2017.01.017), as distributed in
pymatgen 2024.8.9, pymatgen/analysis/aflow_prototypes.json (MIT License, Copyright (c) 2011-2012 MIT & The Regents of the
University of California, through Lawrence Berkeley National Laboratory; S. P. Ong et al., Comput. Mater. Sci. 68, 314 (2013)).
Mg32(Al,Zn)49: G. Bergman, J. L. T. Waugh, L. Pauling, Acta Cryst. 10, 254 (1957), from the same collection."""

PROTOTYPES_PATH = "pymatgen/analysis/aflow_prototypes.json"
METALLOIDS = {"B", "Si", "Ge", "As", "Sb", "Te"}
NON_METALS = {"C", "N", "O", "F", "P", "S", "Cl", "Se", "Br", "I"}
ATOMIC_NUMBERS = {element: number for number, element in enumerate(form_factor_table(), start=1)}
_OTHER_METALS = "Li Be Na K Rb Cs Ba Sr Tc Os Ir Hg Tl Pb Po Pr Nd Pm Sm Eu Tb Dy Er Tm Lu Th Pa U Np Pu"
ALL_METALS = {*METALS, *_OTHER_METALS.split()} - METALLOIDS
APPROXIMANT_1_1 = "AB32C48_cI162_204_a_2efg_2gh"
"""The Bergman phase, no crystal to tell quasicrystals from, but the 1/1 approximant of one."""

LAST_OF_SYSTEM = (2, 15, 74, 142, 194, 230)
"""Last space group of the triclinic, monoclinic, orthorhombic, tetragonal, hexagonal (with trigonal) and cubic system."""
INVERSE_D_MAX = 0.88
"""Å⁻¹: the end of the ln Q grid, with room for a strained cell."""


@dataclass(frozen=True, slots=True)
class Structure:
    """cell: vectors as rows (Å); atoms: for each slot its label, an element or one that is no element where any metal may
    stand, and fractional coordinates (n, 3); volume: of an atom (Å³), range; approximant: order, or 0"""

    name: str
    system: str
    cell: FloatArray
    atoms: tuple[tuple[str, FloatArray], ...]
    volume: tuple[float, float]
    approximant: int = 0


def main(wheel: str) -> None:
    structures = [own_structure(prototype) for prototype in PROTOTYPES]
    known = {p.name.split("(")[-1].rstrip(")").replace("_", "") for p in PROTOTYPES if "(" in p.name}
    with zipfile.ZipFile(wheel) as archive:
        entries = json.loads(archive.read(PROTOTYPES_PATH))
    for entry in entries:
        if entry["tags"]["strukturbericht"].replace("_", "") not in known:
            structures.extend(aflow_structures(entry))
    lines = [structure_table(structure) for structure in structures]
    np.savez_compressed(
        STRUCTURES_FILE,
        source=np.array(SOURCE),
        name=np.array([s.name for s in structures]),
        own=np.arange(len(structures)) < len(PROTOTYPES),
        system=np.array([SYSTEMS.index(s.system) for s in structures], dtype=np.int8),
        slots=np.array([_slots(s) for s in structures], dtype=np.int8),
        volume=np.array([s.volume for s in structures], dtype=np.float32),
        approximant=np.array([s.approximant for s in structures], dtype=np.int8),
        n_cell=np.array([_cell_atoms(s) for s in structures], dtype=np.int16),
        n_lines=np.array([len(vectors) for vectors, _ in lines], dtype=np.int16),
        vectors=np.concatenate([vectors for vectors, _ in lines]).astype(np.float32),
        products=np.concatenate([products for _, products in lines]).astype(np.float32),
    )
    sys.stdout.write(f"{len(structures)} structures, {STRUCTURES_FILE.stat().st_size / 1e6:.2f} MB\n")


def own_structure(prototype: Prototype) -> Structure:
    angles = np.array([90.0, prototype.beta, prototype.gamma])
    if prototype.beta != 90:
        system = "monoclinic"
    elif prototype.gamma == 120:
        system = "hexagonal"
    elif prototype.b != 1:
        system = "orthorhombic"
    else:
        system = "cubic" if prototype.c == 1 else "tetragonal"
    cell = cell_vectors(np.array([1.0, prototype.b, prototype.c]), angles)
    return Structure(prototype.name, system, cell, cell_atoms(prototype), prototype.volume)


def aflow_structures(entry: dict) -> list[Structure]:  # type: ignore[type-arg] # as the file has it
    """One structure of an intermetallic, two of a compound with non-metals (its own metals, any metals), none of pure hydrogen."""
    label = entry["tags"]["aflow"]
    group = 136 if label.startswith("sigma") else int(label.split("_")[2])
    system = SYSTEMS[int(np.searchsorted(LAST_OF_SYSTEM, group))]
    cell = np.array(entry["snl"]["lattice"]["matrix"], dtype=np.float64)
    found: dict[str, list[list[float]]] = {}
    for site in entry["snl"]["sites"]:
        found.setdefault(site["species"][0]["element"], []).append(site["abc"])
    found.pop("H", None)
    if not found or not set(found) <= ALL_METALS | METALLOIDS | NON_METALS:
        return []
    found = _in_slots(found)
    atom = abs(np.linalg.det(cell)) / sum(map(len, found.values()))
    substituted = tuple((f"any {e}" if e in ALL_METALS else e, np.array(places)) for e, places in found.items())
    if set(found) <= ALL_METALS | METALLOIDS and set(found) & ALL_METALS:
        volume = (float(np.clip(0.85 * atom, 8, 20)), float(np.clip(1.25 * atom, 11, 30)))
        return [Structure(label, system, cell, substituted, volume, approximant=int(label == APPROXIMANT_1_1))]
    volume = (0.9 * float(atom), 1.15 * float(atom))
    own = tuple((e, np.array(places)) for e, places in found.items())
    both = [Structure(label, system, cell, own, volume), Structure(label, system, cell, substituted, volume)]
    return both if set(found) & ALL_METALS else both[:1]


def _in_slots(found: dict[str, list[list[float]]]) -> dict[str, list[list[float]]]:
    """At most MAX_SLOTS elements: of more, the two with the nearest atomic numbers share the place of the heavier one."""
    found = dict(sorted(found.items(), key=lambda pair: ATOMIC_NUMBERS[pair[0]]))
    while len(found) > MAX_SLOTS:
        numbers = [ATOMIC_NUMBERS[e] for e in found]
        nearest = int(np.argmin(np.diff(numbers)))
        lighter, heavier = list(found)[nearest : nearest + 2]
        found[heavier] = found.pop(lighter) + found[heavier]
    return found


def structure_table(structure: Structure) -> tuple[FloatArray, FloatArray]:
    """Of each line a reciprocal vector for an atom volume of 1 Å³, (n_lines, 3), and the products of the slots' geometric
    structure factors summed over the reflections that the system's strains keep together, (n_lines, n_pairs)."""
    n_atoms = sum(len(places) for _, places in structure.atoms)
    unit = structure.cell / (abs(np.linalg.det(structure.cell)) / n_atoms) ** (1 / 3)
    hkl, vectors = lattice_planes(unit, INVERSE_D_MAX * structure.volume[1] ** (1 / 3))
    geometric = np.zeros((MAX_SLOTS, len(hkl)), dtype=np.complex128)
    for slot, (_, places) in enumerate(structure.atoms):
        geometric[slot] = np.exp(2j * np.pi * hkl @ places.T).sum(axis=1)
    products = np.stack(
        [
            (geometric[i] * geometric[j].conj()).real * (1 if i == j else 2)
            for i, j in combinations_with_replacement(range(MAX_SLOTS), 2)
        ],
        axis=1,
    )
    _, first, line = np.unique(_together(structure.system, vectors), axis=0, return_index=True, return_inverse=True)
    summed = np.zeros((len(first), products.shape[1]))
    np.add.at(summed, line.reshape(-1), products)
    vectors = vectors[first]
    length = np.linalg.norm(vectors, axis=1)
    diagonal = [k for k, (i, j) in enumerate(combinations_with_replacement(range(MAX_SLOTS), 2)) if i == j]
    strength = summed[:, diagonal].sum(axis=1) * np.exp(-(length**2))
    kept = np.argsort(-strength, kind="stable")[:MAX_LINES]
    kept = np.sort(kept[strength[kept] > 1e-7 * strength.max()])
    kept = kept[np.argsort(length[kept], kind="stable")]
    return vectors[kept], summed[kept]


def _together(system: str, vectors: FloatArray) -> FloatArray:
    """What reflections have in common that stay on one line however the cell is strained within its system."""
    x, y, z = vectors.T
    across, length = np.hypot(x, y), np.linalg.norm(vectors, axis=1)
    sign = np.where(np.abs(x) > 1e-6, np.sign(x), np.sign(z))
    sign_all = np.where(np.abs(x) > 1e-6, np.sign(x), np.where(np.abs(y) > 1e-6, np.sign(y), np.sign(z)))
    keys = {
        "triclinic": (x * sign_all, y * sign_all, z * sign_all),
        "monoclinic": (x * sign, np.abs(y), z * sign),
        "orthorhombic": (np.abs(x), np.abs(y), np.abs(z)),
        "tetragonal": (across, np.abs(z)),
        "hexagonal": (across, np.abs(z)),
        "cubic": (length,),
    }[system]
    return np.round(np.stack(keys, axis=1), 4) + 0.0


def _slots(structure: Structure) -> list[int]:
    known = [SYMBOLS.index(label) if label in SYMBOLS else METAL for label, _ in structure.atoms]
    return known + [UNUSED] * (MAX_SLOTS - len(known))


def _cell_atoms(structure: Structure) -> int:
    """Atoms in the conventional cell of a body-centred approximant, in the given cell of anything else."""
    n_atoms = sum(len(places) for _, places in structure.atoms)
    return 2 * n_atoms if structure.approximant else n_atoms


if __name__ == "__main__":
    main(sys.argv[1])
