"""The instrument: lines → profile on a 2θ axis → background → counts → mean intensity in each bin of ln Q.

All patterns of a batch are computed on axes of N_POINTS points, each with its own start and step, so that radiation, range
and step vary within a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlmodels.net.grid import LN_Q_EDGES
from mlmodels.net.simulation.lines import LineLists

N_POINTS = 4096
SINE_MAX = 0.98
"""sinθ up to which lines are drawn; beyond, at 2θ > 157°, the Lorentz factor has its pole."""

BROAD = 2.5
"""Ratio of the two widths between which the profile of each line is mixed."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """How each of n patterns is measured; every tensor float32 of shape (n,) unless said otherwise.

    wavelength, wavelength_2: Kα1 and Kα2 (Å); ratio_2: intensity of Kα2 over Kα1, 0 where there is none
    two_theta_low, two_theta_high: measured range, cut to what the ln Q grid needs (degree); step: between points (degree)
    zero_shift: added to 2θ (degree); displacement: times cosθ added to 2θ (degree)
    polarisation: K of the Lorentz–polarisation factor
    fwhm: full width of the narrowest lines (degree), mixing: Lorentzian share of the pseudo-Voigt, both shape (n, 2) for
        the wanted phase and for all others
    strain: growth of the width with tanθ, as a fraction of fwhm at the end of the grid
    """

    wavelength: Tensor
    wavelength_2: Tensor
    ratio_2: Tensor
    two_theta_low: Tensor
    two_theta_high: Tensor
    step: Tensor
    zero_shift: Tensor
    displacement: Tensor
    polarisation: Tensor
    fwhm: Tensor
    mixing: Tensor
    strain: Tensor


@dataclass(frozen=True, slots=True)
class Axis:
    """Fine 2θ axes: point j lies at start + j · fine_step; the instrument reads every ``stride``-th point from ``first``.

    start, fine_step (degree): float32 (n,); stride, first, n_steps: int64 (n,)
    """

    start: Tensor
    fine_step: Tensor
    stride: Tensor
    first: Tensor
    n_read: Tensor


def grid_edges(wavelength: Tensor) -> Tensor:
    """2θ (degree) of the edges of the ln Q bins, float64, shape (n, N_BINS + 1); 180 where the wavelength cannot reach."""
    edges = torch.exp(torch.tensor(LN_Q_EDGES, device=wavelength.device))
    sine = edges * wavelength.double()[:, None] / (4 * torch.pi)
    return torch.rad2deg(2 * torch.asin(sine.clamp(max=1.0)))


def axis_of(instrument: Instrument) -> Axis:
    """Axes that hold the measured range and a margin of 3 % at both ends for the tails of lines outside."""
    extent = instrument.two_theta_high - instrument.two_theta_low
    coarse = 1.06 * extent / (N_POINTS - 2)
    stride = torch.floor(instrument.step / coarse).clamp(min=1).long()
    fine_step = torch.maximum(instrument.step / stride, coarse)
    n_read = torch.floor(extent / (fine_step * stride) + 1e-4).long() + 1
    first = (N_POINTS - 1 - (n_read - 1) * stride) // 2
    return Axis(instrument.two_theta_low - first * fine_step, fine_step, stride, first, n_read)


def line_profiles(phases: Sequence[LineLists], instrument: Instrument, axis: Axis) -> tuple[Tensor, Tensor]:
    """Draw the lines of all phases onto the axes.

    Returns the profiles of the wanted phases and of all others, shape (2, n, N_POINTS), scaled so that the lines within the
    measured range of a pattern have area 1 (degree) together; and the wanted phase's share of that area, shape (n,).
    """
    n, device = axis.start.shape[0], axis.start.device
    total, wanted = torch.zeros(n, device=device), torch.zeros(n, device=device)
    sticks = torch.zeros(n * 4 * N_POINTS, device=device)
    for lines in phases:
        area, visible = _line_areas(lines, instrument)
        total.index_add_(0, lines.pattern, visible)
        wanted.index_add_(0, lines.pattern, visible * lines.wanted)
        _draw_lines(sticks, lines, area, instrument, axis)
    spectrum = torch.fft.rfft(sticks.view(n, 2, 2, N_POINTS)) * _line_shapes(instrument, axis)
    profiles = torch.fft.irfft(spectrum.sum(dim=2), N_POINTS).clamp(min=0)
    total = total.clamp(min=1e-20)
    return (profiles / (axis.fine_step * total)[:, None, None]).transpose(0, 1), wanted / total


def _line_areas(lines: LineLists, instrument: Instrument) -> tuple[Tensor, Tensor]:
    """Areas of the Kα1 lines, shape (n_phases, n_lines), of which those within the measured range sum to the phase's share;
    and that sum, which is 0 for a phase without a line in the range, shape (n_phases,)."""
    p = lines.pattern
    sine = (lines.inverse_d * instrument.wavelength[p, None] / 2).clamp(max=SINE_MAX)
    theta = torch.asin(sine)
    lorentz = (1 + instrument.polarisation[p, None] * torch.cos(2 * theta) ** 2) / (sine**2 * torch.cos(theta)).clamp(
        min=1e-6
    )
    area = lines.intensity * lorentz * (sine < SINE_MAX)
    two_theta = torch.rad2deg(2 * theta)
    inside = (two_theta > instrument.two_theta_low[p, None]) & (two_theta < instrument.two_theta_high[p, None])
    visible = (area * inside).sum(dim=1)
    # 0/0 of an empty phase would reach the Poisson draw as NaN.
    present = visible > 1e-20
    share = torch.where(present, lines.share, torch.zeros_like(visible))
    return area * (share / torch.where(present, visible, torch.ones_like(visible)))[:, None], share


def _draw_lines(sticks: Tensor, lines: LineLists, area: Tensor, instrument: Instrument, axis: Axis) -> None:
    """Add the lines of some phases, Kα1 and Kα2, to ``sticks``, which is (pattern, wanted or not, narrow or broad, point) flattened."""
    p = lines.pattern
    row = (p * 4 + torch.where(lines.wanted, 0, 2)) * N_POINTS
    end = torch.tan(torch.deg2rad(instrument.two_theta_high) / 2)
    for wavelength, ratio in (
        (instrument.wavelength, torch.ones_like(instrument.ratio_2)),
        (instrument.wavelength_2, instrument.ratio_2),
    ):
        sine = (lines.inverse_d * wavelength[p, None] / 2).clamp(max=SINE_MAX)
        theta = torch.asin(sine)
        shift = instrument.zero_shift[p, None] + instrument.displacement[p, None] * torch.cos(theta)
        two_theta = torch.rad2deg(2 * theta) + shift
        growth = lines.broadening + (instrument.strain / end)[p, None] * torch.tan(theta)
        broad = (growth / (BROAD - 1)).clamp(0, 1)
        _add_sticks(sticks, row, two_theta, area * ratio[p, None] * (sine < SINE_MAX), broad, axis, p)


def _add_sticks(
    sticks: Tensor, row: Tensor, two_theta: Tensor, area: Tensor, broad: Tensor, axis: Axis, p: Tensor
) -> None:
    """Add each line to its row of ``sticks``, split between the two nearest points and between narrow and broad."""
    position = (two_theta - axis.start[p, None]) / axis.fine_step[p, None]
    inside = (position >= 0) & (position < N_POINTS - 1) & (area > 0)
    phase, line = torch.nonzero(inside, as_tuple=True)
    position, area, broad = position[phase, line], area[phase, line], broad[phase, line]
    left = torch.floor(position)
    right_part = position - left
    index = row[phase] + left.long()
    for offset, weight in ((0, area * (1 - right_part)), (1, area * right_part)):
        sticks.index_add_(0, index + offset, weight * (1 - broad))
        sticks.index_add_(0, index + offset + N_POINTS, weight * broad)


def _line_shapes(instrument: Instrument, axis: Axis) -> Tensor:
    """Fourier transforms of the pseudo-Voigts of unit area, shape (n, 2, 2, N_POINTS/2 + 1): phase, then narrow and broad."""
    frequency = torch.arange(N_POINTS // 2 + 1, device=axis.start.device) / N_POINTS
    widths = instrument.fwhm / axis.fine_step[:, None]
    x = torch.stack([widths, BROAD * widths], dim=2)[..., None] * frequency
    mixing = instrument.mixing[:, :, None, None]
    gaussian = torch.exp(-(torch.pi**2) / (4 * 0.6931472) * x * x)
    return mixing * torch.exp(-torch.pi * x) + (1 - mixing) * gaussian


def read_points(profile: Tensor, axis: Axis) -> Tensor:
    """What the instrument reads of ``profile`` (n, N_POINTS) at its own steps, shape (n, most points); 0 beyond the last."""
    k = torch.arange(int(axis.n_read.max()), device=profile.device)
    index = (axis.first[:, None] + axis.stride[:, None] * k).clamp(max=N_POINTS - 1)
    return torch.gather(profile, 1, index) * (k < axis.n_read[:, None])


def rebin(
    counts: Tensor, first_angle: Tensor, step: Tensor, n_read: Tensor, wavelength: Tensor
) -> tuple[Tensor, Tensor]:
    """Mean intensity in each bin of the ln Q grid, by area, and which bins lie wholly in the measured range.

    counts: shape (n, n_points), of which the first ``n_read`` (n,) are measured, at first_angle + k · step (degree)
    Returns intensity float32 and measured bool, both (n, N_BINS); intensity 0 where not measured.
    """
    values = counts.double()
    area = torch.zeros_like(values)
    torch.cumsum((values[:, 1:] + values[:, :-1]) / 2, dim=1, out=area[:, 1:])
    position = (grid_edges(wavelength) - first_angle.double()[:, None]) / step.double()[:, None]
    last = (n_read - 1).double()[:, None]
    inside = position.clamp(min=0).minimum(last)
    index = inside.long().clamp(max=counts.shape[1] - 2)
    left = torch.gather(area, 1, index)
    cumulative = left + (torch.gather(area, 1, index + 1) - left) * (inside - index)
    measured = (position[:, :-1] >= -1e-6) & (position[:, 1:] <= last + 1e-6)
    mean = (cumulative[:, 1:] - cumulative[:, :-1]) / (inside[:, 1:] - inside[:, :-1]).clamp(min=1e-9)
    return torch.where(measured, mean, torch.zeros_like(mean)).float(), measured
