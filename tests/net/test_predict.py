from __future__ import annotations

import numpy as np
import pytest
import torch

from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.grid import CANDIDATES, N_CANDIDATES, PHASE_CLASSES
from mlmodels.net.predict import LoadedNetwork, best_constants, forward, load_network, predict
from mlmodels.net.preprocess import NetworkInput


@pytest.fixture
def loaded(tiny_checkpoint: Checkpoint) -> LoadedNetwork:
    return load_network(tiny_checkpoint, "cpu")


def test_a_prediction_is_whole(loaded: LoadedNetwork, inputs: list[NetworkInput]) -> None:
    for one in predict(loaded, inputs):
        assert tuple(one.probabilities) == PHASE_CLASSES
        assert sum(one.probabilities.values()) == pytest.approx(1, abs=1e-12)
        assert one.probability == one.probabilities["icosahedral"]
        assert CANDIDATES[0] <= one.quasilattice_constant <= CANDIDATES[-1]
        assert one.quasilattice_constant_sigma > 0
        assert one.lattice_type in ("P", "F")
        assert 0 <= one.share <= 1
        assert one.evidence.shape == (N_CANDIDATES,)
        assert one.evidence.dtype == np.float32
        assert one.evidence.sum() == pytest.approx(1, abs=1e-5)


@pytest.mark.parametrize("batch_size", [1, 5, 64])
def test_the_batch_does_not_matter(loaded: LoadedNetwork, inputs: list[NetworkInput], batch_size: int) -> None:
    together = [one.probability for one in predict(loaded, inputs, batch_size=32)]
    assert [one.probability for one in predict(loaded, inputs, batch_size)] == pytest.approx(together, rel=1e-4)


def test_nothing_gives_nothing(loaded: LoadedNetwork) -> None:
    assert predict(loaded, []) == []


def test_bf16_agrees_with_float32(tiny_checkpoint: Checkpoint, inputs: list[NetworkInput]) -> None:
    intensity = torch.from_numpy(np.stack([one.intensity for one in inputs]))
    measured = torch.from_numpy(np.stack([one.measured for one in inputs]))
    exact, quick = (
        forward(load_network(tiny_checkpoint, "cpu", bf16=bf16), intensity, measured).class_log_probabilities()
        for bf16 in (False, True)
    )
    assert not torch.equal(quick, exact)
    assert quick.numpy() == pytest.approx(exact.numpy(), abs=0.05)


def test_the_best_constant_is_the_mean_of_the_evidence_around_its_peak() -> None:
    k = np.arange(N_CANDIDATES, dtype=np.float64)
    logits = -0.5 * ((k - 70.3) / 0.8) ** 2
    constants, spreads, _ = best_constants(logits[None])
    step = np.log(CANDIDATES[1] / CANDIDATES[0])
    expected = CANDIDATES[0] * np.exp(70.3 * step)
    assert constants[0] == pytest.approx(expected, rel=1e-5)
    assert spreads[0] == pytest.approx(expected * 0.8 * step, rel=0.02)
