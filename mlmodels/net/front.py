"""The network's own front: from intensities on the ln Q grid to the channels that the trunk sees.

In torch and batched, so that training and prediction share one code.  Every channel is scaled to its own maximum: the scale
of the counts does not matter.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

SNIP_WINDOWS = (128, 96, 64, 48, 32, 24, 16, 12, 8, 4)
"""Half widths (bins) of the background's clipping windows, descending; 128 bins are 8 % of Q."""

WEAK_LINE_GAIN = 100.0
"""The third channel is log(1 + 100 y): lines of 1 % of the strongest stand at 15 % of its height."""


def front(intensity: Tensor, measured: Tensor) -> Tensor:
    """Channels √y, √(y − background), log(1 + 100 (y − background)) and the mask, (n, 4, n_bins) float32.

    intensity: (n, n_bins), any scale, ignored where unmeasured; measured: (n, n_bins) bool, at least one bin of each row
    """
    with torch.autocast(intensity.device.type, enabled=False):
        y = fill_unmeasured(intensity.float().clamp(min=0), measured)
        y = _to_maximum(y)
        above = _to_maximum((y - snip_background(y)).clamp(min=0) * measured)
        contrasts = (y.sqrt(), above.sqrt(), torch.log1p(WEAK_LINE_GAIN * above) / math.log1p(WEAK_LINE_GAIN))
        return torch.stack([*(c * measured for c in contrasts), measured.float()], dim=1)


def fill_unmeasured(y: Tensor, measured: Tensor) -> Tensor:
    """Carry the nearest measured value on the left (at the start: on the right) into unmeasured bins."""
    bins = torch.arange(y.shape[1], device=y.device).expand_as(y)
    last = torch.where(measured, bins, -1).cummax(dim=1).values
    first = torch.argmax(measured.to(torch.uint8), dim=1, keepdim=True)
    return y.gather(1, torch.where(last >= 0, last, first))


def snip_background(y: Tensor) -> Tensor:
    """Background of (n, n_bins) non-negative intensities: the SNIP clipping of Ryan et al., Nucl. Instrum. Methods B 34, 396
    (1988), on √y instead of the double logarithm, with descending windows (Morháč, Nucl. Instrum. Methods A 600, 478 (2009)).
    """
    v = y.sqrt()
    for window in SNIP_WINDOWS:
        padded = functional.pad(v[:, None], (window, window), mode="replicate")[:, 0]
        v = torch.minimum(v, (padded[:, : -2 * window] + padded[:, 2 * window :]) / 2)
    return v.square()


def _to_maximum(y: Tensor) -> Tensor:
    return y / y.amax(dim=1, keepdim=True).clamp(min=torch.finfo(torch.float32).tiny)
