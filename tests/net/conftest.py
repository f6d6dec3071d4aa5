from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.finishing import make_checkpoint
from mlmodels.net.network import Network, NetworkConfig
from mlmodels.net.preprocess import NetworkInput
from mlmodels.net.simulate import SimulatedBatch, SimulationConfig, simulate
from mlmodels.net.training import TrainingConfig, preset


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny_training() -> TrainingConfig:
    return replace(preset("tiny", seed=3), steps=4)


@pytest.fixture
def tiny_network() -> Network:
    torch.manual_seed(0)
    return Network(NetworkConfig.tiny()).eval()


@pytest.fixture(scope="session")
def simulated() -> SimulatedBatch:
    return simulate(32, SimulationConfig.tiny(), torch.Generator().manual_seed(11), "cpu")


@pytest.fixture(scope="session")
def inputs(simulated: SimulatedBatch) -> list[NetworkInput]:
    rows = zip(simulated.intensity.numpy(), simulated.measured.numpy(), strict=True)
    return [NetworkInput(intensity, measured) for intensity, measured in rows]


@pytest.fixture(scope="session")
def tiny_checkpoint(tiny_training: TrainingConfig) -> Checkpoint:
    torch.manual_seed(5)
    network = Network(tiny_training.network).eval()
    return make_checkpoint("tiny", tiny_training, network, "a test", n_calibration=64)
