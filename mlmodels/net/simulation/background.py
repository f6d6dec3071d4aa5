"""What lies under the lines: fluorescence, air scatter, smooth drifts and the halos of amorphous matter."""

from __future__ import annotations

import torch
from torch import Tensor

from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import N_POINTS, Axis


def axis_angles(axis: Axis) -> Tensor:
    """2θ (degree) of the points of the axes, shape (n, N_POINTS)."""
    return axis.start[:, None] + axis.fine_step[:, None] * torch.arange(N_POINTS, device=axis.start.device)


def smooth_background(draw: Draw, axis: Axis) -> Tensor:
    """A smooth background of maximum 1 and positive everywhere, shape (n, N_POINTS).

    A constant (fluorescence), a drift in Chebyshev polynomials, and what falls from low angles (air scatter, direct beam).
    """
    n = axis.start.shape[0]
    u = torch.linspace(-1, 1, N_POINTS, device=draw.device)
    polynomials = torch.stack([u, 2 * u**2 - 1, 4 * u**3 - 3 * u])
    drift = (draw.normal(n, 3) * draw.uniform(n, 1, high=0.35)) @ polynomials
    fall = torch.exp(-(u + 1) / draw.log_uniform(n, 1, low=0.08, high=1.2))
    fall = fall * draw.log_uniform(n, 1, low=0.02, high=8.0) * draw.chance(n, 0.6)[:, None]
    background = (1 + drift).clamp(min=0.05) + fall
    return background / background.amax(dim=1, keepdim=True)


def amorphous_halos(draw: Draw, axis: Axis, wavelength: Tensor, n_halos: Tensor) -> Tensor:
    """Sum of ``n_halos`` (n,) broad humps, maximum 1 where there is any, shape (n, N_POINTS).

    The first lies where glasses (Q 1.4–2.2 Å⁻¹) or metallic films (2.4–3.2 Å⁻¹) have it, the second often at 1.6–1.9 times
    that, the others anywhere; the flanks are between Gaussian and Lorentzian.
    """
    n = axis.start.shape[0]
    q = 4 * torch.pi * torch.sin(torch.deg2rad(axis_angles(axis).clamp(0, 179)) / 2) / wavelength[:, None]
    first = torch.where(draw.chance(n, 0.4), draw.uniform(n, low=1.3, high=2.3), draw.uniform(n, low=2.2, high=3.3))
    total = torch.zeros_like(q)
    for i in range(4):
        centre = (first, first * draw.uniform(n, low=1.5, high=2.0))[i] if i < 2 else draw.uniform(n, low=1.3, high=5.2)
        width = draw.log_uniform(n, low=0.06, high=0.6)
        height = draw.log_uniform(n, low=0.05, high=1.0) if i else torch.ones(n, device=draw.device)
        height = torch.where(n_halos > i, height, torch.zeros_like(height))
        x2 = ((q - centre[:, None]) / width[:, None]) ** 2
        mixing = draw.uniform(n, 1) ** 2
        total += height[:, None] * ((1 - mixing) * torch.exp(-0.693 * x2) + mixing / (1 + x2))
    return total / total.amax(dim=1, keepdim=True).clamp(min=1e-6)
