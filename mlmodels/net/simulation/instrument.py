"""The instrument: lines → profile on a 2θ axis → points that are read → mean intensity in each bin of ln Q.

All patterns of a batch are computed on axes of N_POINTS points, each with its own start and step, so that radiation, range
and step vary within a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mlmodels.net.grid import LN_Q_EDGES
from mlmodels.net.simulation.line_lists import LineLists

N_POINTS = 4096
MARGIN = 0.03
"""Share of the measured range that the axis adds at either end, for the tails of lines outside."""

BROAD = 2
"""Ratio of the two widths between which the profile of each line is mixed."""

SINE_MAX = 0.98
"""sinθ up to which lines are drawn; beyond, at 2θ > 157°, the Lorentz factor has its pole."""

ROUNDING = 1e-4
"""Of a step: how far a bin's edge may lie outside the measured cells and count as inside."""


@dataclass(frozen=True, slots=True)
class Instrument:
    """How each of n patterns is measured; float32 tensors of shape (n,) unless said otherwise.

    wavelengths: Kα1 first, then Kα2 and Kβ (Å), shape (n, n_wavelengths); ratios: their intensities over that of Kα1, 0 where
        absent, same shape
    two_theta_low, two_theta_high: measured range, cut to what the ln Q grid needs (degree); step: between points (degree)
    zero_shift: added to 2θ (degree); displacement: times cosθ added to 2θ (degree)
    polarisation: K of the Lorentz–polarisation factor
    fwhm: full width at half maximum of the narrowest lines (degree), mixing: Lorentzian share of the pseudo-Voigt, both of
        shape (n, 2): the wanted phase, and all others
    strain: growth of the width with tanθ, as a fraction of fwhm at the end of the range
    asymmetry: decay length of the tail towards low angles that axial divergence gives every line (degree)
    """

    wavelengths: Tensor
    ratios: Tensor
    two_theta_low: Tensor
    two_theta_high: Tensor
    step: Tensor
    zero_shift: Tensor
    displacement: Tensor
    polarisation: Tensor
    fwhm: Tensor
    mixing: Tensor
    strain: Tensor
    asymmetry: Tensor

    @property
    def wavelength(self) -> Tensor:
        """Of Kα1 or the monochromatic beam (Å), shape (n,)."""
        return self.wavelengths[:, 0]


@dataclass(frozen=True, slots=True)
class Axis:
    """Fine 2θ axes: point j lies at start + j · fine_step; the instrument reads ``n_read`` points, every ``stride``-th from
    ``first``.  start, fine_step (degree): float32, shape (n,); the others int64, shape (n,)."""

    start: Tensor
    fine_step: Tensor
    stride: Tensor
    first: Tensor
    n_read: Tensor


def axis_of(instrument: Instrument) -> Axis:
    """Axes that hold the measured range and its margins.

    An instrument that steps more finely than N_POINTS points allow is read at the points of the axis, with the same total counts.
    """
    extent = instrument.two_theta_high - instrument.two_theta_low
    finest = (1 + 2 * MARGIN) * extent / (N_POINTS - 2)
    stride = torch.floor(instrument.step / finest).clamp(min=1)
    fine_step = torch.maximum(instrument.step / stride, finest)
    n_read = torch.floor(extent / (fine_step * stride) + 1e-3) + 1
    first = torch.floor((N_POINTS - 1 - (n_read - 1) * stride) / 2)
    start = instrument.two_theta_low - first * fine_step
    return Axis(start, fine_step, stride.long(), first.long(), n_read.long())


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
    profiles = torch.fft.irfft(_convolved(sticks.view(n, 2, 2, N_POINTS), instrument, axis), N_POINTS).clamp(min=0)
    total = total.clamp(min=1e-20)
    return (profiles / (axis.fine_step * total)[:, None, None]).transpose(0, 1), wanted / total


def _line_areas(lines: LineLists, instrument: Instrument) -> tuple[Tensor, Tensor]:
    """Areas of the Kα1 lines, shape (n_phases, n_lines), of which those within the measured range sum to the phase's share;
    and that sum, which is 0 for a phase without a line in the range, shape (n_phases,)."""
    p = lines.pattern
    sine = (lines.inverse_d * instrument.wavelength[p, None] / 2).clamp(max=SINE_MAX)
    theta = torch.asin(sine)
    polarised = 1 + instrument.polarisation[p, None] * torch.cos(2 * theta) ** 2
    area = lines.intensity * polarised / (sine**2 * torch.cos(theta)).clamp(min=1e-6) * (sine < SINE_MAX)
    two_theta = torch.rad2deg(2 * theta)
    inside = (two_theta > instrument.two_theta_low[p, None]) & (two_theta < instrument.two_theta_high[p, None])
    visible = (area * inside).sum(dim=1)
    # 0/0 of an empty phase would reach the Poisson draw as NaN.
    present = visible > 1e-20
    share = torch.where(present, lines.share, 0.0)
    return area * (share / torch.where(present, visible, 1.0))[:, None], share


