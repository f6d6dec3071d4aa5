"""manage.py describe_training: write into a checkpoint's JSON what its network saw in training."""

from __future__ import annotations

import json
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.net import checkpoint


class Command(BaseCommand):
    help = (
        "Draw radiations, steps, coverage, noise and classes from the simulator that trained a checkpoint, and write their shares and "
        "quantiles into its JSON, for the page that watches for drift. New checkpoints have them from their training. Needs no database."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("checkpoint", help="path, or the name of a shipped one")
        parser.add_argument("--n", type=int, default=4_000, help="patterns of each mix")

    def handle(self, *args: Any, **options: Any) -> None:
        from mlmodels.net.finishing import seen_by
        from mlmodels.net.predict import load_network
        from mlmodels.net.simulate import SimulationConfig

        try:
            described = checkpoint.load(options["checkpoint"])
        except checkpoint.CheckpointError as error:
            raise CommandError(str(error)) from None
        told = described.training.get("simulation", {})
        known: dict[str, Any] = {
            key: tuple(v) if isinstance(v, list) else v for key, v in told.items() if key in SimulationConfig.__slots__
        }
        simulation = SimulationConfig(**known)
        loaded = load_network(described)
        seen = seen_by(loaded.network, loaded.calibration, simulation, options["n"])
        path = checkpoint.locate(options["checkpoint"]).with_suffix(".json")
        config = json.loads(path.read_bytes())
        command = f"manage.py describe_training {described.name} --n {options['n']}"
        config["seen"] = {**seen, "command": command}
        checkpoint.write_whole(path, (json.dumps(config, indent=1, ensure_ascii=False) + "\n").encode())
        self.stdout.write(json.dumps(config["seen"], indent=1, ensure_ascii=False))
