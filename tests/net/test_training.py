from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from mlmodels.net import checkpoint
from mlmodels.net.network import Network
from mlmodels.net.training import Material, TrainingConfig, preset, train


def weights(network: Network) -> torch.Tensor:
    return torch.cat([p.detach().flatten() for p in network.parameters()])


def test_the_same_seed_gives_the_same_weights(tiny_training: TrainingConfig, tmp_path: Path) -> None:
    first = weights(train(tiny_training, tmp_path / "a.state"))
    again = weights(train(tiny_training, tmp_path / "b.state"))
    other = weights(train(replace(tiny_training, seed=4), tmp_path / "c.state"))
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_a_resumed_run_ends_where_an_unbroken_one_does(
    tiny_training: TrainingConfig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    unbroken = weights(train(tiny_training, tmp_path / "whole.state"))
    # A kill after three of the four steps: the rate follows the whole length, the state is that of step 3.
    monkeypatch.setattr(TrainingConfig, "learning_rate_at", lambda self, step: tiny_rate(tiny_training, step))
    train(replace(tiny_training, steps=3), tmp_path / "broken.state")
    resumed = weights(train(tiny_training, tmp_path / "broken.state", resume=True))
    assert torch.equal(resumed, unbroken)


def tiny_rate(config: TrainingConfig, step: int) -> float:
    rise = min(1.0, (step + 1) / config.warm_up)
    return config.learning_rate * rise * min(1.0, (config.steps - step) / (config.decay_share * config.steps))


def test_a_state_is_not_overwritten_unasked(tiny_training: TrainingConfig, tmp_path: Path) -> None:
    (tmp_path / "kept.state").write_bytes(b"hours of work")
    with pytest.raises(FileExistsError, match="resume it"):
        train(tiny_training, tmp_path / "kept.state")
    assert (tmp_path / "kept.state").read_bytes() == b"hours of work"


def test_the_learning_rate_rises_stays_and_falls(tiny_training: TrainingConfig) -> None:
    config = replace(tiny_training, steps=1000, warm_up=100)
    rates = [config.learning_rate_at(step) for step in range(1000)]
    assert rates[0] == pytest.approx(config.learning_rate / 100)
    assert rates[100:600] == pytest.approx([config.learning_rate] * 500)
    assert rates[-1] == pytest.approx(config.learning_rate / 400)


@pytest.mark.slow
def test_two_processes_train_one_network(tiny_training: TrainingConfig, tmp_path: Path) -> None:
    both = weights(train(replace(tiny_training, workers=2), tmp_path / "both.state"))
    alone = weights(train(tiny_training, tmp_path / "alone.state"))
    again = weights(train(replace(tiny_training, workers=2), tmp_path / "again.state"))
    assert torch.isfinite(both).all()
    assert not torch.equal(both, alone)
    assert torch.equal(both, again)


def test_training_goes_on_from_given_weights(tiny_training: TrainingConfig, tmp_path: Path) -> None:
    torch.manual_seed(5)
    begun = {name: t.numpy() for name, t in Network(tiny_training.network).state_dict().items()}
    config = replace(tiny_training, learning_rate=0.0, weight_decay=0.0)
    kept = train(config, tmp_path / "kept.state", material=Material(begun)).state_dict()
    parameters = dict(Network(tiny_training.network).named_parameters())
    assert all(torch.allclose(kept[name], torch.from_numpy(begun[name])) for name in parameters)


@pytest.mark.slow
def test_torchrun_trains_what_two_workers_of_our_own_do(tiny_training: TrainingConfig, tmp_path: Path) -> None:
    ours = train(replace(preset("tiny", seed=3, steps=4), workers=2), tmp_path / "ours.state")
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    command = ["manage.py", "train", "--preset", "tiny", "--seed", "3", "--steps", "4", "--out", str(tmp_path / "two")]
    ran = subprocess.run([*torchrun, *command], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    theirs = checkpoint.load(tmp_path / "two")
    assert theirs.training["workers"] == 2
    for name, tensor in ours.state_dict().items():
        assert torch.equal(tensor, torch.from_numpy(theirs.arrays[name].copy())), name


def test_an_unknown_preset_names_the_known_ones() -> None:
    with pytest.raises(ValueError, match="tiny, laptop, gpu"):
        preset("enormous")
