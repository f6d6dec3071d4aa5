"""Simulated powder patterns to train and test the network with, made in batches on the device that trains.

Each pattern is a mixture of phases (:mod:`mlmodels.net.simulation`) as an instrument would have measured it, and is
returned on the ln Q grid that the network sees.  Everything random comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mlmodels.net.grid import N_BINS, PHASE_CLASSES, Q_MAX, Q_MIN
from mlmodels.net.simulation.background import amorphous_halos, smooth_background
from mlmodels.net.simulation.crystals import PhaseLibrary, phase_library
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import Axis, Instrument, axis_of, line_profiles, read_points, rebin
from mlmodels.net.simulation.lines import LineLists
from mlmodels.net.simulation.published import published_bins, published_patterns
from mlmodels.net.simulation.quasicrystals import (
    approximant_intensities,
    approximant_lines,
    free_intensities,
    model_intensities,
    orbits,
)
from samples.xrd.bragg import RADIATIONS

KINDS = ("published", "pure", "crystals", "minerals", "decoys", "amorphous", "blank")
"""What a pattern holds beside the phase that names its class: the published recipe's decoy lines; nothing; one to three
crystalline phases; one many-line phase of low symmetry; random lines; halos and at most a few weak lines; only noise."""
PUBLISHED, PURE, CRYSTALS, MINERALS, DECOYS, AMORPHOUS, BLANK = range(len(KINDS))
ICOSAHEDRAL, APPROXIMANT_1_1, APPROXIMANT_2_1, NONE = range(len(PHASE_CLASSES))

Q_PAR_MAX = 5.1
Q_PERP_MAX = 0.75


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """Ranges and shares of what is simulated; the defaults are the mix that the network trains on.

    class_shares: of PHASE_CLASSES; published_share: patterns by the published recipe (half of them with a quasicrystal)
    free_structures: of the quasicrystals and approximants, those with intensities drawn freely
    f_type: of the quasicrystals, those with superlattice lines; quasilattice_constant: range of a_R (Å)
    share: smallest part of the diffracted area that a wanted phase may have; with_approximant: of the mixed quasicrystals,
        those that stand beside their own approximant
    kinds_with, kinds_without: shares of KINDS (without "published") for patterns with and without a wanted phase
    peak_counts: counts at the highest point, drawn evenly on a logarithmic scale
    significance: a wanted phase whose strongest line stands fewer standard deviations above the counts is left out
    n_lattices, n_prototypes, library_seed: of the library of crystalline phases
    """

    class_shares: tuple[float, ...] = (0.50, 0.06, 0.06, 0.38)
    published_share: float = 0.17
    free_structures: float = 0.45
    f_type: float = 0.5
    quasilattice_constant: tuple[float, float] = (3.99, 6.01)
    share: float = 0.03
    with_approximant: float = 0.08
    kinds_with: tuple[float, ...] = (0.15, 0.50, 0.17, 0.12, 0.06, 0.0)
    kinds_without: tuple[float, ...] = (0.0, 0.48, 0.20, 0.18, 0.12, 0.02)
    peak_counts: tuple[float, float] = (150.0, 100_000.0)
    significance: float = 4.0
    n_lattices: int = 3000
    n_prototypes: int = 1000
    library_seed: int = 2023

    @classmethod
    def tiny(cls) -> SimulationConfig:
        """The same mix with a library that is made in a moment."""
        return cls(n_lattices=120, n_prototypes=40)


@dataclass(frozen=True, slots=True)
class SimulatedBatch:
    """n simulated patterns on the ln Q grid, with the truth about them.

    intensity: mean intensity in each bin as measured (counts with background and noise), float32, shape (n, N_BINS);
        0 where not measured
    measured: bool, shape (n, N_BINS)
    phase_class: index into PHASE_CLASSES, int64, shape (n,)
    quasilattice_constant: a_R (Å) of the quasicrystal, or to which the approximant belongs; NaN for "none", shape (n,)
    lattice_type: 0 P, 1 F, −1 not icosahedral, int64, shape (n,)
    share: of the diffracted area (without background) that is the wanted phase's; 0 for "none", shape (n,)
    kind: index into KINDS, int64, shape (n,)
    """

    intensity: Tensor
    measured: Tensor
    phase_class: Tensor
    quasilattice_constant: Tensor
    lattice_type: Tensor
    share: Tensor
    kind: Tensor


def simulate(
    n: int, config: SimulationConfig, generator: torch.Generator, device: torch.device | str = "cpu"
) -> SimulatedBatch:
    """Simulate ``n`` patterns; the generator must live on ``device``. The same seed gives the same batch."""
    draw = Draw(generator)
    if draw.device.type != torch.device(device).type:
        raise ValueError(f"The generator is on {draw.device}, the patterns are wanted on {device}.")
    published = draw.chance(n, config.published_share)
    here = torch.nonzero(published).squeeze(1)
    there = torch.nonzero(~published).squeeze(1)
    parts = []
    if here.numel():
        parts.append(published_recipe(here.numel(), generator))
    if there.numel():
        parts.append(_mixtures(draw, there.numel(), config))
    order = torch.argsort(torch.cat([here, there]))
    fields = SimulatedBatch.__slots__
    return SimulatedBatch(**{name: torch.cat([getattr(part, name) for part in parts])[order] for name in fields})


def published_recipe(n: int, generator: torch.Generator, icosahedral: float = 0.5) -> SimulatedBatch:
    """``n`` patterns by the published recipe, over all a_R from 4 to 6 Å, of which a share ``icosahedral`` hold a quasicrystal."""
    draw = Draw(generator)
    wanted = draw.chance(n, icosahedral)
    patterns = published_patterns(draw, wanted)
    intensity, measured = published_bins(patterns)
    one = torch.ones(n, dtype=torch.int64, device=draw.device)
    return SimulatedBatch(
        intensity=intensity,
        measured=measured,
        phase_class=torch.where(wanted, ICOSAHEDRAL * one, NONE * one),
        quasilattice_constant=patterns.quasilattice_constant,
        lattice_type=torch.where(wanted, 0 * one, -one),
        share=patterns.share,
        kind=PUBLISHED * one,
    )


def _mixtures(draw: Draw, n: int, config: SimulationConfig) -> SimulatedBatch:
    phase_class = draw.choice(n, config.class_shares)
    kind = 1 + torch.where(phase_class == NONE, draw.choice(n, config.kinds_without), draw.choice(n, config.kinds_with))
    low, high = config.quasilattice_constant
    a_r = draw.uniform(n, low=low, high=high)
    lattice_type = draw.chance(n, config.f_type).long()
    share = _draw_shares(draw, kind, config)

    lines = [*_wanted_lines(draw, config, phase_class, kind, a_r, lattice_type, share)]
    lines += _host_lines(draw, config, kind, torch.where(phase_class == NONE, 0.0, share))
    instrument = draw_instrument(draw, n)
    axis = axis_of(instrument)
    profiles, area_share = line_profiles(lines, instrument, axis)
    rate_wanted, rate_others = _expected_counts(draw, config, kind, profiles[0], profiles[1], instrument, axis)

    seen = _significance(rate_wanted, rate_wanted + rate_others, instrument, axis) >= config.significance
    seen &= phase_class != NONE
    counts = draw.poisson(rate_others + rate_wanted * seen[:, None])
    first = axis.start + axis.first * axis.fine_step
    intensity, measured = rebin(counts, first, axis.fine_step * axis.stride, axis.n_read, instrument.wavelength)
    phase_class = torch.where(seen, phase_class, NONE)
    return SimulatedBatch(
        intensity=intensity,
        measured=measured,
        phase_class=phase_class,
        quasilattice_constant=torch.where(seen, a_r, torch.nan),
        lattice_type=torch.where(phase_class == ICOSAHEDRAL, lattice_type, -1),
        share=torch.where(seen, area_share, 0.0),
        kind=kind,
    )


def _draw_shares(draw: Draw, kind: Tensor, config: SimulationConfig) -> Tensor:
    """Share of the wanted phase in the diffracted area: half evenly, half evenly on a logarithmic scale; 1 where it is alone."""
    n = kind.shape[0]
    even = draw.uniform(n, low=config.share, high=1.0)
    weak = draw.log_uniform(n, low=config.share, high=1.0)
    share = torch.where(draw.chance(n, 0.5), even, weak)
    return torch.where(kind == PURE, torch.ones_like(share), share)


def _wanted_lines(
    draw: Draw,
    config: SimulationConfig,
    phase_class: Tensor,
    kind: Tensor,
    a_r: Tensor,
    lattice_type: Tensor,
    share: Tensor,
) -> list[LineLists]:
    """Quasicrystals and approximants that name their pattern's class, and the approximants beside their quasicrystal."""
    rows = orbits(draw.device, Q_PAR_MAX, Q_PERP_MAX)
    index = torch.nonzero(phase_class != NONE).squeeze(1)
    if not index.numel():
        return []
    a, n = a_r[index], index.numel()
    free = draw.chance(n, config.free_structures)[:, None]
    intensities = torch.where(free, free_intensities(draw, rows, a), model_intensities(draw, rows, a))
    intensities = intensities * ((lattice_type[index] == 1)[:, None] | ~rows.superlattice)
    phason = draw.uniform(n, high=3.0) * draw.chance(n, 0.4)
    beside = draw.chance(n, config.with_approximant) & (phase_class[index] == ICOSAHEDRAL) & (kind[index] == CRYSTALS)
    beside_order = 1 + draw.integers(n, below=2)
    beside_share = draw.uniform(n, low=0.05, high=0.5)

    lists = []
    here = torch.nonzero(phase_class[index] == ICOSAHEDRAL).squeeze(1)
    lists.append(
        LineLists(
            pattern=index[here],
            inverse_d=rows.q_par / a[here, None],
            intensity=intensities[here] * rows.multiplicity,
            broadening=phason[here, None] * rows.q_perp,
            share=(share[index] * (1 - beside_share * beside))[here],
            wanted=torch.ones(here.numel(), dtype=torch.bool, device=draw.device),
        )
    )
    for order, its_class in ((1, APPROXIMANT_1_1), (2, APPROXIMANT_2_1)):
        is_wanted = phase_class[index] == its_class
        here = torch.nonzero(is_wanted | (beside & (beside_order == order))).squeeze(1)
        lines = approximant_lines(draw.device, order, Q_PAR_MAX, Q_PERP_MAX)
        part = torch.where(is_wanted, share[index], share[index] * beside_share)[here]
        lists.append(
            LineLists(
                pattern=index[here],
                inverse_d=lines.inverse_d / a[here, None],
                intensity=approximant_intensities(draw, lines, intensities[here]),
                broadening=torch.zeros(here.numel(), lines.inverse_d.shape[0], device=draw.device),
                share=part,
                wanted=is_wanted[here],
            )
        )
    return lists


