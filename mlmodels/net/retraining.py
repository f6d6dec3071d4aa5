"""One retraining in a process of its own: everything that it takes lies in a folder, and everything that it makes is put there.

    python -m mlmodels.net.retraining FOLDER

It knows no database: whoever started it lays the folder out, carries its state away as it is written, and registers what is made.
Killed at any moment and started again with its last state, it ends with the same weights (on the CPU bit by bit).

    job.json                    what is to be done
    start.safetensors, .json    the checkpoint to begin with, where there is one
    curated.npz                 measured patterns to train on; validation.npz: to calibrate on
    config.json                 what came of the job: all settings of the training
    training.state, .jsonl      the last state, and the learning curve
    made/NAME.safetensors, .json  the finished checkpoint: written last, and whole
"""

from __future__ import annotations

import hashlib
import json
import os
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from mlmodels.net import checkpoint
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.curated import CuratedPatterns

FINE_TUNING_STEPS = 600
FINE_TUNING_RATE = 4e-4
"""A fifth of the rate that a network is trained with from its beginning: it should learn what is new and keep what it knows."""
CONFIG, STATE, CURVE, MADE = "config.json", "training.state", "training.jsonl", "made"


@dataclass(frozen=True, slots=True)
class Job:
    """What is to be trained.

    name: of the checkpoint; preset: of mlmodels.net.training
    steps: None for the preset's, or FINE_TUNING_STEPS where it begins with given weights
    curated_share: of the patterns, those that are measured ones where there are any
    command, lineage: what the checkpoint says of its making
    """

    name: str
    preset: str
    seed: int
    steps: int | None = None
    curated_share: float = 0.0
    n_calibration: int = 16_000
    save_every: float = 60.0
    command: str = ""
    lineage: Mapping[str, Any] = field(default_factory=dict)


def lay_out(
    folder: Path,
    job: Job,
    *,
    start: Checkpoint | None = None,
    train: CuratedPatterns | None = None,
    validation: CuratedPatterns | None = None,
    state: bytes = b"",
) -> None:
    """Put into ``folder`` what :func:`retrain` takes; ``state`` is the last one of a run that goes on."""
    (folder / "job.json").write_text(json.dumps(asdict(job)))
    if start:
        checkpoint.save(replace(start, name="start"), folder)
    if train:
        train.save(folder / "curated.npz")
    if validation:
        validation.save(folder / "validation.npz")
    if state:
        (folder / STATE).write_bytes(state)


def made_in(folder: Path) -> tuple[bytes, dict[str, Any]] | None:
    """Weights and config of the checkpoint that was made in ``folder``; None where none is there."""
    for path in (folder / MADE).glob("*.safetensors"):
        return path.read_bytes(), json.loads(path.with_suffix(".json").read_bytes())
    return None


def step_of(state: bytes) -> int:
    """The step after which ``state`` was written."""
    header = json.loads(state[8 : 8 + int.from_bytes(state[:8], "little")])  # of a safetensors file
    return int(header["__metadata__"]["step"])


def retrain(folder: Path) -> None:
    """Train, calibrate and write the checkpoint into ``folder``.

    A GPU trains in one process as many patterns a step as the preset's processes do on the CPU.
    """
    import torch

    from mlmodels.net import finishing, training
    from mlmodels.net.network import NetworkConfig

    job = Job(**json.loads((folder / "job.json").read_text()))
    config = training.preset(job.preset, job.seed, job.steps)
    if torch.cuda.is_available():
        config = replace(config, workers=1, batch=config.batch * config.workers)
    material = training.Material(save_every=job.save_every)
    if (folder / "start.json").exists():
        begun = checkpoint.load(folder / "start")
        config = replace(
            config,
            network=NetworkConfig.from_json(dict(begun.network)),
            start=hashlib.sha256(begun.weights()).hexdigest(),
            steps=job.steps or FINE_TUNING_STEPS,
            learning_rate=FINE_TUNING_RATE,
        )
        material = replace(material, start=begun.arrays)
    if (folder / "curated.npz").exists():
        sha256 = CuratedPatterns.load(folder / "curated.npz").sha256()
        config = replace(config, curated=sha256, curated_share=job.curated_share)
        material = replace(material, curated=folder / "curated.npz")
    _say(f"{config.steps} steps of {config.workers} × {config.batch} patterns")
    checkpoint.write_whole(folder / CONFIG, json.dumps(config.as_json()).encode())
    network = training.train(config, folder / STATE, resume=True, material=material)

    _say(f"calibrating on {job.n_calibration} patterns")
    validation = None
    if (folder / "validation.npz").exists():
        validation = CuratedPatterns.load(folder / "validation.npz")
    made = finishing.make_checkpoint(job.name, config, network, job.command, job.n_calibration, validation)
    made = replace(made, training={**made.training, **job.lineage})
    checkpoint.save(made, folder / MADE)


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def _end_with(parent: int) -> None:
    """End this process when the one that started it is gone: nobody would take in what it makes."""
    while os.getppid() == parent:
        time.sleep(0.5)
    os._exit(1)


if __name__ == "__main__":
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    retrain(Path(sys.argv[1]))
