"""manage.py check_files: is every kept file there, and as it was received?"""

from __future__ import annotations

import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from lims.checks import TAG
from lims.kept_files import StoreTroubleError, check_files
from lims.models import Upkeep
from samples.xrd.sentences import sentence


class Command(BaseCommand):
    help = (
        "Read every file that a row names, compare it with its SHA-256, and look for files that no row names. Says what is"
        " missing, altered or orphaned, and fails then; it changes and deletes nothing, and runs while people work."
    )
    requires_system_checks = [TAG]

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            self._look()
        except StoreTroubleError as error:
            raise CommandError(str(error)) from error

    def _look(self) -> None:
        with Upkeep.objects.noted(Upkeep.Task.FILES) as row:
            report = check_files()
            counts = {kind: len(getattr(report, kind)) for kind in ("missing", "altered", "orphaned")}
            row.note(files=report.n_files, **counts)
            if report.missing or report.altered:
                row.fail(
                    sentence(
                        "Of %(files)s kept files, %(missing)s are missing and %(altered)s were altered:"
                        " `manage.py check_files` names them.",
                        files=report.n_files,
                        missing=len(report.missing),
                        altered=len(report.altered),
                    )
                )
        for line in (*report.missing, *report.altered, *report.orphaned):
            self.stdout.write(line)
        self.stdout.write(
            f"{report.n_files} files: {counts['missing']} missing, {counts['altered']} altered, {counts['orphaned']} orphaned."
        )
        if report.n_elsewhere:
            self.stdout.write(
                f"{report.n_elsewhere} more stayed in the labs that their patterns came from; nothing is wrong with that."
            )
        if not report.is_sound:
            sys.exit(1)
