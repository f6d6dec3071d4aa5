"""The second factor: the changing number of an app on a phone (TOTP), and codes on paper for the day when it is lost."""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from urllib.parse import quote, urlencode

from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.utils import timezone
from django_otp.plugins.otp_totp.models import TOTPDevice

CODES = 10
"""Recovery codes at a time; each works once."""

DIGITS = 6
_LETTERS = "abcdefghjkmnpqrstuvwxyz23456789"  # none that are read as another


class RecoveryCode(models.Model):
    """Lets its owner in once without the phone; only its hash is kept."""

    person = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="recovery_codes")
    sha256 = models.CharField(max_length=64, unique=True)
    made_at = models.DateTimeField(auto_now_add=True)
    used_at = models.DateTimeField(null=True)

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.person_id}"


@dataclass(frozen=True, slots=True)
class SecondFactor:
    """That of one person, whether set up or not.

    The secret of an app is kept as it is, since each check needs it: whoever reads the database can make its numbers,
    and needs the password besides. django-otp counts a number once: it remembers the last half minute that was used.
    """

    person: User

    @property
    def is_set_up(self) -> bool:
        return self._devices().exists()

    @property
    def n_codes_left(self) -> int:
        return RecoveryCode.objects.filter(person=self.person, used_at=None).count()

    @transaction.atomic
    def set_up(self, key: str, number: str) -> list[str]:
        """Recovery codes, told this once; none where ``number`` is not what an app with ``key`` (hex) shows now."""
        TOTPDevice.objects.filter(user=self.person).delete()
        device = TOTPDevice.objects.create(user=self.person, name="app", key=key)
        if not device.verify_token(plain(number)):
            transaction.set_rollback(True)
            return []
        return self.make_codes()

    @transaction.atomic
    def make_codes(self) -> list[str]:
        """New recovery codes; those of before lead nowhere from now on."""
        RecoveryCode.objects.filter(person=self.person).delete()
        codes = ["-".join(_letters(4) for _ in range(4)) for _ in range(CODES)]
        RecoveryCode.objects.bulk_create([RecoveryCode(person=self.person, sha256=_hash(code)) for code in codes])
        return codes

    @transaction.atomic
    def accepts(self, code: str) -> str:
        """ "number" or "recovery code", whichever it is and is right, and used up by this; "" where it is wrong."""
        code = plain(code)
        if code.isdigit() and len(code) == DIGITS:
            device = self._devices().select_for_update().first()
            return "number" if device and device.verify_token(code) else ""
        unused = RecoveryCode.objects.filter(person=self.person, sha256=_hash(code), used_at=None)
        return "recovery code" if unused.update(used_at=timezone.now()) else ""

    @transaction.atomic
    def take_off(self) -> None:
        TOTPDevice.objects.filter(user=self.person).delete()
        RecoveryCode.objects.filter(person=self.person).delete()

    def _devices(self) -> models.QuerySet[TOTPDevice]:
        devices: models.QuerySet[TOTPDevice] = TOTPDevice.objects.filter(user=self.person, confirmed=True)
        return devices


def address_for_apps(person: User, key: str) -> str:
    """What the QR code holds: otpauth://totp/…"""
    issuer = f"Icosa {settings.LAB_NAME}" if settings.LAB_NAME else "Icosa"
    said = urlencode({"secret": base32(key), "issuer": issuer}, quote_via=quote)
    return f"otpauth://totp/{quote(issuer)}:{quote(person.get_username())}?{said}"


def base32(key: str) -> str:
    """The secret as people type it into an app."""
    from base64 import b32encode

    return b32encode(bytes.fromhex(key)).decode().rstrip("=")


def plain(code: str) -> str:
    """As it was meant: full-width digits, spaces and dashes are what they look like."""
    return "".join(unicodedata.normalize("NFKC", code).split()).replace("-", "").lower()


def _letters(n: int) -> str:
    return "".join(secrets.choice(_LETTERS) for _ in range(n))


def _hash(code: str) -> str:
    """Some 79 random bits: a fast hash is as good as a slow one."""
    return hashlib.sha256(plain(code).encode()).hexdigest()
