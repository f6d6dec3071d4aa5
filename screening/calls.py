"""Samples by the calls that count: of the version in production, on the newest readings of measurements.

SQLite begins with any index that fits a condition. So a fact that each sample is looked up for has its condition in the
aggregate (`Min(…, filter=…)`), where no index can tempt it to begin with all calls of a class.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from django.db.models import Count, Max, Min, OuterRef, Q, QuerySet, Subquery

from mlmodels.models import ModelVersion
from samples.models import Pattern, Reading
from samples.models.asking import MANY_ROWS
from samples.models.samples import SampleQuerySet
from screening.models import ScreeningResult
from screening.models.results import ScreeningResultQuerySet

_SAMPLE = "reading__pattern__sample"
_COUNTING = Q(results__state=ScreeningResult.State.DONE, results__model_version__state=ModelVersion.State.PRODUCTION)


def readings_that_count() -> QuerySet[Reading]:
    """The newest reading of each measurement that has a sample."""
    return (
        Reading.objects.current()
        .filter(
            pattern__kind=Pattern.Kind.MEASUREMENT, pattern__archived_at__isnull=True, pattern__sample__isnull=False
        )
        .order_by()
    )


def _of_each() -> QuerySet[Reading, Any]:
    return readings_that_count().filter(pattern__sample=OuterRef("pk")).values("pattern__sample")


def best_level() -> Subquery:
    return Subquery(_of_each().annotate(best=Min("results__level", filter=_COUNTING)).values("best"))


def best_probability() -> Subquery:
    return Subquery(_of_each().annotate(best=Max("results__probability", filter=_COUNTING)).values("best"))


def calls_that_count() -> ScreeningResultQuerySet:
    version = ModelVersion.objects.filter(state=ModelVersion.State.PRODUCTION).values_list("pk", flat=True).first()
    calls = ScreeningResult.objects.done().current().filter(model_version=version or 0)
    return calls.filter(
        reading__pattern__kind=Pattern.Kind.MEASUREMENT, reading__pattern__sample__isnull=False
    ).order_by()


def with_best_class(samples: SampleQuerySet, levels: Collection[str]) -> SampleQuerySet:
    """Those whose best call is of one of these classes; where these are rare, only their samples are looked at."""
    if ScreeningResult.Level.D in levels:
        return samples.alias(best_level=best_level()).filter(best_level__in=levels)
    calls = calls_that_count()
    samples = samples.filter(pk__in=calls.filter(level__in=levels).values(_SAMPLE))
    if "".join(sorted(levels)) not in "ABC":  # A and C: a call between them may be the best, or not
        return samples.alias(best_level=best_level()).filter(best_level__in=levels)
    better = [level for level in ScreeningResult.Level.values if level < min(levels)]
    return samples.exclude(pk__in=calls.filter(level__in=better).values(_SAMPLE)) if better else samples


def without_call(samples: SampleQuerySet) -> SampleQuerySet:
    """What is not there is in no index: the samples of all calls are collected once, which is quicker than a look at each."""
    return samples.exclude(pk__in=calls_that_count().values(_SAMPLE))


def with_a_r(samples: SampleQuerySet, **asked: float) -> SampleQuerySet:
    """Those with a call of class A to C whose quasilattice constant (Å) is as asked; in class D it means nothing."""
    calls = calls_that_count().filter(level__in=["A", "B", "C"], **asked)
    return samples.filter(pk__in=calls.values(_SAMPLE))


def with_radiation(samples: SampleQuerySet, name: str) -> SampleQuerySet:
    """Those with a measurement by this radiation."""
    measured = Reading.objects.filter(radiation=name).order_by()
    if measured.values("pk")[MANY_ROWS : MANY_ROWS + 1].exists():
        n = Subquery(_of_each().annotate(n=Count("pk", filter=Q(radiation=name))).values("n"))
        return samples.alias(n_with_radiation=n).filter(n_with_radiation__gt=0)
    of_samples = readings_that_count().filter(radiation=name).values("pattern__sample")
    return samples.filter(pk__in=of_samples)