def _host_lines(draw: Draw, config: SimulationConfig, kind: Tensor, wanted_share: Tensor) -> list[LineLists]:
    """The other phases, which share what the wanted one leaves."""
    library = phase_library(draw.device, config.n_lattices, config.n_prototypes, config.library_seed)
    n = kind.shape[0]
    weights = draw.log_uniform(n, 3, low=0.05, high=1.0)
    n_phases = torch.where(kind == CRYSTALS, 1 + draw.choice(n, (0.45, 0.35, 0.2)), (kind == MINERALS).long())
    weights = weights * (torch.arange(3, device=draw.device) < n_phases[:, None])
    shares = weights / weights.sum(dim=1, keepdim=True).clamp(min=1e-6) * (1 - wanted_share)[:, None]
    pattern, _ = torch.nonzero(weights > 0, as_tuple=True)
    lists = []
    if pattern.numel():
        lists.append(_crystal_lines(draw, library, pattern, shares[weights > 0], kind[pattern] == MINERALS))
    random = torch.nonzero((kind == DECOYS) | ((kind == AMORPHOUS) & draw.chance(n, 0.4))).squeeze(1)
    if random.numel():
        lists.append(_decoys(draw, random, (1 - wanted_share)[random], kind[random] == AMORPHOUS))
    return lists


