"""Which lines the network weighs: the log-odds of a quasicrystal with a line, less the log-odds without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlmodels.net.grid import N_CANDIDATES, PHASE_CLASSES
from mlmodels.net.network import Network, NetworkOutput
from mlmodels.net.predict import LoadedNetwork
from mlmodels.net.preprocess import NetworkInput

FloatArray = NDArray[np.float64]

OCCLUDED = 1
"""Candidates on either side of the best one in which a line is covered too: else the next one, 0.26 % away, would see it."""


def log_odds_of_lines(loaded: LoadedNetwork, one: NetworkInput, groups: Sequence[Sequence[int]]) -> FloatArray:
    """How much each group of the network's lines adds to the calibrated log-odds of an i-QC, shape (n_groups,).

    groups: indices into the line constants.  The lines of a group are together replaced by the vector that the network learned
    for "not measured", at the best candidate and beside it.  Positive: they speak for a quasicrystal; 0 where none of them was
    measured.  The changes need not sum to the log-odds.
    """
    network = loaded.network
    intensity = torch.from_numpy(one.intensity)[None].to(loaded.device)
    measured = torch.from_numpy(one.measured)[None].to(loaded.device)
    membership = torch.zeros(len(groups), len(network.config.line_constants), device=loaded.device)
    for row, group in enumerate(groups):
        membership[row, list(group)] = 1.0
    with torch.inference_mode():
        columns, pooled = network.look(intensity, measured)
        read = network.read(columns)
        h = network.compare_candidates(read)
        whole = network.judge(h, pooled)
        best = N_CANDIDATES - 1 - int(whole.lattice[0, :, _icosahedral(loaded)].argmax())  # a_R descends in the head
        first, last = max(0, best - OCCLUDED), min(N_CANDIDATES, best + OCCLUDED + 1)
        lost = torch.einsum("gl,lkh->gkh", membership, _lost(network, columns[0, first:last]))
        touched = torch.nonzero(lost.abs().amax(dim=(1, 2))).squeeze(1)
        changes = np.zeros(len(groups))
        if touched.numel():
            without = _compared_again(network, read[0], h[0], lost[touched], first)
            occluded = network.judge(without, pooled.expand(len(touched), -1))
            changes[touched.cpu().numpy()] = _log_odds(loaded, whole) - _log_odds(loaded, occluded)
    return changes


def _lost(network: Network, columns: Tensor) -> Tensor:
    """By how much the linear layer's answer moves without each line, (n_lines, n_candidates, hidden)."""
    n_lines, channels = len(network.config.line_constants), network.config.evidence_channels
    difference = network.unmeasured - columns.reshape(len(columns), n_lines, channels)
    weight = network.read.weight.reshape(-1, n_lines, channels)
    return torch.einsum("klc,hlc->lkh", difference, weight)


def _compared_again(network: Network, read: Tensor, h: Tensor, lost: Tensor, first: int) -> Tensor:
    """``h`` (hidden, N_CANDIDATES) for each group that is ``lost`` (n, k, hidden) from candidate ``first`` on.

    Only as many candidates are computed as the convolutions carry the change to, and as many more as these look at.
    """
    last = first + lost.shape[1]
    reach = len(network.compare) * (network.config.candidate_kernel // 2)
    low, high = max(0, first - 2 * reach), min(N_CANDIDATES, last + 2 * reach)
    changed_low, changed_high = max(0, first - reach), min(N_CANDIDATES, last + reach)
    stretch = read[low:high].expand(len(lost), -1, -1).clone()
    stretch[:, first - low : last - low] += lost
    compared = network.compare_candidates(stretch)
    without = h.expand(len(lost), -1, -1).clone()
    without[:, :, changed_low:changed_high] = compared[:, :, changed_low - low : changed_high - low]
    return without


def _log_odds(loaded: LoadedNetwork, output: NetworkOutput) -> FloatArray:
    """Calibrated log-odds of an icosahedral quasicrystal, shape (n,)."""
    probabilities = loaded.calibration(output.class_log_probabilities().cpu().numpy())
    icosahedral = _icosahedral(loaded)
    others = np.delete(probabilities, icosahedral, axis=1).sum(axis=1)
    return np.asarray(np.log(probabilities[:, icosahedral]) - np.log(others))


def _icosahedral(loaded: LoadedNetwork) -> int:
    return loaded.network.config.phase_classes.index(PHASE_CLASSES[0])
