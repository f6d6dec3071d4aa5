"""The published recipe (Uryu et al. 2023), over all lattice constants at once: what the field measures its networks by.

Numbers as in the paper's released code, with its faults left out: sphere and shell transforms carry
their whole volume, and the ellipsoid's transform is exact.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from mlmodels.net.simulation.atoms import ELEMENTS, element_coefficients, form_factors
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import rebin
from mlmodels.net.simulation.quasicrystals import Orbits, ball_transform, orbits

WAVELENGTH = 1.54059
TWO_THETA_LOW, TWO_THETA_HIGH, STEP = 20.0, 80.0, 0.01
N_STEPS = 6000
Q_PERP_MAX = 1.5
HALF_WIDTHS = (0.03, 0.3)
A_R_RANGE = (4.0, 6.0)

_PADDED = 7200
"""Points of the Fourier transform: 12° of room keep the tails of one end from the other."""


@dataclass(frozen=True, slots=True)
class PublishedPatterns:
    """Patterns by the published recipe, scaled to 0–1.

    intensity: on 2θ = 20, 20.01, … 79.99°, shape (n, N_STEPS); quasilattice_constant: a_R (Å), NaN without quasicrystal,
    shape (n,); share: of the lines' area that is the quasicrystal's, shape (n,)
    """

    intensity: Tensor
    quasilattice_constant: Tensor
    share: Tensor


def published_patterns(draw: Draw, icosahedral: Tensor) -> PublishedPatterns:
    """One pattern for each entry of ``icosahedral`` (bool, shape (n,)): True with a P-type quasicrystal, False without."""
    n = icosahedral.shape[0]
    a_r = draw.uniform(n, low=A_R_RANGE[0], high=A_R_RANGE[1])
    half_width = draw.uniform(n, low=HALF_WIDTHS[0], high=HALF_WIDTHS[1])
    n_strong = torch.where(icosahedral, draw.integers(n, below=31), 5 + draw.integers(n, below=31))
    decoys = _decoy_lines(draw, n_strong, draw.integers(n, below=101), half_width)
    lines = _scaled(_quasicrystal_lines(draw, a_r, half_width))
    # With probability ½ the quasicrystal is added to the decoys, else the decoys to the quasicrystal.
    hosted = draw.chance(n, 0.5)
    factor = draw.uniform(n)
    of_lines = torch.where(hosted, 0.2 + 0.8 * factor, torch.ones_like(factor)) * icosahedral
    of_decoys = torch.where(hosted | ~icosahedral, torch.ones_like(factor), factor)
    lines, decoys = lines * of_lines[:, None], decoys * of_decoys[:, None]
    clean = _scaled(lines + decoys)
    noisy = _scaled(clean + draw.uniform(n, N_STEPS, high=0.01))
    total = (lines + decoys).sum(dim=1)
    nothing = torch.full_like(a_r, torch.nan)
    share = lines.sum(dim=1) / total.clamp(min=1e-9)
    return PublishedPatterns(noisy, torch.where(icosahedral, a_r, nothing), share)


def rebinned(patterns: PublishedPatterns) -> tuple[Tensor, Tensor]:
    """The patterns on the ln Q grid: intensity and measured, both (n, N_BINS)."""
    n = patterns.intensity.shape[0]
    device = patterns.intensity.device

    def filled(value: float) -> Tensor:
        return torch.full((n,), value, device=device)

    n_read = torch.full((n,), N_STEPS, device=device)
    return rebin(patterns.intensity, filled(TWO_THETA_LOW), filled(STEP), n_read, filled(WAVELENGTH))


@lru_cache(maxsize=4)
def _published_orbits(device: torch.device) -> Orbits:
    everything = orbits(device, 5.05, Q_PERP_MAX)
    # Below 1/d = 0.225 Å⁻¹ (20°) lines are outside at every a_R ≤ 6 Å.
    keep = ~everything.superlattice & (everything.q_par > 0.225 * A_R_RANGE[0])
    return Orbits(*(getattr(everything, name)[keep] for name in Orbits.__slots__))


def _quasicrystal_lines(draw: Draw, a_r: Tensor, half_width: Tensor) -> Tensor:
    rows = _published_orbits(draw.device)
    n = a_r.shape[0]
    inverse_d = rows.q_par / a_r[:, None]
    perp = rows.q_perp / a_r[:, None]
    coefficients = element_coefficients(draw.device)[draw.integers(4, n, below=len(ELEMENTS))]
    vertex, inner, outer, edge = (form_factors(c, inverse_d) for c in coefficients)
    x = 2 * torch.pi * perp
    inner_t = 5.8**3 * ball_transform(5.8 * x)
    outer_t = 9.2**3 * ball_transform(9.2 * x) - inner_t
    edge_q = 8.2**2 * perp[..., None] ** 2 + (6.2**2 - 8.2**2) * rows.edge_perp / a_r[:, None, None] ** 2
    edge_t = (ball_transform(2 * torch.pi * edge_q.clamp(min=0).sqrt()) * rows.edge_sign).sum(dim=2) * 6.2 * 8.2**2
    centre = 1 - 2 * (rows.parity % 2)
    amplitude = vertex * 8.1**3 * ball_transform(8.1 * x) + centre * (inner * inner_t + outer * outer_t) + edge * edge_t
    amplitude = amplitude * torch.exp(-(1.519 * inverse_d**2 + 54.0 * perp**2) / 4)
    theta = torch.asin((inverse_d * WAVELENGTH / 2).clamp(max=0.999))
    lorentz = (1 + torch.cos(2 * theta) ** 2) / (torch.sin(theta) ** 2 * torch.cos(theta))
    intensity = amplitude**2 * rows.multiplicity * lorentz * draw.uniform(*inverse_d.shape, low=0.95, high=1.0)
    return _profile(torch.rad2deg(2 * theta), intensity, half_width)


def _decoy_lines(draw: Draw, n_strong: Tensor, n_weak: Tensor, half_width: Tensor) -> Tensor:
    n = n_strong.shape[0]
    strong = draw.uniform(n, 35, low=0.1, high=1.0)
    weak = draw.uniform(n, 100, high=0.1)
    strong = strong * (torch.arange(35, device=draw.device) < n_strong[:, None])
    weak = weak * (torch.arange(100, device=draw.device) < n_weak[:, None])
    two_theta = draw.uniform(n, 135, low=TWO_THETA_LOW, high=TWO_THETA_HIGH)
    return _scaled(_profile(two_theta, torch.cat([strong, weak], dim=1), half_width))


def _profile(two_theta: Tensor, height: Tensor, half_width: Tensor) -> Tensor:
    """Sum of Lorentzians of the given heights, shape (n, N_STEPS)."""
    n = two_theta.shape[0]
    position = (two_theta - TWO_THETA_LOW) / STEP
    inside = (position >= 0) & (position < N_STEPS - 1)
    height = torch.where(inside, height, torch.zeros_like(height))
    position = position.clamp(0, N_STEPS - 2)
    left = position.floor()
    sticks = torch.zeros(n, _PADDED, device=two_theta.device)
    sticks.scatter_add_(1, left.long(), height * (1 - (position - left)))
    sticks.scatter_add_(1, left.long() + 1, height * (position - left))
    frequency = torch.arange(_PADDED // 2 + 1, device=two_theta.device) / _PADDED
    shape = torch.exp(-2 * torch.pi * half_width[:, None] / STEP * frequency)
    profile: Tensor = torch.fft.irfft(torch.fft.rfft(sticks) * shape, _PADDED)[:, :N_STEPS].clamp(min=0)
    return profile


def _scaled(intensity: Tensor) -> Tensor:
    """Each row moved and scaled to 0–1; an empty row stays 0."""
    low = intensity.amin(dim=1, keepdim=True)
    return (intensity - low) / (intensity.amax(dim=1, keepdim=True) - low).clamp(min=1e-12)