def _crystal_lines(draw: Draw, library: PhaseLibrary, pattern: Tensor, share: Tensor, many: Tensor) -> LineLists:
    n, n_lines = pattern.numel(), library.inverse_d.shape[1]
    rich = torch.nonzero(library.n_visible >= 60).squeeze(1)
    entry = torch.where(
        many,
        rich[draw.integers(n, below=rich.numel())],
        draw.integers(n, below=library.random.numel()),
    )
    inverse_d = library.inverse_d[entry] * draw.uniform(n, 1, low=0.95, high=1.05)
    # Wilson statistics for a random lattice, a slight misfit for a known structure.
    power = draw.uniform(n, 1, low=0.4, high=2.2)
    wilson = (-torch.log(draw.uniform(n, n_lines, low=1e-6, high=1.0))) ** power * torch.exp(
        -draw.uniform(n, 1, low=2.0, high=9.0) * inverse_d**2 / 2
    )
    misfit = torch.exp(draw.uniform(n, 1, high=0.3) * draw.normal(n, n_lines))
    intensity = library.intensity[entry] * torch.where(library.random[entry][:, None], wilson, misfit)
    r = torch.where(draw.chance(n, 0.35), draw.uniform(n, low=0.35, high=1.2), torch.ones(n, device=draw.device))[
        :, None
    ]
    cos2 = library.texture_cos2[entry]
    texture = (r**2 * cos2 + (1 - cos2) / r) ** -1.5
    return LineLists(
        pattern=pattern,
        inverse_d=inverse_d,
        intensity=intensity * texture,
        broadening=(draw.uniform(n, 1, high=1.5) * draw.chance(n, 0.4)[:, None]).expand(n, n_lines),
        share=share,
        wanted=torch.zeros(n, dtype=torch.bool, device=draw.device),
    )


