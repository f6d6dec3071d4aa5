"""A checkpoint that somebody brings: two files, of which nothing is believed before it is checked."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import IO, Any, NoReturn

from mlmodels.models import ModelVersion
from mlmodels.net.checkpoint import CheckpointError
from mlmodels.net.classify import THRESHOLDS_VERSION

LARGEST_WEIGHTS = 64_000_000
"""Bytes: the shipped networks have under 4 MB."""
LARGEST_DESCRIPTION = 4_000_000
LONGEST_NAME = 60


def import_checkpoint(weights: IO[bytes], description: IO[bytes], *, notes: str) -> ModelVersion:
    """Register both files as a candidate; the version of the same weights where it is here already.

    CheckpointError says in a sentence what is wrong with them; then nothing is kept.
    """
    read = weights.read(LARGEST_WEIGHTS + 1)
    if len(read) > LARGEST_WEIGHTS:
        raise CheckpointError(
            "The weights have more than %(most)s MB. That is no network of this kind.",
            most=LARGEST_WEIGHTS // 1_000_000,
        )
    config = read_description(description.read(LARGEST_DESCRIPTION + 1))
    return ModelVersion.objects.register(read, config, notes=notes)


def read_description(content: bytes) -> Mapping[str, Any]:
    """The JSON beside the weights, as far as this release relies on it."""
    if len(content) > LARGEST_DESCRIPTION:
        raise CheckpointError("The description has more than %(most)s MB.", most=LARGEST_DESCRIPTION // 1_000_000)
    try:
        config = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError):
        raise CheckpointError(
            "The description is not JSON. Choose the .json file that lies beside the .safetensors file."
        ) from None
    if not isinstance(config, dict) or not isinstance(config.get("name"), str):
        raise CheckpointError(
            "The description names no network. Choose the .json file that lies beside the .safetensors file."
        )
    if not 0 < len(config["name"].strip()) <= LONGEST_NAME or not config["name"].isprintable():
        raise CheckpointError(
            "The name of the network has to be 1 to %(most)s letters on one line. Change “name” in the description.",
            most=LONGEST_NAME,
        )
    if b"\\u0000" in content:
        raise CheckpointError("The description holds a NUL character, which no database takes. Copy the file again.")
    if config.get("thresholds") != THRESHOLDS_VERSION:
        raise CheckpointError(
            "The network was calibrated for the class thresholds %(theirs)s; this release has %(ours)s. Train again with this release.",
            theirs=str(config.get("thresholds")),
            ours=THRESHOLDS_VERSION,
        )
    network = config.get("network")
    classes = network.get("phase_classes") if isinstance(network, dict) else None
    if not isinstance(classes, list) or "icosahedral" not in classes:
        raise CheckpointError("The description names no class “icosahedral”: the network looks for something else.")
    return config


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(name)
