"""Simulated powder patterns to train and test the network with, made in batches on the device that trains.

Each pattern is a mixture of phases as an instrument would have measured it (:mod:`mlmodels.net.simulation` has the parts),
and is returned on the ln Q grid that the network sees.  Everything random comes from the generator that is passed in.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from mlmodels.net.simulation.conditions import draw_instrument, expected_counts, is_seen, treated
from mlmodels.net.simulation.config import ICOSAHEDRAL, KINDS, NONE, PUBLISHED, SimulationConfig
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import axis_of, line_profiles, rebin
from mlmodels.net.simulation.phases import draw_contents, other_lines, wanted_lines
from mlmodels.net.simulation.published import published_patterns, rebinned
from mlmodels.net.simulation.single import simulate_pattern

__all__ = ["KINDS", "SimulatedBatch", "SimulationConfig", "published_recipe", "simulate", "simulate_pattern"]

PRIMITIVE, FACE_CENTRED, NOT_ICOSAHEDRAL = 0, 1, -1
"""Values of ``lattice_type``."""


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
    """Simulate ``n`` patterns, at least one; the same seed gives the same batch.

    Raises ValueError where the generator lives on another device than ``device``.
    """
    draw = Draw(generator)
    if draw.device.type != torch.device(device).type:
        raise ValueError(
            f"The generator is on {draw.device}, and the patterns are wanted on {device}; make both alike."
        )
    # A number of each kind that does not vary: a GPU plans its Fourier transforms anew for every other number of patterns.
    order = torch.randperm(n, generator=generator, device=draw.device)
    here, there = order.tensor_split([_rounded(n * config.published_share, draw)])
    parts = []
    if here.numel():
        parts.append(published_recipe(here.numel(), generator))
    if there.numel():
        parts.append(_mixtures(there.numel(), config, draw))
    place = torch.argsort(order)
    return SimulatedBatch(
        **{name: torch.cat([getattr(part, name) for part in parts])[place] for name in SimulatedBatch.__slots__}
    )


def _rounded(number: float, draw: Draw) -> int:
    """One of the two integers beside ``number``, by chance, so that it is right on the mean."""
    return int(number + float(draw.uniform(1)))


def published_recipe(n: int, generator: torch.Generator, icosahedral: float = 0.5) -> SimulatedBatch:
    """``n`` patterns by the published recipe, over all a_R from 4 to 6 Å; a share ``icosahedral`` holds a quasicrystal."""
    draw = Draw(generator)
    holds = draw.chance(n, icosahedral)
    patterns = published_patterns(draw, holds)
    intensity, measured = rebinned(patterns)
    return SimulatedBatch(
        intensity=intensity,
        measured=measured,
        phase_class=torch.where(holds, ICOSAHEDRAL, NONE),
        quasilattice_constant=patterns.quasilattice_constant,
        lattice_type=torch.where(holds, PRIMITIVE, NOT_ICOSAHEDRAL),
        share=patterns.share,
        kind=torch.full_like(holds, PUBLISHED, dtype=torch.int64),
    )


def _mixtures(n: int, config: SimulationConfig, draw: Draw) -> SimulatedBatch:
    contents = draw_contents(draw, n, config)
    phases = wanted_lines(draw, contents, config) + other_lines(draw, contents, config)
    instrument = draw_instrument(draw, n)
    axis = axis_of(instrument)
    profiles, share = line_profiles(phases, instrument, axis)
    expected = expected_counts(draw, profiles, contents.kind, instrument, axis, config)

    # What the counts cannot show, or what lies outside the range, is taken out, and the pattern is not called by it.
    seen = (contents.phase_class != NONE) & is_seen(expected, instrument, axis, config)
    counts = draw.poisson(expected.wanted * seen[:, None] + expected.others + expected.background)
    counts = treated(draw, counts, expected.background, axis)
    start = axis.start + axis.first * axis.fine_step
    intensity, measured = rebin(counts, start, axis.fine_step * axis.stride, axis.n_read, instrument.wavelength)
    phase_class = torch.where(seen, contents.phase_class, NONE)
    lattice_type = torch.where(contents.f_type, FACE_CENTRED, PRIMITIVE)
    return SimulatedBatch(
        intensity=intensity,
        measured=measured,
        phase_class=phase_class,
        quasilattice_constant=torch.where(seen, contents.quasilattice_constant, torch.nan),
        lattice_type=torch.where(phase_class == ICOSAHEDRAL, lattice_type, NOT_ICOSAHEDRAL),
        share=torch.where(seen, share, 0.0),
        kind=contents.kind,
    )
