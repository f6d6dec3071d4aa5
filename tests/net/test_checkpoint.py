from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from mlmodels.net import checkpoint
from mlmodels.net.calibration import Calibration
from mlmodels.net.checkpoint import Checkpoint, CheckpointError
from mlmodels.net.finishing import calibrated_anew
from mlmodels.net.predict import load_network, predict
from mlmodels.net.preprocess import NetworkInput
from mlmodels.net.training import TrainingConfig


@pytest.fixture
def saved(tiny_checkpoint: Checkpoint, tmp_path: Path) -> Path:
    return checkpoint.save(tiny_checkpoint, tmp_path)


def change_config(weights: Path, **fields: Any) -> None:
    path = weights.with_suffix(".json")
    path.write_text(json.dumps(json.loads(path.read_text()) | fields))


def test_what_was_saved_predicts_the_same(tiny_checkpoint: Checkpoint, saved: Path, inputs: list[NetworkInput]) -> None:
    before = predict(load_network(tiny_checkpoint, "cpu"), inputs)
    after = predict(load_network(checkpoint.load(saved), "cpu"), inputs)
    assert [one.probabilities for one in after] == [one.probabilities for one in before]


def test_it_remembers_how_it_was_made(saved: Path) -> None:
    loaded = checkpoint.load(saved)
    assert loaded.command == "a test"
    assert loaded.training["seed"] == 3
    assert loaded.training["simulation"]["n_lattices"] == 120
    assert sum(loaded.calibration["prior"].values()) == pytest.approx(1)


def test_either_file_names_the_checkpoint_and_bytes_do_too(saved: Path) -> None:
    config = json.loads(saved.with_suffix(".json").read_text())
    from_bytes = checkpoint.load_bytes(saved.read_bytes(), config)
    for loaded in (checkpoint.load(saved.with_suffix(".json")), from_bytes):
        assert loaded.arrays.keys() == checkpoint.load(saved).arrays.keys()


def test_nothing_unfinished_is_left_beside_it(saved: Path) -> None:
    assert sorted(path.name for path in saved.parent.iterdir()) == ["tiny.json", "tiny.safetensors"]


def test_another_format_version_is_refused(saved: Path) -> None:
    change_config(saved, format_version=99)
    with pytest.raises(CheckpointError, match="format version 99; this release reads 1"):
        checkpoint.load(saved)


def test_another_input_contract_is_refused(saved: Path) -> None:
    change_config(saved, input_contract="two-theta-6000/1")
    with pytest.raises(CheckpointError, match="input of the form two-theta-6000/1"):
        checkpoint.load(saved)


def test_truncated_weights_are_refused(saved: Path) -> None:
    saved.write_bytes(saved.read_bytes()[:-100])
    with pytest.raises(CheckpointError, match="truncated or was changed"):
        checkpoint.load(saved)


def test_weights_that_are_not_safetensors_are_refused(saved: Path) -> None:
    import hashlib

    saved.write_bytes(b"not weights at all")
    change_config(saved, weights_sha256=hashlib.sha256(b"not weights at all").hexdigest())
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        checkpoint.load(saved)


def test_a_missing_half_is_named(saved: Path) -> None:
    saved.with_suffix(".json").unlink()
    with pytest.raises(CheckpointError, match=r"tiny\.json is missing"):
        checkpoint.load(saved)


def test_a_broken_config_is_refused(saved: Path) -> None:
    saved.with_suffix(".json").write_text('{"format_version": 1,')
    with pytest.raises(CheckpointError, match="is not JSON"):
        checkpoint.load(saved)


def test_a_config_without_a_needed_field_is_refused(saved: Path) -> None:
    config = json.loads(saved.with_suffix(".json").read_text())
    del config["calibration"]
    with pytest.raises(CheckpointError, match="calibration"):
        checkpoint.load_bytes(saved.read_bytes(), config)


def test_an_unknown_name_lists_what_is_shipped() -> None:
    with pytest.raises(CheckpointError, match="icosa-2"):
        checkpoint.load("icosa-0")


def test_a_calibration_can_be_made_anew_and_says_so(tiny_checkpoint: Checkpoint, tiny_training: TrainingConfig) -> None:
    timid = replace(tiny_checkpoint, calibration=Calibration(slope=0.1).as_json(), metrics={"of": "the former"})
    made = calibrated_anew(timid, tiny_training, "manage.py train --calibrate tiny", n_calibration=64)
    assert made.calibration == tiny_checkpoint.calibration
    assert made.weights() == tiny_checkpoint.weights()
    assert made.metrics == {}
    assert made.command.startswith("a test; then manage.py train --calibrate tiny at ")