def _draw_lines(sticks: Tensor, lines: LineLists, area: Tensor, instrument: Instrument, axis: Axis) -> None:
    """Add the lines of some phases to ``sticks``: (pattern, wanted or not, narrow or broad, point), flattened."""
    end = torch.tan(torch.deg2rad(instrument.two_theta_high) / 2)
    for wavelength, ratio in zip(instrument.wavelengths.T, instrument.ratios.T, strict=True):
        phase = torch.nonzero(ratio[lines.pattern] > 0).squeeze(1)
        p = lines.pattern[phase]
        sine = (lines.inverse_d[phase] * wavelength[p, None] / 2).clamp(max=SINE_MAX)
        theta = torch.asin(sine)
        shift = instrument.zero_shift[p, None] + instrument.displacement[p, None] * torch.cos(theta)
        two_theta = torch.rad2deg(2 * theta) + shift
        growth = lines.broadening[phase] + (instrument.strain / end)[p, None] * torch.tan(theta)
        broad = (growth / (BROAD - 1)).clamp(0, 1)
        row = (p * 4 + torch.where(lines.wanted[phase], 0, 2)) * N_POINTS
        position = (two_theta - axis.start[p, None]) / axis.fine_step[p, None]
        _add_sticks(sticks, row, position, area[phase] * ratio[p, None] * (sine < SINE_MAX), broad)


def _add_sticks(sticks: Tensor, row: Tensor, position: Tensor, area: Tensor, broad: Tensor) -> None:
    """Add each line to its row of ``sticks``, split between the two nearest points and between narrow and broad."""
    drawn = (position >= 0) & (position < N_POINTS - 1) & (area > 0)
    phase, line = torch.nonzero(drawn, as_tuple=True)
    position, area, broad = position[phase, line], area[phase, line], broad[phase, line]
    left = torch.floor(position)
    right = position - left
    index = row[phase] + left.long()
    for offset, weight in ((0, area * (1 - right)), (1, area * right)):
        sticks.index_add_(0, index + offset, weight * (1 - broad))
        sticks.index_add_(0, index + offset + N_POINTS, weight * broad)


def _convolved(sticks: Tensor, instrument: Instrument, axis: Axis) -> Tensor:
    """Fourier transforms of the profiles, shape (n, 2, N_POINTS/2 + 1), from sticks of shape (n, 2, 2, N_POINTS).

    The pseudo-Voigt of full width Γ and unit area has the transform η exp(−πΓ|k|) + (1−η) exp(−π²Γ²k²/(4 ln 2)); with
    BROAD = 2 that of the broad one follows by squaring.
    """
    frequency = torch.arange(N_POINTS // 2 + 1, device=sticks.device) / N_POINTS
    x = (instrument.fwhm / axis.fine_step[:, None])[..., None] * frequency
    lorentzian = torch.exp(-torch.pi * x)
    gaussian = torch.exp(-(torch.pi**2) / (4 * 0.693147) * x * x)
    mixing = instrument.mixing[..., None]
    narrow = mixing * lorentzian + (1 - mixing) * gaussian
    broad = mixing * lorentzian.square() + (1 - mixing) * gaussian.square().square()
    spectrum = torch.fft.rfft(sticks)
    convolved: Tensor = spectrum[:, :, 0].mul_(narrow).add_(spectrum[:, :, 1].mul_(broad))
    tailed = torch.nonzero(instrument.asymmetry > 0).squeeze(1)
    tail = 2 * torch.pi * (instrument.asymmetry / axis.fine_step)[tailed, None] * frequency
    convolved[tailed] /= (1 - 1j * tail)[:, None]
    return convolved


def read_points(profiles: Sequence[Tensor], axis: Axis) -> list[Tensor]:
    """What the instrument reads of each of ``profiles`` (n, N_POINTS) at its own steps: (n, most points); 0 beyond the last."""
    k = torch.arange(int(axis.n_read.max()), device=axis.start.device)
    index = (axis.first[:, None] + axis.stride[:, None] * k).clamp(max=N_POINTS - 1)
    beyond = k >= axis.n_read[:, None]
    return [torch.gather(profile, 1, index).masked_fill_(beyond, 0.0) for profile in profiles]


def rebin(counts: Tensor, start: Tensor, step: Tensor, n_read: Tensor, wavelength: Tensor) -> tuple[Tensor, Tensor]:
    """Mean intensity in each bin of the ln Q grid, and which bins are measured: what ``preprocess.rebin`` gives for a file.

    counts: shape (n, n_points), of which the first ``n_read`` (n,) are measured, at start + k · step (degree); each point is
    a cell one step wide, and a bin counts as measured where cells cover at least half of it
    Returns intensity float32, 0 where not measured, and measured bool, both of shape (n, N_BINS).
    """
    area = torch.zeros(counts.shape[0], counts.shape[1] + 1, dtype=torch.float64, device=counts.device)
    torch.cumsum(counts, dim=1, dtype=torch.float64, out=area[:, 1:])
    edge = (_grid_edges(wavelength) - start.double()[:, None]) / step.double()[:, None] + 0.5
    inside = edge.clamp(min=0).minimum(n_read.double()[:, None])
    index = inside.long().clamp(max=counts.shape[1] - 1)
    left = torch.gather(area, 1, index)
    cumulative = left + (torch.gather(area, 1, index + 1) - left) * (inside - index)
    covered = torch.diff(inside)
    measured = (covered >= torch.diff(edge) / 2 - ROUNDING) & (covered > 0)
    mean = torch.diff(cumulative) / covered.clamp(min=1e-9)
    return torch.where(measured, mean, 0.0).float(), measured


def _grid_edges(wavelength: Tensor) -> Tensor:
    """2θ (degree) of the edges of the ln Q bins, float64, shape (n, N_BINS + 1)."""
    q = torch.exp(torch.tensor(LN_Q_EDGES, device=wavelength.device))
    sine = q * wavelength.double()[:, None] / (4 * torch.pi)
    return torch.rad2deg(2 * torch.asin(sine.clamp(max=1.0)))
