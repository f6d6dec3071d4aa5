"""Samples and alloy systems for scripts."""

from __future__ import annotations

import unicodedata
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from django.shortcuts import get_object_or_404
from django_filters import rest_framework as filters
from rest_framework import mixins, serializers, viewsets
from rest_framework.generics import GenericAPIView

from samples.filters import Filters, YesOrNoFilter
from samples.models import AlloySystem, Project, Sample
from samples.serializers import AlloySystemSerializer, ProjectSerializer, SampleSerializer

NUMBER = "[0-9]{1,18}"
"""An id in an address: no longer than what a database can hold."""


class OnlyVisible(GenericAPIView[Any]):
    """A view set of rows that no project closes to the person whose session or key asks."""

    def get_queryset(self) -> Any:
        rows: Any = super().get_queryset()
        return rows.visible_to(self.request.user)


class SampleFilter(Filters):
    q = filters.CharFilter(method="matching", label="each word stands in code, composition, system, place or notes")
    system = filters.CharFilter(field_name="system__key", lookup_expr="iexact", label="as Al-Ru-Si")
    element = filters.CharFilter(method="with_element", label="in the nominal composition, as Ru")
    parent = filters.CharFilter(field_name="parent__code", lookup_expr="iexact", label="code of the parent sample")
    project = filters.CharFilter(field_name="project__key", lookup_expr="iexact", label="key")
    made_by = filters.CharFilter(field_name="made_by__username", label="user name")
    archived = YesOrNoFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Sample
        fields = ["used_up", "simulated"]

    def with_element(self, samples: QuerySet[Sample], _name: str, element: str) -> QuerySet[Sample]:
        return samples.filter(elements__element=element.capitalize())

    def matching(self, samples: QuerySet[Sample], _name: str, text: str) -> QuerySet[Sample]:
        return samples & Sample.objects.matching(text)


class SampleViewSet(
    OnlyVisible,
    mixins.ListModelMixin,
    mixins.RetrieveModelMixin,
    mixins.CreateModelMixin,
    viewsets.GenericViewSet[Sample],
):
    """Samples by their codes. A new one without a code takes the next free one of its system."""

    queryset = Sample.objects.select_related("system", "parent", "project", "made_by", "changed_by").prefetch_related(
        "steps", "weighed_masses"
    )
    serializer_class = SampleSerializer
    filterset_class = SampleFilter
    ordering_fields = ["made_at", "changed_at", "code"]
    ordering = ["-made_at"]
    lookup_field = "code"
    lookup_value_regex = r"[\w.()+-]+"

    def get_object(self) -> Sample:
        """In any case and width, as on the pages."""
        try:
            found: Sample = super().get_object()
        except Http404:
            code = unicodedata.normalize("NFKC", self.kwargs["code"])
            found = get_object_or_404(self.get_queryset(), code__iexact=code)
        return found

    def perform_create(self, serializer: serializers.BaseSerializer[Sample]) -> None:
        serializer.save(by=self.request.user)


class AlloySystemViewSet(viewsets.ReadOnlyModelViewSet[AlloySystem]):
    """Alloy systems by their elements in alphabetical order, as Al-Ru-Si; the first sample of one makes it."""

    queryset = AlloySystem.objects.all()
    serializer_class = AlloySystemSerializer
    ordering_fields = ["made_at", "name", "key"]
    ordering = ["key"]
    lookup_field = "key"
    lookup_value_regex = r"[A-Za-z-]+"


class ProjectViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[Project]):
    """The projects that one sees; by its key a new sample is put into one of one's own."""

    queryset = Project.objects.prefetch_related("people")
    serializer_class = ProjectSerializer
    lookup_value_regex = NUMBER
    filterset_fields = ["key", "is_closed"]
    ordering_fields = ["made_at", "name", "key"]
    ordering = ["key"]
