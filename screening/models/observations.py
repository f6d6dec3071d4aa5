"""What a follow-up found: phases that were observed, and lattice lengths that were measured."""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import gemmi
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from samples.measured_composition import CompositionError, MeasuredComposition, SumError, read_measured
from samples.models.traced import TracedModel, TracedQuerySet
from samples.sentences import translated
from samples.xrd.icosahedral import LatticeConvention
from samples.xrd.quoted_lattice import LengthUnit, QuotedLength

LEAST = Decimal("0.00001")

SHARES_AT_MOST = Decimal("100.5")
"""%; shares that are rounded may sum to a little over 100."""


class Technique(models.TextChoices):
    SEM = "sem", _("SEM")
    EDX = "edx", _("EDX")
    EBSD = "ebsd", _("EBSD")
    TEM = "tem", _("TEM")
    SAED = "saed", _("SAED (selected-area diffraction)")
    SINGLE_CRYSTAL = "scxrd", _("single-crystal XRD")


class ObservedPhase(TracedModel):
    """One phase as one technique saw it; its composition is kept as typed and read into at.%."""

    part_of, named_by = "follow_up", "position"
    untraced = frozenset({"position", "composition"})

    class Structure(models.TextChoices):
        ICOSAHEDRAL = "icosahedral", _("icosahedral")
        DECAGONAL = "decagonal", _("decagonal")
        APPROXIMANT_1_1 = "approximant_1_1", _("approximant 1/1")
        APPROXIMANT_2_1 = "approximant_2_1", _("approximant 2/1")
        CRYSTALLINE = "crystalline", _("crystalline")
        AMORPHOUS = "amorphous", _("amorphous")
        UNKNOWN = "unknown", _("unknown")

    class ShareOf(models.TextChoices):
        AREA = "area", _("area")
        VOLUME = "volume", _("volume")

    follow_up = models.ForeignKey(
        "screening.FollowUp", on_delete=models.PROTECT, related_name="phases", verbose_name=_("follow-up")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    technique = models.CharField(_("technique"), max_length=10, choices=Technique)
    composition_text = models.CharField(_("composition (at.%)"), max_length=200, blank=True)
    composition = models.CharField(_("composition as read (at.%)"), max_length=400, blank=True, editable=False)
    uncertainty = models.DecimalField(
        _("uncertainty of each amount (at.%)"),
        max_digits=6,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.001")), MaxValueValidator(Decimal(100))],
    )
    as_reported = models.BooleanField(_("as reported: does not sum to 100 %"), default=False)
    share = models.DecimalField(
        _("share (%)"),
        max_digits=5,
        decimal_places=2,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.01")), MaxValueValidator(Decimal(100))],
    )
    share_of = models.CharField(_("share of"), max_length=6, choices=ShareOf, default=ShareOf.AREA)
    structure = models.CharField(_("structure"), max_length=20, choices=Structure)
    name = models.CharField(_("name of the structure"), max_length=80, blank=True)
    space_group = models.CharField(_("space group"), max_length=30, blank=True)
    point_symmetry = models.CharField(_("point symmetry seen"), max_length=60, blank=True)
    notes = models.CharField(_("notes"), max_length=400, blank=True)

    objects = TracedQuerySet["ObservedPhase"].as_manager()

    class Meta:
        verbose_name = _("observed phase")
        verbose_name_plural = _("observed phases")
        ordering = ["follow_up", "position"]
        constraints = [
            models.CheckConstraint(
                condition=Q(share=None) | Q(share__gt=0, share__lte=100), name="share_of_a_phase_in_percent"
            ),
        ]
        indexes = [models.Index(fields=["structure", "follow_up"], name="phase_structure")]

    def __str__(self) -> str:
        return " ".join(part for part in (self.composition_text, self.get_structure_display()) if part)

    def save(self, **options: Any) -> None:
        self.clean()
        super().save(**options)

    def clean(self) -> None:
        wrong: dict[str, str] = {}
        try:
            self._read_composition()
        except SumError as error:
            wrong["as_reported"] = str(error)
        except CompositionError as error:
            wrong["composition_text"] = str(error)
        wrong |= self._wrong_structure()
        if wrong:
            raise ValidationError(wrong)

    def as_evidence(self) -> dict[str, Any]:
        """What is signed on: as typed, without ids and without what was left empty."""
        return _said(
            self,
            (
                "technique",
                "composition_text",
                "uncertainty",
                "as_reported",
                "share",
                "share_of",
                "structure",
                "name",
                "space_group",
                "point_symmetry",
                "notes",
            ),
        )

    @property
    def measured(self) -> MeasuredComposition | None:
        if not self.composition_text.strip():
            return None
        return read_measured(self.composition_text, as_reported=self.as_reported)

    def _read_composition(self) -> None:
        measured = self.measured
        self.composition = measured.composition.formula() if measured else ""
        self.as_reported = bool(measured and measured.as_reported)

    def _wrong_structure(self) -> dict[str, str]:
        if self.structure != self.Structure.CRYSTALLINE:
            if self.name or self.space_group:
                return {
                    "structure": str(
                        _("Only a crystalline phase has a name and a space group. Choose “crystalline”, or clear them.")
                    )
                }
            return {}
        if not self.space_group:
            return {}
        written = self.space_group.strip()
        group = _space_group(written)
        if group is None:
            sentence = _("“%(group)s” is no space group. Write its symbol or number, like Pm-3 or 200.")
            return {"space_group": sentence % {"group": written}}
        self.space_group = group.hm
        return {}


class LatticeMeasurement(TracedModel):
    """One length as it was measured, with the convention in which it is quoted; a_R is derived beside it."""

    part_of, named_by = "follow_up", "position"
    untraced = frozenset({"position", "quasilattice_constant", "quasilattice_constant_sigma"})

    class Convention(models.TextChoices):
        A_R = LatticeConvention.A_R.value, _("a_R: edge of the rhombohedron")
        A_F = LatticeConvention.A_F.value, _("a_F = 2 a_R: of the F lattice")
        A_6D = LatticeConvention.A_6D.value, _("a_6D = √2 a_R: 6-D, primitive")
        A_6D_F = LatticeConvention.A_6D_F.value, _("a_6D(F) = 2√2 a_R: 6-D, of the F lattice")
        CUBIC_1_1 = LatticeConvention.CUBIC_1_1.value, _("a(1/1) = 2.7528 a_R: cubic, approximant 1/1")
        CUBIC_2_1 = LatticeConvention.CUBIC_2_1.value, _("a(2/1) = 4.4541 a_R: cubic, approximant 2/1")

    class Unit(models.TextChoices):
        NANOMETRE = LengthUnit.NANOMETRE.value, "nm"
        ANGSTROM = LengthUnit.ANGSTROM.value, "Å"

    class LatticeType(models.TextChoices):
        P = "P", _("P-type")
        F = "F", _("F-type")

    follow_up = models.ForeignKey(
        "screening.FollowUp",
        on_delete=models.PROTECT,
        related_name="lattice_measurements",
        verbose_name=_("follow-up"),
    )
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    technique = models.CharField(_("technique"), max_length=10, choices=Technique)
    value = models.DecimalField(_("value"), max_digits=9, decimal_places=5, validators=[MinValueValidator(LEAST)])
    unit = models.CharField(_("unit"), max_length=2, choices=Unit)
    convention = models.CharField(_("convention"), max_length=10, choices=Convention)
    uncertainty = models.DecimalField(
        _("uncertainty"),
        max_digits=9,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(LEAST)],
    )
    lattice_type = models.CharField(_("lattice type"), max_length=1, choices=LatticeType, blank=True)
    confirmed = models.CharField(_("confirmed as typed"), max_length=60, blank=True)
    quasilattice_constant = models.FloatField(_("a_R (Å)"), editable=False)
    quasilattice_constant_sigma = models.FloatField(_("uncertainty of a_R (Å)"), null=True, editable=False)
    notes = models.CharField(_("notes"), max_length=400, blank=True)

    objects = TracedQuerySet["LatticeMeasurement"].as_manager()

    class Meta:
        verbose_name = _("lattice measurement")
        verbose_name_plural = _("lattice measurements")
        ordering = ["follow_up", "position"]
        constraints = [models.CheckConstraint(condition=Q(value__gt=0), name="lattice_length_positive")]

    def __str__(self) -> str:
        return str(self.quoted)

    def save(self, **options: Any) -> None:
        self.clean()
        self.quasilattice_constant = self.quoted.a_r
        self.quasilattice_constant_sigma = (
            None if self.uncertainty is None else self.quoted.a_r * float(self.uncertainty / self.value)
        )
        super().save(**options)

    def clean(self) -> None:
        """A length that looks as if it were meant otherwise is taken once a person has confirmed just this one."""
        if not self._can_be_read():
            return  # said already
        if self.uncertainty is not None and self.uncertainty >= self.value:
            sentence = _(
                "The uncertainty is as large as the length itself. Both are in the same unit, like 0.8706 and 0.0004."
            )
            raise ValidationError({"uncertainty": sentence})
        doubt = self.quoted.doubt(self.predicted)
        if doubt and self.confirmed != self.as_typed:
            raise ValidationError({"value": ValidationError(translated(doubt), code="doubt")})
        if not doubt:
            self.confirmed = ""

    def _can_be_read(self) -> bool:
        choices_stand = self.unit in self.Unit.values and self.convention in self.Convention.values
        return choices_stand and self.value is not None and self.value > 0

    def as_evidence(self) -> dict[str, Any]:
        """What is signed on: as typed, with the a_R that it gives."""
        said = _said(
            self, ("technique", "value", "unit", "convention", "uncertainty", "lattice_type", "confirmed", "notes")
        )
        return {**said, "a_R": f"{self.quoted.a_r:.5f}"}

    @property
    def quoted(self) -> QuotedLength:
        return QuotedLength(Decimal(self.value), LengthUnit(self.unit), LatticeConvention(self.convention))

    @property
    def as_typed(self) -> str:
        """What a confirmation is about: another value needs another one."""
        return str(self.quoted)

    @property
    def predicted(self) -> float | None:
        return self.follow_up.predicted_a_r if self.follow_up_id else None


