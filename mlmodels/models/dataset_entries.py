"""What is in a data set: its entries with their labels, and the choices that people made by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.net.grid import PHASE_CLASSES
from samples.append_only import Guard
from samples.models.patterns import Pattern
from samples.models.projects import VisibleQuerySet
from samples.models.readings import Reading
from samples.models.unchanging import Unchanging

_OF_A_FROZEN_SET = 'EXISTS (SELECT 1 FROM "mlmodels_dataset" WHERE "id" = {row}."dataset_id" AND "state" = \'frozen\')'


class Label(models.TextChoices):
    """What a pattern holds: the phase classes of `mlmodels.net.grid`."""

    ICOSAHEDRAL = PHASE_CLASSES[0], _("icosahedral")
    APPROXIMANT_1_1 = PHASE_CLASSES[1], _("approximant 1/1")
    APPROXIMANT_2_1 = PHASE_CLASSES[2], _("approximant 2/1")
    NONE = PHASE_CLASSES[3], _("no quasicrystal")


class Split(models.TextChoices):
    TRAIN = "train", _("training")
    VALIDATION = "validation", _("validation")
    TEST = "test", _("test")


class DatasetChoiceQuerySet(VisibleQuerySet["DatasetChoice"]):
    project_paths = ("pattern__sample__project", "pattern__project")


class DatasetChoice(models.Model):
    """One pattern that a person took out of a draft, or into it, and why; a frozen set keeps them as they are."""

    class Side(models.TextChoices):
        OUT = "out", _("taken out")
        IN = "in", _("taken in")

    database_guard = Guard(when=_OF_A_FROZEN_SET, refuses_new=_OF_A_FROZEN_SET)

    dataset = models.ForeignKey(
        "mlmodels.Dataset", on_delete=models.PROTECT, related_name="choices", verbose_name=_("data set")
    )
    pattern = models.ForeignKey(
        Pattern, on_delete=models.PROTECT, related_name="dataset_choices", verbose_name=_("pattern")
    )
    side = models.CharField(_("out or in"), max_length=3, choices=Side)
    label = models.CharField(_("label"), max_length=20, choices=Label, blank=True)
    reason = models.CharField(_("reason"), max_length=300)
    chosen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("chosen by")
    )
    chosen_at = models.DateTimeField(_("chosen at"), default=timezone.now)

    objects = DatasetChoiceQuerySet.as_manager()

    class Meta:
        verbose_name = _("choice by hand")
        verbose_name_plural = _("choices by hand")
        ordering = ["dataset", "pk"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "pattern"], name="one_choice_a_pattern"),
            models.CheckConstraint(condition=~Q(reason=""), name="choice_has_a_reason"),
            models.CheckConstraint(
                condition=Q(side="out", label="") | (Q(side="in") & ~Q(label="")), name="taken_in_with_a_label"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.pattern}: {self.get_side_display()}"


class DatasetEntryQuerySet(VisibleQuerySet["DatasetEntry"]):
    project_paths = ("reading__pattern__sample__project", "reading__pattern__project")


class DatasetEntry(Unchanging):
    """One reading with its label, where the label comes from, and the side of the split it is on."""

    class Origin(models.TextChoices):
        OUTCOME = "outcome", _("signed outcome")
        REVIEW = "review", _("reviews")
        SIMULATED = "simulated", _("simulated")
        BY_HAND = "by_hand", _("by hand")

    database_guard = Guard(refuses_new=_OF_A_FROZEN_SET)

    dataset = models.ForeignKey(
        "mlmodels.Dataset", on_delete=models.PROTECT, related_name="entries", verbose_name=_("data set")
    )
    position = models.PositiveIntegerField(_("position"))
    reading = models.ForeignKey(
        Reading, on_delete=models.PROTECT, related_name="dataset_entries", verbose_name=_("reading")
    )
    label = models.CharField(_("label"), max_length=20, choices=Label)
    quasilattice_constant = models.FloatField(_("quasilattice constant a_R (Å)"), null=True)
    quasilattice_constant_sigma = models.FloatField(_("uncertainty of a_R (Å)"), null=True)
    lattice_type = models.CharField(_("lattice type"), max_length=1, blank=True)
    origin = models.CharField(_("where the label comes from"), max_length=10, choices=Origin)
    origin_words = models.CharField(_("origin in words"), max_length=400)
    weight = models.FloatField(_("weight"), default=1.0)
    split = models.CharField(_("split"), max_length=10, choices=Split)
    lineage = models.PositiveIntegerField(_("lineage"))
    file_sha256 = models.CharField(_("SHA-256 of the original file"), max_length=64)
    arrays_sha256 = models.CharField(_("SHA-256 of the numbers"), max_length=64)

    objects = DatasetEntryQuerySet.as_manager()

    class Meta:
        verbose_name = _("entry of a data set")
        verbose_name_plural = _("entries of data sets")
        ordering = ["dataset", "position"]
        constraints = [
            models.UniqueConstraint(fields=["dataset", "position"], name="one_entry_a_position"),
            models.UniqueConstraint(fields=["dataset", "reading"], name="one_entry_a_reading"),
            models.CheckConstraint(condition=Q(weight__gt=0, weight__lte=1), name="weight_from_0_to_1"),
        ]

    def __str__(self) -> str:
        return f"{self.dataset} {self.position}"


HASHED = (
    *("file_sha256", "reading__pattern__scan_number", "arrays_sha256", "reading__wavelength", "label"),
    *("quasilattice_constant", "quasilattice_constant_sigma", "lattice_type", "origin", "origin_words"),
    *("weight", "split", "lineage"),
)
"""Of each entry, what the hash of its set is over: nothing that is another number in another database."""


def content_sha256(rows: Iterable[Sequence[Any]]) -> str:
    """SHA-256 (hex) of a set: a line of JSON for each entry in the order of the set, with the values of HASHED."""
    digest = hashlib.sha256(b"icosa data set 1\n")
    for row in rows:
        digest.update(json.dumps(list(row), ensure_ascii=False, separators=(",", ":")).encode() + b"\n")
    return digest.hexdigest()
