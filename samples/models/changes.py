"""The history of the lab's records: who changed what, when and why, each field before and after; only ever added."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.append_only import Guard
from samples.models.unchanging import Unchanging

WHY_LENGTH = 300


class ChangeQuerySet(models.QuerySet["Change"]):
    def of(self, model: type[models.Model], ids: Iterable[int]) -> ChangeQuerySet:
        return self.filter(thing=label_of(model), thing_id__in=ids)

    def since(self, moment: datetime) -> ChangeQuerySet:
        return self.filter(at__gte=moment)

    def of_field(self, model: type[models.Model], name: str) -> ChangeQuerySet:
        """Those by which this field of a thing came to be another."""
        changed = self.filter(thing=label_of(model), rows__0__what="changed")
        return changed.filter(rows__0__fields__has_key=name)

    def told_with_sample(self, sample_id: int, patterns: models.QuerySet[Any, Any]) -> ChangeQuerySet:
        """Of the sample, of its ``patterns`` (ids) now, and of what hung on it when it was changed."""
        return self.filter(Q(sample=sample_id) | Q(thing="samples.pattern", thing_id__in=patterns))


class Change(Unchanging):
    """One thing as one act of one person changed it; the rows that are part of it (steps, phases) are told in the same entry.

    thing, thing_id: what was changed, as "samples.sample" and its id; 0 for what there is one of
    sample: on whose page it is told; of a pattern that was moved, the one that it left
    rows: the thing itself first; for each {"row": "samples.synthesisstep", "id": 4, "name": "2", "what": "made" | "changed" | "removed",
        "fields": {name: [before, after]}}, keys as ids, numbers that are exact as text
    by: None for the lab itself, as in a step of migrate
    """

    database_guard = Guard()

    thing = models.CharField(_("thing"), max_length=60)
    thing_id = models.PositiveBigIntegerField()
    sample = models.ForeignKey(
        "samples.Sample",
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("sample"),
    )
    rows = models.JSONField(_("before and after"))
    by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        db_index=False,
        verbose_name=_("changed by"),
    )
    at = models.DateTimeField(_("changed at"), default=timezone.now)
    why = models.CharField(_("why"), max_length=WHY_LENGTH, blank=True)

    objects = ChangeQuerySet.as_manager()

    class Meta:
        verbose_name = _("change")
        verbose_name_plural = _("changes")
        ordering = ["-pk"]
        default_permissions = ()  # who may see a thing may see its history
        indexes = [
            models.Index(fields=["thing", "thing_id", "-at"], name="changes_of_a_thing"),
            models.Index(fields=["thing", "at"], name="changes_of_late"),
            models.Index(
                fields=["sample", "-at"], condition=Q(sample__isnull=False), name="changes_told_with_a_sample"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.thing} {self.thing_id}"

    @property
    def own_row(self) -> dict[str, Any] | None:
        """What became of the thing itself; None where only its parts were changed."""
        return next((row for row in self.rows if row["row"] == self.thing and row["id"] == self.thing_id), None)


def label_of(model: type[models.Model]) -> str:
    """The name of a kind of thing: of the rows, also where they are asked for by a proxy."""
    concrete = model._meta.concrete_model or model
    return concrete._meta.label_lower
