"""What lies under the lines: fluorescence, air scatter, smooth drifts and the halos of amorphous matter.

Computed on N_NODES nodes of each axis and interpolated, since nothing here is as narrow as a line.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import N_POINTS, Axis

N_NODES = 256
MAX_HALOS = 4


def smooth_background(draw: Draw, n: int) -> Tensor:
    """A smooth background of maximum 1 and positive everywhere, shape (n, N_NODES).

    A constant (fluorescence), a drift in Chebyshev polynomials, and in 60 % what falls from low angles (air scatter).
    """
    u = torch.linspace(-1, 1, N_NODES, device=draw.device)
    polynomials = torch.stack([u, 2 * u**2 - 1, 4 * u**3 - 3 * u])
    drift = (draw.normal(n, 3) * draw.uniform(n, 1, high=0.35)) @ polynomials
    fall = torch.exp(-(u + 1) / draw.log_uniform(n, 1, low=0.08, high=1.2))
    fall = fall * draw.log_uniform(n, 1, low=0.02, high=8.0) * draw.chance(n, 0.6)[:, None]
    background = (1 + drift).clamp(min=0.05) + fall
    return background / background.amax(dim=1, keepdim=True)


def amorphous_halos(draw: Draw, axis: Axis, wavelength: Tensor, n_halos: Tensor) -> Tensor:
    """Sum of ``n_halos`` (n,) broad humps, of maximum 1 where there is any, shape (n, N_NODES).

    The first lies where glasses (Q 1.3–2.3 Å⁻¹) or metallic films (2.2–3.3 Å⁻¹) have it, the second at 1.5–2 times that,
    the others anywhere; their flanks are between Gaussian and Lorentzian.
    """
    n = axis.start.shape[0]
    span = axis.fine_step * (N_POINTS - 1)
    two_theta = axis.start[:, None] + span[:, None] * torch.linspace(0, 1, N_NODES, device=draw.device)
    q = 4 * torch.pi * torch.sin(torch.deg2rad(two_theta.clamp(0, 179)) / 2) / wavelength[:, None]
    centre = draw.uniform(n, MAX_HALOS, low=1.3, high=5.2)
    of_glass = draw.chance(n, 0.4)
    centre[:, 0] = torch.where(of_glass, draw.uniform(n, low=1.3, high=2.3), draw.uniform(n, low=2.2, high=3.3))
    centre[:, 1] = centre[:, 0] * draw.uniform(n, low=1.5, high=2.0)
    half_width = draw.log_uniform(n, MAX_HALOS, low=0.06, high=0.6)
    height = draw.log_uniform(n, MAX_HALOS, low=0.05, high=1.0)
    height[:, 0] = 1.0
    height = height * (torch.arange(MAX_HALOS, device=draw.device) < n_halos[:, None])
    mixing = draw.uniform(n, MAX_HALOS) ** 2
    total = torch.zeros_like(q)
    for i in range(MAX_HALOS):
        x2 = ((q - centre[:, i : i + 1]) / half_width[:, i : i + 1]) ** 2
        part = mixing[:, i : i + 1]
        total += height[:, i : i + 1] * ((1 - part) * torch.exp(-0.693 * x2) + part / (1 + x2))
    return total / total.amax(dim=1, keepdim=True).clamp(min=1e-6)


def on_axis(nodes: Tensor) -> Tensor:
    """Values at N_NODES nodes, interpolated to the N_POINTS points of the axes."""
    return functional.interpolate(nodes[:, None], N_POINTS, mode="linear", align_corners=True)[:, 0]
