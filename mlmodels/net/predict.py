"""From inputs to predictions, in batches, on whatever device torch sees."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from mlmodels.net.calibration import Calibration
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.grid import CANDIDATES
from mlmodels.net.network import Network, NetworkConfig, NetworkOutput
from mlmodels.net.preprocess import NetworkInput

FloatArray = NDArray[np.float64]

NEAR_BEST = 4
"""Candidates on either side of the best one whose evidence gives a_R and its spread: 1 % of a_R."""


@dataclass(frozen=True, slots=True, eq=False)
class Prediction:
    """What the network says of one pattern.

    probabilities: calibrated, of each phase class, summing to 1
    quasilattice_constant: best a_R (Å) of an icosahedral quasicrystal, whether or not one is likely to be there
    quasilattice_constant_sigma: its standard deviation (Å)
    lattice_type: "P" or "F" of that quasicrystal
    share: of the scattering that comes from it, 0–1, if it is there
    evidence: how the probability of an icosahedral quasicrystal is spread over the candidates a_R of grid.CANDIDATES,
        float32, shape (N_CANDIDATES,), summing to 1; times ``probability`` it is each candidate's own probability
    """

    probabilities: dict[str, float]
    quasilattice_constant: float
    quasilattice_constant_sigma: float
    lattice_type: str
    share: float
    evidence: NDArray[np.float32]

    @property
    def probability(self) -> float:
        """Probability of an icosahedral quasicrystal, unrounded."""
        return self.probabilities["icosahedral"]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedNetwork:
    """A network in evaluation mode on its device, with its calibration.

    after_batch: called after each batch of `predict`, so that whoever asks it for minutes can look up meanwhile
    """

    name: str
    network: Network
    calibration: Calibration
    device: torch.device
    bf16: bool = False
    after_batch: Callable[[], None] | None = None


def load_network(checkpoint: Checkpoint, device: str | None = None, *, bf16: bool = False) -> LoadedNetwork:
    """Build the network of ``checkpoint`` on ``device`` (by default the GPU where there is one).

    bf16: compute in bfloat16: faster where the processor has it, at some cost in the third digit of the odds.
    """
    where = torch.device(device or ("cuda" if torch.cuda.is_available() else "cpu"))
    network = Network(NetworkConfig.from_json(dict(checkpoint.network)))
    network.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in checkpoint.arrays.items()})
    calibration = Calibration.from_json(checkpoint.calibration)
    return LoadedNetwork(checkpoint.name, network.eval().to(where), calibration, where, bf16)


def predict(loaded: LoadedNetwork, inputs: Sequence[NetworkInput], batch_size: int = 32) -> list[Prediction]:
    """Predict each of ``inputs``; what else is in its batch does not matter to a pattern."""
    return [
        prediction
        for intensity, measured in batches(loaded, inputs, batch_size)
        for prediction in predictions_of(loaded, forward(loaded, intensity, measured))
    ]


def batches(
    loaded: LoadedNetwork, inputs: Sequence[NetworkInput], batch_size: int
) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
    """Intensity and mask of ``inputs`` on the network's device, ``batch_size`` at a time."""
    for start in range(0, len(inputs), batch_size):
        batch = inputs[start : start + batch_size]
        intensity = torch.from_numpy(np.stack([one.intensity for one in batch])).to(loaded.device)
        measured = torch.from_numpy(np.stack([one.measured for one in batch])).to(loaded.device)
        yield intensity, measured
        if loaded.after_batch:
            loaded.after_batch()


def forward(loaded: LoadedNetwork, intensity: torch.Tensor, measured: torch.Tensor) -> NetworkOutput:
    """The network's output (float32) for a batch on its device."""
    with torch.inference_mode(), torch.autocast(loaded.device.type, dtype=torch.bfloat16, enabled=loaded.bf16):
        return loaded.network(intensity, measured)  # type: ignore[no-any-return]


def best_constants(icosahedral: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Best a_R (Å), spread of the evidence around it (Å) and the evidence itself, of i-QC logits (n, N_CANDIDATES).

    a_R is the mean over the NEAR_BEST candidates on either side of the best one, in ln a_R, weighted by the evidence.
    """
    evidence = np.exp(icosahedral - icosahedral.max(axis=1, keepdims=True))
    evidence /= evidence.sum(axis=1, keepdims=True)
    best = evidence.argmax(axis=1)
    near = np.abs(np.arange(evidence.shape[1]) - best[:, None]) <= NEAR_BEST
    weights = np.where(near, evidence, 0.0)
    weights /= weights.sum(axis=1, keepdims=True)
    ln_a = np.log(CANDIDATES)
    mean = weights @ ln_a
    spread = np.sqrt(np.sum(weights * (ln_a - mean[:, None]) ** 2, axis=1))
    return np.exp(mean), np.exp(mean) * spread, evidence


def predictions_of(loaded: LoadedNetwork, output: NetworkOutput) -> Iterator[Prediction]:
    classes = loaded.network.config.phase_classes
    probabilities = loaded.calibration(output.class_log_probabilities().cpu().numpy())
    logits = output.lattice[:, :, classes.index("icosahedral")].double().cpu().numpy()
    constants, spreads, evidence = best_constants(logits)
    best = torch.from_numpy(evidence.argmax(axis=1))[:, None]
    f_type = output.f_type.cpu().gather(1, best)[:, 0] > 0
    share = torch.sigmoid(output.share.cpu().gather(1, best)[:, 0])
    for i in range(len(probabilities)):
        yield Prediction(
            probabilities=dict(zip(classes, probabilities[i].tolist(), strict=True)),
            quasilattice_constant=float(constants[i]),
            quasilattice_constant_sigma=float(spreads[i]) * loaded.calibration.sigma_scale,
            lattice_type="F" if f_type[i] else "P",
            share=float(share[i]),
            evidence=evidence[i].astype(np.float32),
        )
