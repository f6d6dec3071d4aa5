"""Exports of data sets for scripts: ask for one, look until it is done, download it."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.http import FileResponse
from django.utils.translation import gettext as _
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mlmodels.export.contents import ExportRefused
from mlmodels.export.writing import Wanted
from mlmodels.models import Dataset
from samples.api import NUMBER
from samples.sentences import translated
from samples.serializers import ById, KnownFields
from screening.models import DatasetExport
from screening.views.exports import archive_of


class ExportSerializer(KnownFields[DatasetExport], serializers.ModelSerializer[DatasetExport]):
    """`state` goes from queued over running to done, or to failed with its `reason`."""

    dataset = ById(queryset=Dataset.objects.frozen(), help_text="id of a frozen set")
    dataset_name = serializers.CharField(source="dataset.__str__", read_only=True)
    parquet = serializers.BooleanField(source="with_parquet", default=False, help_text="with Parquet")
    originals = serializers.BooleanField(source="with_originals", default=False, help_text="with the original files")
    asked_by = serializers.CharField(source="asked_by.username", read_only=True)
    reason = serializers.SerializerMethodField()

    class Meta:
        model = DatasetExport
        fields = [
            *("id", "dataset", "dataset_name", "parquet", "originals", "state", "n_done", "n_total", "reason", "name"),
            *("size", "sha256", "parts", "asked_by", "asked_at", "finished_at", "removed_at"),
        ]
        read_only_fields = [
            *("state", "n_done", "n_total", "name", "size", "sha256", "parts", "asked_at", "finished_at", "removed_at")
        ]

    def get_reason(self, export: DatasetExport) -> str:
        return translated(export.reason)


class ExportViewSet(
    mixins.CreateModelMixin, mixins.RetrieveModelMixin, mixins.ListModelMixin, viewsets.GenericViewSet[DatasetExport]
):
    """Frozen data sets as .eln archives; a worker makes them."""

    queryset = DatasetExport.objects.select_related("dataset", "asked_by")
    serializer_class = ExportSerializer
    filterset_fields = ["dataset", "state"]
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER

    def get_queryset(self) -> QuerySet[DatasetExport]:
        return DatasetExport.objects.visible_to(self.request.user).select_related("dataset", "asked_by")

    @extend_schema(
        responses={
            201: OpenApiResponse(ExportSerializer, "It waits for a worker."),
            200: OpenApiResponse(ExportSerializer, "The same export is made or being made already."),
        }
    )
    def create(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        assert isinstance(request.user, User)
        asked = self.get_serializer(data=request.data)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        wanted = Wanted(parquet=said["with_parquet"], originals=said["with_originals"])
        known = DatasetExport.objects.standing().filter(dataset=said["dataset"]).values_list("pk", flat=True)
        before = set(known)
        try:
            export = DatasetExport.objects.ask(said["dataset"], request.user, wanted)
        except ExportRefused as refused:
            raise ValidationError({"dataset": [translated(refused.sentence)]}) from refused
        made = status.HTTP_200_OK if export.pk in before else status.HTTP_201_CREATED
        return Response(self.get_serializer(export).data, status=made)

    @extend_schema(responses={(200, "application/vnd.eln+zip"): OpenApiTypes.BINARY})
    @action(detail=True)
    def download(self, request: Request, pk: str) -> FileResponse:
        """The archive, once `state` is done."""
        export = self.get_object()
        if not export.is_there:
            raise NotFound(
                _(
                    "There is no file yet, or not any more. Look at the state; ask for the export again if it was removed."
                )
            )
        return archive_of(export)
