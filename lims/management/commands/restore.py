"""manage.py restore DIR: the lab from its backup, on an empty machine."""

from __future__ import annotations

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lims.backup.restoring import restore, try_restore
from lims.backup.vault import BackupError, Vault
from lims.checks import TAG
from lims.models import Upkeep


class Command(BaseCommand):
    help = (
        "Bring the newest backup in DIR (default: ICOSA_BACKUP) back, on a machine without a lab, and check every hash on the"
        " way. Encrypted ones need the ICOSA_BACKUP_KEY that they were made with."
    )
    requires_system_checks = [TAG]

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("folder", nargs="?", default=settings.BACKUP_FOLDER, metavar="DIR")
        parser.add_argument("--list", action="store_true", help="list the backups, and do nothing else")
        parser.add_argument("--backup", default="", metavar="NAME", help="one of --list instead of the newest")
        parser.add_argument("--trial", action="store_true", help="check it beside the lab, which stays as it is")
        parser.add_argument(
            "--replace", action="store_true", help="put the present database aside, though it holds people"
        )

    def handle(self, *args: Any, folder: str, **options: Any) -> None:
        if not folder:
            raise CommandError("Say from where: manage.py restore DIR, or set ICOSA_BACKUP.")
        try:
            if options["list"]:
                self._list(Path(folder))
            elif options["trial"]:
                self._try(Path(folder), options["backup"])
            else:
                self._restore(Path(folder), options["backup"], replace=options["replace"])
        except BackupError as error:
            raise CommandError(str(error)) from error
        except OSError as error:
            raise CommandError(f"The restore stopped: {error}. Mend that, and begin it again.") from error

    def _list(self, folder: Path) -> None:
        vault = Vault.open(folder, settings.BACKUP_KEY)
        for name in vault.names():
            backup = vault.backup(name)
            self.stdout.write(
                f"{name}  Icosa {backup.version}, {backup.database}, {len(backup.files)} files, {sum(backup.rows.values())} rows"
            )

    def _try(self, folder: Path, name: str) -> None:
        with Upkeep.objects.noted(Upkeep.Task.RESTORE) as row:
            tried = try_restore(folder, settings.BACKUP_KEY, name)
            row.note(name=tried.name, files=tried.n_files, rows=tried.n_rows, loaded=tried.loaded)
        how = (
            "was loaded beside the lab's and has"
            if tried.loaded
            else "was read (we may make no database here), and had"
        )
        self.stdout.write(
            f"{tried.name}: {tried.n_files} files have their SHA-256; the database {how} {tried.n_rows} rows."
        )

    def _restore(self, folder: Path, name: str, *, replace: bool) -> None:
        done = restore(folder, settings.BACKUP_KEY, name, replace=replace)
        self.stdout.write(
            f"{done.name}: {done.n_files} files have their SHA-256; the database has its {done.n_rows} rows."
        )
        if done.aside:
            self.stdout.write(f"The former database is kept: {done.aside}")
        if done.behind:
            self.stdout.write(
                f"It is of an older Icosa ({done.behind} migrations): run manage.py migrate before you start."
            )
        self.stdout.write("Start the web server and the workers. People sign in anew where SECRET_KEY is another one.")
