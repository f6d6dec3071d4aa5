"""What every phase hands to the instrument: a batch of line lists."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class LineLists:
    """Powder lines of a batch of phases, before the instrument sees them.

    pattern: the pattern of the batch that each phase belongs to, int64, shape (n_phases,)
    inverse_d: 1/d (Å⁻¹), shape (n_phases, n_lines)
    intensity: structure factor squared × multiplicity × temperature factor, any scale, 0 where there is no line,
        shape (n_phases, n_lines)
    broadening: width of each line beyond that of the phase's narrowest, as a fraction of it, shape (n_phases, n_lines)
    share: of the diffracted area of the pattern, before what lies outside the measured range is cut, shape (n_phases,)
    wanted: True for the quasicrystal or approximant that names the pattern's class, shape (n_phases,)
    """

    pattern: Tensor
    inverse_d: Tensor
    intensity: Tensor
    broadening: Tensor
    share: Tensor
    wanted: Tensor


def form_factors(coefficients: Tensor, inverse_d: Tensor) -> Tensor:
    """Evaluate form factors: coefficients (n, 11) as a1…a5, c, b1…b5; 1/d (n, n_lines) → f (n, n_lines)."""
    s_squared = (inverse_d / 2) ** 2
    f = coefficients[:, 5:6].expand_as(inverse_d).clone()
    for i in range(5):
        f += coefficients[:, i : i + 1] * torch.exp(-coefficients[:, 6 + i : 7 + i] * s_squared)
    return f
