"""manage.py evaluate: how good a checkpoint is, in one report."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.net import checkpoint
from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, Checkpoint, CheckpointError
from mlmodels.report.words import Figures

if TYPE_CHECKING:
    from mlmodels.net.evaluation import Negatives


class Command(BaseCommand):
    help = (
        "Evaluate a checkpoint on simulated patterns and, where given, on measured ones without a quasicrystal. Needs no "
        "database. The report is printed, or written as JSON with a page of figures beside it."
    )
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "checkpoint", nargs="?", default=DEFAULT_CHECKPOINT, help="path, or the name of a shipped one"
        )
        parser.add_argument(
            "--negatives",
            type=Path,
            metavar="FILE",
            help="measured patterns without a quasicrystal, an .npz with two_theta (n_points,) at Cu Kα1, intensity (n, n_points; "
            "NaN: unmeasured) and source (n,); where no file is named, a lab takes its own refuted patterns",
        )
        parser.add_argument("--n", type=int, default=3000, help="published-recipe patterns with, and as many without")
        parser.add_argument("--seed", type=int, default=1)
        parser.add_argument(
            "--from", type=Path, dest="report", metavar="JSON", help="a report of before, not a new one"
        )
        parser.add_argument("--out", type=Path, metavar="JSON", help="write the report, and a page .html beside it")
        parser.add_argument("--html", type=Path, help="write the page with figures here")
        parser.add_argument("--card", type=Path, help="put the tables and the reliability diagram into this model card")
        parser.add_argument("--keep", action="store_true", help="keep the figures in the checkpoint's own JSON")

    def handle(self, *args: Any, **options: Any) -> None:
        from mlmodels.report.card import NoPlaceForFiguresError, write_card
        from mlmodels.report.page import as_html
        from mlmodels.report.tables import as_text

        try:
            evaluated = checkpoint.load(options["checkpoint"])
        except CheckpointError as error:
            raise CommandError(str(error)) from None
        if options["report"]:
            figures = read_report(options["report"], evaluated)
        else:
            negatives = self.negatives(options["negatives"], options)
            figures = evaluate(evaluated, negatives, n=options["n"], seed=options["seed"])
        if options["out"]:
            options["out"].write_text(json.dumps(figures, indent=1, ensure_ascii=False) + "\n")
        if page := options["html"] or (options["out"] and options["out"].with_suffix(".html")):
            page.write_text(as_html(evaluated, figures))
        if options["keep"]:
            path = checkpoint.locate(options["checkpoint"])
            checkpoint.save(replace(evaluated, metrics=figures), path.parent)
        if options["card"]:
            try:
                write_card(options["card"], figures)
            except (OSError, NoPlaceForFiguresError) as error:
                raise CommandError(str(error)) from None
        self.stdout.write(as_text(figures))

    def negatives(self, path: Path | None, options: dict[str, Any]) -> Negatives | None:
        """The pack at ``path``; none where none is named.  In a lab, screening's command knows of others."""
        from mlmodels.net.evaluation import Negatives

        try:
            return Negatives.read(path) if path else None
        except (OSError, KeyError, ValueError) as error:
            raise CommandError(f"{path} cannot be read as a pack of negatives: {error}") from None


def evaluate(evaluated: Checkpoint, negatives: Negatives | None, *, n: int, seed: int) -> Figures:
    """A new report; torch is imported only here, so that old ones can be drawn without it."""
    from mlmodels.net import evaluation
    from mlmodels.net.predict import load_network
    from mlmodels.net.simulate import SimulationConfig

    loaded, simulation = load_network(evaluated), SimulationConfig()
    return evaluation.evaluate(loaded, simulation, n=n, seed=seed, negatives=negatives)


def read_report(path: Path, evaluated: Checkpoint) -> Figures:
    """A report of before, which must be one of this network."""
    try:
        report: Figures = json.loads(path.read_text())
        network = report["network"]
    except (OSError, ValueError, KeyError, TypeError):
        raise CommandError(f"{path} is no report of an evaluation. Write one with --out.") from None
    if network != evaluated.name:
        raise CommandError(
            f"{path} is a report of {network}, not of {evaluated.name}. Name the checkpoint that it is of."
        )
    return report
