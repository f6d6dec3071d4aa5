"""`manage.py screen FILE…`: screen files with a shipped network, without a database."""

from __future__ import annotations

import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT, CheckpointError
from samples.xrd.pattern import check_wavelength
from samples.xrd.sentences import PatternFileError
from screening.files import ScreenedFile, screen_files
from screening.templatetags.printed import probability, with_uncertainty


class Command(BaseCommand):
    help = "Screen files for an icosahedral quasicrystal, one line a file. Needs no database. Exit status 1 if any was not screened."
    requires_system_checks = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("files", nargs="+", metavar="FILE")
        parser.add_argument("--jsonl", action="store_true", help="one JSON object a line")
        parser.add_argument("--wavelength", type=float, metavar="Å", help="that the files were measured with")
        parser.add_argument(
            "--model",
            default=DEFAULT_CHECKPOINT,
            metavar="NAME",
            help="a shipped network's name, or the path of a checkpoint (default: %(default)s)",
        )

    def handle(
        self, *args: Any, files: list[str], jsonl: bool, wavelength: float | None, model: str, **options: Any
    ) -> None:
        all_screened = True
        try:
            if wavelength is not None:
                check_wavelength(wavelength)
            for screened in screen_files(model, files, wavelength=wavelength):
                all_screened = all_screened and screened.call is not None
                line = json.dumps(screened.as_json(), ensure_ascii=False) if jsonl else in_words(screened)
                self.stdout.write(line)
        except (CheckpointError, PatternFileError) as error:
            raise CommandError(str(error)) from None
        if not all_screened:
            sys.exit(1)


def in_words(screened: ScreenedFile) -> str:
    if screened.call is None:
        return f"{screened.file}: not screened. {screened.reason}"
    answer = screened.call.prediction
    said = f"{screened.file}: class {screened.call.level}, p {probability(answer.probability)}"
    if answer.probability > 0.5:
        a_r = with_uncertainty(answer.quasilattice_constant, answer.quasilattice_constant_sigma)
        said += f", a_R = {a_r} Å, {answer.lattice_type}-type"
    return said + "".join(f" [{warning}]" for warning in screened.warnings)
