"""Faults of the program itself, counted: what broke, where, how often, and when last."""

from __future__ import annotations

import traceback
from pathlib import Path

from django.conf import settings
from django.db import models, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from lims import __version__


class FaultQuerySet(models.QuerySet["Fault"]):
    def open(self) -> FaultQuerySet:
        """Those that nobody has called mended since they came up last."""
        return self.filter(mended_at=None)

    @transaction.atomic
    def note(self, error: BaseException, *, during: str, request_id: str = "") -> None:
        """Count ``error``.  Its kind and place are kept and not its words, which may hold names, addresses or secrets."""
        kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
        known = {"kind": kind[:200], "place": place_of(error)[:300], "during": during[:300]}
        seen = {"last_at": timezone.now(), "last_request": request_id, "version": __version__, "mended_at": None}
        if not self.filter(**known).update(**seen, n_times=F("n_times") + 1):
            self.get_or_create(**known, defaults=seen)


class Fault(models.Model):
    """One kind of unhandled exception at one place."""

    kind = models.CharField(_("kind"), max_length=200)
    place = models.CharField(_("place"), max_length=300)
    during = models.CharField(_("during"), max_length=300)
    n_times = models.PositiveIntegerField(_("times"), default=1)
    first_at = models.DateTimeField(_("first"), auto_now_add=True)
    last_at = models.DateTimeField(_("last"))
    last_request = models.CharField(_("number of the last request"), max_length=64, blank=True)
    version = models.CharField(_("version of Icosa"), max_length=40)
    mended_at = models.DateTimeField(_("mended at"), null=True)

    objects = FaultQuerySet.as_manager()

    class Meta:
        verbose_name = _("fault")
        verbose_name_plural = _("faults")
        ordering = ["-last_at"]
        constraints = [models.UniqueConstraint(fields=["kind", "place", "during"], name="one_fault_a_kind_and_place")]

    def __str__(self) -> str:
        return f"{self.kind}, {self.place}"

    def mend(self) -> None:
        """Out of the list, until it comes up again."""
        Fault.objects.filter(pk=self.pk).update(mended_at=timezone.now())


def place_of(error: BaseException) -> str:
    """File, line and function of our own that it came up in; of another package where none of ours took part."""
    frames = traceback.extract_tb(error.__traceback__)
    if not frames:
        return ""
    ours = [frame for frame in frames if _is_ours(frame.filename)]
    frame = (ours or frames)[-1]
    path = Path(frame.filename)
    shown = path.relative_to(settings.BASE_DIR) if _is_ours(frame.filename) else Path(*path.parts[-3:])
    return f"{shown}:{frame.lineno} {frame.name}"


def _is_ours(filename: str) -> bool:
    path = Path(filename)
    return path.is_relative_to(settings.BASE_DIR) and "site-packages" not in path.parts
