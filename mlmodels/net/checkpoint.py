"""A trained network on disk: weights as safetensors, and beside them a JSON that says what they are and how they were made.

NumPy only, so that the web process and migrate can store and show checkpoints without torch.  Nothing is ever pickled.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from numpy.typing import NDArray

from mlmodels.net.classify import THRESHOLDS_VERSION
from mlmodels.net.preprocess import INPUT_CONTRACT
from samples.xrd.sentences import sentence

FORMAT_VERSION = 1
DEFAULT_CHECKPOINT = "icosa-3"
SHIPPED = Path(__file__).resolve().parent.parent / "weights"

_DESCRIPTION = ("name", "network", "calibration", "training", "command", "git_revision", "made_at", "metrics")
"""Fields of the JSON that are fields of Checkpoint."""


class CheckpointError(ValueError):
    """A checkpoint that cannot be used; ``.sentence`` says why and what to do."""

    def __init__(self, template: str, /, **values: str | int) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))


@dataclass(frozen=True, slots=True, eq=False)
class Checkpoint:
    """Weights and all that is known of them.

    name: of the model version
    arrays: the weights, by parameter name
    network: fields of NetworkConfig
    calibration: fields of Calibration
    training: fields of TrainingConfig, with the seed and the simulation's config
    command, git_revision, made_at: how, from what and when (ISO 8601) the weights were made
    metrics: what `manage.py evaluate` found
    seen: what the network saw in training (:mod:`mlmodels.net.seen`); empty for one that was made before this was kept
    """

    name: str
    arrays: Mapping[str, NDArray[Any]]
    network: Mapping[str, Any]
    calibration: Mapping[str, Any]
    training: Mapping[str, Any] = field(default_factory=dict)
    command: str = ""
    git_revision: str = ""
    made_at: str = ""
    metrics: Mapping[str, Any] = field(default_factory=dict)
    seen: Mapping[str, Any] = field(default_factory=dict)

    def weights(self) -> bytes:
        """The weights as the bytes of a .safetensors file."""
        return safetensors.numpy.save({name: np.asarray(array, order="C") for name, array in self.arrays.items()})

    def config(self, weights: bytes) -> dict[str, Any]:
        """What stands in the .json beside ``weights``."""
        return {
            "format_version": FORMAT_VERSION,
            "name": self.name,
            "input_contract": INPUT_CONTRACT,
            "thresholds": THRESHOLDS_VERSION,
            "weights_sha256": hashlib.sha256(weights).hexdigest(),
            "network": dict(self.network),
            "calibration": dict(self.calibration),
            "training": dict(self.training),
            "command": self.command,
            "git_revision": self.git_revision,
            "made_at": self.made_at,
            "metrics": dict(self.metrics),
            **({"seen": dict(self.seen)} if self.seen else {}),
        }


def save(checkpoint: Checkpoint, directory: Path) -> Path:
    """Write ``<name>.safetensors`` and ``<name>.json`` into ``directory``; returns the path of the weights."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{checkpoint.name}.safetensors"
    weights = checkpoint.weights()
    text = json.dumps(checkpoint.config(weights), indent=1, ensure_ascii=False) + "\n"
    write_whole(path, weights)
    write_whole(path.with_suffix(".json"), text.encode())
    return path


def load(path: str | Path) -> Checkpoint:
    """Read a checkpoint from either of its two files, or by the name of one that is shipped.

    Raises CheckpointError where a file is missing or broken, or was made for another version.
    """
    weights_path = locate(path)
    config_path = weights_path.with_suffix(".json")
    try:
        config = json.loads(config_path.read_bytes())
    except FileNotFoundError:
        raise CheckpointError(
            "%(file)s is missing. A checkpoint is two files of one name, .safetensors and .json: put both into one folder.",
            file=config_path.name,
        ) from None
    except ValueError:
        raise CheckpointError("%(file)s is not JSON. Copy the checkpoint again.", file=config_path.name) from None
    return load_bytes(weights_path.read_bytes(), config)


