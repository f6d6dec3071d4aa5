"""A crystal structure from a CIF, and the powder lines that it gives."""

from __future__ import annotations

from dataclasses import dataclass

import gemmi
import numpy as np
from numpy.typing import NDArray

from samples.xrd.scattering import debye_waller, form_factor, form_factor_table
from samples.xrd.sentences import Sentence, sentence

FloatArray = NDArray[np.float64]

MAX_CIF_BYTES = 2 * 10**6
MAX_VOLUME = 30_000.0
"""Å³; the 2/1 approximants have about 15,000."""
MAX_SITES = 5_000

D_MIN = 1.0
"""Å; 101° with Cu Kα1."""

D_MAX = 40.0
SAME_D = 2e-4
"""Lines whose d differ by less than this share fall together in a powder pattern."""

USUAL_B = 0.6
"""Å²; for atoms whose displacement the file does not give."""

WEAKEST = 0.004
"""Share of the strongest line below which a line is not kept."""

MAX_STICKS = 300


class CrystalFileError(ValueError):
    """A file that gives no crystal structure; ``.sentence`` says what is wrong and what to do."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


@dataclass(frozen=True, slots=True, eq=False)
class Crystal:
    """The atoms of one unit cell.

    cell: a, b, c (Å), α, β, γ (degree)
    positions: fractional, shape (n_atoms, 3)
    atoms: element of each position, occupancy, B (Å²); shape (n_atoms,) each
    """

    name: str
    formula: str
    space_group: str
    cell: tuple[float, ...]
    positions: FloatArray
    atoms: tuple[str, ...]
    occupancies: FloatArray
    b_factors: FloatArray

    @property
    def elements(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.atoms))

    def sticks(self) -> list[list[float | str]]:
        """Lines of the powder: d (Å), Σ|F|² over the lines that fall together, and the indices of one, strongest 300 by d.

        Without the Lorentz–polarisation factor, which depends on the radiation.
        """
        cell = gemmi.UnitCell(*self.cell)
        indices = gemmi.make_miller_array(cell, gemmi.SpaceGroup("P 1"), D_MIN, D_MAX, unique=True)
        d = np.asarray(cell.calculate_d_array(indices), dtype=np.float64)
        order = np.argsort(-d)
        d, indices = d[order], indices[order]
        # Of each pair hkl, −h−k−l there is one: both have the same |F|² but for anomalous scattering.
        power = 2 * np.concatenate([self._power(part, 1 / d_part) for part, d_part in _in_parts(indices, d)])
        starts = np.flatnonzero(np.diff(d, prepend=np.inf) < -SAME_D * d)
        together = np.add.reduceat(power, starts) if len(starts) else power
        visible = np.argsort(-together)[:MAX_STICKS]
        visible = np.sort(visible[together[visible] > WEAKEST * together.max(initial=0)])
        return [
            [round(float(d[starts[i]]), 5), round(float(together[i] / together.max()), 5), _label(indices[starts[i]])]
            for i in visible
        ]

    def _power(self, indices: NDArray[np.int32], inverse_d: FloatArray) -> FloatArray:
        """|F|² (electrons²) of each reflection; ``indices`` has shape (n, 3), ``inverse_d`` (Å⁻¹) shape (n,)."""
        phases = np.exp(2j * np.pi * (indices.astype(np.float64) @ self.positions.T))
        f0 = {element: form_factor(element, inverse_d) for element in self.elements}
        amplitude = np.zeros(len(indices), dtype=np.complex128)
        for n, element in enumerate(self.atoms):
            weight = self.occupancies[n] * f0[element] * debye_waller(inverse_d, self.b_factors[n])
            amplitude += weight * phases[:, n]
        return np.abs(amplitude) ** 2


def read_crystal(content: bytes) -> Crystal:
    """The structure of the first block of a CIF that has atoms; CrystalFileError where there is none."""
    if len(content) > MAX_CIF_BYTES:
        raise CrystalFileError(
            sentence(
                "The file is larger than %(limit)s MB. Send the CIF of one structure.", limit=MAX_CIF_BYTES // 10**6
            )
        )
    try:
        document = gemmi.cif.read_string(content.decode("utf-8", errors="replace").replace("\0", " "))
        structures = [(block, gemmi.make_small_structure_from_block(block)) for block in document]
    except (ValueError, RuntimeError) as error:
        raise CrystalFileError(
            sentence(
                "This file is not a CIF that can be read: %(error)s. Nothing was kept.", error=str(error).strip()[:200]
            )
        ) from error
    block, structure = next(((b, s) for b, s in structures if len(s.sites)), (None, None))
    if block is None or structure is None:
        raise CrystalFileError(
            sentence(
                "This CIF lists no atoms, so its lines cannot be computed. Send the CIF of the whole structure. Nothing was kept."
            )
        )
    return _crystal(block, structure)


def _crystal(block: gemmi.cif.Block, structure: gemmi.SmallStructure) -> Crystal:
    cell = structure.cell
    if not cell.is_crystal() or not 1 < cell.volume <= MAX_VOLUME:
        raise CrystalFileError(
            sentence(
                "The unit cell of this CIF cannot be used: its volume must lie between 1 and %(largest)s Å³. Nothing was kept.",
                largest=int(MAX_VOLUME),
            )
        )
    sites = structure.get_all_unit_cell_sites()
    if len(sites) > MAX_SITES:
        raise CrystalFileError(
            sentence("The unit cell of this CIF has more than %(limit)s atoms. Nothing was kept.", limit=MAX_SITES)
        )
    atoms = tuple(site.element.name for site in sites)
    unknown = sorted({atom for atom in atoms if atom not in form_factor_table()})
    if unknown:
        raise CrystalFileError(
            sentence(
                "“%(atoms)s” is no element that X-ray form factors are known of. Correct the atom types in the CIF. Nothing was kept.",
                atoms=", ".join(unknown),
            )
        )
    space_group = structure.spacegroup
    symbol = space_group.short_name() if space_group else structure.spacegroup_hm.strip("?. ") or "P1"
    return Crystal(
        name=_text(block, "_chemical_name_common", "_chemical_name_mineral", "_chemical_name_systematic")
        or block.name.strip(),
        formula=_text(block, "_chemical_formula_sum").replace(" ", "") or "".join(dict.fromkeys(atoms)),
        space_group=symbol[:30],
        cell=(cell.a, cell.b, cell.c, cell.alpha, cell.beta, cell.gamma),
        positions=np.array([site.fract.tolist() for site in sites], dtype=np.float64),
        atoms=atoms,
        occupancies=np.array([site.occ for site in sites], dtype=np.float64),
        b_factors=np.array([8 * np.pi**2 * site.u_iso if site.u_iso > 0 else USUAL_B for site in sites]),
    )


def _text(block: gemmi.cif.Block, *tags: str) -> str:
    """What the first of ``tags`` says that says something."""
    for tag in tags:
        value = block.find_value(tag)
        if value and value not in {"?", "."}:
            return " ".join(gemmi.cif.as_string(value).split())
    return ""


def _in_parts(indices: NDArray[np.int32], d: FloatArray) -> list[tuple[NDArray[np.int32], FloatArray]]:
    """Pieces of at most 2,000 reflections, so that a large cell does not fill the memory."""
    edges = range(0, len(d), 2_000)
    return [(indices[start : start + 2_000], d[start : start + 2_000]) for start in edges]


def _label(index: NDArray[np.int32]) -> str:
    return " ".join(str(int(i)) for i in sorted(np.abs(index), reverse=True))
