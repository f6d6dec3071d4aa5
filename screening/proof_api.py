"""Proofs and rescreens for scripts: begun and watched; what is signed is signed in the browser alone."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.request import Request
from rest_framework.response import Response

from mlmodels.models import ModelVersion
from samples.api import NUMBER
from samples.sentences import translated
from samples.serializers import ByName, KnownFields
from screening.models import ArchiveScreening, Proof, ProofError


class ProofSerializer(KnownFields[Proof], serializers.ModelSerializer[Proof]):
    """A candidate against the version that was in production; `content` stands once it is done, and `sha256` is its hash."""

    candidate = ByName(slug_field="name", queryset=ModelVersion.objects.all())
    production = serializers.CharField(source="production.name", read_only=True)
    started_by = serializers.CharField(source="started_by.username", read_only=True)
    reason = serializers.SerializerMethodField()
    is_worse = serializers.BooleanField(read_only=True)

    class Meta:
        model = Proof
        fields = [
            *("id", "candidate", "production", "state", "started_by", "started_at", "step", "n_steps", "n_steps_done"),
            *("reason", "is_worse", "sha256", "content", "finished_at"),
        ]
        read_only_fields = ["state", "step", "n_steps", "n_steps_done", "sha256", "content", "finished_at"]

    def get_reason(self, proof: Proof) -> str:
        return translated(proof.reason)


class ProofViewSet(
    mixins.CreateModelMixin, mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[Proof]
):
    """Candidates against production; a new one is begun by the name of the candidate."""

    queryset = Proof.objects.select_related("candidate", "production", "started_by").defer(
        "parts", "candidate__config", "production__config"
    )
    serializer_class = ProofSerializer
    filterset_fields = ["state"]
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER

    def perform_create(self, serializer: Any) -> None:
        assert isinstance(self.request.user, User)
        try:
            serializer.instance = Proof.objects.start(serializer.validated_data["candidate"], self.request.user)
        except ProofError as error:
            raise ValidationError({"candidate": [translated(error.sentence)]}) from None


class RescreenSerializer(serializers.ModelSerializer[ArchiveScreening]):
    """The archive before one version: `why` is rescreen after a promotion, or shadow for a proof."""

    why = serializers.CharField(source="run.why", read_only=True)
    version = serializers.CharField(source="version.name", read_only=True)
    started_by = serializers.CharField(source="run.started_by.username", read_only=True)
    started_at = serializers.DateTimeField(source="run.started_at", read_only=True)
    n_done = serializers.IntegerField(source="progress.n_done", read_only=True)
    n_patterns = serializers.IntegerField(source="progress.n", read_only=True)

    class Meta:
        model = ArchiveScreening
        fields = [
            *("id", "why", "version", "run", "started_by", "started_at", "n_done", "n_patterns"),
            *("paused_at", "stopped_at", "finished_at"),
        ]
        read_only_fields = fields


class RescreenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, viewsets.GenericViewSet[ArchiveScreening]):
    """Screenings of the archive.  A new one puts what the version in production has not seen yet before it."""

    queryset = ArchiveScreening.objects.select_related("run__started_by", "version").defer("version__config")
    serializer_class = RescreenSerializer
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER

    @extend_schema(request=None, responses={201: RescreenSerializer})
    def create(self, request: Request) -> Response:
        """Begin, or go on with the one that goes on already."""
        assert isinstance(request.user, User)
        begun = ArchiveScreening.objects.rescreen(request.user)
        if begun is None:
            raise ValidationError({"detail": [_("No version is in production. Promote one first.")]})
        return Response(self.get_serializer(begun).data, status=status.HTTP_201_CREATED)

    @extend_schema(request=None, responses=RescreenSerializer)
    @action(detail=True, methods=["post"])
    def pause(self, request: Request, pk: str) -> Response:
        """Hold back what is queued; uploads go on being screened."""
        assert isinstance(request.user, User)
        screening = self.get_object()
        screening.pause(request.user)
        return Response(self.get_serializer(screening).data)

    @extend_schema(request=None, responses=RescreenSerializer)
    @action(detail=True, methods=["post"])
    def resume(self, request: Request, pk: str) -> Response:
        """Go on where it was paused."""
        screening = self.get_object()
        screening.resume()
        return Response(self.get_serializer(screening).data)
