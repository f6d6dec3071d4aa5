"""Which phases a pattern holds: their line lists, drawn from the shares of the configuration."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mlmodels.net.simulation.config import (
    AMORPHOUS,
    APPROXIMANT_1_1,
    APPROXIMANT_2_1,
    CRYSTALS,
    DECOYS,
    ICOSAHEDRAL,
    MINERALS,
    NONE,
    PURE,
    SimulationConfig,
)
from mlmodels.net.simulation.crystals import LatticeLibrary, lattice_library
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.line_lists import LineLists
from mlmodels.net.simulation.quasicrystals import (
    approximant_intensities,
    approximant_lines,
    free_intensities,
    model_intensities,
    orbits,
)
from mlmodels.net.simulation.structures import MAX_LINES, StructureLines, draw_approximants_1_1, draw_crystals

Q_PAR_MAX = 5.1
"""Of the reflections of quasicrystals (1/a_R): the end of the ln Q grid at a_R = 6 Å."""
Q_PERP_MAX = 0.75

N_STRONG, N_WEAK = 35, 100
"""Decoy lines at most, as in the published recipe."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What each of n patterns is meant to hold; tensors of shape (n,).

    phase_class, kind: indices into PHASE_CLASSES and KINDS, int64; quasilattice_constant: a_R (Å)
    f_type: whether the quasicrystal has superlattice lines; share: of the diffracted area that the wanted phase gets
    """

    phase_class: Tensor
    kind: Tensor
    quasilattice_constant: Tensor
    f_type: Tensor
    share: Tensor


def draw_contents(draw: Draw, n: int, config: SimulationConfig) -> Contents:
    """Draw classes, kinds and shares; half of the shares evenly, half evenly on a logarithmic scale, 1 for a pure phase."""
    phase_class = draw.choice(n, config.class_shares)
    kinds_with, kinds_without = draw.choice(n, config.kinds_with), draw.choice(n, config.kinds_without)
    kind = PURE + torch.where(phase_class == NONE, kinds_without, kinds_with)
    low, high = config.quasilattice_constant
    even, weak = draw.uniform(n, low=config.share), draw.log_uniform(n, low=config.share, high=1.0)
    share = torch.where(kind == PURE, 1.0, torch.where(draw.chance(n, 0.5), even, weak))
    return Contents(
        phase_class=phase_class,
        kind=kind,
        quasilattice_constant=draw.uniform(n, low=low, high=high),
        f_type=draw.chance(n, config.f_type),
        share=torch.where(phase_class == NONE, 0.0, share),
    )


def wanted_lines(draw: Draw, contents: Contents, config: SimulationConfig) -> list[LineLists]:
    """Quasicrystals and approximants that name their pattern's class, and the approximants beside some quasicrystals.

    A quasicrystal and the approximant beside it have the same a_R and the same structure.
    """
    index = torch.nonzero(contents.phase_class != NONE).squeeze(1)
    n = index.numel()
    phase_class, share = contents.phase_class[index], contents.share[index]
    a_r = contents.quasilattice_constant[index, None]
    rows = orbits(draw.device, Q_PAR_MAX, Q_PERP_MAX)
    free = draw.chance(n, config.free_structures)[:, None]
    squared = torch.where(free, free_intensities(draw, rows, a_r), model_intensities(draw, rows, a_r))
    squared = squared * (contents.f_type[index, None] | ~rows.superlattice)
    # Phason strain broadens lines in proportion to q_perp.
    phason = draw.uniform(n, 1, high=2.0) * draw.chance(n, 0.4)[:, None]
    beside = (phase_class == ICOSAHEDRAL) & (contents.kind[index] == CRYSTALS) & draw.chance(n, config.with_approximant)
    beside_order = 1 + draw.integers(n, below=2)
    beside_share = draw.uniform(n, low=0.05, high=0.5) * beside
    real = draw.chance(n, config.real_approximants)

    here = torch.nonzero(phase_class == ICOSAHEDRAL).squeeze(1)
    lists = [
        LineLists(
            pattern=index[here],
            inverse_d=rows.q_par / a_r[here],
            intensity=squared[here] * rows.multiplicity,
            broadening=phason[here] * rows.q_perp / Q_PERP_MAX,
            share=(share * (1 - beside_share))[here],
            wanted=torch.ones_like(here, dtype=torch.bool),
        )
    ]
    for order, its_class in ((1, APPROXIMANT_1_1), (2, APPROXIMANT_2_1)):
        wanted = phase_class == its_class
        approximants = wanted | (beside & (beside_order == order))
        its_share = torch.where(wanted, share, share * beside_share)
        here = torch.nonzero(approximants & ~real if order == 1 else approximants).squeeze(1)
        lines = approximant_lines(draw.device, order, Q_PAR_MAX, Q_PERP_MAX)
        intensity = approximant_intensities(draw, lines, squared[here])
        lists.append(_approximants(index[here], lines.inverse_d / a_r[here], intensity, its_share[here], wanted[here]))
        if order == 1:
            here = torch.nonzero(approximants & real).squeeze(1)
            known = draw_approximants_1_1(draw, a_r[here])
            lists.append(_approximants(index[here], known.inverse_d, known.intensity, its_share[here], wanted[here]))
    return lists


def _approximants(pattern: Tensor, inverse_d: Tensor, intensity: Tensor, share: Tensor, wanted: Tensor) -> LineLists:
    return LineLists(
        pattern=pattern,
        inverse_d=inverse_d,
        intensity=intensity,
        broadening=torch.zeros_like(inverse_d),
        share=share,
        wanted=wanted,
    )


def other_lines(draw: Draw, contents: Contents, config: SimulationConfig) -> list[LineLists]:
    """The other phases, which share what the wanted one leaves: crystals, or lines at random places."""
    kind, n = contents.kind, contents.kind.numel()
    library = lattice_library(draw.device, config.n_lattices, config.library_seed)
    n_phases = torch.where(kind == CRYSTALS, 1 + draw.choice(n, (0.45, 0.35, 0.20)), (kind == MINERALS).long())
    weights = draw.log_uniform(n, 3, low=0.05, high=1.0)
    weights = weights * (torch.arange(3, device=draw.device) < n_phases[:, None])
    left = 1 - contents.share
    shares = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-6) * left[:, None]
    pattern = torch.nonzero(weights > 0)[:, 0]
    crystals = crystal_lines(draw, library, pattern, shares[weights > 0], kind[pattern] == MINERALS, config.prototypes)
    # A crystallised spot or the substrate shows in some amorphous patterns.
    index = torch.nonzero((kind == DECOYS) | ((kind == AMORPHOUS) & draw.chance(n, 0.3))).squeeze(1)
    return [crystals, _decoy_lines(draw, index, left[index], kind[index] == AMORPHOUS)]


def crystal_lines(
    draw: Draw, library: LatticeLibrary, pattern: Tensor, share: Tensor, many: Tensor, prototypes: float
) -> LineLists:
    """One crystalline phase for each entry of ``pattern``, a many-line one where ``many``; a share ``prototypes`` have known
    structures, whose intensities scatter a little.

    A third are textured (March, Z. Kristallogr. 81, 285 (1932); Dollase (1986)).
    """
    n = pattern.numel()
    known = draw.chance(n, prototypes)
    structures, lattices = draw_crystals(draw, many[known]), _draw_lattices(draw, library, many[~known])
    misfit = torch.exp(draw.uniform(n, 1, high=0.4) * draw.normal(n, MAX_LINES))
    order = torch.argsort(torch.cat([torch.nonzero(known), torch.nonzero(~known)]).squeeze(1))
    inverse_d = torch.cat([structures.inverse_d, lattices.inverse_d])[order]
    intensity = torch.cat([structures.intensity, lattices.intensity])[order]
    cos2 = torch.cat([structures.texture_cos2, lattices.texture_cos2])[order]
    march = torch.where(draw.chance(n, 0.35), draw.uniform(n, low=0.35, high=1.2), 1.0)[:, None]
    texture = (march**2 * cos2 + (1 - cos2) / march) ** -1.5
    broadening = draw.uniform(n, 1) * draw.chance(n, 0.4)[:, None]
    return LineLists(
        pattern=pattern,
        inverse_d=inverse_d,
        intensity=intensity * texture * torch.where(known[:, None], misfit, 1.0),
        broadening=broadening.expand(n, MAX_LINES),
        share=share,
        wanted=torch.zeros_like(many),
    )


def _draw_lattices(draw: Draw, library: LatticeLibrary, many: Tensor) -> StructureLines:
    """One random lattice for each entry of ``many``; intensities follow Wilson's statistics, sharpened or flattened by a
    random power."""
    n, (n_lattices, n_lines) = many.numel(), library.inverse_d.shape
    rich = library.rich[draw.integers(n, below=library.rich.numel())]
    entry = torch.where(many, rich, draw.integers(n, below=n_lattices))
    inverse_d = library.inverse_d[entry] * draw.uniform(n, 1, low=0.95, high=1.05)
    wilson = (-torch.log(draw.uniform(n, n_lines, low=1e-6, high=1.0))) ** draw.uniform(n, 1, low=0.4, high=2.2)
    wilson = wilson * torch.exp(-draw.uniform(n, 1, low=2.0, high=9.0) * inverse_d**2 / 2)
    return StructureLines(inverse_d, library.multiplicity[entry] * wilson, library.texture_cos2[entry])


def _decoy_lines(draw: Draw, pattern: Tensor, share: Tensor, few: Tensor) -> LineLists:
    """Lines anywhere: 1–35 strong and 0–100 weak ones, or 1–6 where ``few``."""
    n, n_lines = pattern.numel(), N_STRONG + N_WEAK
    n_strong = 1 + torch.where(few, draw.integers(n, below=6), draw.integers(n, below=N_STRONG))
    n_weak = torch.where(few, 0, draw.integers(n, below=N_WEAK + 1))
    strong = draw.uniform(n, N_STRONG, low=0.1) * (torch.arange(N_STRONG, device=draw.device) < n_strong[:, None])
    weak = draw.uniform(n, N_WEAK, high=0.1) * (torch.arange(N_WEAK, device=draw.device) < n_weak[:, None])
    inverse_d = draw.uniform(n, n_lines, low=0.2, high=0.85)
    # 1/d² takes out most of the Lorentz factor, so that the strongest lines lie anywhere.
    return LineLists(
        pattern=pattern,
        inverse_d=inverse_d,
        intensity=torch.cat([strong, weak], dim=1) * inverse_d**2,
        broadening=torch.zeros_like(inverse_d),
        share=share,
        wanted=torch.zeros_like(few),
    )
