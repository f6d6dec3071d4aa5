"""What was read from a pattern: numbered, never changed."""

from __future__ import annotations

import hashlib
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np
from django.conf import settings
from django.contrib.auth.models import User
from django.db import models, transaction
from django.db.models import Exists, F, OuterRef, Q
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.translation import gettext_lazy as _

from samples.models.projects import VisibleQuerySet
from samples.models.unchanging import Unchanging
from samples.sentences import restored
from samples.xrd.bragg import radiation_of
from samples.xrd.pattern import PowderPattern

if TYPE_CHECKING:
    from samples.models.patterns import Pattern

METADATA_LENGTH = 4000
"""Characters of one entry that are stored; some programs write their whole log into a comment."""


class ReadingQuerySet(VisibleQuerySet["Reading"]):
    project_paths = ("pattern__sample__project", "pattern__project")

    def current(self) -> ReadingQuerySet:
        """The newest reading of each pattern."""
        newer = Reading.objects.filter(pattern=OuterRef("pattern"), number__gt=OuterRef("number"))
        return self.filter(~Exists(newer))

    @transaction.atomic
    def make(
        self,
        pattern: Pattern,
        scan: PowderPattern,
        *,
        by: User,
        wavelength_assumed: bool = False,
        blank: Reading | None = None,
        blank_scale: float | None = None,
        reason: str = "",
    ) -> Reading:
        """Store ``scan`` as the next reading of ``pattern``."""
        type(pattern).objects.select_for_update().get(pk=pattern.pk)
        radiation = radiation_of(scan.wavelength) if scan.wavelength else None
        two_theta, intensity = scan.two_theta.astype("<f8").tobytes(), scan.intensity.astype("<f4").tobytes()
        reading = self.create(
            pattern=pattern,
            number=(pattern.readings.aggregate(last=models.Max("number"))["last"] or 0) + 1,
            reader=str(scan.metadata.get("reader", "")),
            reader_version=str(scan.metadata.get("reader_version", "")),
            wavelength=scan.wavelength,
            wavelength_assumed=wavelength_assumed,
            radiation=radiation.name if radiation else "",
            n_points=scan.n_points,
            arrays_sha256=arrays_sha256(two_theta, intensity),
            two_theta_first=float(scan.two_theta[0]),
            two_theta_last=float(scan.two_theta[-1]),
            step=scan.step,
            measured_at=_moment(scan.metadata.get("measured_at")),
            instrument=_storable(scan.metadata.get("instrument", ""))[:120],
            metadata={key: _storable(value) for key, value in scan.metadata.items()},
            warnings=[warning.as_json() for warning in scan.warnings],
            blank=blank,
            blank_scale=blank_scale,
            reason=reason,
            made_by=by,
        )
        ReadingArrays.objects.create(reading=reading, two_theta=two_theta, intensity=intensity)
        return reading


class Reading(Unchanging):
    """What was read from a pattern, numbered; a correction makes a new reading and the old one stays."""

    pattern = models.ForeignKey(
        "samples.Pattern", on_delete=models.PROTECT, related_name="readings", verbose_name=_("pattern")
    )
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
    made_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, related_name="+", verbose_name=_("read by")
    )
    made_at = models.DateTimeField(_("read at"), auto_now_add=True)
    arrays_sha256 = models.CharField(_("SHA-256 of the numbers"), max_length=64, blank=True, editable=False)

    objects = ReadingQuerySet.as_manager()

    class Meta:
        verbose_name = _("reading")
        verbose_name_plural = _("readings")
        ordering = ["pattern", "-number"]
        indexes = [models.Index(fields=["radiation", "pattern"], name="reading_radiation")]
        constraints = [
            models.UniqueConstraint(fields=["pattern", "number"], name="one_reading_a_number"),
            models.CheckConstraint(condition=Q(two_theta_first__lt=F("two_theta_last")), name="reading_ascends"),
        ]

    def __str__(self) -> str:
        return f"{self.pattern} ({self.number})"

    def as_pattern(self) -> PowderPattern:
        """The arrays and what is known of them, as every calculation takes them."""
        return PowderPattern(
            two_theta=np.frombuffer(self.arrays.two_theta, dtype="<f8"),
            intensity=np.frombuffer(self.arrays.intensity, dtype="<f4").astype(np.float64),
            wavelength=self.wavelength,
            metadata=self.metadata,
            warnings=tuple(restored(warning) for warning in self.warnings),
        )


class ReadingArrays(Unchanging):
    """The arrays of a reading, in a table of their own so that lists never carry them."""

    reading = models.OneToOneField(
        Reading, on_delete=models.PROTECT, primary_key=True, related_name="arrays", verbose_name=_("reading")
    )
    two_theta = models.BinaryField(editable=False)  # little-endian float64 (degree), n_points values
    intensity = models.BinaryField(editable=False)  # little-endian float32 (counts), n_points values


def arrays_sha256(two_theta: bytes | memoryview, intensity: bytes | memoryview) -> str:
    """SHA-256 (hex) of the numbers as they are stored: the angles, and then the counts."""
    digest = hashlib.sha256(two_theta)
    digest.update(intensity)
    return digest.hexdigest()


def _moment(text: Any) -> datetime | None:
    """The time that a file states, if it is one; without a time zone it was the lab's."""
    try:
        moment = parse_datetime(str(text)) if text else None
    except ValueError:
        return None
    return timezone.make_aware(moment) if moment and timezone.is_naive(moment) else moment


def _storable(value: Any) -> Any:
    """A metadata value as both databases can store it: PostgreSQL refuses NUL in text and NaN in JSON."""
    if isinstance(value, str):
        return value.replace("\x00", "")[:METADATA_LENGTH]
    if isinstance(value, float) and not np.isfinite(value):
        return str(value)
    return value
