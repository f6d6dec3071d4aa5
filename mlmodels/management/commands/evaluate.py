"""manage.py evaluate: how good a checkpoint is, in one report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, CheckpointError


class Command(BaseCommand):
    help = "Evaluate a checkpoint on simulated patterns and, where given, on measured ones. Needs no database."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "checkpoint", nargs="?", default=DEFAULT_CHECKPOINT, help="path, or the name of a shipped one"
        )
        parser.add_argument("--negatives", type=Path, help=".npz of measured patterns without a quasicrystal")
        parser.add_argument("--n", type=int, default=3000, help="published-recipe patterns with, and as many without")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument("--out", type=Path, help="write the report as JSON")
        parser.add_argument("--html", type=Path, help="write the report as a page with figures")
        parser.add_argument("--keep", action="store_true", help="keep the figures in the checkpoint's own JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        from mlmodels.net import checkpoint, evaluation, report
        from mlmodels.net.predict import load_network
        from mlmodels.net.simulate import SimulationConfig

        try:
            loaded_from = checkpoint.load(options["checkpoint"])
        except CheckpointError as error:
            raise CommandError(str(error)) from None
        negatives = evaluation.Negatives.read(options["negatives"]) if options["negatives"] else None
        figures = evaluation.evaluate(
            load_network(loaded_from),
            SimulationConfig(),
            n=options["n"],
            seed=options["seed"],
            negatives=negatives,
        )
        text = json.dumps(figures, indent=1, ensure_ascii=False)
        if options["out"]:
            options["out"].write_text(text + "\n")
        if options["html"]:
            options["html"].write_text(report.as_html(loaded_from, figures))
        if options["keep"]:
            path = checkpoint.locate(options["checkpoint"])
            checkpoint.save(replace(loaded_from, metrics=figures), path.parent)
        self.stdout.write(report.as_text(figures) if not options["out"] else str(options["out"]))