def load_bytes(weights: bytes, config: Mapping[str, Any]) -> Checkpoint:
    """A checkpoint from the bytes of its weights and its config, wherever they were kept.  Raises CheckpointError."""
    version = config.get("format_version")
    if version != FORMAT_VERSION:
        raise CheckpointError(
            "The checkpoint has format version %(theirs)s; this release reads %(ours)s. Use the release that made it, or train again.",
            theirs=str(version),
            ours=FORMAT_VERSION,
        )
    needed = ("input_contract", "weights_sha256", *_DESCRIPTION)
    if missing := [name for name in needed if name not in config]:
        raise CheckpointError(
            "The JSON of the checkpoint lacks %(fields)s. Copy both files of the checkpoint again.",
            fields=", ".join(missing),
        )
    if config["input_contract"] != INPUT_CONTRACT:
        raise CheckpointError(
            "The checkpoint was trained on input of the form %(theirs)s; this release makes %(ours)s. Train again with this release.",
            theirs=str(config["input_contract"]),
            ours=INPUT_CONTRACT,
        )
    if hashlib.sha256(weights).hexdigest() != config["weights_sha256"]:
        raise CheckpointError(
            "The weights of %(name)s are not the ones that its JSON describes (their SHA-256 differs): "
            "the file is truncated or was changed. Copy both files of the checkpoint again.",
            name=str(config["name"]),
        )
    try:
        arrays = safetensors.numpy.load(weights)
    except (safetensors.SafetensorError, KeyError, TypeError, ValueError):  # the latter for types that NumPy lacks
        raise CheckpointError(
            "The weights of %(name)s are not a safetensors file. Copy both files of the checkpoint again.",
            name=str(config["name"]),
        ) from None
    return Checkpoint(arrays=arrays, seen=config.get("seen", {}), **{name: config[name] for name in _DESCRIPTION})


def shipped_checkpoints() -> dict[str, Path]:
    """The checkpoints that come with this release: name → path of the weights, by name."""
    return {path.stem: path for path in sorted(SHIPPED.glob("*.safetensors"))}


def seen_by_shipped(sha256: str, calibration: Mapping[str, Any]) -> dict[str, Any]:
    """What the shipped network of these weights saw in training; without what it says where it is calibrated otherwise now.

    For versions that a lab registered from a release before this was kept.
    """
    shipped = _shipped_config(sha256)
    seen = dict(shipped.get("seen", {}))
    if shipped.get("calibration") != calibration:
        seen.pop("level", None)
    return seen


@cache
def _shipped_config(sha256: str) -> Mapping[str, Any]:
    """The JSON of the shipped checkpoint of these weights; empty where none has them."""
    configs = (json.loads(path.with_suffix(".json").read_bytes()) for path in shipped_checkpoints().values())
    return next((config for config in configs if config["weights_sha256"] == sha256), {})


def locate(path: str | Path) -> Path:
    """Path of the weights that ``path`` (either file, or a shipped name) means.  Raises CheckpointError where there are none."""
    shipped = shipped_checkpoints()
    if str(path) in shipped:
        return shipped[str(path)]
    given = Path(path)
    known = given.suffix in (".safetensors", ".json")
    weights = given.with_suffix(".safetensors") if known else given.with_name(given.name + ".safetensors")
    if not weights.is_file():
        raise CheckpointError(
            "There is no checkpoint %(path)s. Give the path of a .safetensors file, or one of: %(shipped)s.",
            path=str(path),
            shipped=", ".join(shipped) or "–",
        )
    return weights


def write_whole(path: Path, content: bytes) -> None:
    """Write to a side name, then rename, so that no reader ever sees half a file."""
    side = path.with_name(path.name + ".part")
    side.write_bytes(content)
    side.replace(path)
