"""Signed entries: who stands for what, when and why; only ever added, each chained to the one before by its hash."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from django.conf import settings
from django.db import models, transaction
from django.utils import timezone
from django.utils.text import capfirst
from django.utils.translation import gettext_lazy as _

from samples.append_only import Guard
from samples.models.unchanging import Unchanging


class ChainHeadQuerySet(models.QuerySet["ChainHead"]):
    def take(self, table: str) -> ChainHead:
        """The head of the chain of ``table``, locked until the transaction ends: two who sign at once take turns."""
        self.get_or_create(table=table)
        return self.select_for_update().get(table=table)


class ChainHead(models.Model):
    """How long the chain of one table is and where it ends: the lock of those who sign, and the proof of the last entry."""

    table = models.CharField(max_length=63, primary_key=True)
    n_entries = models.PositiveBigIntegerField(default=0)
    sha256 = models.CharField(max_length=64, blank=True)

    objects = ChainHeadQuerySet.as_manager()

    class Meta:
        default_permissions = ()

    def __str__(self) -> str:
        return f"{self.table}: {self.n_entries}"


class SignedEntry(Unchanging):
    """A row that a person stands for: it is added once, and never changed or deleted.

    A subclass adds its own columns and is saved as any row is:

        Outcome.objects.create(follow_up=…, verdict=…, signer=request.user, meaning=…, reason=…)

    Saving gives it its number, the time, the hash of the entry before and its own: SHA-256 over every column but ``id``
    and ``sha256``. Migrate puts triggers on its table that refuse UPDATE, DELETE and TRUNCATE; `manage.py check_trail`
    walks the chain. What was said is taken back by a further entry. Columns are never renamed, and one that is added
    later is nullable: None is left out of the hash, so the entries from before keep theirs. No file fields: point to a
    row that has the file's hash. Bulk_create is refused by the database, as it gives no numbers.
    """

    database_guard = Guard()

    number = models.PositiveBigIntegerField(_("number"), unique=True, editable=False)
    signer = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("signed by"),
        editable=False,
    )
    signed_at = models.DateTimeField(_("signed at"), editable=False)
    meaning = models.CharField(_("what the signature means"), max_length=200, editable=False)
    reason = models.CharField(_("reason"), max_length=1000)
    previous_sha256 = models.CharField(_("hash of the entry before"), max_length=64, blank=True, editable=False)
    sha256 = models.CharField(_("hash"), max_length=64, unique=True, editable=False)

    class Meta:
        abstract = True

    @property
    def headline(self) -> str:
        """What was signed, in a few words."""
        return f"{capfirst(str(self._meta.verbose_name))}: {self}"

    @transaction.atomic
    def save(self, **options: Any) -> None:
        if not self._state.adding:
            super().save(**options)  # which refuses
        head = ChainHead.objects.take(self._meta.db_table)
        self.number, self.previous_sha256, self.signed_at = head.n_entries + 1, head.sha256, timezone.now()
        self.sha256 = self.computed_sha256()
        super().save(**options)
        head.n_entries, head.sha256 = self.number, self.sha256
        head.save()

    def computed_sha256(self) -> str:
        """The hash of the columns as they stand now."""
        return entry_sha256(self._meta.db_table, dict(self._signed_columns()))

    def _signed_columns(self) -> Iterator[tuple[str, Any]]:
        for field in self._meta.concrete_fields:
            if not field.primary_key and field.name != "sha256":
                yield field.attname, field.get_prep_value(field.to_python(getattr(self, field.attname)))


def entry_sha256(table: str, columns: Mapping[str, Any]) -> str:
    """SHA-256 (hex) over canonical JSON: keys sorted, no spaces, None left out, times in UTC, decimals without trailing zeros."""
    said = {"table": table} | {name: value for name, value in columns.items() if value is not None}
    text = json.dumps(said, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=_canonical)
    return hashlib.sha256(text.encode()).hexdigest()


def _canonical(value: object) -> str:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds")
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    if isinstance(value, (bytes, bytearray, memoryview)):
        return hashlib.sha256(value).hexdigest()
    return str(value)
