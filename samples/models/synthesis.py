"""How a sample was made: what went onto the balance, and the steps that followed."""

from __future__ import annotations

from decimal import Decimal

from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator
from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _

from samples.composition import Composition, CompositionError, parse_composition
from samples.models.samples import Sample
from samples.models.traced import TracedModel, TracedQuerySet
from samples.sentences import refusal

ABSOLUTE_ZERO = Decimal("-273.15")
"""°C"""

LEAST_MASS = Decimal("0.0001")
"""g; the last digit of an analytical balance."""

MOST_ROWS = 60
"""Steps, or masses, of one sample: on its form, in a spreadsheet and by the API."""


class WeighedMass(TracedModel):
    """One substance as it went onto the balance."""

    part_of, named_by = "sample", "position"
    untraced = frozenset({"position"})

    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, related_name="weighed_masses", verbose_name=_("sample")
    )
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    substance = models.CharField(_("substance"), max_length=60)
    mass = models.DecimalField(
        _("mass (g)"), max_digits=10, decimal_places=4, validators=[MinValueValidator(LEAST_MASS)]
    )
    purity = models.DecimalField(
        _("purity (%)"),
        max_digits=8,
        decimal_places=5,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.00001")), MaxValueValidator(Decimal(100))],
    )
    lot = models.CharField(_("lot"), max_length=60, blank=True)

    objects = TracedQuerySet["WeighedMass"].as_manager()

    class Meta:
        verbose_name = _("weighed mass")
        verbose_name_plural = _("weighed masses")
        ordering = ["sample", "position"]
        constraints = [models.CheckConstraint(condition=Q(mass__gt=0), name="weighed_mass_positive")]

    def __str__(self) -> str:
        return f"{self.substance} {self.mass} g"

    def clean(self) -> None:
        if not self.substance:
            return  # said already
        try:
            parse_composition(self.substance)
        except CompositionError as error:
            raise ValidationError({"substance": refusal(error.sentence)}) from error

    @property
    def composition(self) -> Composition:
        """Of the pure substance: an element, or a pre-alloy such as Al2Cu or Al90Si10."""
        return parse_composition(self.substance)


class SynthesisStep(TracedModel):
    """One step of making a sample; the fields that a kind does not have stay empty."""

    part_of, named_by = "sample", "position"
    untraced = frozenset({"position"})

    class Kind(models.TextChoices):
        ARC_MELTING = "arc_melting", _("arc melting")
        INDUCTION = "induction", _("induction melting")
        MELT_SPINNING = "melt_spinning", _("melt spinning")
        ANNEALING = "annealing", _("annealing")
        CRUSHING = "crushing", _("crushing")
        OTHER = "other", _("other step")

    class Quench(models.TextChoices):
        NONE = "", "–"
        WATER = "water", _("water")
        OIL = "oil", _("oil")
        AIR = "air", _("air")
        FURNACE = "furnace", _("furnace cooling")
        LIQUID_NITROGEN = "liquid_nitrogen", _("liquid nitrogen")

    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="steps", verbose_name=_("sample"))
    position = models.PositiveSmallIntegerField(_("position"), default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    temperature = models.DecimalField(
        _("temperature (°C)"),
        max_digits=6,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(ABSOLUTE_ZERO)],
    )
    duration = models.DecimalField(
        _("duration (h)"),
        max_digits=8,
        decimal_places=3,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.001"))],
    )
    atmosphere = models.CharField(_("atmosphere"), max_length=60, blank=True)
    quench = models.CharField(_("quench"), max_length=20, choices=Quench, blank=True)
    melts = models.PositiveSmallIntegerField(
        _("times melted"), null=True, blank=True, validators=[MinValueValidator(1)]
    )
    wheel_speed = models.DecimalField(
        _("wheel speed (m/s)"),
        max_digits=5,
        decimal_places=1,
        null=True,
        blank=True,
        validators=[MinValueValidator(Decimal("0.1"))],
    )
    done_on = models.DateField(_("done on"), null=True, blank=True)
    done_by = models.CharField(_("done by"), max_length=80, blank=True)
    notes = models.CharField(_("notes"), max_length=400, blank=True)

    objects = TracedQuerySet["SynthesisStep"].as_manager()

    class Meta:
        verbose_name = _("synthesis step")
        verbose_name_plural = _("synthesis steps")
        ordering = ["sample", "position"]

    def __str__(self) -> str:
        return self.get_kind_display()

    def clean(self) -> None:
        """Each kind has what it cannot do without, and has no field that belongs to another."""
        if self.kind not in Kind:
            return
        empty = {field for field in STEP_FIELDS if getattr(self, field) in (None, "")}
        missing = {field: sentence for field, sentence in NEEDED.get(Kind(self.kind), {}).items() if field in empty}
        foreign = {
            field: sentence
            for field, (kinds, sentence) in BELONGS_TO.items()
            if field not in empty and self.kind not in kinds
        }
        if missing or foreign:
            raise ValidationError({**missing, **foreign})

    def facts(self) -> list[str]:
        """What was recorded, with units, as read aloud: 900 °C, 48 h, Ar, quenched in water."""
        facts = []
        if self.temperature is not None:
            facts.append(f"{_short(self.temperature)} °C")
        if self.duration is not None:
            facts.append(f"{_short(self.duration)} h")
        if self.melts is not None:
            facts.append(str(_("melted %(times)s ×") % {"times": self.melts}))
        if self.wheel_speed is not None:
            facts.append(f"{_short(self.wheel_speed)} m/s")
        if self.atmosphere:
            facts.append(self.atmosphere)
        if self.quench:
            facts.append(str(_("quench: %(medium)s") % {"medium": self.get_quench_display()}))
        return facts


def _short(number: Decimal) -> str:
    return f"{Decimal(number).normalize():f}"


Kind = SynthesisStep.Kind

STEP_FIELDS = ("temperature", "duration", "melts", "wheel_speed", "quench", "notes")

NEEDED = {
    Kind.ANNEALING: {
        "temperature": _("Annealing needs its temperature in °C."),
        "duration": _("Annealing needs its duration in hours."),
    },
    Kind.MELT_SPINNING: {"wheel_speed": _("Melt spinning needs the speed of the wheel in m/s.")},
    Kind.OTHER: {"notes": _("Say in the notes what was done.")},
}
"""Kind of step → the fields that it cannot do without, each with the sentence that asks for it."""

BELONGS_TO = {
    "melts": (
        {Kind.ARC_MELTING, Kind.INDUCTION},
        _("Only arc and induction melting are counted. Clear this, or choose one of them."),
    ),
    "wheel_speed": ({Kind.MELT_SPINNING}, _("Only melt spinning has a wheel. Clear this, or choose melt spinning.")),
    "quench": (
        {Kind.ARC_MELTING, Kind.INDUCTION, Kind.ANNEALING, Kind.OTHER},
        _("This kind of step is not quenched. Clear this, or add the quench to the step before."),
    ),
    "temperature": (
        {Kind.ARC_MELTING, Kind.INDUCTION, Kind.MELT_SPINNING, Kind.ANNEALING, Kind.OTHER},
        _("Crushing has no temperature. Clear this, or choose another kind."),
    ),
}
"""Field → the kinds of step that have it, and the sentence for the others."""
