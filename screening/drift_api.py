"""Drift, for scripts: the months of the page with their figures and warnings, and what the training saw."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.helpers import forced_singular_serializer
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import serializers, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from screening.drift import MEASURES, Drift, Month
from screening.models import ScreeningResult

QUANTILES = (0.01, 0.5, 0.99)
"""Of each measure; the same as a checkpoint says of its training."""


class MonthSerializer(serializers.Serializer[Month]):
    """What came in within one month; figures are of the patterns that were looked at."""

    month = serializers.DateField(source="first_day", help_text="its first day")
    n = serializers.IntegerField(help_text="patterns")
    n_looked_at = serializers.IntegerField(help_text="of more than 2,000 every second, third, …")
    speaks = serializers.BooleanField(help_text="whether there are enough of them for a warning")
    levels = serializers.DictField(child=serializers.IntegerField(), help_text="patterns by class")
    radiations = serializers.DictField(child=serializers.IntegerField(), help_text="patterns by radiation")
    probability = serializers.SerializerMethodField(help_text="median and 95 % quantile of p")
    two_theta = serializers.SerializerMethodField(help_text="medians of the first and the last 2θ (degree)")
    measures = serializers.SerializerMethodField(help_text="quantiles of coverage, step (degree of 2θ) and noise")
    outside = serializers.SerializerMethodField(help_text="patterns beyond the 1–99 % range of training")
    warnings = serializers.ListField(child=serializers.CharField())

    @extend_schema_field(serializers.DictField(child=serializers.FloatField(allow_null=True)))
    def get_probability(self, month: Month) -> dict[str, float | None]:
        return {"0.5": month.median_p, "0.95": month.high_p}

    @extend_schema_field(serializers.ListField(child=serializers.FloatField(), allow_null=True))
    def get_two_theta(self, month: Month) -> tuple[float, float] | None:
        return month.range

    @extend_schema_field(serializers.DictField(child=serializers.DictField(child=serializers.FloatField())))
    def get_measures(self, month: Month) -> dict[str, dict[str, float | None]]:
        return {one.key: {str(q): month.quantile(one.key, q) for q in QUANTILES} for one in MEASURES}

    @extend_schema_field(serializers.DictField(child=serializers.IntegerField()))
    def get_outside(self, month: Month) -> dict[str, int]:
        return {f"{one.measure.key} {one.side}": one.n_outside for one in month.outside}


class DriftSerializer(serializers.Serializer[Drift]):
    """The last twelve months against what the version in production was trained on, the newest first."""

    model_version = serializers.CharField(source="version.name", default=None, help_text="in production; null for none")
    simulated = serializers.BooleanField(source="shows_simulated", help_text="whether simulated patterns count")
    in_part = serializers.BooleanField(source="is_in_part", help_text="closed projects are left out")
    warnings = serializers.ListField(child=serializers.CharField(), help_text="of all months")
    training = serializers.DictField(source="seen", help_text="what the training saw; empty where it is not known")
    months = MonthSerializer(many=True)


class DriftViewSet(viewsets.GenericViewSet[Any]):
    """Whether the patterns that come in are still like those that the network was trained on, as on the page."""

    queryset = ScreeningResult.objects.none()  # who may see results may see their drift
    serializer_class = DriftSerializer
    pagination_class = None
    filter_backends = ()

    @extend_schema(
        parameters=[OpenApiParameter("simulated", OpenApiTypes.BOOL, description="count simulated patterns too")],
        responses=forced_singular_serializer(DriftSerializer),  # type: ignore[no-untyped-call]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        assert isinstance(request.user, User)
        drift = Drift(request.user, simulated=request.query_params.get("simulated", "") in {"1", "true"})
        return Response(self.get_serializer(drift).data)
