"""The lab's own measured negatives: patterns of samples in which a follow-up found no icosahedral quasicrystal."""

from __future__ import annotations

from typing import TYPE_CHECKING

from samples.models import Pattern, Reading
from samples.models.readings import ReadingQuerySet
from screening.models import Outcome

if TYPE_CHECKING:
    from mlmodels.net.evaluation import Negatives


def refuted_readings() -> ReadingQuerySet:
    """The newest reading of each measured pattern whose sample is refuted by the outcome that answers for it."""
    refuted = Outcome.objects.answering().filter(verdict=Outcome.Verdict.REFUTED)
    measured = Reading.objects.current().filter(
        pattern__kind=Pattern.Kind.MEASUREMENT, pattern__archived_at=None, pattern__simulated=False
    )
    return measured.filter(pattern__sample__outcomes__in=refuted).order_by("pk")


def refuted_patterns() -> Negatives | None:
    """The same as a pack to evaluate on, by alloy system; None where the lab has refuted nothing yet."""
    from mlmodels.net.evaluation import Negatives  # which brings torch along

    readings = refuted_readings().select_related("arrays", "pattern__sample__system")
    pairs = [
        (reading.as_pattern(), str(reading.pattern.sample.system)) for reading in readings if reading.pattern.sample
    ]
    n_samples = readings.values("pattern__sample").distinct().order_by().count()
    origin = f"this lab's follow-ups: {len(pairs)} refuted patterns of {n_samples} samples"
    return Negatives.of(pairs, origin) if pairs else None