def check_shares(phases: Iterable[ObservedPhase]) -> None:
    """Parts of one whole, as one technique sees them, sum to 100 % at most; ValidationError says which do not."""
    totals: dict[tuple[str, str], Decimal] = {}
    for phase in phases:
        if phase.share is not None:
            whole = phase.technique, phase.share_of
            totals[whole] = totals.get(whole, Decimal(0)) + phase.share
    for (technique, share_of), total in totals.items():
        if total > SHARES_AT_MOST:
            raise ValidationError(
                _(
                    "The %(kind)s shares by %(technique)s sum to %(total)s %%. Parts of one whole are 100 %% at most: correct them, or leave shares empty."
                ),
                params={
                    "kind": ObservedPhase.ShareOf(share_of).label,
                    "technique": Technique(technique).label,
                    "total": f"{total.normalize():f}",
                },
            )


def _space_group(written: str) -> gemmi.SpaceGroup | None:
    """By its number or its symbol."""
    if written.isdecimal():
        return gemmi.find_spacegroup_by_number(int(written)) if 1 <= int(written) <= 230 else None
    return gemmi.find_spacegroup_by_name(written)


def _said(row: models.Model, names: Iterable[str]) -> dict[str, Any]:
    said = {name: getattr(row, name) for name in names}
    return {
        name: f"{value.normalize():f}" if isinstance(value, Decimal) else value
        for name, value in said.items()
        if value not in (None, "", False)
    }
