"""`manage.py export_dataset NAME`: a frozen data set as one .eln archive."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.export.contents import ExportRefused
from mlmodels.export.packing import sha256_of
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset
from screening.exports.jobs import DISK_FULL, is_no_room
from screening.exports.rows import write_export
from screening.models.exports import check_exportable, check_installed, check_room, stem_of


class Command(BaseCommand):
    help = "Write a frozen data set into an .eln archive: HDF5, CSV, a data sheet and a manifest; the same set gives the same bytes."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the data set")
        parser.add_argument("--version-number", dest="version", type=int, help="default: the newest frozen one")
        parser.add_argument("--to", type=Path, default=Path(), metavar="FOLDER", help="default: the folder you are in")
        parser.add_argument("--parquet", action="store_true", help="Parquet too; needs requirements-export.txt")
        parser.add_argument("--originals", action="store_true", help="the files that the instruments wrote, too")

    def handle(
        self, *args: Any, name: str, version: int | None, to: Path, parquet: bool, originals: bool, **options: Any
    ) -> None:
        dataset = self._find(name, version)
        wanted = Wanted(parquet=parquet, originals=originals)
        path = to / f"{stem_of(dataset)}.eln"
        try:
            check_exportable(dataset)
            check_installed(wanted)
            to.mkdir(parents=True, exist_ok=True)
            check_room(dataset, wanted, to)
            self.n_done, self.n_total = 0, dataset.n_entries
            write_export(dataset, path, wanted, self._note)
        except ExportRefused as refused:
            raise CommandError(str(refused)) from None
        except Exception as error:
            if is_no_room(error):
                raise CommandError(str(DISK_FULL)) from None
            raise
        self.stdout.write(f"{path}  {path.stat().st_size} bytes, SHA-256 {sha256_of(path)}")

    def _find(self, name: str, version: int | None) -> Dataset:
        versions = Dataset.objects.current().filter(name=name).order_by("-version")
        wanted = versions.filter(version=version) if version else versions
        dataset = wanted.filter(state=Dataset.State.FROZEN).first() or wanted.first()
        if dataset is None:
            known = ", ".join(f"“{one}”" for one in Dataset.objects.frozen()) or "none yet"
            raise CommandError(
                f"There is no data set “{name}”{f' v{version}' if version else ''}. Frozen ones: {known}"
            )
        return dataset

    def _note(self, n: int) -> None:
        self.n_done += n
        self.stderr.write(f"\r{self.n_done} of {self.n_total} patterns", ending="")
        if self.n_done == self.n_total:
            self.stderr.write("")
