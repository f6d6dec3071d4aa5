"""manage.py migrate: Django's, one host after the other."""

from __future__ import annotations

from typing import Any

from django.core.management.commands import migrate
from django.db import connections

ALONE = 0x1C05A
"""PostgreSQL's advisory lock of whoever migrates; it goes with the connection, so a killed migration leaves none."""


class Command(migrate.Command):
    def handle(self, *args: Any, **options: Any) -> None:
        connection = connections[options["database"]]
        if connection.vendor != "postgresql":
            super().handle(*args, **options)
            return
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", [ALONE])
            if not cursor.fetchone()[0]:
                self.stderr.write("Another host migrates this database; waiting for it.")
                cursor.execute("SELECT pg_advisory_lock(%s)", [ALONE])
        try:
            super().handle(*args, **options)
        finally:
            with connection.cursor() as cursor:
                cursor.execute("SELECT pg_advisory_unlock(%s)", [ALONE])
