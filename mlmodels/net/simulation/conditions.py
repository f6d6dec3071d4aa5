"""How patterns are measured and treated: radiations, ranges, steps, widths, backgrounds, counts."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from mlmodels.net.grid import Q_MAX, Q_MIN
from mlmodels.net.simulation.background import MAX_HALOS, amorphous_halos, on_axis, smooth_background
from mlmodels.net.simulation.config import AMORPHOUS, BLANK, SimulationConfig
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.instrument import Axis, Instrument, read_points
from samples.xrd.bragg import CU_KALPHA1, RADIATIONS

ANODES = {"Cu": 0.66, "Co": 0.09, "Mo": 0.10, "Cr": 0.03, "Fe": 0.04, "Ag": 0.08}
"""Shares of the laboratory radiations.  Mo and Ag have more than laboratories give them: their Kα doublets are split by 9 and
12 bins of ln Q, so that every line stands there twice."""
KBETA_OVER_KALPHA1 = {"Cu": 0.9037, "Co": 0.9060, "Mo": 0.8914, "Cr": 0.9105, "Fe": 0.9073, "Ag": 0.8886}
"""Ratio of the wavelengths of Kβ and Kα1 (Bearden, Rev. Mod. Phys. 39, 78 (1967))."""
SYNCHROTRON = 0.06
SYNCHROTRON_WAVELENGTHS = (0.4, 1.3)

STARTS = {10.0: 0.40, 20.0: 0.28, 25.0: 0.12, 30.0: 0.20}
ENDS = {60.0: 0.08, 70.0: 0.15, 80.0: 0.40, 90.0: 0.37}
STEPS = {
    0.005: 0.05,
    0.01: 0.15,
    0.013: 0.10,
    0.0167: 0.10,
    0.02: 0.26,
    0.026: 0.08,
    0.03: 0.07,
    0.05: 0.13,
    0.08: 0.06,
}
"""Measured ranges and steps (degree of 2θ at Cu Kα) with their shares."""

ZERO_SHIFT = 0.1
TWO_THETA_MAX = 150.0
N_SEEN = 3
"""Lines that the counts must show for a pattern to be called by its quasicrystal or approximant."""
SATELLITE = 0.4
"""Distance of the Kα2 line (degree), at most."""


def draw_instrument(draw: Draw, n: int) -> Instrument:
    """Instruments as laboratories use them, mostly with Cu Kα.

    Ranges are drawn as those of Cu Kα and cover the same Q at another wavelength; steps, widths and shifts (degree) shrink
    with the square root of the angular range.
    """
    lab = draw.choice(n, tuple(ANODES.values()))
    kalpha1, kalpha2, kbeta = torch.tensor(
        [(RADIATIONS[a].kalpha1, RADIATIONS[a].kalpha2, RADIATIONS[a].kalpha1 * KBETA_OVER_KALPHA1[a]) for a in ANODES],
        device=draw.device,
    )[lab].T
    synchrotron = draw.chance(n, SYNCHROTRON)
    low, high = SYNCHROTRON_WAVELENGTHS
    wavelength = torch.where(synchrotron, draw.uniform(n, low=low, high=high), kalpha1)
    doublet = ~synchrotron & draw.chance(n, 0.65)
    filtered = ~synchrotron & draw.chance(n, 0.06)
    ratios = torch.stack(
        [
            torch.ones_like(wavelength),
            torch.where(doublet, draw.uniform(n, low=0.45, high=0.55), 0.0),
            torch.where(filtered, draw.log_uniform(n, low=0.003, high=0.03), 0.0),
        ],
        dim=1,
    )

    grid_low, grid_high = _angle(Q_MIN, wavelength), _angle(Q_MAX, wavelength)
    scale = (grid_high - grid_low) / 60
    start = _copper_q(_one_of(draw, n, STARTS) + draw.normal(n) * 0.1)
    end = _copper_q(_one_of(draw, n, ENDS) + draw.normal(n) * 0.1)
    width = draw.log_uniform(n, low=0.06, high=0.6)
    other_width = torch.where(draw.chance(n, 0.5), width, draw.log_uniform(n, low=0.05, high=1.0))
    small = scale.sqrt()
    return Instrument(
        wavelengths=torch.stack([wavelength, kalpha2, kbeta], dim=1),
        ratios=ratios,
        two_theta_low=torch.maximum(_angle(start, wavelength), grid_low - 0.4 * scale),
        two_theta_high=torch.minimum(_angle(end, wavelength), grid_high + 0.4 * scale),
        step=_one_of(draw, n, STEPS) * small,
        zero_shift=draw.uniform(n, low=-ZERO_SHIFT, high=ZERO_SHIFT) * small,
        displacement=draw.normal(n) * 0.04 * small,
        polarisation=torch.where(synchrotron, 0.0, torch.where(draw.chance(n, 0.5), 1.0, 0.8)),
        fwhm=torch.stack([width, other_width], dim=1) * small[:, None],
        mixing=draw.uniform(n, 2),
        strain=draw.uniform(n),
        asymmetry=draw.uniform(n, high=0.08) * small * draw.chance(n, 0.25),
    )


def _one_of(draw: Draw, n: int, shares: dict[float, float]) -> Tensor:
    return torch.tensor(list(shares), device=draw.device)[draw.choice(n, tuple(shares.values()))]


def _angle(q: Tensor | float, wavelength: Tensor) -> Tensor:
    """2θ (degree) of ``q`` (Å⁻¹), at most TWO_THETA_MAX."""
    sine = (q * wavelength / (4 * torch.pi)).clamp(max=1.0)
    return torch.rad2deg(2 * torch.asin(sine)).clamp(max=TWO_THETA_MAX)


def _copper_q(two_theta: Tensor) -> Tensor:
    return 4 * torch.pi / CU_KALPHA1 * torch.sin(torch.deg2rad(two_theta / 2))


@dataclass(frozen=True, slots=True)
class ExpectedCounts:
    """Mean counts at the points that the instrument reads, shape (n, n_points) each: the wanted phase, all other phases,
    and the background."""

    wanted: Tensor
    others: Tensor
    background: Tensor


def expected_counts(
    draw: Draw, profiles: Tensor, kind: Tensor, instrument: Instrument, axis: Axis, config: SimulationConfig
) -> ExpectedCounts:
    """Put ``profiles`` (2, n, N_POINTS) on a background and count; heights are relative to the highest line."""
    n = kind.numel()
    height = profiles.sum(dim=0).amax(dim=1)
    lines = torch.where(height > 0, 1 / height.clamp(min=1e-20), 0.0)
    amorphous = kind == AMORPHOUS
    some = draw.chance(n, 0.25) * draw.integers(n, below=MAX_HALOS)
    n_halos = torch.where(amorphous, 1 + draw.integers(n, below=MAX_HALOS), torch.where(kind == BLANK, 0, some))
    strong, weak = draw.log_uniform(n, low=0.05, high=10.0), draw.log_uniform(n, low=0.03, high=1.0)
    halo_level = torch.where(amorphous, strong, weak)
    level = draw.log_uniform(n, low=0.003, high=1.5)
    halos = amorphous_halos(draw, axis, instrument.wavelength, n_halos)
    background = on_axis(halo_level[:, None] * halos + level[:, None] * smooth_background(draw, n))
    others = profiles[1] * lines[:, None]
    wanted = profiles[0] * lines[:, None]
    peak = draw.log_uniform(n, low=config.peak_counts[0], high=config.peak_counts[1])
    scale = (peak / (background + others + wanted).amax(dim=1))[:, None]
    return ExpectedCounts(*read_points([wanted * scale, others * scale, background * scale], axis))


def is_seen(expected: ExpectedCounts, instrument: Instrument, axis: Axis, config: SimulationConfig) -> Tensor:
    """Whether the counts show the wanted phase: its N_SEEN highest lines each stand ``config.significance`` standard
    deviations, over a line's width, above the counts under them; bool, shape (n,)."""
    total = expected.wanted + expected.others + expected.background
    step = axis.fine_step * axis.stride
    width = (instrument.fwhm[:, 0] / step).clamp(min=1)
    deviations = expected.wanted / total.clamp(min=1e-3).sqrt() * width.sqrt()[:, None]
    # A line and its Kα2 satellite are one.
    reach = (2 * width + SATELLITE / step)[:, None]
    place = torch.arange(deviations.shape[1], device=step.device)
    for _ in range(N_SEEN - 1):
        highest = deviations.argmax(dim=1, keepdim=True)
        deviations = torch.where((place - highest).abs() > reach, deviations, 0.0)
    return deviations.amax(dim=1) >= config.significance


