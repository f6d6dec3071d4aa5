"""`manage.py import_dataset FILE --as PERSON`: an export of another lab becomes a frozen set of this one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.export.contents import ExportRefused
from screening.exports.jobs import DISK_FULL, is_no_room
from screening.exports.taking_in import take_in


class Command(BaseCommand):
    help = "Take an export of a data set in: the set under its hash, its patterns and samples; all of it, or nothing where it was altered."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path, help="the .eln archive")
        parser.add_argument("--as", dest="person", required=True, help="user name of the curator who takes it in")

    def handle(self, *args: Any, file: Path, person: str, **options: Any) -> None:
        by = User.objects.filter(username=person, is_active=True).first()
        if by is None or not by.has_perm("screening.add_datasetimport"):
            raise CommandError(
                f"There is no active person {person} who may import data sets. Name a curator with --as."
            )
        if not file.is_file():
            raise CommandError(f"There is no file {file}.")
        try:
            taken = take_in(file, by)
        except ExportRefused as refused:
            raise CommandError(str(refused)) from None
        except Exception as error:
            if is_no_room(error):
                raise CommandError(str(DISK_FULL)) from None
            raise
        dataset = taken.dataset
        said = "was here already: nothing was taken in" if taken.known else "is here now"
        self.stdout.write(f"{dataset} {said}. {dataset.n_entries} entries, SHA-256 {dataset.sha256}")
