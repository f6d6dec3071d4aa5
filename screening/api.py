"""Patterns, results and runs for scripts and instruments."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.core.files.uploadedfile import UploadedFile
from django.db import transaction
from django.http import FileResponse, HttpResponse
from django.utils.translation import gettext as _
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import NotFound, ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from samples.api import NUMBER, OnlyVisible
from samples.filters import Filters, IdFilter, YesOrNoFilter
from samples.models import Pattern, Reading
from samples.originals import MissingOriginalError
from samples.pattern_views import original_of
from samples.sentences import translated
from samples.xrd.sentences import PatternFileError
from screening.cards import Progress, cards_of, cards_of_run
from screening.matching import SampleMatcher
from screening.models import ScreeningResult, ScreeningRun
from screening.packed_files import is_packed_folder, safe_path
from screening.serializers import (
    PatternSerializer,
    PatternWithArraysSerializer,
    ProgressSerializer,
    ReceiptSerializer,
    ResultSerializer,
    RunSerializer,
    RunWithProgressSerializer,
    UploadSerializer,
)
from screening.views.downloads import numbers_of, record_of

FILE = {(200, "application/octet-stream"): OpenApiTypes.BINARY}


class PatternFilter(Filters):
    sample = filters.CharFilter(field_name="sample__code", lookup_expr="iexact", label="code")
    system = filters.CharFilter(field_name="sample__system__key", lookup_expr="iexact", label="as Al-Ru-Si")
    sha256 = filters.CharFilter(field_name="file__sha256", label="of the original bytes")
    run = IdFilter(field_name="received__run", label="patterns that came in with this run")
    inbox = YesOrNoFilter(field_name="sample", lookup_expr="isnull", label="without a sample")
    unreadable = YesOrNoFilter(field_name="failure", lookup_expr="isnull", exclude=True)
    archived = YesOrNoFilter(field_name="archived_at", lookup_expr="isnull", exclude=True)

    class Meta:
        model = Pattern
        fields = ["kind", "simulated"]


class PatternViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[Pattern]):
    """Measured patterns, each with its newest reading and the call on it."""

    queryset = Pattern.objects.select_related("sample", "file", "uploaded_by").with_current_reading()
    serializer_class = PatternSerializer  # shows cards of patterns
    filterset_class = PatternFilter
    ordering_fields = ["uploaded_at", "name"]
    ordering = ["-uploaded_at"]
    lookup_value_regex = NUMBER
    parser_classes = [MultiPartParser]
    scopes = {"create": "upload"}

    def list(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(cards_of(page or []), many=True).data)

    @extend_schema(
        parameters=[OpenApiParameter("arrays", OpenApiTypes.BOOL, description="with the numbers of the reading")],
        responses=PatternWithArraysSerializer,
    )
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        card = cards_of([self.get_object()])[0]
        shown = dict(PatternSerializer(card).data)
        if request.query_params.get("arrays") in {"1", "true"} and card.reading:
            scan = card.reading.as_pattern()
            shown["arrays"] = {"two_theta": scan.two_theta.tolist(), "intensity": scan.intensity.tolist()}
        return Response(shown)

    @extend_schema(
        request=UploadSerializer,
        responses={
            201: OpenApiResponse(ReceiptSerializer, "Kept; `failure` says why where it could not be read."),
            200: OpenApiResponse(ReceiptSerializer, "The same bytes were here before: nothing was stored twice."),
        },
    )
    def create(self, request: Request) -> Response:
        """Send one file in; the same file again finds the patterns that it is."""
        by = request.user
        assert isinstance(by, User)
        sent = UploadSerializer(
            data=request.data, by=by, context={"request": request}
        )  # all of the body is here before a transaction begins
        sent.is_valid(raise_exception=True)
        file = sent.validated_data["file"]
        _refuse_packed(file)
        with transaction.atomic():
            run = sent.validated_data.get("run") or ScreeningRun.objects.start(
                ScreeningRun.Why.UPLOAD, by, project=sent.validated_data["project"]
            )
            receipt = run.receive(
                file,
                name=file.name,
                path=safe_path(sent.validated_data.get("path", "")),
                sample=sent.validated_data.get("sample"),
                matcher=SampleMatcher(by),
            )
            if not receipt.patterns:  # nor is the run kept that was started for it
                raise ValidationError({"file": [translated(receipt.failure)]})
        patterns = self.get_queryset().filter(pk__in=[pattern.pk for pattern in receipt.patterns])
        context = {"run": run, "cards": cards_of(patterns.order_by("scan_number"))}
        answer = ReceiptSerializer(receipt, context=context).data
        return Response(answer, status=status.HTTP_200_OK if receipt.known else status.HTTP_201_CREATED)

    @extend_schema(responses=FILE)
    @action(detail=True)
    def original(self, request: Request, pk: str) -> FileResponse:
        """The bytes that the instrument wrote."""
        try:
            return original_of(self.get_object())
        except MissingOriginalError as error:
            raise NotFound(translated(error.sentence)) from error

    @extend_schema(responses={(200, "text/csv"): OpenApiTypes.STR})
    @action(detail=True)
    def csv(self, request: Request, pk: str) -> HttpResponse:
        """Angles and intensities of the newest reading, with Q and d where the wavelength is known."""
        return numbers_of(self._reading())

    @extend_schema(responses=OpenApiTypes.OBJECT)
    @action(detail=True)
    def json(self, request: Request, pk: str) -> HttpResponse:
        """The newest reading with its arrays, and every call on it with the evidence along a_R."""
        return record_of(self._reading())

    def _reading(self) -> Reading:
        readings = Reading.objects.current().select_related("pattern__sample", "pattern__file", "arrays")
        reading = readings.filter(pattern=self.get_object()).first()
        if reading is None:
            raise NotFound(
                _("The file of this pattern could not be read, so there are no numbers. Ask for the original.")
            )
        return reading


def _refuse_packed(file: UploadedFile[bytes]) -> None:
    """One file a request: an archive of many is taken out step by step, which the upload page does."""
    try:
        is_packed = is_packed_folder(file)
    except PatternFileError as error:
        raise ValidationError({"file": [translated(error.sentence)]}) from error
    if is_packed:
        sentence = _(
            "This is a zip archive of files. Send each file by itself, or drop the archive on the upload page."
        )
        raise ValidationError({"file": [sentence]})


class ResultFilter(Filters):
    model_version = filters.CharFilter(field_name="model_version__name", label="name of the model version")
    system = filters.CharFilter(
        field_name="reading__pattern__sample__system__key", lookup_expr="iexact", label="as Al-Ru-Si"
    )
    sample = filters.CharFilter(field_name="reading__pattern__sample__code", lookup_expr="iexact", label="code")
    pattern = IdFilter(field_name="reading__pattern", label="id of the pattern")
    run = IdFilter(field_name="run", label="id of the run")
    level = filters.MultipleChoiceFilter(choices=ScreeningResult.Level, label="class; may be given several times")
    state = filters.MultipleChoiceFilter(choices=ScreeningResult.State, label="may be given several times")

    class Meta:
        model = ScreeningResult
        fields: list[str] = []


class ResultViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[ScreeningResult]):
    """Calls of model versions on readings; once done they never change."""

    queryset = ScreeningResult.objects.select_related("reading__pattern__sample__system", "model_version").defer(
        "evidence", "reading__metadata", "model_version__config"
    )
    serializer_class = ResultSerializer
    filterset_class = ResultFilter
    ordering_fields = ["id"]
    ordering = ["-id"]
    lookup_value_regex = NUMBER


class RunViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[ScreeningRun]):
    """Reasons to screen, such as one upload of many files; one run tells its progress."""

    queryset = ScreeningRun.objects.select_related("started_by")
    serializer_class = RunSerializer
    filterset_fields = ["why"]
    ordering_fields = ["started_at"]
    ordering = ["-started_at"]
    lookup_value_regex = NUMBER

    @extend_schema(responses=RunWithProgressSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        run = self.get_object()
        progress = Progress.of(cards_of_run(run, request.user))
        return Response({**RunSerializer(run).data, "progress": ProgressSerializer(progress).data})
