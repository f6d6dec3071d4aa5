"""Django's own command; besides the settings it asks the bucket, which with all other commands is left to who needs it."""

from __future__ import annotations

from typing import Any

from django.core.checks import register
from django.core.management.commands import check

from lims.checks import BUCKET, TAG, check_bucket


class Command(check.Command):
    def handle(self, *app_labels: Any, **options: Any) -> None:
        if not options["deploy"]:  # which asks it in any case
            register(check_bucket, TAG, BUCKET)
        super().handle(*app_labels, **options)
