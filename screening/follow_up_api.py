"""Follow-ups for scripts and microscopes: to read, and to send images in; outcomes are signed in the browser alone."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.db.models import Prefetch
from django.http import FileResponse
from django_filters import rest_framework as filters
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status, viewsets
from rest_framework.decorators import action
from rest_framework.exceptions import ValidationError
from rest_framework.parsers import MultiPartParser
from rest_framework.request import Request
from rest_framework.response import Response

from samples.api import NUMBER, OnlyVisible
from samples.filters import Filters, IdFilter
from samples.sentences import translated
from samples.serializers import ById, KnownFields, SampleCodeField
from screening.models import (
    EvidenceFile,
    FollowUp,
    FollowUpError,
    LatticeMeasurement,
    ObservedPhase,
    Outcome,
    Technique,
)
from screening.views.evidence import original_of


class ObservedPhaseSerializer(serializers.ModelSerializer[ObservedPhase]):
    class Meta:
        model = ObservedPhase
        fields = [
            *("technique", "composition_text", "composition", "uncertainty", "as_reported", "share", "share_of"),
            *("structure", "name", "space_group", "point_symmetry", "notes"),
        ]


class LatticeMeasurementSerializer(serializers.ModelSerializer[LatticeMeasurement]):
    """`quasilattice_constant` is a_R in Å, whatever was measured."""

    class Meta:
        model = LatticeMeasurement
        fields = [
            *("technique", "value", "unit", "convention", "uncertainty", "lattice_type"),
            *("quasilattice_constant", "quasilattice_constant_sigma", "confirmed", "notes"),
        ]


class EvidenceFileSerializer(serializers.ModelSerializer[EvidenceFile]):
    follow_up = serializers.IntegerField(source="follow_up_id", read_only=True)

    class Meta:
        model = EvidenceFile
        fields = [
            *("id", "follow_up", "name", "sha256", "size", "technique", "caption", "scale_bar"),
            *("image_format", "width", "height", "added_at"),
        ]


class OutcomeSerializer(serializers.ModelSerializer[Outcome]):
    """One signed entry; an empty technique is all evidence weighed, `amends` names the entry whose place it takes."""

    signer = serializers.CharField(source="signer.username", read_only=True)

    class Meta:
        model = Outcome
        fields = [
            *("id", "number", "technique", "verdict", "reason", "signer", "signed_at", "meaning", "amends"),
            *("evidence_sha256", "sha256"),
        ]


class FollowUpSerializer(serializers.ModelSerializer[FollowUp]):
    sample = SampleCodeField(read_only=True)
    assigned_to = serializers.CharField(source="assigned_to.username", read_only=True, allow_null=True, default=None)
    opened_by = serializers.CharField(source="opened_by.username", read_only=True)
    phases = ObservedPhaseSerializer(many=True, read_only=True)
    lattice_measurements = LatticeMeasurementSerializer(many=True, read_only=True)
    files = EvidenceFileSerializer(source="kept_files", many=True, read_only=True)
    outcomes = OutcomeSerializer(many=True, read_only=True)

    class Meta:
        model = FollowUp
        fields = [
            *("id", "sample", "prompted_by", "review", "question", "assigned_to", "due_on", "state", "reference"),
            *("opened_by", "opened_at", "closed_at", "edition"),
            *("phases", "lattice_measurements", "files", "outcomes"),
        ]


class EvidenceUploadSerializer(KnownFields[Any]):
    """An image or any other file of a follow-up; TIFF, PNG and JPEG get a thumbnail."""

    follow_up = ById(queryset=FollowUp.objects.none())
    file = serializers.FileField(allow_empty_file=True)
    technique = serializers.ChoiceField(choices=Technique.choices, required=False, allow_blank=True)
    caption = serializers.CharField(max_length=300, required=False, allow_blank=True)
    scale_bar = serializers.CharField(max_length=60, required=False, allow_blank=True)
    must_be_image = serializers.BooleanField(default=False, help_text="refuse what is no image, instead of keeping it")

    def __init__(self, *args: Any, by: User | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        if by:
            self.fields["follow_up"].queryset = FollowUp.objects.visible_to(by)  # type: ignore[attr-defined]


class FollowUpFilter(Filters):
    sample = filters.CharFilter(field_name="sample__code", lookup_expr="iexact", label="code")
    system = filters.CharFilter(field_name="sample__system__key", lookup_expr="iexact", label="as Al-Ru-Si")
    assigned_to = filters.CharFilter(field_name="assigned_to__username", label="user name")
    state = filters.MultipleChoiceFilter(choices=FollowUp.State, label="may be given several times")
    result = IdFilter(field_name="prompted_by", label="id of the result that prompted it")

    class Meta:
        model = FollowUp
        fields: list[str] = []


class FollowUpViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[FollowUp]):
    """What was asked of the microscopes, what they found, and the outcomes that people signed."""

    queryset = FollowUp.objects.select_related("sample", "assigned_to", "opened_by").prefetch_related(
        "phases",
        "lattice_measurements",
        Prefetch("files", EvidenceFile.objects.without_thumbnails()),
        Prefetch("outcomes", Outcome.objects.select_related("signer").defer("evidence")),
    )
    serializer_class = FollowUpSerializer
    filterset_class = FollowUpFilter
    ordering_fields = ["opened_at"]
    ordering = ["-opened_at"]
    lookup_value_regex = NUMBER


class EvidenceFileFilter(filters.FilterSet):  # type: ignore[misc]
    follow_up = filters.NumberFilter(field_name="follow_up", label="id of the follow-up")

    class Meta:
        model = EvidenceFile
        fields = ["technique", "sha256"]


class EvidenceFileViewSet(OnlyVisible, viewsets.ReadOnlyModelViewSet[EvidenceFile]):
    """Images and other files of follow-ups; they stay as they came."""

    queryset = EvidenceFile.objects.current().without_thumbnails()
    serializer_class = EvidenceFileSerializer
    filterset_class = EvidenceFileFilter
    ordering_fields = ["added_at"]
    ordering = ["-added_at"]
    lookup_value_regex = NUMBER

    parser_classes = [MultiPartParser]
    scopes = {"create": "upload"}

    @extend_schema(
        request=EvidenceUploadSerializer,
        responses={201: OpenApiResponse(EvidenceFileSerializer, "Kept; the same bytes again are the same file.")},
    )
    def create(self, request: Request) -> Response:
        """Send one file in."""
        by = request.user
        assert isinstance(by, User)
        sent = EvidenceUploadSerializer(data=request.data, by=by)
        sent.is_valid(raise_exception=True)
        said = dict(sent.validated_data)
        try:
            kept = EvidenceFile.objects.add(said.pop("follow_up"), said.pop("file"), by, **said)
        except FollowUpError as error:
            raise ValidationError({"file": [translated(error.sentence)]}) from error
        return Response(EvidenceFileSerializer(kept).data, status=status.HTTP_201_CREATED)

    @extend_schema(responses={(200, "application/octet-stream"): OpenApiTypes.BINARY})
    @action(detail=True)
    def original(self, request: Request, pk: str) -> FileResponse:
        """The bytes as they came."""
        return original_of(self.get_object())
