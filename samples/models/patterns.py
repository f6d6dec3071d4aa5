"""Measured patterns: the original bytes, the scans in them, and what was read from each."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import F, Q
from django.utils.translation import gettext_lazy as _

from samples.models.samples import Sample


class PatternFile(models.Model):
    """The bytes that an instrument wrote, kept under their SHA-256 and never changed."""

    sha256 = models.CharField("SHA-256", max_length=64, unique=True, editable=False)
    content = models.FileField(_("original bytes"), upload_to="patterns/", editable=False)
    size = models.PositiveBigIntegerField(_("size (bytes)"), editable=False)
    received_at = models.DateTimeField(_("received at"), auto_now_add=True)

    class Meta:
        verbose_name = _("original file")
        verbose_name_plural = _("original files")

    def __str__(self) -> str:
        return self.sha256[:12]


class Pattern(models.Model):
    """One scan of one file; it belongs to a sample or waits in the inbox."""

    class Kind(models.TextChoices):
        MEASUREMENT = "measurement", _("measurement")
        BLANK = "blank", _("blank or holder scan")

    file = models.ForeignKey(PatternFile, on_delete=models.PROTECT, related_name="patterns")
    scan_number = models.PositiveSmallIntegerField(_("scan number"), default=1)
    sample = models.ForeignKey(
        Sample, on_delete=models.PROTECT, null=True, blank=True, related_name="patterns", verbose_name=_("sample")
    )
    kind = models.CharField(_("kind"), max_length=12, choices=Kind, default=Kind.MEASUREMENT)
    name = models.CharField(_("file name"), max_length=255)
    simulated = models.BooleanField(_("simulated"), default=False, editable=False)
    failure = models.JSONField(_("why it could not be read"), null=True, blank=True, editable=False)
    uploaded_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("uploaded by")
    )
    uploaded_at = models.DateTimeField(_("uploaded at"), auto_now_add=True, db_index=True)
    archived_at = models.DateTimeField(_("archived at"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("pattern")
        verbose_name_plural = _("patterns")
        ordering = ["-uploaded_at", "-pk"]
        constraints = [models.UniqueConstraint(fields=["file", "scan_number"], name="one_pattern_a_scan")]

    def __str__(self) -> str:
        return self.name


class Reading(models.Model):
    """What was read from a pattern, numbered; a correction makes a new reading and the old one stays."""

    pattern = models.ForeignKey(Pattern, on_delete=models.PROTECT, related_name="readings")
    number = models.PositiveSmallIntegerField(_("number"))
    reader = models.CharField(_("reader"), max_length=40)
    reader_version = models.CharField(_("reader version"), max_length=20)
    wavelength = models.FloatField(_("wavelength (Å)"), null=True, blank=True)
    wavelength_assumed = models.BooleanField(_("wavelength assumed"), default=False)
    radiation = models.CharField(_("radiation"), max_length=20, blank=True)
    n_points = models.PositiveIntegerField(_("points"))
    two_theta_first = models.FloatField(_("first 2θ (°)"))
    two_theta_last = models.FloatField(_("last 2θ (°)"))
    step = models.FloatField(_("step (°)"))
    measured_at = models.DateTimeField(_("measured at"), null=True, blank=True)
    instrument = models.CharField(_("instrument"), max_length=120, blank=True)
    metadata = models.JSONField(_("what the file says"), default=dict)
    warnings = models.JSONField(_("warnings"), default=list)
    blank = models.ForeignKey(
        "self", on_delete=models.PROTECT, null=True, blank=True, related_name="+", verbose_name=_("subtracted blank")
    )
    blank_scale = models.FloatField(_("scale of the blank"), null=True, blank=True)
    reason = models.CharField(_("reason for the correction"), max_length=400, blank=True)
    made_by = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+")
    made_at = models.DateTimeField(_("read at"), auto_now_add=True)

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ["pattern", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["pattern", "number"], name="one_reading_a_number"),
            models.CheckConstraint(condition=Q(two_theta_first__lt=F("two_theta_last")), name="reading_ascends"),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} ({self.number})"


class ReadingArrays(models.Model):
    """The arrays of a reading, in a table of their own so that lists never carry them."""

    reading = models.OneToOneField(Reading, on_delete=models.PROTECT, primary_key=True, related_name="arrays")
    two_theta = models.BinaryField(editable=False)  # little-endian float64 (degree), n_points values
    intensity = models.BinaryField(editable=False)  # little-endian float32 (counts), n_points values
