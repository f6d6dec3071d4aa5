"""Alloy systems, samples and how they were made."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.utils.translation import gettext_lazy as _


class AlloySystem(models.Model):
    """A set of elements, e.g. Al-Si-Ru; made by the first sample that has it."""

    key = models.CharField(_("elements in alphabetical order"), max_length=60, unique=True, editable=False)
    name = models.CharField(
        _("name"), max_length=60, help_text=_("The elements in the order that the lab writes them.")
    )
    notes = models.TextField(_("notes"), blank=True)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)

    class Meta:
        verbose_name = _("alloy system")
        verbose_name_plural = _("alloy systems")
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Sample(models.Model):
    """One piece of material under a readable code."""

    class CompositionSum(models.TextChoices):
        EXACT = "exact", _("sums to 100 %")
        NORMALISED = "normalised", _("normalised to 100 %")
        AS_REPORTED = "reported", _("kept as reported")

    class Origin(models.TextChoices):
        CUT = "cut", _("cut from")
        ANNEALED = "annealed", _("annealed from")
        CRUSHED = "crushed", _("crushed from")
        OTHER = "other", _("made from")

    code = models.CharField(_("code"), max_length=40, unique=True)
    system = models.ForeignKey(
        AlloySystem, on_delete=models.PROTECT, related_name="samples", verbose_name=_("alloy system"), editable=False
    )
    composition_text = models.CharField(_("nominal composition"), max_length=200)
    composition = models.JSONField(_("nominal composition in at.%"), default=dict, editable=False)
    composition_sum = models.CharField(
        _("sum of the composition"), max_length=10, choices=CompositionSum, default=CompositionSum.EXACT
    )
    measured_text = models.CharField(_("measured composition (EDX)"), max_length=200, blank=True)
    measured_composition = models.JSONField(_("measured composition in at.%"), null=True, blank=True, editable=False)
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
        _("mass after synthesis (g)"), max_digits=10, decimal_places=4, null=True, blank=True
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
    changed_at = models.DateTimeField(_("changed at"), auto_now=True)
    edition = models.PositiveIntegerField(_("edition"), default=1, editable=False)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("sample")
        verbose_name_plural = _("samples")
        ordering = ["-made_at", "-pk"]
        indexes = [
            models.Index(fields=["-made_at", "-id"], name="sample_newest"),
            models.Index(fields=["system", "-made_at"], name="sample_system_newest"),
        ]

    def __str__(self) -> str:
        return self.code


class WeighedMass(models.Model):
    """One substance as it went onto the balance."""

    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="weighed_masses")
    position = models.PositiveSmallIntegerField(default=1)
    substance = models.CharField(_("substance"), max_length=60)
    mass = models.DecimalField(_("mass (g)"), max_digits=10, decimal_places=4)
    purity = models.DecimalField(_("purity (%)"), max_digits=8, decimal_places=5, null=True, blank=True)
    lot = models.CharField(_("lot"), max_length=60, blank=True)

    class Meta:
        verbose_name = _("weighed mass")
        verbose_name_plural = _("weighed masses")
        ordering = ["sample", "position"]


class SynthesisStep(models.Model):
    """One step of making a sample; the fields that a kind does not need stay empty."""

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

    sample = models.ForeignKey(Sample, on_delete=models.PROTECT, related_name="steps")
    position = models.PositiveSmallIntegerField(default=1)
    kind = models.CharField(_("kind"), max_length=20, choices=Kind)
    temperature = models.DecimalField(_("temperature (°C)"), max_digits=6, decimal_places=1, null=True, blank=True)
    duration = models.DecimalField(_("duration (h)"), max_digits=8, decimal_places=3, null=True, blank=True)
    atmosphere = models.CharField(_("atmosphere"), max_length=60, blank=True)
    quench = models.CharField(_("quench"), max_length=20, choices=Quench, blank=True)
    melts = models.PositiveSmallIntegerField(_("times melted"), null=True, blank=True)
    wheel_speed = models.DecimalField(_("wheel speed (m/s)"), max_digits=5, decimal_places=1, null=True, blank=True)
    done_on = models.DateField(_("done on"), null=True, blank=True)
    done_by = models.CharField(_("done by"), max_length=80, blank=True)
    notes = models.CharField(_("notes"), max_length=400, blank=True)

    class Meta:
        verbose_name = _("synthesis step")
        verbose_name_plural = _("synthesis steps")
        ordering = ["sample", "position"]

    def __str__(self) -> str:
        return self.get_kind_display()
