"""manage.py evaluate, in a lab: the measured negatives are its own refuted patterns where no file names others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from django.core.management.base import CommandError, CommandParser
from django.db import DatabaseError

from mlmodels.management.commands import evaluate
from screening.refuted import refuted_patterns

if TYPE_CHECKING:
    from mlmodels.net.evaluation import Negatives


class Command(evaluate.Command):
    """The command of the floor below, which knows no follow-ups; Django takes this one, as screening stands above."""

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument(
            "--without-lab",
            action="store_true",
            help="do not look into this lab's database for refuted patterns where --negatives names no file",
        )

    def negatives(self, path: Path | None, options: dict[str, Any]) -> Negatives | None:
        if path or options["without_lab"]:
            return super().negatives(path, options)
        try:
            found = refuted_patterns()
        except DatabaseError as error:
            raise CommandError(
                f"The lab's refuted patterns could not be read ({error}). Run migrate, name a pack with --negatives, "
                "or leave them out with --without-lab."
            ) from None
        self.stderr.write(
            f"Measured negatives: {found.origin if found else 'none, as this lab has refuted nothing yet'}."
        )
        return found
