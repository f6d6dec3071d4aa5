"""`manage.py watch FOLDER --as PERSON`: take in what is measured into a folder that the server sees, such as a share."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DatabaseError, close_old_connections
from django.utils import timezone

from lims.uploader import icosa_upload
from lims.uploader.icosa_upload import Folder, Journal, NotLetIn, Refused, Standing, Unreachable, Watcher
from screening.matching import SampleMatcher
from screening.models import InstrumentHeartbeat, ScreeningRun
from screening.packed_files import safe_path


class Command(BaseCommand):
    help = "Watch a folder and take in each new file once it is still; files are only read. Stop it with Ctrl-C."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path)
        parser.add_argument("--as", dest="person", required=True, metavar="PERSON", help="who uploads: a user name")
        parser.add_argument("--instrument", help="its name on the home page (default: host and folder)")
        parser.add_argument("--only", nargs="+", metavar="*.ras", help="names to take in")
        parser.add_argument("--every", type=float, default=10, help="seconds between two looks (default: 10)")
        parser.add_argument("--still", type=float, default=10, help="seconds without a change before a file is taken")
        parser.add_argument("--journal", type=Path, help="what was taken in (default: in the lab's data folder)")

    def handle(
        self,
        *args: Any,
        folder: Path,
        person: str,
        instrument: str | None,
        only: list[str] | None,
        every: float,
        still: float,
        journal: Path | None,
        **options: Any,
    ) -> None:
        if not folder.is_dir():
            raise CommandError(f"There is no folder {folder}.")
        lab = Lab(person, instrument or f"{socket.gethostname()}: {folder.resolve().name}"[:60])
        kept = journal or Path(icosa_upload.journal_beside(str(folder), person)).name
        remembered = Journal(str(settings.DATA_DIR / "watched" / kept))
        self.stderr.write(f"Watching {folder.resolve()} for {person}")
        try:
            Watcher(Folder(str(folder), only), remembered, lab.deliver, lab.beat, still).watch(every)
        except KeyboardInterrupt:
            self.stderr.write("Stopped. What was not taken in is taken in after the next start.")
        finally:
            remembered.close()


class Lab:
    """This lab's own database, for one person."""

    def __init__(self, person: str, instrument: str) -> None:
        self.person, self.instrument = person, instrument
        self.run: ScreeningRun | None = None
        try:
            self.by()
        except NotLetIn as error:
            raise CommandError(str(error)) from None

    def by(self) -> User:
        """The person, asked for each time: somebody may leave the lab while a folder is watched."""
        user = User.objects.filter(username=self.person).first()
        if user is None or not user.is_active or not user.has_perm("samples.add_pattern"):
            raise NotLetIn(f"There is no active person {self.person} who may upload. Name one with --as.")
        return user

    def deliver(self, path: str, content: bytes) -> str:
        close_old_connections()
        try:
            by = self.by()
            receipt = self._run_of_today(by).receive(
                content, name=path.rpartition("/")[2], path=safe_path(path), matcher=SampleMatcher(by)
            )
        except (DatabaseError, OSError) as error:
            raise Unreachable(f"The database or the disk does not answer ({error}). Files wait.") from error
        if not receipt.patterns:
            raise Refused(str(receipt.failure))
        return " ".join(str(said) for said in (receipt.whereabouts, receipt.failure) if said)

    def _run_of_today(self, by: User) -> ScreeningRun:
        """All files of a day are one upload, until somebody undoes it."""
        if self.run and self.run.started_at.date() == timezone.now().date():
            self.run = ScreeningRun.objects.uploads_of(by).filter(pk=self.run.pk).first()
        else:
            self.run = None
        self.run = self.run or ScreeningRun.objects.start(ScreeningRun.Why.UPLOAD, by)
        return self.run

    def beat(self, standing: Standing) -> None:
        close_old_connections()
        try:
            told = {**standing._asdict(), "trouble": standing.trouble[:300], "last_file": standing.last_file[:255]}
            InstrumentHeartbeat.objects.note(self.by(), self.instrument, **told)
        except DatabaseError as error:
            raise Unreachable(str(error)) from error
