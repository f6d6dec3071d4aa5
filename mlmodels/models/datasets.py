"""Data sets: patterns with their labels, drawn up from a question over the record, and frozen once and for all."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NoReturn

from django.conf import settings
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import IntegrityError, models, transaction
from django.db.models import Max, Q, QuerySet
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from mlmodels.models.dataset_entries import HASHED, DatasetChoice, DatasetEntry, Label
from samples.append_only import Guard
from samples.models.patterns import Pattern
from samples.models.signed import SignedEntry
from samples.models.unchanging import UnchangingError
from samples.xrd.sentences import Sentence, sentence

LEAST_FOR_TRAINING = 20
"""%"""

AT_ONCE = 2_000
"""Rows in one INSERT."""

MEANING = "What this data set holds is so from now on: its entries, labels, weights and split."


class DatasetError(ValueError):
    """Something about a data set that cannot be done; ``.sentence`` says why."""

    def __init__(self, said: Sentence) -> None:
        self.sentence = said
        super().__init__(str(said))


class DatasetConflict(Exception):  # noqa: N818 - two people did nothing wrong
    """Somebody else changed the draft since this edition of it was read; `stored` is how it stands now."""

    def __init__(self, stored: Dataset) -> None:
        super().__init__(str(stored))
        self.stored = stored


class DatasetQuerySet(models.QuerySet["Dataset"]):
    def current(self) -> DatasetQuerySet:
        return self.filter(archived_at=None)

    def frozen(self) -> DatasetQuerySet:
        return self.filter(state=Dataset.State.FROZEN)

    def drafts(self) -> DatasetQuerySet:
        return self.filter(state=Dataset.State.DRAFT)

    def begin(self, name: str, by: User, **asked: Any) -> Dataset:
        """A draft: the first version of ``name``, or the next one; ``asked``: question, seed, shares, licence, notes."""
        check_right(by)
        name = name.strip()
        here = self.filter(name=name)
        before = here.frozen().order_by("-version").first()
        version = (here.aggregate(last=Max("version"))["last"] or 0) + 1
        draft = self.model(name=name, version=version, based_on=before, made_by=by, changed_by=by, **asked)
        draft.full_clean(validate_constraints=False)
        try:
            with transaction.atomic():
                draft.save()
        except IntegrityError as error:
            raise DatasetError(
                sentence(
                    "There is a draft of “%(name)s” already. Go on with that one, or choose another name.", name=name
                )
            ) from error
        return draft


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
    changes = models.JSONField(_("what changed since the version before"), default=dict, editable=False)
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

    def get_absolute_url(self) -> str:
        return reverse("screening:dataset", args=[self.pk])

    def delete(self, *args: Any, **options: Any) -> NoReturn:
        raise UnchangingError(f"{self} is not deleted; a draft is archived")

    def clean(self) -> None:
        if self.train_percent < LEAST_FOR_TRAINING:
            sentence = _("Leave at least %(least)s %% for training: validation and test take %(taken)s %%.")
            values = {"least": LEAST_FOR_TRAINING, "taken": self.validation_percent + self.test_percent}
            raise ValidationError({"test_percent": ValidationError(sentence, params=values)})

    @property
    def is_frozen(self) -> bool:
        return self.state == self.State.FROZEN

    @property
    def train_percent(self) -> int:
        return 100 - self.validation_percent - self.test_percent

    def earlier_versions(self) -> list[Dataset]:
        """The version before, the one before that, and so on."""
        line: list[Dataset] = []
        before = self.based_on
        while before is not None:
            line.append(before)
            before = before.based_on
        return line

    def hashed_rows(self) -> QuerySet[DatasetEntry, tuple[Any, ...]]:
        """What the hash of a frozen set is over."""
        return self.entries.order_by("position").values_list(*HASHED)

    # While it is a draft

    @transaction.atomic
    def revise(self, *, by: User, edition: int, **asked: Any) -> None:
        """Change what is asked, unless somebody changed the draft since ``edition`` was read: DatasetConflict."""
        self._take_edition(by, edition)
        for name, value in asked.items():
            setattr(self, name, value)
        self.full_clean(validate_constraints=False)
        self.save()

    @transaction.atomic
    def choose(self, pattern: Pattern, *, by: User, side: str, reason: str, label: str = "") -> DatasetChoice:
        """Take one pattern out of the draft, or into it with a label."""
        self._take_edition(by)
        if not reason.strip():
            raise DatasetError(sentence("Say why, in a few words. Nothing was changed yet."))
        if side == DatasetChoice.Side.IN and label not in Label.values:
            raise DatasetError(
                sentence("A pattern that is taken in needs a label. Choose one; nothing was changed yet.")
            )
        choice, _made = self.choices.update_or_create(
            pattern=pattern,
            defaults={
                "side": side,
                "label": label if side == DatasetChoice.Side.IN else "",
                "reason": reason.strip(),
                "chosen_by": by,
                "chosen_at": timezone.now(),
            },
        )
        return choice

    @transaction.atomic
    def leave_to_the_question(self, pattern: Pattern, *, by: User) -> None:
        """Undo a choice by hand: the question decides again."""
        self._take_edition(by)
        self.choices.filter(pattern=pattern).delete()

    @transaction.atomic
    def begin_next(self, by: User) -> Dataset:
        """A draft of the next version, with the question and the choices of this one."""
        asked = ("question", "seed", "validation_percent", "test_percent", "licence", "notes")
        draft = Dataset.objects.begin(self.name, by, **{name: getattr(self, name) for name in asked})
        DatasetChoice.objects.bulk_create(
            DatasetChoice(
                dataset=draft,
                **{
                    name: getattr(choice, name)
                    for name in ("pattern_id", "side", "label", "reason", "chosen_by_id", "chosen_at")
                },
            )
            for choice in self.choices.all()
        )
        return draft

    @transaction.atomic
    def archive(self, *, by: User) -> None:
        """Put a draft away; a frozen set stays where it is."""
        self._take_edition(by)
        self.archived_at = timezone.now()
        self.save(update_fields=["archived_at"])

    @transaction.atomic
    def restore(self, *, by: User) -> None:
        self._take_edition(by)
        self.archived_at = None
        try:
            with transaction.atomic():
                self.save(update_fields=["archived_at"])
        except IntegrityError as error:
            raise DatasetError(
                sentence("Another draft of “%(name)s” is open. Put that one away first.", name=self.name)
            ) from error

    # Freezing

    def check_right_to_freeze(self, by: User, reason: str) -> None:
        if not by.has_perm("mlmodels.freeze_dataset"):
            raise DatasetError(sentence("Data sets are frozen by curators. Ask an administrator for that role."))
        if self.is_frozen:
            raise DatasetError(_frozen_already(self))
        if not reason.strip():
            raise DatasetError(sentence("Say what this version is for, or what it adds. Nothing was frozen yet."))

    @transaction.atomic
    def write(self, entries: Iterable[DatasetEntry], *, by: User) -> list[DatasetEntry]:
        """Put ``entries``, all or some, into the draft, which is frozen in the same transaction; they come back with their ids."""
        self._take_edition(by, self.edition)
        return DatasetEntry.objects.bulk_create(entries, batch_size=AT_ONCE)

    @transaction.atomic
    def freeze(
        self,
        *,
        by: User,
        reason: str,
        sha256: str,
        left_out: Sequence[Mapping[str, Any]] = (),
        changes: Mapping[str, int] | None = None,
    ) -> None:
        """Freeze and sign what was written, under its `content_sha256`; from now on the database refuses to change any of it.

        left_out: {"reason", "n"} of what the question looked at besides · changes: against the version before
        """
        self.check_right_to_freeze(by, reason)
        self._take_edition(by, self.edition)
        self.state, self.sha256, self.n_entries = self.State.FROZEN, sha256, self.entries.count()
        self.frozen_by, self.frozen_at = by, timezone.now()
        self.left_out, self.changes = list(left_out), dict(changes or {})
        self.save()
        Freeze.objects.create(
            dataset=self,
            dataset_sha256=sha256,
            n_entries=self.n_entries,
            signer=by,
            meaning=MEANING,
            reason=reason.strip(),
        )

    def _take_edition(self, by: User, edition: int | None = None) -> None:
        """Hold the draft until the transaction ends, as the next edition."""
        check_right(by)
        stored = Dataset.objects.select_for_update().get(pk=self.pk)
        if stored.is_frozen:
            raise DatasetError(_frozen_already(stored))
        if edition is not None and stored.edition != edition:
            raise DatasetConflict(stored)
        now: dict[str, Any] = {"edition": stored.edition + 1, "changed_by": by, "changed_at": timezone.now()}
        Dataset.objects.filter(pk=self.pk).update(**now)
        for name, value in now.items():
            setattr(self, name, value)


def _frozen_already(dataset: Dataset) -> Sentence:
    return sentence("%(dataset)s is frozen and does not change. Begin the next version instead.", dataset=str(dataset))


def check_right(by: User) -> None:
    if not by.has_perm("mlmodels.change_dataset"):
        raise DatasetError(sentence("Data sets are made by curators. Ask an administrator for that role."))


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
