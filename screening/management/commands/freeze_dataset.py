"""`manage.py freeze_dataset NAME --as PERSON --reason …`: sign and freeze a draft from the command line."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.models import Dataset, DatasetConflict, DatasetError
from screening.curation.freezing import freeze


class Command(BaseCommand):
    help = "Freeze what a draft holds now, and sign for it. See first what that is: manage.py preview_dataset."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the data set")
        parser.add_argument("--as", dest="person", required=True, metavar="PERSON", help="the curator who signs")
        parser.add_argument("--reason", required=True, help="what this version is for, or what it adds")

    def handle(self, *args: Any, name: str, person: str, reason: str, **options: Any) -> None:
        draft = Dataset.objects.drafts().current().filter(name=name).first()
        curator = User.objects.filter(username=person, is_active=True).first()
        if draft is None:
            raise CommandError(f"There is no draft of “{name}”. Begin one on the page of data sets.")
        if curator is None:
            raise CommandError(f"There is no active person “{person}”.")
        self.n_done = 0
        try:
            drawing = freeze(draft, curator, reason, looked_at=self._note)
        except DatasetError as error:
            raise CommandError(str(error.sentence)) from None
        except DatasetConflict:
            raise CommandError("Somebody changed the draft meanwhile. Nothing was frozen.") from None
        self.stdout.write(f"{draft} is frozen: {len(drawing.entries)} entries, SHA-256 {draft.sha256}")

    def _note(self, n: int) -> None:
        self.n_done += n
        self.stderr.write(f"\r{self.n_done} patterns looked at", ending="")
