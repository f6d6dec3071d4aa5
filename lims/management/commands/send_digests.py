"""manage.py send_digests: the daily mails now, for labs that use cron; the worker sends them by itself."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from lims.digests import send_digests


class Command(BaseCommand):
    help = "Send each person one mail with the notices that they have not read and that were not mailed yet."

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.SENDS_MAIL:
            raise CommandError(
                "This lab sends no mail. Set ICOSA_MAIL, like smtp://mail.lab.example:25, and try again."
            )
        self.stdout.write(f"{send_digests()} sent")
