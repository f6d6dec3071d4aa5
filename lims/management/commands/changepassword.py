"""Django's own command, and noted as every other new password is: in the record, and with the end of what stood open."""

from __future__ import annotations

import getpass
from typing import Any

from django.contrib.auth.management.commands import changepassword
from django.contrib.auth.models import User

from lims.models import AuditEntry, AuditKind, Session


class Command(changepassword.Command):
    def handle(self, *args: Any, **options: Any) -> str | None:
        said: str | None = super().handle(*args, **options)
        person = User.objects.get(username=options["username"] or getpass.getuser())
        Session.objects.end(person)
        AuditEntry.note(None, AuditKind.PASSWORD_SET, person, by="command")
        return said
