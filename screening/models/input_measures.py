"""How the network's input of a reading was: what drift is told by, measured once, when the reading is screened."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import models
from django.utils.translation import gettext_lazy as _

from mlmodels.net import measures
from mlmodels.net.preprocess import NetworkInput
from samples.models import Reading
from samples.models.unchanging import Unchanging


class InputMeasuresQuerySet(models.QuerySet["InputMeasures"]):
    def measure(self, inputs: Iterable[tuple[int, NetworkInput]]) -> None:
        """Keep the measures of each reading, given by its id; where they are kept already, nothing changes."""
        rows = [
            InputMeasures(reading_id=reading, coverage=measures.coverage(one), noise=measures.noise(one))
            for reading, one in inputs
        ]
        self.bulk_create(rows, ignore_conflicts=True)


class InputMeasures(Unchanging):
    """Of one reading on the network's grid (`mlmodels/net/measures.py`)."""

    reading = models.OneToOneField(
        Reading,
        on_delete=models.PROTECT,
        primary_key=True,
        related_name="input_measures",
        verbose_name=_("reading"),
    )
    coverage = models.FloatField(_("share of the grid that was measured"))
    noise = models.FloatField(_("noise, as a share of the highest point"))

    objects = InputMeasuresQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        verbose_name = _("measures of a reading")
        verbose_name_plural = _("measures of readings")

    def __str__(self) -> str:
        return str(self.reading)
