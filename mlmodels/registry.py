"""From a model version to its loaded network, once a process.  The one place above `mlmodels.net` that reaches torch."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np
from django.conf import settings
from numpy.typing import NDArray

from mlmodels.models import ModelVersion
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.preprocess import NetworkInput

if TYPE_CHECKING:
    from mlmodels.net.occlusion import Groups
    from mlmodels.net.predict import LoadedNetwork, Prediction

BATCH_SIZE = 32
"""Patterns in one forward pass: large enough that a larger one gains nothing on a CPU, small enough that two workers share
one upload of many files, and that a worker stays small."""
WEIGHED_AT_ONCE = 16
"""Patterns in one pass that keeps what it computed on the way, to weigh lines with: half as many take 70 MB less, and no longer."""


class ScreeningNetwork:
    """A network that is ready to judge patterns."""

    def __init__(self, loaded: LoadedNetwork) -> None:
        self.loaded = loaded

    @property
    def name(self) -> str:
        return self.loaded.name

    @property
    def device(self) -> str:
        return str(self.loaded.device)

    def predict(self, inputs: Sequence[NetworkInput]) -> list[Prediction]:
        from mlmodels.net.predict import predict

        return predict(self.loaded, inputs, BATCH_SIZE)

    @property
    def line_constants(self) -> tuple[float, ...]:
        """Q · a_R of the lines that the network looks at."""
        return self.loaded.network.config.line_constants

    def predict_and_weigh(
        self, inputs: Sequence[NetworkInput], groups_of: Callable[[Prediction], Groups | None]
    ) -> list[tuple[Prediction, NDArray[np.float64] | None]]:
        """The same, and what each group of lines adds to the log-odds of a quasicrystal."""
        from mlmodels.net.occlusion import predict_and_weigh

        return predict_and_weigh(self.loaded, inputs, groups_of, WEIGHED_AT_ONCE)


def network_of(checkpoint: Checkpoint) -> ScreeningNetwork:
    """Load ``checkpoint`` onto the device that ICOSA_DEVICE names, or the one that torch sees.

    Torch is imported here and not before, so that the web process never has it, and nothing that forks does.
    """
    import torch

    from mlmodels.net.predict import load_network

    torch.set_num_threads(1)  # as many workers as cores: more threads would only be in each other's way
    device = None if settings.SCREENING_DEVICE == "auto" else settings.SCREENING_DEVICE
    return ScreeningNetwork(load_network(checkpoint, device))


@lru_cache(maxsize=2)
def network_for(version_id: int) -> ScreeningNetwork:
    """The network of a model version; the version before the last one asked for makes room."""
    return network_of(ModelVersion.objects.get(pk=version_id).checkpoint())
