"""manage.py measure_inputs: coverage and noise of readings that were screened before these were kept."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from samples.models import Reading
from screening import pipeline
from screening.models import InputMeasures, ScreeningResult

AT_ONCE = 500


class Command(BaseCommand):
    help = (
        "Measure coverage and noise of screened readings that have none yet, for the page that watches for drift. New patterns get them "
        "as they are screened. May be broken off and begun again."
    )

    def handle(self, *args: Any, **options: Any) -> None:
        done = ScreeningResult.objects.done().order_by().values("reading")
        readings = Reading.objects.filter(input_measures=None, pk__in=done).select_related("arrays").order_by("pk")
        n, last = 0, 0
        while rows := list(readings.filter(pk__gt=last)[:AT_ONCE]):
            able = [row for row in rows if row.wavelength]
            InputMeasures.objects.measure((row.pk, pipeline.prepare(row.as_pattern())) for row in able)
            n, last = n + len(able), rows[-1].pk
        self.stdout.write(f"{n} readings measured.")
