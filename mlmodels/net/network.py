"""The network: one pass that asks every lattice constant in turn.  Read top to bottom.

On the grid of ln Q a change of a_R is a shift (grid.py), so one trunk turns the pattern into local evidence ("a line of this
width and strength is here"), and one head, shared by all candidates of a_R, reads that evidence at the positions where the
candidate's reflections must lie.  Each candidate gets a logit for each phase class that has a lattice (i-QC, 1/1, 2/1), the
whole pattern one more for "none"; a softmax over all of them is the answer.

    input     intensity, measured                   (n, N_BINS)
    front     three contrasts and the mask          (n, 4, N_BINS)
    trunk     stride-2 stem, residual blocks        (n, trunk_channels, N_BINS / 2)
    evidence  1 × 1 projection, shuffled back       (n, N_BINS, evidence_channels)
    gather    the evidence at each line             (n, N_CANDIDATES, n_lines · evidence_channels)
    head      linear, convolutions along a_R        (n, N_CANDIDATES, hidden)
    output    logits                                (n, N_CANDIDATES, n_lattice_classes), (n,)
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from mlmodels.net.front import front
from mlmodels.net.grid import A_R_MIN, BINS_PER_CANDIDATE, LN_Q_STEP, N_BINS, N_CANDIDATES, PHASE_CLASSES, Q_MIN

N_CHANNELS = 4
"""Channels that the front makes of a pattern."""


@dataclass(frozen=True, slots=True)
class NetworkConfig:
    """Sizes of the network, its classes and the lines that it looks for; travels with the weights.

    phase_classes: the last one is "none"; each of the others has a lattice, and a logit for each candidate a_R
    line_constants: Q · a_R of the reflections that the head looks at (dimensionless), one gathered column each
    """

    line_constants: tuple[float, ...]
    phase_classes: tuple[str, ...] = PHASE_CLASSES
    trunk_channels: int = 32
    trunk_dilations: tuple[int, ...] = (1, 2, 4)
    evidence_channels: int = 16
    hidden: int = 96
    candidate_kernel: int = 5

    @classmethod
    def tiny(cls) -> NetworkConfig:
        """A network for tests and for a first look: seconds to train, the same shapes outside."""
        few = tuple(np.linspace(8.0, 28.0, 12).tolist())
        return cls(few, trunk_channels=8, trunk_dilations=(1, 2), evidence_channels=4, hidden=16, candidate_kernel=3)

    @property
    def n_lattice_classes(self) -> int:
        return len(self.phase_classes) - 1

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> NetworkConfig:
        arguments: dict[str, Any] = {n: tuple(v) if isinstance(v, list) else v for n, v in fields.items()}
        return cls(**arguments)


class NetworkOutput(NamedTuple):
    """What one pass says of n patterns, before any softmax; float32.

    lattice: (n, N_CANDIDATES, n_lattice_classes) logit of each class at each candidate a_R
    none: (n,) logit of "none"
    f_type: (n, N_CANDIDATES) logit of an F-type i-QC (else P), if there is one at this candidate
    share: (n, N_CANDIDATES) logit of the phase's share of the scattering, if there is one at this candidate
    """

    lattice: Tensor
    none: Tensor
    f_type: Tensor
    share: Tensor

    def flat(self) -> Tensor:
        """All logits of the softmax, (n, N_CANDIDATES · n_lattice_classes + 1), "none" last."""
        return torch.cat([self.lattice.flatten(1), self.none[:, None]], dim=1)

    def class_log_probabilities(self) -> Tensor:
        """Log-probability of each phase class, summed over the candidates, (n, n_classes), in float64."""
        lattice = torch.logsumexp(self.lattice.double(), dim=1)
        return torch.log_softmax(torch.cat([lattice, self.none.double()[:, None]], dim=1), dim=1)


class ResidualBlock(nn.Module):
    """Two dilated convolutions with a way around them; the shape stays."""

    def __init__(self, channels: int, dilation: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            _conv(channels, channels, kernel=5, dilation=dilation), nn.BatchNorm2d(channels), nn.ReLU(),
            _conv(channels, channels, kernel=5, dilation=dilation), nn.BatchNorm2d(channels),
        )  # fmt: skip

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(x + self.layers(x))


class Network(nn.Module):
    """One network for every lattice constant, wavelength and phase class."""

    def __init__(self, config: NetworkConfig) -> None:
        super().__init__()
        self.config = config
        trunk, evidence, hidden = config.trunk_channels, config.evidence_channels, config.hidden
        self.gather = LineGather(config.line_constants)

        self.stem = nn.Sequential(_conv(N_CHANNELS, trunk, kernel=9, stride=2), nn.BatchNorm2d(trunk), nn.ReLU())
        self.blocks = nn.Sequential(*[ResidualBlock(trunk, dilation) for dilation in config.trunk_dilations])
        self.project = nn.Conv2d(trunk, 2 * evidence, kernel_size=1)
        self.unmeasured = nn.Parameter(torch.zeros(evidence))

        self.read = nn.Linear(len(config.line_constants) * evidence, hidden)
        kernel = config.candidate_kernel
        self.compare = nn.ModuleList([nn.Conv1d(hidden, hidden, kernel, padding=kernel // 2) for _ in range(2)])
        self.answer = nn.Linear(hidden, config.n_lattice_classes + 2)
        none = nn.Linear(hidden, 1)
        nn.init.constant_(none.bias, float(np.log(N_CANDIDATES * config.n_lattice_classes)))  # even odds to begin with
        self.overview = nn.Sequential(nn.Linear(2 * trunk + hidden, hidden), nn.GELU(), none)
        self.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def forward(self, intensity: Tensor, measured: Tensor) -> NetworkOutput:
        """intensity: (n, N_BINS) float32, any scale, 0 where unmeasured; measured: (n, N_BINS) bool."""
        columns, pooled = self.look(intensity, measured)
        return self.judge(self.compare_candidates(self.read(columns)), pooled)

    def look(self, intensity: Tensor, measured: Tensor) -> tuple[Tensor, Tensor]:
        """The evidence at each line of each candidate (n, N_CANDIDATES, n_lines · evidence), a_R descending, and a summary
        of the whole pattern (n, 2 · trunk)."""
        n = len(intensity)
        channels = front(intensity, measured)  # (n, 4, N_BINS)
        x = channels[:, :, None, :].contiguous(memory_format=torch.channels_last)  # (n, 4, 1, N_BINS)
        x = self.blocks(self.stem(x))  # (n, trunk, 1, N_BINS / 2)
        pooled = torch.cat([x.mean(dim=(2, 3)), x.amax(dim=(2, 3))], dim=1)  # (n, 2 · trunk)

        evidence = self.project(x).permute(0, 2, 3, 1).reshape(n, N_BINS, -1)  # (n, N_BINS, evidence)
        unmeasured = self.unmeasured.to(evidence.dtype)
        evidence = torch.where(measured[:, :, None], evidence, unmeasured)
        return self.gather(evidence, unmeasured), pooled

    def compare_candidates(self, read: Tensor) -> Tensor:
        """What each candidate is, beside its neighbours: (n, N_CANDIDATES, hidden) → (n, hidden, N_CANDIDATES), a_R descending."""
        h: Tensor = functional.gelu(read).transpose(1, 2)
        for convolution in self.compare:
            h = h + functional.gelu(convolution(h))
        return h

    def judge(self, h: Tensor, pooled: Tensor) -> NetworkOutput:
        """h: (n, hidden, N_CANDIDATES), a_R descending; pooled: (n, 2 · trunk)."""
        best = h.amax(dim=2)  # (n, hidden)
        answers = (
            self.answer(h.transpose(1, 2)).float().flip(1)
        )  # (n, N_CANDIDATES, n_lattice_classes + 2), a_R ascending
        none = self.overview(torch.cat([pooled, best], dim=1)).float()[:, 0]  # (n,)
        return NetworkOutput(answers[..., :-2], none, answers[..., -2], answers[..., -1])


class LineGather(nn.Module):
    """Collects the evidence at each line of each candidate: (n, N_BINS, c) → (n, N_CANDIDATES, n_lines · c).

    Line l of candidate k lies ``BINS_PER_CANDIDATE · k`` bins below the same line of candidate 0, so that each column is
    a strided slice of the (padded) evidence, and nothing has to be indexed.  Slices ascend in Q, so candidates descend in a_R.
    """

    def __init__(self, line_constants: tuple[float, ...]) -> None:
        super().__init__()
        first = (np.log(line_constants) - np.log(A_R_MIN * Q_MIN)) / LN_Q_STEP - 0.5
        highest = np.round(first).astype(int)
        lowest = highest - BINS_PER_CANDIDATE * (N_CANDIDATES - 1)
        self.pad_below = max(0, -int(lowest.min()))
        self.pad_above = max(0, int(highest.max()) + 1 - N_BINS)
        self.starts = tuple((lowest + self.pad_below).tolist())

    def forward(self, evidence: Tensor, unmeasured: Tensor) -> Tensor:
        n = len(evidence)
        below, above = (unmeasured.expand(n, pad, -1) for pad in (self.pad_below, self.pad_above))
        padded = torch.cat([below, evidence, above], dim=1)
        columns: Tensor = _StridedSlices.apply(padded, self.starts)  # type: ignore[no-untyped-call]
        return columns.flatten(2)


class _StridedSlices(torch.autograd.Function):
    """Slices of one tensor, stacked; written out because autograd would make a full zero tensor for each slice."""

    @staticmethod
    def forward(ctx: Any, padded: Tensor, starts: tuple[int, ...]) -> Tensor:
        ctx.starts, ctx.shape = starts, padded.shape
        n, _, channels = padded.shape
        columns = padded.new_empty(n, N_CANDIDATES, len(starts), channels)
        for line, start in enumerate(starts):
            columns[:, :, line] = padded[:, _window(start)]
        return columns

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        summed = gradient.new_zeros(ctx.shape, dtype=torch.float32)
        for line, start in enumerate(ctx.starts):
            summed[:, _window(start)] += gradient[:, :, line]
        return summed.to(gradient.dtype), None


def _window(start: int) -> slice:
    return slice(start, start + BINS_PER_CANDIDATE * (N_CANDIDATES - 1) + 1, BINS_PER_CANDIDATE)


def _conv(inputs: int, outputs: int, *, kernel: int, stride: int = 1, dilation: int = 1) -> nn.Conv2d:
    """A convolution along ln Q.  Conv2d of height 1, since channels-last is twice as fast and 1-D has none."""
    padding = (0, dilation * (kernel // 2))
    return nn.Conv2d(
        inputs, outputs, (1, kernel), stride=(1, stride), padding=padding, dilation=(1, dilation), bias=False
    )
