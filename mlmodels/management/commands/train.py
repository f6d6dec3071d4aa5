"""manage.py train: a network from simulated patterns alone."""

from __future__ import annotations

import hashlib
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.net import checkpoint
from mlmodels.net.checkpoint import Checkpoint


class Command(BaseCommand):
    help = (
        "Train a network from simulated patterns, calibrate it, and write a checkpoint. Needs no database. "
        "Several GPUs: torchrun --nproc-per-node N manage.py train …"
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--preset", choices=["tiny", "laptop", "gpu"], default="laptop")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--steps", type=int, help="instead of the preset's")
        parser.add_argument("--from", dest="start", help="begin with the weights of this checkpoint: its path or name")
        parser.add_argument(
            "--out", type=Path, required=True, help="DIR/NAME of the checkpoint; its state lies beside it"
        )
        parser.add_argument(
            "--calibrate",
            metavar="CHECKPOINT",
            help="train nothing: calibrate this one anew, with preset and seed of its training",
        )
        parser.add_argument("--resume", action="store_true", help="go on from the state that a killed run left")

    def handle(self, *args: Any, **options: Any) -> None:
        from mlmodels.net import finishing, training
        from mlmodels.net.network import NetworkConfig

        out: Path = options["out"]
        command = "manage.py " + " ".join(sys.argv[1:])
        config = training.preset(options["preset"], options["seed"], options["steps"])
        if options["calibrate"]:
            try:
                trained = replace(checkpoint.load(options["calibrate"]), name=out.name)
            except checkpoint.CheckpointError as error:
                raise CommandError(str(error)) from None
            self.write(finishing.calibrated_anew(trained, config, command), out)
            return
        rank, n_workers = training.under_torchrun() or (0, config.workers)
        config, start = replace(config, workers=n_workers), None
        try:
            if options["start"]:
                begun = checkpoint.load(options["start"])
                network_config, start = NetworkConfig.from_json(dict(begun.network)), begun.arrays
                config = replace(config, network=network_config, start=hashlib.sha256(begun.weights()).hexdigest())
            state = out.with_name(out.name + ".state")
            network = training.train(config, state, resume=options["resume"], material=training.Material(start))
        except FileExistsError as error:
            raise CommandError(f"{error} (--resume goes on)") from None
        except KeyboardInterrupt:
            raise CommandError(
                "Stopped. What was kept once a minute is beside the checkpoint: --resume goes on."
            ) from None
        except checkpoint.CheckpointError as error:
            raise CommandError(str(error)) from None
        if rank:
            return  # one process calibrates and writes
        self.write(finishing.make_checkpoint(out.name, config, network, command), out)

    def write(self, made: Checkpoint, out: Path) -> None:
        path = checkpoint.save(made, out.parent)
        self.stdout.write(f"{path}\nCheck it: manage.py evaluate {path}")
