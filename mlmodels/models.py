"""Versions of the network as rows, so that a host which screens needs the database and nothing else."""

from __future__ import annotations

from django.db import models
from django.db.models import Q
from django.utils.translation import gettext_lazy as _


class ModelVersion(models.Model):
    """One trained network (or a published one that only its calls are known of), and where it stands in its life."""

    class State(models.TextChoices):
        CANDIDATE = "candidate", _("candidate version")
        PRODUCTION = "production", _("production")
        RETIRED = "retired", _("retired")
        RECORD = "record", _("record of calls made elsewhere")

    name = models.CharField(_("name"), max_length=80, unique=True)
    state = models.CharField(_("state"), max_length=12, choices=State, default=State.CANDIDATE)
    config = models.JSONField(_("checkpoint description"), default=dict, editable=False)
    sha256 = models.CharField(_("SHA-256 of the weights"), max_length=64, blank=True, editable=False)
    thresholds_version = models.CharField(_("version of the class thresholds"), max_length=40, editable=False)
    notes = models.TextField(_("notes"), blank=True)
    made_at = models.DateTimeField(_("made at"), auto_now_add=True)
    promoted_at = models.DateTimeField(_("in production since"), null=True, blank=True, editable=False)

    class Meta:
        verbose_name = _("model version")
        verbose_name_plural = _("model versions")
        ordering = ["-made_at", "-pk"]
        constraints = [
            models.UniqueConstraint(fields=["state"], condition=Q(state="production"), name="one_production_version"),
            models.CheckConstraint(
                condition=Q(state="record", sha256="") | (~Q(state="record") & ~Q(sha256="")),
                name="only_records_lack_weights",
            ),
        ]

    def __str__(self) -> str:
        return self.name


class WeightsPart(models.Model):
    """A piece of a version's safetensors bytes, under 5 MB, so that no row strains a database."""

    version = models.ForeignKey(ModelVersion, on_delete=models.PROTECT, related_name="weights_parts")
    number = models.PositiveSmallIntegerField()
    content = models.BinaryField(editable=False)

    class Meta:
        ordering = ["version", "number"]
        constraints = [models.UniqueConstraint(fields=["version", "number"], name="one_weights_part_a_number")]
