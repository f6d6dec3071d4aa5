"""What to look at next, for scripts: the same list as on the page."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, viewsets
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from samples.models import AlloySystem
from screening.models import FollowUp
from screening.proposals import PARTS, Proposal, Proposals


class ProposalSerializer(serializers.Serializer[Proposal]):
    """A sample that a follow-up would be worth most of; `points` add up to `worth`, at most 100."""

    sample = serializers.CharField(source="sample.code")
    system = serializers.CharField(source="sample.system.key")
    composition = serializers.CharField(source="sample.composition", help_text="at.%")
    simulated = serializers.BooleanField()
    pattern = serializers.IntegerField(source="result.reading.pattern_id")
    result = serializers.IntegerField(source="result.pk")
    model_version = serializers.CharField(source="result.model_version.name")
    level = serializers.CharField(source="result.level")
    probability = serializers.FloatField(source="result.probability", allow_null=True)
    quasilattice_constant = serializers.FloatField(source="result.quasilattice_constant", allow_null=True)
    quasilattice_constant_sigma = serializers.FloatField(source="result.quasilattice_constant_sigma", allow_null=True)
    worth = serializers.FloatField()
    points = serializers.SerializerMethodField(help_text=f"by part: {', '.join(PARTS)}")
    reasons = serializers.ListField(child=serializers.CharField())

    def get_points(self, proposal: Proposal) -> dict[str, float]:
        return {one.key: one.points for one in proposal.points}


class ByPage(PageNumberPagination):
    """The order is computed at each request, so that there is no cursor."""

    page_size = 25
    page_size_query_param = "page_size"
    max_page_size = 100


class ProposalViewSet(viewsets.GenericViewSet[Any]):
    """What to look at next: the follow-ups worth most, with the reasons in words."""

    queryset = FollowUp.objects.none()  # who may see follow-ups may see what is proposed
    serializer_class = ProposalSerializer
    pagination_class = ByPage
    filter_backends = ()

    @extend_schema(
        parameters=[
            OpenApiParameter("system", OpenApiTypes.STR, description="as Al-Ru-Si"),
            OpenApiParameter("simulated", OpenApiTypes.BOOL, description="with simulated samples"),
        ]
    )
    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        assert isinstance(request.user, User)
        asked = request.query_params
        system = None
        if key := asked.get("system"):
            system = AlloySystem.objects.filter(key__iexact=key).first()
            if system is None:
                raise serializers.ValidationError({"system": ["There is no such system. Write it as Al-Ru-Si."]})
        proposed = Proposals(request.user, system, simulated=asked.get("simulated", "") in {"1", "true"})
        page = self.paginate_queryset(proposed)  # type: ignore[arg-type]  # it is counted and sliced
        return self.get_paginated_response(self.get_serializer(page, many=True).data)