def treated(draw: Draw, counts: Tensor, background: Tensor, axis: Axis) -> Tensor:
    """What files hold instead of raw counts, in some of the patterns; shapes (n, n_points).

    Strips of a detector that differ by up to 2 % (10 %); smoothed (6 %); background removed, with or without what falls below
    zero (20 %); no counts beyond the end of a detector (2 %).
    """
    n, n_points = counts.shape
    uneven = draw.uniform(n, 1, high=0.02) * draw.chance(n, 0.10)[:, None]
    index = torch.nonzero(uneven.squeeze(1)).squeeze(1)
    counts[index] *= 1 + uneven[index] * draw.normal(index.numel(), n_points)
    index = torch.nonzero(draw.chance(n, 0.06)).squeeze(1)
    counts[index] = _smoothed(counts[index])
    index = torch.nonzero(draw.chance(n, 0.20)).squeeze(1)
    counts[index] -= draw.uniform(index.numel(), 1, low=0.9) * background[index]
    clipped = index[draw.chance(index.numel(), 0.5)]
    counts[clipped] = counts[clipped].clamp(min=0)
    end = torch.where(draw.chance(n, 0.02), draw.uniform(n, low=0.85), 1.0)
    place = torch.arange(n_points, device=counts.device)
    return counts * (place < (end * axis.n_read)[:, None])


def _smoothed(counts: Tensor) -> Tensor:
    """Each point's mean with its neighbours, weighed 1 2 3 2 1; shapes (n, n_points).

    A sum of slices: a convolution would be planned anew for every n that chance brings, which takes a GPU longer than all the rest.
    """
    padded = functional.pad(counts[:, None], (2, 2), mode="replicate")[:, 0]
    n_points = counts.shape[1]
    total = torch.zeros_like(counts)
    for start, weight in enumerate((1, 2, 3, 2, 1)):
        total += weight * padded[:, start : start + n_points]
    return total / 9
