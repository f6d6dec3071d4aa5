"""What people send on the pages of upload, inbox and pattern."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.utils.safestring import mark_safe
from django.utils.translation import gettext_lazy as _

from mlmodels.net.grid import A_R_MAX, A_R_MIN
from samples.fields import MarkedRowsField, OfPerson, SampleCodeField, StyledBoundField, TypedFloatField, offer
from samples.models import Pattern, Project, Reading, Viewer
from samples.project_forms import ProjectField
from samples.sentences import translated
from samples.xrd.bragg import RADIATIONS
from samples.xrd.pattern import check_wavelength
from samples.xrd.sentences import PatternFileError
from screening.models import ReceivedPattern


class UploadForm(OfPerson, forms.Form):
    """Where uploaded files belong; the files themselves are read from the request."""

    bound_field_class = StyledBoundField

    sample = SampleCodeField(required=False, label=_("Sample"))
    project = ProjectField(label=_("Project of what finds no sample"))

    def __init__(self, *args: Any, by: User, **options: Any) -> None:
        super().__init__(*args, by=by, **options)
        project = self.fields["project"]
        assert isinstance(project, ProjectField)
        project.initial = Project.objects.of_uploads_by(by)
        if not project.open_for(by):
            del self.fields["project"]


class MoveForm(OfPerson, forms.Form):
    """The right sample of a pattern, or none: back to the inbox."""

    bound_field_class = StyledBoundField

    sample = SampleCodeField(required=False, label=_("Right sample"))


class InboxForm(OfPerson, forms.Form):
    """One sample for several patterns of the inbox."""

    bound_field_class = StyledBoundField

    patterns = MarkedRowsField(
        Pattern.objects.none(), error_messages={"required": _("Mark the patterns that belong to the sample.")}
    )
    sample = SampleCodeField(label=_("Sample"))

    def __init__(self, *args: Any, by: Viewer, **options: Any) -> None:
        super().__init__(*args, by=by, **options)
        offer(self, "patterns", Pattern.objects.visible_to(by).in_inbox())


class MarkedRowsForm(OfPerson, forms.Form):
    """One sample for several rows of an upload; none is the inbox."""

    bound_field_class = StyledBoundField

    rows = MarkedRowsField(
        ReceivedPattern.objects.none(),
        to_field_name="pattern_id",
        error_messages={"required": _("Mark the rows that belong to the sample.")},
    )
    sample = SampleCodeField(required=False, label=_("Sample for the marked rows"))

    def __init__(self, typed: Any = None, *, by: Viewer, rows: QuerySet[ReceivedPattern]) -> None:
        super().__init__(typed, by=by)
        offer(self, "rows", rows)


class CorrectionForm(forms.Form):
    """What a new reading should assume in place of what the file says."""

    bound_field_class = StyledBoundField

    wavelength = TypedFloatField(label=_("Wavelength (Å)"))
    blank = forms.ModelChoiceField(
        Pattern.objects.none(), required=False, label=_("Subtract a blank"), empty_label=_("none")
    )
    blank_scale = TypedFloatField(label=_("Scale of the blank"), initial=1, required=False)
    reason = forms.CharField(label=_("Reason"), max_length=400)

    def __init__(self, *args: Any, pattern: Pattern, by: Viewer, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        blanks = (
            Pattern.objects.visible_to(by).blanks().filter(readings__isnull=False).exclude(pk=pattern.pk).distinct()
        )
        offer(self, "blank", blanks)

    def clean_blank(self) -> Reading | None:
        blank: Pattern | None = self.cleaned_data["blank"]
        return blank.current_reading if blank else None

    def clean_blank_scale(self) -> float:
        scale: float | None = self.cleaned_data["blank_scale"]
        return 1.0 if scale is None else scale

    @property
    def radiations(self) -> list[tuple[str, float]]:
        """The Kα1 lines to choose from."""
        return [(radiation.name, radiation.kalpha1) for radiation in RADIATIONS.values()]

    def clean_wavelength(self) -> float:
        try:
            return check_wavelength(self.cleaned_data["wavelength"])
        except PatternFileError as error:
            raise ValidationError(translated(error.sentence)) from error


class RefinementForm(forms.Form):
    """Where the refinement of a_R starts."""

    bound_field_class = StyledBoundField

    quasilattice_constant = TypedFloatField(
        label=mark_safe("a<sub>R</sub> (Å)"),
        min_value=A_R_MIN,
        max_value=A_R_MAX,
        error_messages=dict.fromkeys(("min_value", "max_value"), _("Start between 4 and 6 Å.")),
    )
    lattice_type = forms.ChoiceField(label=_("Lattice type"), choices=[("P", "P"), ("F", "F")])
