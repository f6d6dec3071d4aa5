"""Where the programs that watch a folder tell the lab that they are alive."""

from __future__ import annotations

from django.contrib.auth.models import User
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status, viewsets
from rest_framework.request import Request
from rest_framework.response import Response

from samples.serializers import KnownFields
from screening.models import InstrumentHeartbeat

MANY = 10_000_000


class InstrumentHeartbeatSerializer(KnownFields[InstrumentHeartbeat], serializers.ModelSerializer[InstrumentHeartbeat]):
    n_waiting = serializers.IntegerField(min_value=0, max_value=MANY, default=0)
    n_refused = serializers.IntegerField(min_value=0, max_value=MANY, default=0)

    class Meta:
        model = InstrumentHeartbeat
        fields = ["instrument", "n_waiting", "n_refused", "last_file", "trouble", "heard_at"]
        read_only_fields = ["heard_at"]


class InstrumentHeartbeatViewSet(mixins.ListModelMixin, viewsets.GenericViewSet[InstrumentHeartbeat]):
    """Signs of life of instruments; the home page shows them."""

    queryset = InstrumentHeartbeat.objects.all()
    serializer_class = InstrumentHeartbeatSerializer
    ordering_fields = ["heard_at"]
    ordering = ["-heard_at"]
    scopes = {"create": "upload"}

    @extend_schema(responses={200: InstrumentHeartbeatSerializer})
    def create(self, request: Request) -> Response:
        """Say how the instrument stands; its last word takes the place of the one before."""
        assert isinstance(request.user, User)
        said = self.get_serializer(data=request.data)
        said.is_valid(raise_exception=True)
        row = InstrumentHeartbeat.objects.note(request.user, **said.validated_data)
        return Response(self.get_serializer(row).data, status=status.HTTP_200_OK)
