"""The history of samples, patterns and follow-ups for scripts, in the shape in which the pages tell it."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, ClassVar

from django.contrib.auth.models import User
from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from django.urls import path
from drf_spectacular.utils import extend_schema
from rest_framework import serializers, viewsets
from rest_framework.pagination import PageNumberPagination
from rest_framework.request import Request
from rest_framework.response import Response

from lims.history import ENTRIES_A_PAGE, KINDS
from samples.models import Pattern, Sample
from screening.models import FollowUp


class LineSerializer(serializers.Serializer[Any]):
    part = serializers.CharField(help_text="of which row; empty: the thing itself")
    what = serializers.CharField(help_text="whether that row was added or removed")
    name = serializers.CharField(help_text="of the field")
    label = serializers.CharField()  # type: ignore[assignment]
    before = serializers.CharField()
    after = serializers.CharField()


class EntrySerializer(serializers.Serializer[Any]):
    when = serializers.DateTimeField()
    who = serializers.CharField()
    what = serializers.CharField()
    thing = serializers.CharField(help_text="that was changed; empty: the one that was asked for")
    address = serializers.CharField()
    why = serializers.CharField()
    number = serializers.IntegerField(allow_null=True, help_text="of a signed entry")
    sha256 = serializers.CharField(help_text="of a signed entry")
    lines = LineSerializer(many=True)


class ByPage(PageNumberPagination):
    page_size = ENTRIES_A_PAGE


class HistoryViewSet(viewsets.GenericViewSet[Any]):
    """Who changed what, when and why, newest first; in words of the language that is asked for."""

    serializer_class = EntrySerializer
    pagination_class = ByPage
    filter_backends = ()
    kind: ClassVar[str]
    lookup_field = "pk"

    @extend_schema(responses=EntrySerializer(many=True))
    def list(self, request: Request, **named: Any) -> Response:
        assert isinstance(request.user, User)
        kind = KINDS[self.kind]
        thing = get_object_or_404(kind.seen_by(request.user), **named)
        story = kind.story(thing, request.user)
        page = self.paginate_queryset(story.moments())
        assert page is not None
        return self.get_paginated_response([asdict(entry) for entry in story.tell(page)])

    def get_queryset(self) -> QuerySet[Any]:
        return KINDS[self.kind].things()


class SampleHistoryViewSet(HistoryViewSet):
    kind, queryset = "sample", Sample.objects.all()


class PatternHistoryViewSet(HistoryViewSet):
    kind, queryset = "pattern", Pattern.objects.all()


class FollowUpHistoryViewSet(HistoryViewSet):
    kind, queryset = "follow-up", FollowUp.objects.all()


urlpatterns = [
    path("samples/<str:code>/history/", SampleHistoryViewSet.as_view({"get": "list"}), name="sample-history"),
    path("patterns/<int:pk>/history/", PatternHistoryViewSet.as_view({"get": "list"}), name="pattern-history"),
    path("follow-ups/<int:pk>/history/", FollowUpHistoryViewSet.as_view({"get": "list"}), name="followup-history"),
]
