"""Data sets for scripts: what they hold, by the same figures as the pages, and the entries of frozen ones."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django_filters import rest_framework as filters
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers, viewsets
from rest_framework.generics import get_object_or_404
from rest_framework.request import Request
from rest_framework.response import Response

from mlmodels.models import Dataset, DatasetEntry
from samples.api import NUMBER
from samples.serializers import SampleCodeField
from screening.curation.drawing import Drawing
from screening.curation.holdings import Holdings


class DatasetSerializer(serializers.ModelSerializer[Dataset]):
    frozen_by = serializers.CharField(source="frozen_by.username", read_only=True, allow_null=True, default=None)

    class Meta:
        model = Dataset
        fields = [
            *("id", "name", "version", "state", "based_on", "question", "seed", "validation_percent", "test_percent"),
            *("licence", "notes", "n_entries", "sha256", "frozen_at", "frozen_by", "left_out", "changes"),
        ]


class DatasetWithHoldingsSerializer(DatasetSerializer):
    """`holds`: entries by label, split, origin, system and class (level) now; of a draft, what it would hold."""

    holds = serializers.DictField(child=serializers.DictField(child=serializers.IntegerField()), read_only=True)

    class Meta(DatasetSerializer.Meta):
        fields = [*DatasetSerializer.Meta.fields, "holds"]


class DatasetEntrySerializer(serializers.ModelSerializer[DatasetEntry]):
    """`a_R` and its uncertainty in Å; `outcomes` and `reviews` are the ids of what the label rests on."""

    pattern = serializers.IntegerField(source="reading.pattern_id", read_only=True)
    sample = SampleCodeField(source="reading.pattern.sample", read_only=True)
    simulated = serializers.BooleanField(source="reading.pattern.simulated", read_only=True)
    outcomes = serializers.SerializerMethodField()
    reviews = serializers.SerializerMethodField()

    class Meta:
        model = DatasetEntry
        fields = [
            *("position", "reading", "pattern", "sample", "simulated", "label", "quasilattice_constant"),
            *("quasilattice_constant_sigma", "lattice_type", "origin", "origin_words", "weight", "split", "lineage"),
            *("file_sha256", "arrays_sha256", "outcomes", "reviews"),
        ]

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_outcomes(self, entry: Any) -> list[int]:
        return [one.outcome_id for one in entry.evidence.all() if one.outcome_id]

    @extend_schema_field({"type": "array", "items": {"type": "integer"}})
    def get_reviews(self, entry: Any) -> list[int]:
        return [one.review_id for one in entry.evidence.all() if one.review_id]


class DatasetViewSet(viewsets.ReadOnlyModelViewSet[Dataset]):
    """Data sets: drafts, which are questions, and frozen versions, which never change."""

    queryset = Dataset.objects.current().select_related("frozen_by")
    serializer_class = DatasetSerializer
    filterset_fields = ["name", "state", "version"]
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER

    @extend_schema(responses=DatasetWithHoldingsSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        shown, by = self.get_object(), request.user
        assert isinstance(by, User)
        if shown.is_frozen:
            return Response({**DatasetSerializer(shown).data, "holds": Holdings.of_frozen(shown, by).as_json()})
        drawing = Drawing(shown, by)
        left_out = [{"reason": reason.value, "n": n} for reason, n in drawing.left_out_by_reason.most_common()]
        holds = Holdings.of_draft(drawing).as_json()
        return Response({**DatasetSerializer(shown).data, "holds": holds, "left_out": left_out})


class DatasetEntryFilter(filters.FilterSet):  # type: ignore[misc]
    sample = filters.CharFilter(field_name="reading__pattern__sample__code", lookup_expr="iexact", label="code")

    class Meta:
        model = DatasetEntry
        fields = ["label", "split", "origin", "lineage"]


class DatasetEntryViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[DatasetEntry]):
    """The entries of one frozen set in their order; a draft has none yet."""

    queryset = DatasetEntry.objects.none()
    serializer_class = DatasetEntrySerializer
    filterset_class = DatasetEntryFilter
    ordering_fields = ["position"]
    ordering = ["position"]

    def get_queryset(self) -> QuerySet[DatasetEntry]:
        by = self.request.user
        assert isinstance(by, User)
        dataset = get_object_or_404(Dataset.objects.current(), pk=self.kwargs["pk"])
        entries = DatasetEntry.objects.visible_to(by).filter(dataset=dataset)
        related = entries.select_related("reading__pattern__sample").prefetch_related("evidence")
        return related.defer("reading__metadata", "reading__warnings")
