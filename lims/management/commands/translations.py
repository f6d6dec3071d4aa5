"""`manage.py translations`: bring the catalogues up to date with the sources."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError


class Command(BaseCommand):
    help = "Write the messages of the sources into locale/, compile them, and list those that want a translation."
    requires_system_checks: list[str] = []

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            from lims import messages
        except ModuleNotFoundError as absent:
            raise CommandError(f"{absent}. It comes with pip install -r requirements-dev.txt, or make check.") from None

        for language, _name in settings.LANGUAGES:
            if language == "en":  # the sources are written in it
                continue
            catalogue = messages.updated_catalogue(language)
            messages.write_catalogue(language, catalogue)
            missing = messages.untranslated(catalogue)
            for message in missing:
                self.stdout.write(f"{language}: {message}")
            self.stdout.write(f"{language}: {len(catalogue)} messages, {len(missing)} without a translation")