def _decoys(draw: Draw, pattern: Tensor, share: Tensor, few: Tensor) -> LineLists:
    """Lines anywhere: 1–35 strong and 0–100 weak ones, or 1–6 where ``few``."""
    n, n_lines = pattern.numel(), 135
    place = torch.arange(n_lines, device=draw.device)
    n_strong = torch.where(few, 1 + draw.integers(n, below=6), 1 + draw.integers(n, below=35))
    n_weak = torch.where(few, 0, draw.integers(n, below=101))
    strong = draw.uniform(n, n_lines, low=0.1) * (place < n_strong[:, None])
    weak = draw.uniform(n, n_lines, high=0.1) * ((place >= 35) & (place < 35 + n_weak[:, None]))
    inverse_d = draw.uniform(n, n_lines, low=0.2, high=0.85)
    # The Lorentz–polarisation factor that comes later is taken out, so that strong lines are not all at low angles.
    return LineLists(
        pattern=pattern,
        inverse_d=inverse_d,
        intensity=(strong + weak) * inverse_d**2,
        broadening=torch.zeros(n, n_lines, device=draw.device),
        share=share,
        wanted=torch.zeros(n, dtype=torch.bool, device=draw.device),
    )


def draw_instrument(draw: Draw, n: int) -> Instrument:
    """Radiations, ranges, steps and widths as laboratories use them; mostly Cu Kα."""
    anodes = ("Cu", "Co", "Mo", "Cr", "Fe", "Ag")
    lab = draw.choice(n, (0.76, 0.08, 0.07, 0.03, 0.03, 0.03))
    synchrotron = draw.chance(n, 0.06)
    first = torch.tensor([RADIATIONS[a].kalpha1 for a in anodes], device=draw.device)[lab]
    second = torch.tensor([RADIATIONS[a].kalpha2 for a in anodes], device=draw.device)[lab]
    wavelength = torch.where(synchrotron, draw.uniform(n, low=0.4, high=1.3), first)
    doublet = draw.chance(n, 0.65) & ~synchrotron
    ratio = torch.where(doublet, draw.uniform(n, low=0.45, high=0.55), torch.zeros(n, device=draw.device))

    grid_low, grid_high = _angle(Q_MIN, wavelength), _angle(Q_MAX, wavelength)
    starts, ends = torch.tensor([10.0, 20.0, 25.0, 30.0]), torch.tensor([60.0, 70.0, 80.0, 90.0])
    start = starts.to(draw.device)[draw.choice(n, (0.45, 0.30, 0.12, 0.13))]
    end = ends.to(draw.device)[draw.choice(n, (0.08, 0.15, 0.40, 0.37))]
    # Ranges are drawn as those of Cu Kα, and cover the same Q at another wavelength.
    copper = RADIATIONS["Cu"].kalpha1
    low = _angle(4 * torch.pi / copper * torch.sin(torch.deg2rad(start / 2)), wavelength)
    high = _angle(4 * torch.pi / copper * torch.sin(torch.deg2rad(end / 2)), wavelength)
    scale = (grid_high - grid_low) / 60
    low = torch.maximum(low, grid_low - 0.4 * scale)
    high = torch.minimum(high, grid_high + 0.4 * scale)
    step = torch.tensor([0.005, 0.01, 0.013, 0.0167, 0.02, 0.026, 0.03, 0.04, 0.05, 0.08], device=draw.device)[
        draw.choice(n, (0.05, 0.15, 0.1, 0.1, 0.3, 0.08, 0.07, 0.06, 0.06, 0.03))
    ]
    width = draw.log_uniform(n, low=0.06, high=0.6)
    other = torch.where(draw.chance(n, 0.5), width, draw.log_uniform(n, low=0.05, high=1.0))
    return Instrument(
        wavelength=wavelength,
        wavelength_2=torch.where(synchrotron, wavelength, second),
        ratio_2=ratio,
        two_theta_low=low,
        two_theta_high=high,
        step=step * scale.sqrt(),
        zero_shift=draw.uniform(n, low=-0.1, high=0.1) * scale.sqrt(),
        displacement=draw.normal(n) * 0.04 * scale.sqrt(),
        polarisation=torch.where(synchrotron, 0.0, torch.where(draw.chance(n, 0.5), 1.0, 0.8)),
        fwhm=torch.stack([width, other], dim=1) * scale.sqrt()[:, None],
        mixing=draw.uniform(n, 2),
        strain=draw.uniform(n, high=1.2),
    )


