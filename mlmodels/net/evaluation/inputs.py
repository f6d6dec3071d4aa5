"""From simulated batches to what the network is given."""

from __future__ import annotations

from torch import Tensor

from mlmodels.net.preprocess import NetworkInput
from mlmodels.net.simulate import SimulatedBatch


def inputs_of(batch: SimulatedBatch) -> list[NetworkInput]:
    return inputs(batch.intensity, batch.measured)


def inputs(intensity: Tensor, measured: Tensor) -> list[NetworkInput]:
    """intensity, measured: shape (n, N_BINS)."""
    return [NetworkInput(y, m) for y, m in zip(intensity.cpu().numpy(), measured.cpu().numpy(), strict=True)]
