"""Passwords that everybody knows are refused: those of a list of breached ones, and those of the demonstration."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import BinaryIO

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.core.exceptions import ValidationError
from django.utils.translation import gettext as _

HASH_LENGTH = 40
"""Characters of SHA-1 in hexadecimal; the lists hold no other hash."""


class BreachedPasswordValidator:
    """Refuses what stands in the lab's own copy of a list of breached passwords; nothing is asked of the internet."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if settings.BREACHED_PASSWORDS and is_breached(password, Path(settings.BREACHED_PASSWORDS)):
            raise ValidationError(
                _("This password stands in a list of stolen ones, which is tried first. Take another one."),
                code="password_breached",
            )

    def get_help_text(self) -> str:
        return _("Your password must not stand in the lab’s list of stolen passwords.") if self._has_list() else ""

    def _has_list(self) -> bool:
        return bool(settings.BREACHED_PASSWORDS)


class DemoPasswordValidator:
    """Refuses the passwords that the demonstration shows to everybody."""

    def validate(self, password: str, user: AbstractBaseUser | None = None) -> None:
        if is_of_the_demo(password):
            raise ValidationError(
                _("This is a password of the demonstration, which everybody knows. Take another one."),
                code="password_of_the_demo",
            )

    def get_help_text(self) -> str:
        return ""


def is_of_the_demo(password: str) -> bool:
    from lims.demo import password_of
    from lims.roles import ROLES

    return password.strip().lower() in {password_of(role) for role in ROLES}


def is_breached(password: str, listed: Path) -> bool:
    """Whether the SHA-1 of ``password`` begins a line of ``listed``, a file sorted by hash; it is never read as a whole.

    The file is as Have I Been Pwned publishes it: `HASH:COUNT` a line, upper case, ascending.
    """
    wanted = hashlib.sha1(password.encode(), usedforsecurity=False).hexdigest().upper().encode()
    with listed.open("rb") as file:
        low, high = 0, file.seek(0, 2)
        while low < high:  # the line wanted begins in [low, high), if it is there
            middle = (low + high) // 2
            begins, line = _line_around(file, middle)
            found = line[:HASH_LENGTH].upper()
            if found == wanted:
                return True
            if found < wanted:
                low = begins + len(line)
            else:
                high = begins
    return False


def _line_around(file: BinaryIO, place: int) -> tuple[int, bytes]:
    """Where the line that holds the byte at ``place`` begins, and the line."""
    start = max(0, place - 2 * HASH_LENGTH)  # a line is shorter than that: 40 characters, a colon, and a count
    file.seek(start)
    before = file.read(place - start)
    begins = start + before.rfind(b"\n") + 1
    file.seek(begins)
    return begins, file.readline()
