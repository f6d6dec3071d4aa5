"""manage.py nightly: the night's work now, for labs that use cron; `manage.py worker` starts it by itself."""

from __future__ import annotations

import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError

from lims.checks import TAG
from lims.models import Upkeep
from samples.trail import check_chain, signed_models
from samples.xrd.sentences import sentence


class Command(BaseCommand):
    help = (
        "Back the lab up to ICOSA_BACKUP where that is set, restore the backup on trial, check every kept file, and walk the"
        " chains of what was signed. Each is done, whatever came of the one before; the home page shows how it went."
    )
    requires_system_checks = [TAG]

    def handle(self, *args: Any, **options: Any) -> None:
        signal.signal(signal.SIGTERM, _stop)
        steps: list[Callable[[], object]] = [lambda: call_command("check_files", stdout=self.stdout), self._check_trail]
        if settings.BACKUP_FOLDER:
            keep = ",".join(map(str, settings.BACKUP_KEEP))
            steps = [
                lambda: call_command("backup", settings.BACKUP_FOLDER, keep=keep, stdout=self.stdout),
                lambda: call_command("restore", settings.BACKUP_FOLDER, trial=True, stdout=self.stdout),
                *steps,
            ]
        went_well = [self._goes_well(step) for step in steps]  # each of them, also after one that failed
        if not all(went_well):
            sys.exit(1)

    def _goes_well(self, step: Callable[[], object]) -> bool:
        try:
            step()
        except CommandError as error:
            self.stderr.write(str(error))
            return False
        except SystemExit as end:
            if end.code == signal.SIGTERM:
                raise
            return False
        return True

    def _check_trail(self) -> None:
        with Upkeep.objects.noted(Upkeep.Task.TRAIL) as row:
            reports = [check_chain(model) for model in signed_models()]
            row.note(entries=sum(report.n_entries for report in reports))
            broken = [report for report in reports if report.problem]
            if broken:
                row.fail(sentence("%(name)s: %(problem)s", name=str(broken[0].name), problem=str(broken[0].problem)))
        if broken:
            raise CommandError(f"{broken[0].name}: {broken[0].problem}. `manage.py check_trail` says more.")


def _stop(_signal: int, _frame: object) -> NoReturn:
    sys.exit(signal.SIGTERM)