def _angle(q: Tensor | float, wavelength: Tensor) -> Tensor:
    """2θ (degree) of ``q`` (Å⁻¹), at most 150°."""
    return torch.rad2deg(2 * torch.asin((q * wavelength / (4 * torch.pi)).clamp(max=0.9659)))


def _expected_counts(
    draw: Draw,
    config: SimulationConfig,
    kind: Tensor,
    wanted: Tensor,
    others: Tensor,
    instrument: Instrument,
    axis: Axis,
) -> tuple[Tensor, Tensor]:
    """Expected counts at the points that are read: of the wanted phase, and of all else with the background."""
    n = kind.shape[0]
    height = (wanted + others).amax(dim=1, keepdim=True)
    has_lines = (height > 0).float()
    n_halos = torch.where(
        kind == AMORPHOUS, 1 + draw.integers(n, below=4), draw.integers(n, below=4) * draw.chance(n, 0.25)
    )
    n_halos = torch.where(kind == BLANK, 0, n_halos)
    halos = amorphous_halos(draw, axis, instrument.wavelength, n_halos)
    # Relative to the highest line, or to 1 where there is none.
    halo_level = draw.log_uniform(n, 1, low=0.03, high=1.0)
    halo_level = torch.where((kind == AMORPHOUS)[:, None], draw.log_uniform(n, 1, low=0.5, high=10.0), halo_level)
    base_level = draw.log_uniform(n, 1, low=0.003, high=1.5)
    lines_scale = 1 / height.clamp(min=1e-9) * has_lines
    background = halo_level * halos + base_level * smooth_background(draw, axis)
    peak = draw.log_uniform(n, 1, low=config.peak_counts[0], high=config.peak_counts[1])
    total = (wanted + others) * lines_scale + background
    scale = peak / total.amax(dim=1, keepdim=True)
    return (
        read_points(wanted * lines_scale * scale, axis),
        read_points((others * lines_scale + background) * scale, axis),
    )


def _significance(signal: Tensor, total: Tensor, instrument: Instrument, axis: Axis) -> Tensor:
    """Standard deviations by which the highest line of ``signal`` stands above the counting noise, over its width, shape (n,)."""
    points = (instrument.fwhm[:, 0] / (axis.fine_step * axis.stride)).clamp(min=1.0)
    return (signal / total.clamp(min=1e-3).sqrt()).amax(dim=1) * points.sqrt()
