"""manage.py backup DIR: the whole lab, while people work."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lims.backup.making import keep_some, make_backup
from lims.backup.vault import BackupError
from lims.checks import TAG
from lims.environment import days_weeks_months
from lims.models import Upkeep
from samples.xrd.sentences import sentence

MB = 1e6


class Command(BaseCommand):
    help = (
        "Add a backup of the database and all files to DIR (default: ICOSA_BACKUP), while people work. What did not change"
        " since the last one takes no room. ICOSA_BACKUP_KEY encrypts it."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", default=settings.BACKUP_FOLDER, metavar="DIR")
        parser.add_argument("--keep", metavar="7,4,12", help="then take out all but these days, weeks and months")
        parser.add_argument(
            "--new-key", action="store_true", help="print a new key for ICOSA_BACKUP_KEY, and nothing else"
        )

    def handle(self, *args: Any, folder: str, keep: str | None, new_key: bool, **options: Any) -> None:
        if new_key:
            import pyrage

            self.stdout.write(str(pyrage.x25519.Identity.generate()))
            return
        if not folder:
            raise CommandError("Say where: manage.py backup DIR, or set ICOSA_BACKUP.")
        try:
            places = days_weeks_months(keep) if keep else None
        except ValueError as error:
            raise CommandError(f"--keep {error}") from error
        try:
            with Upkeep.objects.noted(Upkeep.Task.BACKUP) as row:
                self._back_up(Path(folder), row)
            if places:
                leaving, freed = keep_some(Path(folder), settings.BACKUP_KEY, places)
                self.stdout.write(f"Older backups taken out: {len(leaving)}, {freed / MB:.1f} MB set free.")
        except BackupError as error:
            raise CommandError(str(error)) from error
        if row.problem:
            raise CommandError(
                "The backup is made, but not all of the lab is well: see above, and manage.py check_files."
            )

    def _back_up(self, folder: Path, row: Upkeep) -> None:
        made = make_backup(folder, settings.BACKUP_KEY)
        row.note(name=made.name, files=made.n_files, bytes=made.size, grown=made.grown)
        self.stdout.write(
            f"{made.name}: {made.n_files} files and the database, {made.size / MB:.1f} MB;"
            f" the backups grew by {made.grown / MB:.1f} MB."
        )
        for kind, names in (("missing", made.missing), ("altered", made.altered), ("not readable", made.unreadable)):
            for name in names:
                self.stdout.write(f"{kind}: {name}")
        if n := len(made.missing) + len(made.altered):
            row.fail(sentence("%(n)s files were missing or altered when the backup was made.", n=n))
        if n := len(made.unreadable):
            row.fail(
                sentence("Files that could not be read and are not in the backup: %(n)s. Its output names them.", n=n)
            )
