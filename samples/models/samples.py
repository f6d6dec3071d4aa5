"""Samples: pieces of material under readable codes, what they are made of and where they lie."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, User
from django.core.exceptions import ValidationError
from django.core.validators import MinValueValidator
from django.db import IntegrityError, models
from django.db.models import Exists, OuterRef, Q
from django.db.models.functions import Lower
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from samples.composition import (
    Composition,
    CompositionError,
    SumChoice,
    SumError,
    Unit,
    parse_composition,
    read_composition,
    weighed_composition,
)
from samples.models.acts import changes_by, joined_act, remember
from samples.models.asking import one_of
from samples.models.elements import SampleElement
from samples.models.in_project import InProject
from samples.models.projects import RecordQuerySet
from samples.models.systems import AlloySystem
from samples.models.words import SampleWord, found_by
from samples.sentences import refusal
from samples.words import asked_words

if TYPE_CHECKING:
    from samples.models.synthesis import SynthesisStep, WeighedMass

Row = TypeVar("Row", "SynthesisStep", "WeighedMass")

CODE_TRIES = 5
"""How often a free code is looked for when others log samples at the same moment."""

_CODE = re.compile(r"[^\W_][\w.()+-]*")
_RESERVED_CODES = {"new", "import", "export"}  # addresses of their own


def plain_text(text: str) -> str:
    """Without full-width letters and digits and without spaces around, as codes and searches are compared."""
    return unicodedata.normalize("NFKC", text).strip()


def validate_code(code: str) -> None:
    if not _CODE.fullmatch(code) or code.lower() in _RESERVED_CODES:
        raise ValidationError(
            _(
                "A code is letters and digits, with - _ . + ( ) between, and no spaces, like ASR-001. Change “%(code)s”."
            ),
            params={"code": code},
        )


class EditionConflict(Exception):  # noqa: N818 - two people did nothing wrong
    """Somebody else saved the sample since this edition of it was read; `stored` is how it stands now."""

    def __init__(self, stored: Sample) -> None:
        super().__init__(stored.code)
        self.stored = stored


class MassLoss(NamedTuple):
    """What was weighed and is not there after synthesis; negative where it grew."""

    grams: Decimal
    percent: Decimal


class SampleQuerySet(RecordQuerySet["Sample"]):
    project_paths = ("project",)

    def current(self) -> SampleQuerySet:
        return self.filter(archived_at=None)

    def archived(self) -> SampleQuerySet:
        return self.filter(archived_at__isnull=False)

    def for_system(self, system: AlloySystem) -> SampleQuerySet:
        return self.filter(system=system)

    def with_element(self, symbol: str, **amount: Decimal) -> SampleQuerySet:
        """With this element in the nominal composition; ``amount__gte=40`` asks for how much of it (at.%)."""
        return self.filter(one_of(SampleElement.objects.filter(element=symbol, **amount)))

    def without_element(self, symbol: str) -> SampleQuerySet:
        return self.exclude(Exists(SampleElement.objects.filter(element=symbol, sample=OuterRef("pk"))))

    def matching(self, text: str) -> SampleQuerySet:
        """Each word of ``text`` begins a word of the code, compositions, place or notes, or names the system or a person."""
        samples = self
        for word in asked_words(text):
            samples = samples.filter(found_by(word))
        return samples

    def saying(self, field: str, phrase: str) -> SampleQuerySet:
        """With ``phrase`` as it stands in the notes or the place; its words are looked up first."""
        said = Q(**{f"{field}__icontains": phrase}) | Q(**{f"{field}__icontains": plain_text(phrase)})
        for word in asked_words(phrase):
            said &= one_of(SampleWord.objects.begun_by(word))
        return self.filter(said)

    def next_code(self, system: AlloySystem, parent: Sample | None = None) -> str:
        """The first free code: ASR-012 for a new sample of Al-Si-Ru, ASR-012-1 for a piece of that one."""
        stem = parent.code if parent else "".join(symbol[0] for symbol in system.elements)
        width = 1 if parent else 3
        number = re.compile(re.escape(stem) + r"-(\d{1,9})", re.IGNORECASE)
        codes = self.filter(code__istartswith=f"{stem}-").values_list("code", flat=True)
        taken = (int(match[1]) for match in map(number.fullmatch, codes) if match)
        return f"{stem}-{max(taken, default=0) + 1:0{width}d}"


CODE_NOT_FREE = _(
    "The code %(code)s is not free: a code is given once in the whole lab, archive and closed projects included. Take another"
    " one, or leave it empty for the next free one."
)
"""In the same words whoever asks: whether a sample has it, and where, is told by no code."""


class Sample(InProject):
    """One piece of material under a readable code.

    What is typed (`composition_text`, `measured_text`) is kept as typed; saving reads it into `composition` and
    `measured` (formulas in at.%), finds the alloy system and lists the elements.
    """

    untraced = frozenset({"composition", "measured", "made_by", "made_at", "changed_by", "changed_at", "edition"})

    class CompositionUnit(models.TextChoices):
        ATOMIC = Unit.ATOMIC.value, _("at.%")
        WEIGHT = Unit.WEIGHT.value, _("wt.%")

    class CompositionSum(models.TextChoices):
        EXACT = SumChoice.EXACT.value, _("sums to 100 %")
        NORMALISED = SumChoice.NORMALISED.value, _("normalised to 100 %")
        AS_REPORTED = SumChoice.AS_REPORTED.value, _("kept as reported")

    class Origin(models.TextChoices):
        CUT = "cut", _("cut from")
        ANNEALED = "annealed", _("annealed from")
        CRUSHED = "crushed", _("crushed from")
        OTHER = "other", _("made from")

    code = models.CharField(_("code"), max_length=40, validators=[validate_code])
    system = models.ForeignKey(
        AlloySystem, on_delete=models.PROTECT, related_name="samples", verbose_name=_("alloy system"), editable=False
    )
    composition_text = models.CharField(_("nominal composition"), max_length=200)
    composition_unit = models.CharField(
        _("unit"), max_length=2, choices=CompositionUnit, default=CompositionUnit.ATOMIC
    )
    composition_sum = models.CharField(
        _("sum of the composition"), max_length=10, choices=CompositionSum, default=CompositionSum.EXACT
    )
    composition = models.CharField(_("nominal composition (at.%)"), max_length=400, editable=False)
    measured_text = models.CharField(_("measured composition (EDX, at.%)"), max_length=200, blank=True)
    measured = models.CharField(_("measured composition (at.%)"), max_length=400, blank=True, editable=False)
    parent = models.ForeignKey(
        "self",
        on_delete=models.PROTECT,
        null=True,
        blank=True,
        related_name="pieces",
        verbose_name=_("parent sample"),
        help_text=_("The piece that this one was cut or annealed from."),
    )
    origin = models.CharField(_("how it came from its parent"), max_length=10, choices=Origin, blank=True)
    mass_after = models.DecimalField(
        _("mass after synthesis (g)"),
        max_digits=10,
        decimal_places=4,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.0001"))],
    )
    place = models.CharField(_("place"), max_length=100, blank=True, help_text=_("Where the piece lies."))
    used_up = models.BooleanField(_("used up"), default=False)
    notes = models.TextField(_("notes"), blank=True)
    simulated = models.BooleanField(_("simulated"), default=False, editable=False)
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("logged by"),
        editable=False,
    )
    made_at = models.DateTimeField(_("logged at"), auto_now_add=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.PROTECT,
        related_name="+",
        verbose_name=_("changed by"),
        editable=False,
    )
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)
    edition = models.PositiveIntegerField(_("edition"), default=1, editable=False)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)

    objects = SampleQuerySet.as_manager()

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        ordering = ["-made_at", "-pk"]
        constraints = [models.UniqueConstraint(Lower("code"), name="one_sample_a_code_in_any_case")]
        indexes = [
            models.Index(fields=["code"], name="sample_code"),
            models.Index(fields=["-made_at", "-id"], name="sample_newest"),
            models.Index(fields=["system", "-made_at"], name="sample_system_newest"),
            models.Index(fields=["-id"], condition=Q(archived_at__isnull=False), name="sample_archived"),
            models.Index(fields=["-id"], condition=Q(simulated=True), name="sample_simulated"),
            models.Index(fields=["-id"], condition=Q(used_up=True), name="sample_used_up"),
        ]

    def __str__(self) -> str:
        return self.code

    def save(self, **options: Any) -> None:
        if options.get("update_fields") is not None:
            super().save(**options)
            return
        with joined_act():
            self.read_compositions()
            self.full_clean(exclude=["system"], validate_constraints=False)
            amounts = self.nominal.amounts
            self.system = AlloySystem.objects.for_elements(amounts)
            super().save(**options)
            self.elements.exclude(element__in=amounts).delete()
            SampleElement.objects.bulk_create(
                [SampleElement(sample=self, element=symbol, amount=amount) for symbol, amount in amounts.items()],
                update_conflicts=True,
                unique_fields=["sample", "element"],
                update_fields=["amount"],
            )
            SampleWord.objects.list_for([self])

    def get_absolute_url(self) -> str:
        return reverse("screening:sample", args=[self.code])

    # Writing

    def log(self, *, by: User, steps: Sequence[SynthesisStep] = (), masses: Sequence[WeighedMass] = ()) -> None:
        """Write this new sample with its steps and masses, whole or not at all; no code takes the next free one.

        Raises ValidationError with sentences for the person who logs it.
        """
        self.made_by_id = self.changed_by_id = by.pk
        self.simulated = self.simulated or bool(self.parent and self.parent.simulated)
        self._take_project(by)
        wants_code = not self.code
        for attempt in range(1, CODE_TRIES + 1):
            try:
                with changes_by(by):
                    if wants_code:
                        self.read_compositions()
                        # Those who log samples of one system at the same moment wait here for each other's code.
                        system = AlloySystem.objects.select_for_update().for_elements(self.nominal.elements)
                        self.code = Sample.objects.next_code(system, self.parent)
                    self.save()
                    self._write_making(steps, masses)
                return
            except IntegrityError as error:
                self.pk = None
                if not wants_code or attempt == CODE_TRIES:
                    raise self.code_taken() from error

    def revise(
        self,
        *,
        by: AbstractBaseUser,
        edition: int,
        steps: Sequence[SynthesisStep],
        masses: Sequence[WeighedMass],
        why: str = "",
    ) -> None:
        """Save the changes to this sample, unless somebody saved it since `edition` was read: EditionConflict."""
        try:
            with changes_by(by, why):
                claimed = Sample.objects.filter(pk=self.pk, edition=edition).update(edition=edition + 1)
                if not claimed:
                    raise EditionConflict(Sample.objects.get(pk=self.pk))
                self.edition = edition + 1
                self.changed_by_id = by.pk
                self.save()
                self._write_making(steps, masses)
        except IntegrityError as error:
            raise self.code_taken() from error

    def archive(self, *, by: AbstractBaseUser, why: str = "") -> None:
        """Take the sample out of the lists; nothing is deleted."""
        self._set_archived(timezone.now(), by, why)

    def restore(self, *, by: AbstractBaseUser, why: str = "") -> None:
        self._set_archived(None, by, why)

    def _set_archived(self, moment: Any, by: AbstractBaseUser, why: str) -> None:
        self.archived_at, self.changed_by_id = moment, by.pk
        with changes_by(by, why):
            self.save(update_fields=["archived_at", "changed_by", "changed_at"])

    def read_compositions(self) -> None:
        """Read what was typed into at.%; raises ValidationError by field."""
        try:
            composition, held = read_composition(
                self.composition_text, Unit(self.composition_unit), SumChoice(self.composition_sum)
            )
        except SumError as error:
            raise ValidationError({"composition_sum": refusal(error.sentence)}) from error
        except CompositionError as error:
            raise ValidationError({"composition_text": refusal(error.sentence)}) from error
        try:
            self.measured = parse_composition(self.measured_text).formula() if self.measured_text.strip() else ""
        except CompositionError as error:
            raise ValidationError({"measured_text": refusal(error.sentence)}) from error
        self.composition = composition.formula()
        self.composition_sum = self.CompositionSum(held.value)

    def _write_making(self, steps: Sequence[SynthesisStep], masses: Sequence[WeighedMass]) -> None:
        self._write_rows(list(self.steps.order_by("position")), steps)
        self._write_rows(list(self.weighed_masses.order_by("position")), masses)

    def _write_rows(self, before: Sequence[Row], rows: Sequence[Row]) -> None:
        """Make these the rows of the sample, in this order; a row is kept where there was one before."""
        remember(before)
        for position, row in enumerate(rows, start=1):
            row.pk = before[position - 1].pk if position <= len(before) else None
            row.sample, row.position = self, position
            row.full_clean(exclude=["id"])
            row.save()
        for surplus in before[len(rows) :]:
            surplus.delete()

    def clean(self) -> None:
        if self.composition_text:
            self.read_compositions()
        self._check_family()
        if self.parent is None:
            self.origin = ""
        elif self.pk and any(ancestor.pk == self.pk for ancestor in (self.parent, *self.parent.ancestors())):
            raise ValidationError(
                {
                    "parent": ValidationError(
                        _("%(parent)s is this sample or a piece of it. Name the sample that this one came from."),
                        params={"parent": self.parent.code},
                    )
                }
            )

    def code_taken(self) -> ValidationError:
        return ValidationError({"code": ValidationError(CODE_NOT_FREE, code="unique", params={"code": self.code})})

    # Reading

    @property
    def nominal(self) -> Composition:
        """As it was meant to be, in at.%."""
        return parse_composition(self.composition)

    @property
    def edx(self) -> Composition | None:
        """As measured, in at.% and as reported."""
        return parse_composition(self.measured) if self.measured else None

    @property
    def weighed(self) -> Composition | None:
        """As the weighed masses give it, in at.%."""
        masses = self.weighed_masses.all()
        return weighed_composition((m.composition, m.mass, m.purity) for m in masses) if masses else None

    @property
    def weighed_total(self) -> Decimal | None:
        """g"""
        masses: Iterable[WeighedMass] = self.weighed_masses.all()
        return sum((m.mass for m in masses), Decimal(0)) or None

    @property
    def mass_loss(self) -> MassLoss | None:
        """Where both the weighed masses and the mass after synthesis are known."""
        before = self.weighed_total
        if before is None or self.mass_after is None:
            return None
        return MassLoss(before - self.mass_after, (before - self.mass_after) * 100 / before)
