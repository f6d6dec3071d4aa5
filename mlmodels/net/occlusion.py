"""Which lines the network weighs: the log-odds of a quasicrystal with a line, less the log-odds without it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mlmodels.net.grid import N_CANDIDATES, PHASE_CLASSES
from mlmodels.net.network import Network, NetworkOutput
from mlmodels.net.predict import LoadedNetwork, Prediction, batches, predictions_of
from mlmodels.net.preprocess import NetworkInput

FloatArray = NDArray[np.float64]
Groups = Sequence[Sequence[int]]

logger = logging.getLogger(__name__)

OCCLUDED = 1
"""Candidates on either side of the best one in which a line is covered too: else the next one, 0.26 % away, would see it."""


@dataclass(frozen=True, slots=True, eq=False)
class _Looked:
    """What the network computed of one pattern on its way to the output.

    columns: evidence at the lines (N_CANDIDATES, n_lines · evidence) · pooled: summary (1, 2 · trunk)
    read: the linear layer's answer (N_CANDIDATES, hidden) · h: candidates beside their neighbours (hidden, N_CANDIDATES)
    """

    columns: Tensor
    pooled: Tensor
    read: Tensor
    h: Tensor
    output: NetworkOutput


def predict_and_weigh(
    loaded: LoadedNetwork,
    inputs: Sequence[NetworkInput],
    groups_of: Callable[[Prediction], Groups | None],
    batch_size: int = 32,
) -> list[tuple[Prediction, FloatArray | None]]:
    """Predict each of ``inputs``, and weigh its lines in the same pass; in float32.

    groups_of: which of the network's lines are weighed together, as indices into the line constants, or None where none are.
    What each group adds to the calibrated log-odds of an i-QC has the shape (n_groups,); it is None where it was not asked or
    could not be computed: a call must not wait for that.
    """
    answers = []
    for intensity, measured in batches(loaded, inputs, batch_size):
        with torch.inference_mode():
            columns, pooled = loaded.network.look(intensity, measured)
            read = loaded.network.read(columns)
            h = loaded.network.compare_candidates(read)
            output = loaded.network.judge(h, pooled)
        for i, prediction in enumerate(predictions_of(loaded, output)):
            looked = _Looked(
                columns[i], pooled[i : i + 1], read[i], h[i], NetworkOutput(*(part[i : i + 1] for part in output))
            )
            answers.append((prediction, _weighed(loaded, looked, groups_of(prediction))))
    return answers


def _weighed(loaded: LoadedNetwork, looked: _Looked, groups: Groups | None) -> FloatArray | None:
    try:
        return None if groups is None else log_odds_of_lines(loaded, looked, groups)
    except Exception:
        logger.exception("The lines of a pattern could not be weighed")
        return None


def log_odds_of_lines(loaded: LoadedNetwork, looked: _Looked, groups: Groups) -> FloatArray:
    """How much each group of the network's lines adds to the calibrated log-odds of an i-QC, shape (n_groups,).

    The lines of a group are together replaced by the vector that the network learned for "not measured", at the best candidate
    and beside it.  Positive: they speak for a quasicrystal; 0 where none of them was measured.  The changes need not sum to the
    log-odds.
    """
    network = loaded.network
    membership = torch.zeros(len(groups), len(network.config.line_constants), device=loaded.device)
    for row, group in enumerate(groups):
        membership[row, list(group)] = 1.0
    with torch.inference_mode():
        best = N_CANDIDATES - 1 - int(looked.output.lattice[0, :, _icosahedral(loaded)].argmax())  # a_R descends in h
        first, last = max(0, best - OCCLUDED), min(N_CANDIDATES, best + OCCLUDED + 1)
        lost = torch.einsum("gl,lkh->gkh", membership, _lost(network, looked.columns[first:last]))
        touched = torch.nonzero(lost.abs().amax(dim=(1, 2))).squeeze(1)
        changes = np.zeros(len(groups))
        if touched.numel():
            without = _compared_again(network, looked.read, looked.h, lost[touched], first)
            occluded = network.judge(without, looked.pooled.expand(len(touched), -1))
            changes[touched.cpu().numpy()] = _log_odds(loaded, looked.output) - _log_odds(loaded, occluded)
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
