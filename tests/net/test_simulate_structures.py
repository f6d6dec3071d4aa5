"""The line table of known structures: extinctions, intensities and approximants are those of crystallography."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch import Tensor

from mlmodels.net.simulate import SimulationConfig, simulate
from mlmodels.net.simulation.config import APPROXIMANT_1_1
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.lattice import cell_vectors, with_volume
from mlmodels.net.simulation.prototypes import PROTOTYPES, cell_atoms
from mlmodels.net.simulation.prototypes import structure_lines as lines_of_atoms
from mlmodels.net.simulation.structures import (
    METAL,
    STRUCTURES_FILE,
    SYMBOLS,
    UNUSED,
    draw_approximants_1_1,
    draw_crystals,
    structure_intensities,
    structure_table,
)
from samples.xrd.icosahedral import APPROXIMANT_CUBIC_1_1, reflections

CPU = torch.device("cpu")
TABLE = structure_table(CPU)


def generator(seed: int = 1) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def present(name: str, a: float = 1.0) -> Tensor:
    """(a/d)² of the lines of ``name``, whose cubic cell has the edge ``a`` where an atom has 1 Å³."""
    entry = TABLE.names.index(name)
    has_products = TABLE.products[entry].abs().sum(dim=1) > 0
    return (TABLE.vectors[entry][has_products].square().sum(dim=1) * a**2).sort().values


def test_the_table_says_where_it_comes_from_and_under_which_licence() -> None:
    with np.load(STRUCTURES_FILE, allow_pickle=False) as file:
        source = str(file["source"])
    assert "MIT License" in source
    assert "10.1016/j.commatsci.2017.01.017" in source
    assert STRUCTURES_FILE.stat().st_size < 1.5e6


def test_slots_hold_elements_and_unused_ones_scatter_nothing() -> None:
    assert TABLE.slots.max() < len(SYMBOLS)
    assert TABLE.slots.min() >= UNUSED
    assert (TABLE.slots[:, 0] != UNUSED).all()
    assert torch.isfinite(TABLE.vectors).all()
    alone = TABLE.slots[:, 1] == UNUSED
    assert (TABLE.products[alone][:, :, 1:] == 0).all()
    assert len(TABLE.names) > 120


@pytest.mark.parametrize(
    ("name", "atoms", "squares"),
    [
        ("Cu (A1)", 4, [3, 4, 8, 11, 12]),
        ("W (A2)", 2, [2, 4, 6, 8, 10]),
        ("Si (A4)", 8, [3, 8, 11, 16, 19, 24]),
        ("AuCu3 (L1_2)", 4, [1, 2, 3, 4, 5, 6, 8]),
    ],
)
def test_centrings_and_glides_extinguish(name: str, atoms: int, squares: list[int]) -> None:
    found = present(name, atoms ** (1 / 3))
    assert np.allclose(found[: len(squares)], squares, atol=1e-3)


@pytest.mark.parametrize(
    "name", ["SiO2, quartz (C8)", "Al5Co2 (D8_11)", "Al6Mn (D2_h)", "Ga2O3", "α-Mn (A12)", "TiNiSi"]
)
def test_intensities_are_those_of_the_atoms(name: str) -> None:
    """The table against a sum over the atoms of the cell, with other elements in the slots."""
    prototype = next(p for p in PROTOTYPES if p.name == name)
    entry = TABLE.names.index(name)
    slots = TABLE.slots[entry].clone()
    slots[slots == METAL] = torch.tensor([SYMBOLS.index(e) for e in ("Fe", "Gd", "Mg")])[: int((slots == METAL).sum())]
    atoms = cell_atoms(prototype)
    elements = {label: SYMBOLS[slots[i]] for i, (label, _) in enumerate(atoms)}
    n_atoms = sum(len(places) for _, places in atoms)
    angles = np.array([90.0, prototype.beta, prototype.gamma])
    cell = with_volume(cell_vectors(np.array([1.0, prototype.b, prototype.c]), angles), n_atoms * 14.0)
    inverse_d = TABLE.vectors[entry].norm(dim=1)[None] / 14 ** (1 / 3)
    intensity = structure_intensities(TABLE, torch.tensor([entry]), slots.clamp(min=0)[None], inverse_d)[0]
    expected = lines_of_atoms(cell, atoms, elements, 0.0, 0.65)
    for middle in expected[expected[:, 0] < 0.6, 0]:
        of_atoms = expected[np.abs(expected[:, 0] - middle) < 2e-4, 1].sum()
        of_table = intensity[(inverse_d[0] - middle).abs() < 2e-4].sum().item()
        assert of_table == pytest.approx(of_atoms, rel=2e-3, abs=1e-4 * expected[:, 1].max())


def test_drawn_crystals_are_the_same_for_the_same_seed_and_have_lines() -> None:
    many = torch.arange(600) % 2 == 0
    first, second = (draw_crystals(Draw(generator(3)), many) for _ in range(2))
    assert torch.equal(first.intensity, second.intensity)
    assert torch.equal(first.inverse_d, second.inverse_d)
    assert (first.intensity >= 0).all()
    assert (first.intensity.amax(dim=1) > 0).all()
    assert ((first.texture_cos2 >= 0) & (first.texture_cos2 <= 1 + 1e-5)).all()
    assert ((first.intensity[many] > 0).sum(dim=1)).float().mean() > 60


def test_the_strongest_lines_of_the_bergman_phase_lie_at_icosahedral_positions() -> None:
    """Of a_R = a / 2.7528, for whatever metals stand on its sites."""
    bergman = int(TABLE.approximants_1_1[0])
    assert TABLE.n_cell[bergman] == 162
    assert bergman not in TABLE.crystals
    a_r = torch.full((200, 1), 14.16 / APPROXIMANT_CUBIC_1_1)
    lines = draw_approximants_1_1(Draw(generator()), a_r)
    squares = (lines.inverse_d[0] * 14.16) ** 2
    used = lines.intensity.amax(dim=0) > 0
    assert torch.allclose(squares[used], squares[used].round(), atol=2e-3)
    assert (squares[used].round() % 2 == 0).all(), "body-centred: h + k + l even"
    powder = (lines.intensity / lines.intensity.amax(dim=1, keepdim=True)).mean(dim=0) / lines.inverse_d[0]
    strongest = powder.argsort(descending=True)[:4]
    table = reflections("P", q_perp_max=0.4)
    for i in strongest:
        offset = np.abs(np.log(table.q_par / (lines.inverse_d[0, i] * a_r[0, 0]).item())).min()
        assert offset < 0.03, "the linear phason strain moves lines by a percent or two"


def test_a_share_of_the_approximants_has_published_coordinates() -> None:
    config = replace(
        SimulationConfig.tiny(), class_shares=(0, 1, 0, 0), published_share=0.0, kinds_with=(1, 0, 0, 0, 0, 0)
    )
    for share in (0.0, 1.0):
        batch = simulate(24, replace(config, real_approximants=share, peak_counts=(5e4, 1e5)), generator())
        assert (batch.phase_class == APPROXIMANT_1_1).float().mean() > 0.8
        assert torch.isfinite(batch.intensity).all()
