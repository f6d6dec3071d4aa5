from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from mlmodels.models import Dataset
from mlmodels.soundness import damage_to


class Command(BaseCommand):
    help = (
        "Look whether a frozen data set is as it was frozen: its entries by their hash, the original files and the numbers"
        " of each reading. Fails where something is missing or was altered."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("name", help="of the data set; all its frozen versions are looked at")
        parser.add_argument("--version-number", dest="version", type=int, help="only this one")

    def handle(self, *args: Any, name: str, version: int | None = None, **options: Any) -> None:
        found = Dataset.objects.frozen().filter(name=name).order_by("version")
        datasets = list(found.filter(version=version) if version else found)
        if not datasets:
            known = ", ".join(f"“{one}”" for one in Dataset.objects.frozen().values_list("name", flat=True).distinct())
            raise CommandError(
                f"No frozen data set is named “{name}”{f' v{version}' if version else ''}. Known: {known}"
            )
        broken = False
        for dataset in datasets:
            said = damage_to(dataset).sentences
            broken |= bool(said)
            for one in said:
                self.stdout.write(f"BROKEN  {dataset}: {one}")
            if not said:
                self.stdout.write(f"sound   {dataset}: {dataset.n_entries} entries, SHA-256 {dataset.sha256}")
        if broken:
            sys.exit(1)
