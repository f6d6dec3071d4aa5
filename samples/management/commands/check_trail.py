from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand

from samples.trail import check_chain, signed_models


class Command(BaseCommand):
    help = (
        "Walk the hash chain of every kind of signed entry, name the first entry that was tampered with, and fail then. "
        "Runs while people work. Keep the last hashes it prints in a notebook: they prove the chain from outside."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        broken = False
        for model in signed_models():
            report = check_chain(model)
            if report.problem:
                broken = True
                self.stdout.write(f"BROKEN  {report.name}: {report.problem}")
            else:
                last = f", the last one {report.sha256}" if report.n_entries else ""
                self.stdout.write(f"sound   {report.name}: {report.n_entries} signed{last}")
        if broken:
            sys.exit(1)
