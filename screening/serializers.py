"""Patterns, results and runs as the API shows them: sentences in the reader's language, arrays only where asked for."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from samples.models import Pattern, Project, Reading, Receipt
from samples.sentences import translated
from samples.serializers import ById, KnownFields, ProjectKeyField, SampleCodeField
from screening.cards import Card, Progress
from screening.models import ScreeningResult, ScreeningRun


@extend_schema_field(str)
class SentenceField(serializers.Field[Any, Any, str, Any]):
    """A stored sentence, said in the language of the request."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, **options)

    def to_representation(self, value: Any) -> str:
        return translated(value)


class ReadingSerializer(serializers.ModelSerializer[Reading]):
    warnings = serializers.ListField(child=SentenceField(), read_only=True)

    class Meta:
        model = Reading
        fields = [
            *("number", "reader", "reader_version", "wavelength", "wavelength_assumed", "radiation", "n_points"),
            *("two_theta_first", "two_theta_last", "step", "measured_at", "instrument", "warnings", "reason"),
        ]


class CallSerializer(serializers.ModelSerializer[ScreeningResult]):
    """What one model version says of one reading; a class and no probability where the call was made elsewhere."""

    model_version = serializers.CharField(source="model_version.name", read_only=True)
    reason = SentenceField(allow_null=True)
    phases = serializers.DictField(child=serializers.FloatField(), read_only=True, allow_null=True)

    class Meta:
        model = ScreeningResult
        fields = [
            *("id", "model_version", "state", "reason", "level", "probability", "phases", "quasilattice_constant"),
            *("quasilattice_constant_sigma", "lattice_type", "share", "thresholds_version", "queued_at", "finished_at"),
        ]


class ResultSerializer(CallSerializer):
    pattern = serializers.IntegerField(source="reading.pattern_id", read_only=True)
    reading = serializers.IntegerField(source="reading.number", read_only=True)
    sample = SampleCodeField(source="reading.pattern.sample", read_only=True, allow_null=True)
    system = serializers.CharField(source="reading.pattern.sample.system.key", read_only=True, default=None)

    class Meta(CallSerializer.Meta):
        fields = [*CallSerializer.Meta.fields, "pattern", "reading", "sample", "system", "run"]


class PatternSerializer(serializers.Serializer[Card]):
    """One scan of one file, its newest reading and the call on it."""

    id = serializers.IntegerField(source="pattern.pk", read_only=True)
    name = serializers.CharField(source="pattern.name", read_only=True)
    sha256 = serializers.CharField(source="pattern.file.sha256", read_only=True)
    scan_number = serializers.IntegerField(source="pattern.scan_number", read_only=True)
    sample = SampleCodeField(source="pattern.sample", read_only=True, allow_null=True)
    kind = serializers.ChoiceField(source="pattern.kind", choices=Pattern.Kind.choices, read_only=True)
    simulated = serializers.BooleanField(source="pattern.simulated", read_only=True)
    failure = SentenceField(source="pattern.failure", allow_null=True)
    uploaded_by = serializers.CharField(source="pattern.uploaded_by.username", read_only=True)
    uploaded_at = serializers.DateTimeField(source="pattern.uploaded_at", read_only=True)
    archived_at = serializers.DateTimeField(source="pattern.archived_at", read_only=True, allow_null=True)
    reading = ReadingSerializer(read_only=True, allow_null=True)
    result = CallSerializer(read_only=True, allow_null=True)


class ArraysSerializer(serializers.Serializer[Reading]):
    """The numbers of a reading: 2θ (degree) and counts."""

    two_theta = serializers.ListField(child=serializers.FloatField(), read_only=True)
    intensity = serializers.ListField(child=serializers.FloatField(), read_only=True)


class PatternWithArraysSerializer(PatternSerializer):
    arrays = ArraysSerializer(read_only=True, required=False)


class UploadSerializer(KnownFields[Receipt]):
    """One file, with where it belongs as on the upload page."""

    file = serializers.FileField(
        allow_empty_file=True,
        error_messages={"required": _("No file arrived. Choose one or more files and send them again.")},
    )
    sample = SampleCodeField(required=False, allow_blank=True, max_length=40)
    project = ProjectKeyField(
        slug_field="key",
        queryset=Project.objects.none(),
        required=False,
        allow_null=True,
        help_text=_(
            "Key of the project in which it waits if it finds no sample; empty is the whole lab. Left out: the closed project"
            " that you joined last, if any."
        ),
        error_messages={"does_not_exist": _("There is no project “{value}” of yours. Write its key, or nothing.")},
    )
    path = serializers.CharField(
        required=False,
        allow_blank=True,
        max_length=2000,
        help_text=_("Where the file lies in the folder that is watched; the lab's rules may find the sample by it."),
    )
    run = ById(
        queryset=ScreeningRun.objects.all(),
        required=False,
        error_messages={
            "does_not_exist": _("There is no upload {pk_value} of yours. Leave “run” empty to start one."),
        },
    )

    def __init__(self, *args: Any, by: User | None = None, **options: Any) -> None:
        super().__init__(*args, **options)
        if by:
            self.fields["run"].queryset = ScreeningRun.objects.uploads_of(by)  # type: ignore[attr-defined]
            self.fields["project"].default = Project.objects.of_uploads_by(by)


class ReceiptSerializer(serializers.Serializer[Receipt]):
    """What became of a file; `known` where its bytes were here before, and `whereabouts` says where."""

    name = serializers.CharField(read_only=True)
    known = serializers.BooleanField(read_only=True)
    whereabouts = SentenceField(allow_null=True)
    failure = SentenceField(allow_null=True)
    run = serializers.SerializerMethodField()
    patterns = serializers.SerializerMethodField()

    def get_run(self, _receipt: Receipt) -> int:
        run: ScreeningRun = self.context["run"]
        return run.pk

    @extend_schema_field(PatternSerializer(many=True))
    def get_patterns(self, _receipt: Receipt) -> Any:
        return PatternSerializer(self.context["cards"], many=True, context=self.context).data


class RunSerializer(serializers.ModelSerializer[ScreeningRun]):
    started_by = serializers.CharField(source="started_by.username", read_only=True)

    class Meta:
        model = ScreeningRun
        fields = ["id", "why", "started_by", "started_at"]


class ProgressSerializer(serializers.Serializer[Progress]):
    n_patterns = serializers.IntegerField(read_only=True)
    n_finished = serializers.IntegerField(read_only=True)
    n_by_level = serializers.DictField(child=serializers.IntegerField(), read_only=True)
    n_without_class = serializers.IntegerField(read_only=True)


class RunWithProgressSerializer(RunSerializer):
    progress = ProgressSerializer(read_only=True)

    class Meta(RunSerializer.Meta):
        fields = [*RunSerializer.Meta.fields, "progress"]
