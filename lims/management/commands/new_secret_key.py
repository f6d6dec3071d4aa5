"""manage.py new_secret_key: SECRET_KEY was changed on purpose."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from lims.models import KeyMark


class Command(BaseCommand):
    help = (
        "Say that SECRET_KEY was changed on purpose, on every host: the key of this host is the lab's from now on. Everybody"
        " signs in anew. API keys and links stay, and patterns that wait are screened all the same."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        KeyMark.objects.forget()
        KeyMark.objects.is_ours()
        self.stdout.write(
            "This host's SECRET_KEY is the lab's. Start web servers and workers of all hosts anew with it."
        )
