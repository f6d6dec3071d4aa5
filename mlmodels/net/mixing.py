"""Measured patterns among simulated ones, each varied in the few ways in which the same sample could have been measured.

A simulated pattern gives its place to a measured one of the same phase class, with a stated probability: so the classes keep
the balance of the simulated mix, whatever the lab happened to measure.  Within a class a pattern is drawn by its weight.
"""

from __future__ import annotations

from dataclasses import replace
from math import log

import torch
from torch import Tensor

from mlmodels.net.curated import CuratedPatterns
from mlmodels.net.grid import A_R_MAX, A_R_MIN, LN_Q_EDGES, LN_Q_STEP, N_BINS, PHASE_CLASSES
from mlmodels.net.simulate import SimulatedBatch
from mlmodels.net.simulation.config import NONE
from mlmodels.net.simulation.draw import Draw

SHORTEST_COUNT = 0.25
"""Least part of the counting time that is kept."""
ZERO_SHIFT = 0.015
"""Standard deviation of the zero shift of 2θ (degree)."""
STRETCH = 0.004
"""Largest relative change of all lattice constants: what a few degrees of temperature or per cents of solute do."""
MEASURED_KIND = -1
"""``kind`` of a pattern that was not simulated."""


class CuratedSource:
    """Curated patterns on the device that trains."""

    def __init__(self, patterns: CuratedPatterns, share: float, device: torch.device) -> None:
        self.share = share
        tensors = {name: torch.from_numpy(getattr(patterns, name)).to(device) for name in CuratedPatterns.__slots__}
        self.intensity, self.noise, self.measured = tensors["intensity"], tensors["noise"], tensors["measured"]
        self.wavelength, self.weight = tensors["wavelength"], tensors["weight"]
        self.phase_class, self.lattice_type = tensors["phase_class"], tensors["lattice_type"]
        self.quasilattice_constant = tensors["quasilattice_constant"]
        self.q = torch.tensor(LN_Q_EDGES[:-1] + LN_Q_STEP / 2, device=device).exp().float()  # (N_BINS,)

    def mixed_into(self, batch: SimulatedBatch, generator: torch.Generator) -> SimulatedBatch:
        """``batch`` with about ``share`` of its patterns measured ones of the same phase class, where there are such."""
        draw = Draw(generator)
        chosen = draw.chance(len(batch.phase_class), self.share)
        picked = torch.full_like(batch.phase_class, -1)
        for phase_class in range(len(PHASE_CLASSES)):
            places = torch.nonzero(chosen & (batch.phase_class == phase_class)).squeeze(1)
            candidates = torch.nonzero(self.phase_class == phase_class).squeeze(1)
            if places.numel() and candidates.numel():
                drawn = torch.multinomial(self.weight[candidates], len(places), True, generator=generator)
                picked[places] = candidates[drawn]
        places = torch.nonzero(picked >= 0).squeeze(1)
        if not places.numel():
            return batch
        return _put(batch, places, self.varied(picked[places], draw))

    def varied(self, rows: Tensor, draw: Draw) -> SimulatedBatch:
        """The curated patterns ``rows``, (n,), as they might have been measured another time."""
        n = len(rows)
        phase_class, constant = self.phase_class[rows], self.quasilattice_constant[rows]
        stretch = draw.uniform(n, low=-STRETCH, high=STRETCH)
        stretched = constant * torch.exp(-stretch)
        # What would leave the range of the candidates stays as it is.
        inside = ~((stretched < A_R_MIN) | (stretched > A_R_MAX))  # also where a_R is not known
        stretch = torch.where(inside, stretch, 0.0)

        intensity = _counted_shorter(self.intensity[rows], self.noise[rows], draw)
        zero_shift = torch.deg2rad(ZERO_SHIFT * draw.normal(n))
        bins = (stretch[:, None] + zero_shift[:, None] * self._shift_by_angle(rows)) / LN_Q_STEP
        intensity, measured = _shifted(intensity, self.measured[rows], bins)
        return SimulatedBatch(
            intensity=intensity,
            measured=measured,
            phase_class=phase_class,
            quasilattice_constant=torch.where(inside, stretched, constant),
            lattice_type=self.lattice_type[rows],
            share=torch.where(phase_class == NONE, 0.0, torch.nan),  # nobody measured it
            kind=torch.full_like(phase_class, MEASURED_KIND),
        )

    def _shift_by_angle(self, rows: Tensor) -> Tensor:
        """d ln Q / d(2θ) = cot(θ) / 2 in each bin, (n, N_BINS), per radian; 0 where the wavelength does not reach."""
        sine = self.q * self.wavelength[rows, None] / (4 * torch.pi)
        return torch.where(sine < 1, torch.sqrt((1 - sine**2).clamp(min=0.0)) / sine / 2, 0.0)


def _counted_shorter(intensity: Tensor, noise: Tensor, draw: Draw) -> Tensor:
    """``intensity`` (n, N_BINS) as a count of a part q of the time would have given it, per time; shape and units stay.

    Keeping each count with probability q leaves Poisson counts, whose variance per time is σ² / q; so noise of variance
    σ² (1 − q) / q is what has to be added.
    """
    q = draw.uniform(len(intensity), 1, low=log(SHORTEST_COUNT), high=0.0).exp()
    return intensity + draw.normal(*intensity.shape) * noise * torch.sqrt((1 - q) / q)


def _shifted(intensity: Tensor, measured: Tensor, bins: Tensor) -> tuple[Tensor, Tensor]:
    """Patterns (n, N_BINS) moved up by ``bins`` (n, N_BINS), by linear interpolation; unmeasured where either neighbour is."""
    position = torch.arange(N_BINS, device=bins.device) - bins
    below = position.floor()
    part = position - below
    first, second = below.long(), below.long() + 1
    inside = (first >= 0) & (second < N_BINS)
    first, second = first.clamp(0, N_BINS - 1), second.clamp(0, N_BINS - 1)
    seen = inside & measured.gather(1, first) & measured.gather(1, second)
    moved = torch.lerp(intensity.gather(1, first), intensity.gather(1, second), part)
    return torch.where(seen, moved, 0.0), seen


def _put(batch: SimulatedBatch, places: Tensor, others: SimulatedBatch) -> SimulatedBatch:
    """``batch`` with ``others`` in its rows ``places``."""
    fields = {}
    for name in SimulatedBatch.__slots__:
        fields[name] = getattr(batch, name).index_copy(0, places, getattr(others, name).to(getattr(batch, name).dtype))
    return replace(batch, **fields)
