"""Data sets: patterns with their labels, drawn up from a question over the record, and frozen once and for all."""

from __future__ import annotations

from typing import Any, NoReturn

from django.conf import settings
from django.core.validators import MaxValueValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.net.grid import PHASE_CLASSES
from samples.append_only import Guard
from samples.models.patterns import Pattern
from samples.models.projects import VisibleQuerySet
from samples.models.readings import Reading
from samples.models.signed import SignedEntry
from samples.models.unchanging import Unchanging, UnchangingError

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


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def frozen(self) -> DatasetQuerySet:
        return self.filter(state=Dataset.State.FROZEN)

    def drafts(self) -> DatasetQuerySet:
        return self.filter(state=Dataset.State.DRAFT)


class Dataset(models.Model):
    """One version of a data set.

    A draft is a question, and has no entries: what answers to it is derived anew each time it is looked at. Freezing
    writes the entries; from then on the database refuses to change, add or delete any of it.
    """

    class State(models.TextChoices):
        DRAFT = "draft", _("draft")
        FROZEN = "frozen", _("frozen")

    database_guard = Guard(when="{row}.\"state\" = 'frozen'")

    name = models.CharField(_("name"), max_length=80)
    version = models.PositiveIntegerField(_("version"), default=1, editable=False)
    based_on = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="next_versions",
        verbose_name=_("version before"),
        editable=False,
    )
    state = models.CharField(_("state"), max_length=8, choices=State, default=State.DRAFT, editable=False)
    question = models.JSONField(_("question"), default=dict, blank=True)
    seed = models.PositiveIntegerField(_("seed"), default=0)
    validation_percent = models.PositiveSmallIntegerField(
        _("validation (%)"), default=15, validators=[MaxValueValidator(50)]
    )
    test_percent = models.PositiveSmallIntegerField(_("test (%)"), default=15, validators=[MaxValueValidator(50)])
    licence = models.CharField(_("licence"), max_length=300, blank=True)
    notes = models.TextField(_("notes"), blank=True)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("made by"), editable=False
    )
    made_at = models.DateTimeField(_("made at"), default=timezone.now, editable=False)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("changed by"),
        editable=False,
    )
    changed_at = models.DateTimeField(_("changed at"), default=timezone.now, editable=False)
    edition = models.PositiveIntegerField(_("edition"), default=1, editable=False)
    frozen_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        null=True,
        related_name="+",
        verbose_name=_("frozen by"),
        editable=False,
    )
    frozen_at = models.DateTimeField(_("frozen at"), null=True, editable=False)
    sha256 = models.CharField(_("hash of the content"), max_length=64, blank=True, editable=False)
    n_entries = models.PositiveIntegerField(_("entries"), default=0, editable=False)
    left_out = models.JSONField(_("left out, by reason"), default=list, editable=False)
    archived_at = models.DateTimeField(_("archived at"), null=True, editable=False)

    objects = DatasetQuerySet.as_manager()

    class Meta:
        verbose_name = _("data set")
        verbose_name_plural = _("data sets")
        ordering = ["name", "-version"]
        permissions = [("freeze_dataset", _("Can freeze a data set"))]
        constraints = [
            models.UniqueConstraint(fields=["name", "version"], name="one_data_set_a_version"),
            models.UniqueConstraint(
                fields=["name"], condition=Q(state="draft", archived_at=None), name="one_draft_a_data_set"
            ),
            models.CheckConstraint(
                condition=Q(state="draft", frozen_at=None, sha256="")
                | Q(state="frozen", frozen_at__isnull=False, frozen_by__isnull=False) & ~Q(sha256=""),
                name="frozen_data_sets_have_a_hash",
            ),
            models.CheckConstraint(
                condition=Q(validation_percent__lte=50, test_percent__lte=50), name="most_of_a_data_set_trains"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} v{self.version}"

    def save(self, **options: Any) -> None:
        if self.pk and Dataset.objects.frozen().filter(pk=self.pk).exists():
            raise UnchangingError(f"{self} is frozen and does not change; a new version says what it adds")
        super().save(**options)

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"{self} is not deleted; a draft is archived")

    @property
    def is_frozen(self) -> bool:
        return self.state == self.State.FROZEN

    @property
    def train_percent(self) -> int:
        return 100 - self.validation_percent - self.test_percent


class DatasetChoiceQuerySet(VisibleQuerySet["DatasetChoice"]):
    project_paths = ("pattern__sample__project", "pattern__project")


class DatasetChoice(models.Model):
    """One pattern that a person took out of a draft, or into it, and why; a frozen set keeps them as they are."""

    class Side(models.TextChoices):
        OUT = "out", _("taken out")
        IN = "in", _("taken in")

    database_guard = Guard(when=_OF_A_FROZEN_SET, refuses_new=_OF_A_FROZEN_SET)

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="choices", verbose_name=_("data set"))
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

    dataset = models.ForeignKey(Dataset, on_delete=models.PROTECT, related_name="entries", verbose_name=_("data set"))
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


class Freeze(SignedEntry):
    """Who froze which data set, when and why, with the hash of what was frozen."""

    dataset = models.OneToOneField(
        Dataset, on_delete=models.PROTECT, related_name="freeze_entry", verbose_name=_("data set")
    )
    dataset_sha256 = models.CharField(_("hash of the content"), max_length=64, editable=False)
    n_entries = models.PositiveIntegerField(_("entries"), editable=False)

    class Meta:
        verbose_name = _("freeze of a data set")
        verbose_name_plural = _("freezes of data sets")
        ordering = ["-number"]

    def __str__(self) -> str:
        return f"{self.dataset}: {self.dataset_sha256[:12]}"
