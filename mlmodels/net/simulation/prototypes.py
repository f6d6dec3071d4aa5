"""Known structures, with elements put on their sites at random: what alloys, their oxides and sample holders show.

A structure is written as in the crystallographic tables: generators of its space group and the atoms of the asymmetric
unit.  Positions are those of the name-giving compounds (Strukturbericht; Villars & Calvert, Pearson's Handbook, 1991).
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import numpy as np

from mlmodels.net.simulation.lattice import FloatArray, cell_vectors, lattice_planes, powder_lines, with_volume
from samples.xrd.scattering import form_factor, form_factor_table

Operation = tuple[FloatArray, FloatArray]

_SYMBOLS = "Mg Al Si Ca Sc Ti V Cr Mn Fe Co Ni Cu Zn Ga Ge Y Zr Nb Mo Ru Rh Pd Ag Cd In Sn Sb La Ce Gd Ho Yb Hf Ta W Re Pt Au Bi"
METALS = tuple(_SYMBOLS.split())

ALLOY_VOLUME = (11.0, 26.0)
OXIDE_VOLUME = (8.0, 14.0)
"""Volume of an atom (Å³)."""


@dataclass(frozen=True, slots=True)
class Prototype:
    """A structure type.

    generators: of the space group, as "-y,x-y,z+1/2", separated by semicolons; centrings P, I, C, F and R (obverse) by letter
    sites: "label x y z" separated by semicolons; the label is an element, or M1, M2, M3 for a metal drawn at random
    b, c: of the cell, in units of a; gamma, beta: its angles (degree); volume: of an atom, usual range (Å³)
    """

    name: str
    generators: str
    sites: str
    b: float = 1.0
    c: float = 1.0
    gamma: float = 90.0
    beta: float = 90.0
    volume: tuple[float, float] = ALLOY_VOLUME


CUBIC = "-x,-y,z; -x,y,-z; z,x,y"
FM3M, IM3M, PM3M = (f"{centring}; {CUBIC}; y,x,-z; -x,-y,-z" for centring in "FIP")
F43M, I43M = (f"{centring}; {CUBIC}; y,x,z" for centring in "FI")
FD3M = "F; -x+3/4,-y+1/4,z+1/2; -x+1/4,y+1/2,-z+3/4; z,x,y; y+3/4,x+1/4,-z+1/2; -x,-y,-z"
PM3N = f"{CUBIC}; y+1/2,x+1/2,-z+1/2; -x,-y,-z"
P213 = "-x+1/2,-y,z+1/2; -x,y+1/2,-z+1/2; z,x,y"
P6MMM = "-y,x-y,z; -x,-y,z; y,x,-z; -x,-y,-z"
P63MMC = "-y,x-y,z; -x,-y,z+1/2; y,x,-z; -x,-y,-z"
P63MCM = "-y,x-y,z; -x,-y,z+1/2; y,x,-z+1/2; -x,-y,-z"
P3M1 = "-y,x-y,z; y,x,-z; -x,-y,-z"
R3C = "R; -y,x-y,z; y,x,-z+1/2; -x,-y,-z"
P3221 = "-y,x-y,z+2/3; y,x,-z"
I4MMM, P4MMM = (f"{centring}; -x,-y,z; -y,x,z; -x,y,-z; -x,-y,-z" for centring in "IP")
I4MCM = "I; -x,-y,z; -y,x,z; -x,y,-z+1/2; -x,-y,-z"
P42MNM = "-x,-y,z; -y+1/2,x+1/2,z+1/2; -x+1/2,y+1/2,-z+1/2; -x,-y,-z"
PNMA = "-x+1/2,-y,z+1/2; -x,y+1/2,-z; -x,-y,-z"
CMCM = "C; -x,-y,z+1/2; -x,y,-z+1/2; -x,-y,-z"
C2M = "C; -x,y,-z; -x,-y,-z"
P21C = "-x,y+1/2,-z+1/2; -x,-y,-z"

PROTOTYPES = (
    Prototype("Cu (A1)", FM3M, "M1 0 0 0"),
    Prototype("W (A2)", IM3M, "M1 0 0 0"),
    Prototype("Mg (A3)", P63MMC, "M1 1/3 2/3 0.25", c=1.61, gamma=120),
    Prototype("Si (A4)", FD3M, "M1 0.125 0.125 0.125", volume=(18, 28)),
    Prototype("α-Mn (A12)", I43M, "M1 0 0 0; M1 0.317 0.317 0.317; M1 0.356 0.356 0.034; M1 0.089 0.089 0.282"),
    Prototype("Mg17Al12", I43M, "M1 0 0 0; M1 0.324 0.324 0.324; M1 0.3582 0.3582 0.0393; M2 0.0954 0.0954 0.2725"),
    Prototype("Cr3Si (A15)", PM3N, "M1 0 0 0; M2 0.25 0 0.5"),
    Prototype("CsCl (B2)", PM3M, "M1 0 0 0; M2 0.5 0.5 0.5"),
    Prototype("CsCl (B2), AlFe", PM3M, "Al 0 0 0; M2 0.5 0.5 0.5", volume=(11.3, 14.5)),
    Prototype("NaCl (B1)", FM3M, "M1 0 0 0; M2 0.5 0.5 0.5"),
    Prototype("MgO (B1)", FM3M, "M1 0 0 0; O 0.5 0.5 0.5", volume=(9, 14)),
    Prototype("ZnS (B3)", F43M, "M1 0 0 0; M2 0.25 0.25 0.25", volume=(18, 30)),
    Prototype("NiAs (B8_1)", P63MMC, "M1 0 0 0; M2 1/3 2/3 0.25", c=1.4, gamma=120),
    Prototype("FeSi (B20)", P213, "M1 0.137 0.137 0.137; Si 0.842 0.842 0.842", volume=(10.5, 14)),
    Prototype("CaF2 (C1)", FM3M, "M1 0 0 0; M2 0.25 0.25 0.25"),
    Prototype("MoSi2 (C11b)", I4MMM, "M1 0 0 0; Si 0 0 0.333", c=2.45),
    Prototype("MgZn2 (C14)", P63MMC, "M1 1/3 2/3 0.062; M2 0 0 0; M2 0.83 0.66 0.25", c=1.63, gamma=120),
    Prototype("MgCu2 (C15)", FD3M, "M1 0.125 0.125 0.125; M2 0.5 0.5 0.5"),
    Prototype("Al2Cu (C16)", I4MCM, "M1 0 0 0.25; Al 0.158 0.658 0", c=0.804, volume=(13, 18)),
    Prototype("AlB2 (C32)", P6MMM, "M1 0 0 0; M2 1/3 2/3 0.5", c=1.0, gamma=120),
    Prototype("AuCu (L1_0)", P4MMM, "M1 0 0 0; M2 0.5 0.5 0.5", c=1.35),
    Prototype("AuCu3 (L1_2)", PM3M, "M1 0 0 0; M2 0 0.5 0.5"),
    Prototype("AlFe3 (D0_3)", FM3M, "M1 0 0 0; M2 0.5 0.5 0.5; M2 0.25 0.25 0.25"),
    Prototype("AlCu2Mn (L2_1)", FM3M, "M1 0 0 0; M3 0.5 0.5 0.5; M2 0.25 0.25 0.25"),
    Prototype("AgAsMg (C1b)", F43M, "M1 0 0 0; M2 0.25 0.25 0.25; M3 0.5 0.5 0.5"),
    Prototype("Al3Ti (D0_22)", I4MMM, "M1 0 0 0; M2 0 0 0.5; M2 0 0.5 0.25", c=2.23),
    Prototype("ThCr2Si2", I4MMM, "M1 0 0 0; M2 0 0.5 0.25; Si 0 0 0.38", c=2.5),
    Prototype("Ni3Sn (D0_19)", P63MMC, "M1 1/3 2/3 0.25; M2 5/6 2/3 0.25", c=0.8, gamma=120),
    Prototype("CaCu5 (D2_d)", P6MMM, "M1 0 0 0; M2 1/3 2/3 0; M2 0.5 0 0.5", c=0.8, gamma=120),
    Prototype(
        "Al3Ni2 (D5_13)", P3M1, "Al 0 0 0; Al 1/3 2/3 0.648; M1 1/3 2/3 0.149", c=1.214, gamma=120, volume=(12, 16)
    ),
    Prototype("Mn5Si3 (D8_8)", P63MCM, "M1 1/3 2/3 0; M1 0.236 0 0.25; M2 0.599 0 0.25", c=0.7, gamma=120),
    Prototype("Cu5Zn8 (D8_2)", I43M, "M1 0.110 0.110 0.110; M2 0.828 0.828 0.828; M2 0.355 0 0; M1 0.313 0.313 0.036"),
    Prototype(
        "Al5Co2 (D8_11)",
        P63MMC,
        "Al 0 0 0; Al 0.4702 0.9404 0.25; Al 0.1946 0.3892 0.9421; M1 1/3 2/3 0.25; M1 0.1268 0.2536 0.25",
        c=0.99,
        gamma=120,
        volume=(12.5, 15),
    ),
    Prototype(
        "Al6Mn (D2_h)",
        CMCM,
        "M1 0 0.4573 0.25; Al 0.326 0 0; Al 0 0.1392 0.1004; Al 0.3177 0.2862 0.25",
        b=0.861,
        c=1.174,
        volume=(14, 17),
    ),
    Prototype(
        "TiNiSi",
        PNMA,
        "M1 0.021 0.25 0.18; M2 0.142 0.25 0.561; Si 0.765 0.25 0.623",
        b=0.597,
        c=1.142,
        volume=(12, 18),
    ),
    Prototype(
        "Fe3C (D0_11)",
        PNMA,
        "M1 0.186 0.063 0.328; M1 0.036 0.25 0.852; C 0.89 0.25 0.45",
        b=1.324,
        c=0.89,
        volume=(9, 12),
    ),
    Prototype("CaTiO3 (E2_1)", PM3M, "M1 0 0 0; M2 0.5 0.5 0.5; O 0.5 0.5 0", volume=(10.5, 14)),
    Prototype("TiO2, rutile (C4)", P42MNM, "M1 0 0 0; O 0.305 0.305 0", c=0.65, volume=OXIDE_VOLUME),
    Prototype("Al2O3 (D5_1)", R3C, "M1 0 0 0.352; O 0.306 0 0.25", c=2.73, gamma=120, volume=(8.2, 11)),
    Prototype(
        "Al2MgO4, spinel (H1_1)", FD3M, "M1 0.125 0.125 0.125; M2 0.5 0.5 0.5; O 0.2624 0.2624 0.2624", volume=(9, 12)
    ),
    Prototype(
        "SiO2, quartz (C8)", P3221, "Si 0.4697 0 2/3; O 0.4133 0.2672 0.7857", c=1.1, gamma=120, volume=(12.3, 12.9)
    ),
    Prototype(
        "Ga2O3",
        C2M,
        "M1 0.0904 0 0.7948; M1 0.3414 0 0.6857; O 0.1674 0 0.1011; O 0.4957 0 0.2553; O 0.8279 0 0.4365",
        b=0.2486,
        c=0.4744,
        beta=103.8,
        volume=(9, 12),
    ),
    Prototype(
        "ZrO2, baddeleyite (C43)",
        P21C,
        "M1 0.2754 0.0395 0.2083; O 0.07 0.3317 0.3447; O 0.4496 0.7569 0.4792",
        b=1.012,
        c=1.033,
        beta=99.2,
        volume=(10, 13),
    ),
)

_CENTRING_VECTORS = {
    "P": [],
    "I": [(0.5, 0.5, 0.5)],
    "C": [(0.5, 0.5, 0.0)],
    "F": [(0.0, 0.5, 0.5), (0.5, 0.0, 0.5)],
    "R": [(2 / 3, 1 / 3, 1 / 3)],
}


@lru_cache(maxsize=64)
def cell_atoms(prototype: Prototype) -> tuple[tuple[str, FloatArray], ...]:
    """All atoms of the cell: for each element or metal site, fractional coordinates of shape (n_atoms, 3) within 0–1."""
    operations = _group(prototype.generators)
    found: dict[str, list[FloatArray]] = {}
    for site in prototype.sites.split("; "):
        label, *numbers = site.split()
        position = np.array([float(Fraction(number)) for number in numbers])
        images = np.array([(rotation @ position + shift) % 1 for rotation, shift in operations])
        _, first = np.unique(np.round(images, 4) % 1, axis=0, return_index=True)
        found.setdefault(label, []).append(images[np.sort(first)])
    return tuple((label, np.concatenate(parts)) for label, parts in found.items())


def _group(generators: str) -> list[Operation]:
    """Every operation (rotation, shift within 0–1) of the group that ``generators`` generate, modulo lattice translations."""
    steps: list[Operation] = []
    for text in generators.split("; "):
        if text in _CENTRING_VECTORS:
            steps += [(np.eye(3), np.array(vector)) for vector in _CENTRING_VECTORS[text]]
        else:
            steps.append(_operation(text))
    group = [(np.eye(3), np.zeros(3))]
    known = {_key(group[0])}
    for rotation, shift in group:  # grows while it is walked
        for other_rotation, other_shift in steps:
            product = (other_rotation @ rotation, (other_rotation @ shift + other_shift) % 1)
            if _key(product) not in known:
                known.add(_key(product))
                group.append(product)
    return group


def _operation(text: str) -> Operation:
    """Read "-y,x-y,z+1/2" as a rotation (3, 3) and a shift (3,)."""
    rotation, shift = np.zeros((3, 3)), np.zeros(3)
    for row, expression in enumerate(text.split(",")):
        for term in expression.replace("-", "+-").lstrip("+").split("+"):
            if term[-1] in "xyz":
                rotation[row, "xyz".index(term[-1])] = -1 if term.startswith("-") else 1
            else:
                shift[row] = float(Fraction(term))
    return rotation, shift


def _key(operation: Operation) -> tuple[int, ...]:
    rotation, shift = operation
    return (*rotation.astype(int).ravel().tolist(), *(np.rint(shift * 24).astype(int) % 24).tolist())


def random_prototype_lines(rng: np.random.Generator, inverse_d_max: float) -> FloatArray:
    """Lines of a prototype with random elements and cell: columns 1/d (Å⁻¹), |F|² × multiplicity, cos² to a texture axis."""
    prototype = PROTOTYPES[int(rng.integers(len(PROTOTYPES)))]
    # c/a of a compound differs from that of the type by a percent or two, unless symmetry fixes it.
    c = prototype.c * (np.exp(rng.normal(0, 0.015)) if prototype.c != 1 else 1.0)
    cell = cell_vectors(np.array([1.0, prototype.b, c]), np.array([90.0, prototype.beta, prototype.gamma]))
    atoms = cell_atoms(prototype)
    n_atoms = sum(len(positions) for _, positions in atoms)
    cell = with_volume(cell, n_atoms * rng.uniform(*prototype.volume))
    known = form_factor_table()
    elements = {label: label if label in known else str(rng.choice(METALS)) for label, _ in atoms}
    return structure_lines(cell, atoms, elements, rng.uniform(0.3, 2.0), inverse_d_max, int(rng.integers(3)))


def structure_lines(
    cell: FloatArray,
    atoms: tuple[tuple[str, FloatArray], ...],
    elements: dict[str, str],
    b_factor: float,
    inverse_d_max: float,
    texture_axis: int = 2,
) -> FloatArray:
    """Lines of a structure: columns 1/d (Å⁻¹), |F|² × multiplicity, cos² to the reciprocal axis number ``texture_axis``.

    cell: vectors as rows (Å); atoms: label and fractional coordinates (n, 3); elements: by label; b_factor: Debye–Waller B (Å²)
    Lines weaker than 10⁻⁵ of the strongest are left out.
    """
    hkl, vectors = lattice_planes(cell, inverse_d_max)
    inverse_d = np.linalg.norm(vectors, axis=1)
    amplitude = np.zeros(len(hkl), dtype=np.complex128)
    for label, positions in atoms:
        amplitude += form_factor(elements[label], inverse_d) * np.exp(2j * np.pi * hkl @ positions.T).sum(axis=1)
    intensity = np.abs(amplitude) ** 2 * np.exp(-b_factor * inverse_d**2 / 2)
    lines = powder_lines(vectors, intensity, np.asarray(np.linalg.inv(cell)[:, texture_axis], dtype=np.float64))
    return np.asarray(lines[lines[:, 1] > 1e-5 * lines[:, 1].max()])
