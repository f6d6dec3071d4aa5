"""What every phase hands to the instrument: a batch of line lists."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


@dataclass(frozen=True, slots=True)
class LineLists:
    """Powder lines of a batch of phases, before the instrument sees them.

    pattern: the pattern of the batch that each phase belongs to, int64, shape (n_phases,)
    inverse_d: 1/d (Å⁻¹), shape (n_phases, n_lines)
    intensity: structure factor squared × multiplicity × temperature factor, any scale, 0 where there is no line,
        shape (n_phases, n_lines)
    broadening: width of each line beyond that of the narrowest of the pattern, as a fraction of it, shape (n_phases, n_lines)
    share: of the diffracted area of the pattern within the measured range, shape (n_phases,)
    wanted: True for the quasicrystal or approximant that names the pattern's class, shape (n_phases,)
    """

    pattern: Tensor
    inverse_d: Tensor
    intensity: Tensor
    broadening: Tensor
    share: Tensor
    wanted: Tensor
