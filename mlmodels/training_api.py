"""Training runs for scripts: to list and look at, to start, cancel and resume."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError as RowError
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mlmodels.models import Dataset, ModelVersion, TrainingError, TrainingRun
from samples.api import NUMBER
from samples.sentences import translated
from samples.serializers import ById, ByName, KnownFields


class TrainingRunSerializer(KnownFields[TrainingRun], serializers.ModelSerializer[TrainingRun]):
    """One training; `version` is what came of it."""

    start_version = ByName(
        slug_field="name",
        queryset=ModelVersion.objects.runnable(),
        required=False,
        allow_null=True,
        help_text="name of the version to begin with; by default the one in production",
    )
    dataset = ById(
        queryset=Dataset.objects.frozen(), required=False, allow_null=True, help_text="id of a frozen data set"
    )
    version: serializers.SlugRelatedField[ModelVersion] = serializers.SlugRelatedField(
        slug_field="name", read_only=True
    )
    started_by = serializers.CharField(source="started_by.username", read_only=True, allow_null=True, default=None)
    failure = serializers.SerializerMethodField()

    class Meta:
        model = TrainingRun
        fields = [
            *("id", "name", "kind", "state", "start_version", "dataset", "version", "preset", "steps", "seed"),
            *("curated_share", "wants", "started_by", "asked_at", "begun_at", "finished_at", "host", "device"),
            *("step", "saved_step", "failure"),
        ]
        read_only_fields = ["state", "asked_at", "begun_at", "finished_at", "host", "device", "step", "saved_step"]

    def get_failure(self, run: TrainingRun) -> str:
        return translated(run.failure)


class TrainingRunWithLogSerializer(TrainingRunSerializer):
    """Besides: all settings, the patterns that it learns from, the learning curve and the end of the log."""

    class Meta(TrainingRunSerializer.Meta):
        fields = [*TrainingRunSerializer.Meta.fields, "config", "material", "curve", "log"]


class TrainingRunViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.CreateModelMixin, viewsets.GenericViewSet[TrainingRun]
):
    """Trainings of networks; `POST` asks for one, which a trainer takes up."""

    queryset = TrainingRun.objects.select_related("start_version", "dataset", "version", "started_by").defer(
        "start_version__config", "version__config"
    )
    serializer_class = TrainingRunSerializer
    filterset_fields = ["state", "kind"]
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER

    @extend_schema(responses=TrainingRunWithLogSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        return Response(TrainingRunWithLogSerializer(self.get_object()).data)

    def perform_create(self, serializer: serializers.BaseSerializer[TrainingRun]) -> None:
        assert isinstance(self.request.user, User)
        try:
            serializer.instance = TrainingRun.objects.start(self.request.user, **serializer.validated_data)
        except TrainingError as error:
            raise ValidationError({"non_field_errors": [translated(error.sentence)]}) from error
        except RowError as error:
            raise ValidationError(error.message_dict) from error

    @extend_schema(request=None, responses={202: OpenApiResponse(TrainingRunSerializer, "It stops within seconds.")})
    @action(detail=True, methods=["post"])
    def cancel(self, request: Request, pk: str) -> Response:
        """Stop the training; what it learnt so far is kept."""
        run = self.get_object()
        if not run.cancel():
            raise ValidationError({"state": [_("This training had ended already.")]})
        return self._answer(run)

    @extend_schema(request=None, responses={202: OpenApiResponse(TrainingRunSerializer, "It waits for a trainer.")})
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Let a training go on that was cancelled or failed."""
        run = self.get_object()
        if not run.resume():
            raise ValidationError({"state": [_("Only a training that was cancelled or failed can be resumed.")]})
        return self._answer(run)

    def _answer(self, run: TrainingRun) -> Response:
        run.refresh_from_db()
        return Response(self.get_serializer(run).data, status=status.HTTP_202_ACCEPTED)
