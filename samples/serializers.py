"""Samples as the API reads and writes them; what a person would get wrong is said as on the form."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError as DjangoValidationError
from django.db.models import Model
from django.utils.translation import gettext_lazy as _
from rest_framework import serializers

from samples import fields as form_fields
from samples.models import AlloySystem, Project, Sample, SynthesisStep, WeighedMass
from samples.models.synthesis import MOST_ROWS

Row = TypeVar("Row", bound=Model)
Thing = TypeVar("Thing")


class PlainTextField(serializers.CharField):
    """Text in which full-width letters and digits mean the same as narrow ones."""

    def to_internal_value(self, data: Any) -> str:
        return unicodedata.normalize("NFKC", super().to_internal_value(data))


class KnownFields(serializers.Serializer[Thing]):
    """Mixed into what is sent in: a field of a mistyped name is said, and not left out without a word."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping) and (unknown := sorted(set(data) - set(self.fields), key=str)):
            names = ", ".join(name for name, field in self.fields.items() if not field.read_only)
            sentence = _("There is no field of this name here. There are: %(names)s.") % {"names": names}
            raise serializers.ValidationError({str(name): [sentence] for name in unknown})
        return super().to_internal_value(data)


class ByName(serializers.SlugRelatedField[Row]):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "does_not_exist": _("There is none of the name “{value}” that could be taken here."),
        "invalid": _("Write its name."),
    }


class ById(serializers.PrimaryKeyRelatedField[Row]):
    default_error_messages: ClassVar[dict[str, Any]] = {
        "does_not_exist": _("There is none of the number {pk_value} that could be taken here."),
        "incorrect_type": _("Write its number, such as 12."),
    }

    def to_internal_value(self, data: Any) -> Row:
        if isinstance(data, float):
            self.fail("incorrect_type")
        return super().to_internal_value(data)


class SampleCodeField(serializers.CharField):
    """A sample by its code, in any case."""

    def __init__(self, *, archived: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.archived = archived  # whether a sample that was put away may be named

    def run_validation(self, data: Any = serializers.empty) -> Any:
        """The text is checked first, then the sample is looked for; an empty text is no sample."""
        code = super().run_validation(data)
        try:
            field = form_fields.SampleCodeField(archived=self.archived, required=False)
            field.person = self.context["request"].user
            return field.clean(code)
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.messages) from error

    def to_representation(self, value: Sample) -> str:  # type: ignore[override]
        return value.code


class ProjectKeyField(serializers.SlugRelatedField[Project]):
    """A project by its key, of those into which who asks may put samples."""

    def get_queryset(self) -> Any:
        return Project.objects.open_for(self.context["request"].user)


class AlloySystemSerializer(serializers.ModelSerializer[AlloySystem]):
    elements = serializers.ListField(child=serializers.CharField(), read_only=True)

    class Meta:
        model = AlloySystem
        fields = ["key", "name", "elements", "notes", "made_at"]


class ProjectSerializer(serializers.ModelSerializer[Project]):
    members: serializers.SlugRelatedField[User] = serializers.SlugRelatedField(
        slug_field="username", source="people", many=True, read_only=True
    )

    class Meta:
        model = Project
        fields = ["id", "key", "name", "notes", "is_closed", "members", "made_at", "archived_at"]


class _RowSerializer(KnownFields[Row], serializers.ModelSerializer[Row]):
    """A row of a sample, checked as the form checks it, so that each sentence stands with its own row."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        row = self.Meta.model(**attrs)  # type: ignore[misc]
        try:
            row.full_clean(exclude=["sample"])
        except DjangoValidationError as error:
            raise serializers.ValidationError(error.message_dict) from error
        return attrs


class StepSerializer(_RowSerializer[SynthesisStep]):
    class Meta:
        model = SynthesisStep
        fields = [
            *("kind", "temperature", "duration", "melts", "wheel_speed", "atmosphere", "quench"),
            *("done_on", "done_by", "notes"),
        ]


class MassSerializer(_RowSerializer[WeighedMass]):
    substance = PlainTextField(max_length=60)

    class Meta:
        model = WeighedMass
        fields = ["substance", "mass", "purity", "lot"]


class SampleSerializer(KnownFields[Sample], serializers.ModelSerializer[Sample]):
    """One sample with its steps and masses; `composition` and `measured` are what was read from the texts, in at.%."""

    code = PlainTextField(required=False, allow_blank=True, max_length=40)
    system = serializers.CharField(source="system.key", read_only=True)
    parent = SampleCodeField(archived=True, required=False, allow_null=True, allow_blank=True, max_length=40)  # type: ignore[assignment]
    project = ProjectKeyField(
        slug_field="key",
        queryset=Project.objects.none(),
        required=False,
        allow_null=True,
        error_messages={"does_not_exist": _("There is no project “{value}” of yours. Write its key, or nothing.")},
    )
    steps = StepSerializer(many=True, required=False, max_length=MOST_ROWS)  # type: ignore[call-arg]
    weighed_masses = MassSerializer(many=True, required=False, max_length=MOST_ROWS)  # type: ignore[call-arg]
    made_by = serializers.CharField(source="made_by.username", read_only=True)
    changed_by = serializers.CharField(source="changed_by.username", read_only=True)

    class Meta:
        model = Sample
        fields = [
            *("code", "system", "composition_text", "composition_unit", "composition_sum", "composition"),
            *("measured_text", "measured", "parent", "project", "origin", "mass_after", "place", "used_up", "notes"),
            *("steps", "weighed_masses", "simulated", "made_by", "made_at", "changed_by", "changed_at"),
            *("edition", "archived_at"),
        ]
        read_only_fields = ["composition", "measured", "simulated", "edition", "archived_at"]

    def create(self, validated_data: dict[str, Any]) -> Sample:
        by: User = validated_data.pop("by")
        steps = [SynthesisStep(**row) for row in validated_data.pop("steps", [])]
        masses = [WeighedMass(**row) for row in validated_data.pop("weighed_masses", [])]
        sample = Sample(**validated_data)
        sample.log(by=by, steps=steps, masses=masses)
        return sample
