"""Verdicts for scripts: to read; they are signed in the browser alone."""

from __future__ import annotations

from django_filters import rest_framework as filters
from rest_framework import serializers, viewsets

from samples.api import NUMBER, OnlyVisible
from samples.filters import Filters, IdFilter
from samples.serializers import SampleCodeField
from screening.models import Review


class ReviewSerializer(serializers.ModelSerializer[Review]):
    """One signed entry; `withdraws` names the entry that it takes back."""

    signer = serializers.CharField(source="signer.username", read_only=True)
    pattern = serializers.IntegerField(source="result.reading.pattern_id", read_only=True)
    sample = SampleCodeField(source="result.reading.pattern.sample", read_only=True, allow_null=True)

    class Meta:
        model = Review
        fields = [
            *("id", "number", "result", "pattern", "sample", "verdict", "phase_name", "reason", "signer", "signed_at"),
            *("meaning", "blind", "withdraws", "sha256"),
        ]


class ReviewFilter(Filters):
    result = IdFilter(field_name="result", label="id of the result")
    signer = filters.CharFilter(field_name="signer__username", label="user name")
    sample = filters.CharFilter(field_name="result__reading__pattern__sample__code", lookup_expr="iexact", label="code")
    verdict = filters.MultipleChoiceFilter(choices=Review.Verdict, label="may be given several times")

    class Meta:
        model = Review
        fields: list[str] = []


class ReviewViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[Review]):
    """Signed verdicts on calls, and their taking back; entries are only ever added."""

    queryset = Review.objects.select_related("signer", "result__reading__pattern__sample").defer(
        "result__evidence", "result__reading__metadata"
    )
    serializer_class = ReviewSerializer
    filterset_class = ReviewFilter
    ordering_fields = ["number"]
    ordering = ["-number"]
    lookup_value_regex = NUMBER
