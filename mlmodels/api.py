"""Model versions for scripts."""

from __future__ import annotations

from rest_framework import serializers, viewsets

from mlmodels.models import ModelVersion
from samples.api import NUMBER


class ModelVersionSerializer(serializers.ModelSerializer[ModelVersion]):
    class Meta:
        model = ModelVersion
        fields = ["id", "name", "state", "sha256", "thresholds_version", "notes", "made_at", "promoted_at"]


class ModelVersionViewSet(viewsets.ReadOnlyModelViewSet[ModelVersion]):
    """Versions of the network; one of them is in production and screens what comes in."""

    queryset = ModelVersion.objects.defer("config")
    serializer_class = ModelVersionSerializer
    filterset_fields = ["state", "name"]
    ordering_fields = ["made_at", "name"]
    ordering = ["-made_at"]
    lookup_value_regex = NUMBER
