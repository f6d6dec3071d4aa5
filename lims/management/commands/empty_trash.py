from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from lims import trash


class Command(BaseCommand):
    help = (
        "Let go of drafts that have been in the trash for ICOSA_TRASH_DAYS: saved views, spreadsheets that were not imported, "
        "follow-ups without evidence. The worker does it once a day. Evidence is never deleted."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(f"{trash.empty()} drafts left the trash")
