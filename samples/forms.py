"""What people fill in about a sample: the sample itself, its steps, its masses, and the order of a system."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Generic, TypeVar

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.db import models
from django.forms.formsets import DELETION_FIELD_NAME
from django.forms.models import model_to_dict
from django.forms.renderers import get_default_renderer
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from samples.fields import (
    OfPerson,
    PlainTextField,
    SampleCodeField,
    StyledBoundField,
    TypedDecimalField,
    TypedIntegerField,
)
from samples.models import AlloySystem, Sample, SynthesisStep, WeighedMass
from samples.models.samples import CODE_NOT_FREE, plain_text
from samples.models.synthesis import BELONGS_TO, MOST_ROWS
from samples.project_forms import ProjectField

Row = TypeVar("Row", bound=models.Model)


class SampleForm(OfPerson, forms.ModelForm):  # type: ignore[type-arg]
    """One sample; `edition` carries which edition of it the form was filled from."""

    bound_field_class = StyledBoundField

    code = PlainTextField(
        label=_("Code"),
        max_length=40,
        required=False,
        help_text=_("As written on the vial. Leave it empty for the next free code of the system."),
        widget=forms.TextInput(attrs={"placeholder": "ASR-001", "autocomplete": "off"}),
    )
    composition_unit = forms.ChoiceField(
        label=_("Amounts in"), choices=Sample.CompositionUnit, initial=Sample.CompositionUnit.ATOMIC
    )
    composition_sum = forms.ChoiceField(
        label=_("The amounts do not sum to 100 %"),
        required=False,
        choices=[
            (Sample.CompositionSum.NORMALISED, _("Normalise to 100 %")),
            (Sample.CompositionSum.AS_REPORTED, _("Keep as reported")),
        ],
        widget=forms.RadioSelect,
    )
    parent = SampleCodeField(
        archived=True,
        label=_("Parent sample"),
        required=False,
        help_text=_("Its code, if this piece was cut or annealed from another sample."),
    )
    project = ProjectField(
        label=_("Project"), help_text=_("Of a closed project, only its members and admins see the sample.")
    )
    edition = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = Sample
        fields = [
            "composition_text",
            "composition_unit",
            "composition_sum",
            "code",
            "parent",
            "origin",
            "place",
            "project",
            "used_up",
            "mass_after",
            "measured_text",
            "notes",
        ]
        field_classes = {"mass_after": TypedDecimalField}
        labels = {
            "composition_text": _("Nominal composition"),
            "measured_text": _("Measured composition (EDX, at.%)"),
            "origin": _("How it came from the parent"),
            "place": _("Place"),
            "used_up": _("Used up"),
            "mass_after": _("Mass after synthesis (g)"),
            "notes": _("Notes"),
        }
        help_texts = {
            "composition_text": _(
                "A formula or a table: Al43Si32Ru25, or Al 43, Si 32, Ru 25, or one element a line. Ratios such as Al6Mn"
                " are normalised."
            ),
            "measured_text": _("As the microprobe reported it; it need not sum to 100."),
            "mass_after": _("Of the ingot; gives the mass loss."),
        }
        widgets = {
            "composition_text": forms.Textarea(attrs={"rows": 2, "placeholder": "Al43Si32Ru25", "autocomplete": "off"}),
            "measured_text": forms.Textarea(attrs={"rows": 2, "placeholder": "Al43.4 Si31.5 Ru25.1"}),
            "place": forms.TextInput(attrs={"placeholder": _("Desiccator 2, box 7")}),
            "mass_after": forms.TextInput(attrs={"placeholder": "1.9873"}),
            "notes": forms.Textarea(attrs={"rows": 3}),
        }

    def __init__(self, *args: Any, by: User, **kwargs: Any) -> None:
        super().__init__(*args, by=by, **kwargs)
        self.initial["edition"] = self.instance.edition
        self._ask_for_project(by)
        if self.instance.pk:
            self.initial["parent"] = self.instance.parent.code if self.instance.parent else ""
            self.fields["code"].required = True
            self.fields["code"].help_text = _("As written on the vial.")

    def _ask_for_project(self, by: User) -> None:
        """Of a new sample, where there is one to choose; later it is moved by a page of its own."""
        project = self.fields["project"]
        assert isinstance(project, ProjectField)
        if self.instance.pk or not project.open_for(by):
            del self.fields["project"]

    @property
    def asks_for_sum(self) -> bool:
        """The choice of a sum is shown once it matters."""
        return "composition_sum" in self.errors or self["composition_sum"].value() in (
            Sample.CompositionSum.NORMALISED,
            Sample.CompositionSum.AS_REPORTED,
        )

    def clean_code(self) -> str:
        code: str = plain_text(self.cleaned_data["code"])
        others = Sample.objects.exclude(pk=self.instance.pk)
        if code and others.filter(code__iexact=code).exists():
            raise ValidationError(CODE_NOT_FREE, params={"code": code})
        return code

    def clean_composition_sum(self) -> str:
        """A choice made for another composition does not answer for this one."""
        chosen: str = self.cleaned_data["composition_sum"]
        retyped = self.instance.pk and "composition_text" in self.changed_data
        if not chosen or (retyped and chosen == self.initial.get("composition_sum")):
            return Sample.CompositionSum.EXACT
        return chosen


class StepForm(forms.ModelForm):  # type: ignore[type-arg]
    bound_field_class = StyledBoundField

    class Meta:
        model = SynthesisStep
        fields = [
            "kind",
            "temperature",
            "duration",
            "melts",
            "wheel_speed",
            "atmosphere",
            "quench",
            "done_on",
            "done_by",
            "notes",
        ]
        field_classes = {
            "temperature": TypedDecimalField,
            "duration": TypedDecimalField,
            "melts": TypedIntegerField,
            "wheel_speed": TypedDecimalField,
        }
        labels = {
            "kind": _("Step"),
            "temperature": _("Temperature (°C)"),
            "duration": _("Duration (h)"),
            "melts": _("Times melted"),
            "wheel_speed": _("Wheel speed (m/s)"),
            "atmosphere": _("Atmosphere"),
            "quench": _("Quench"),
            "done_on": _("Done on"),
            "done_by": _("Done by"),
            "notes": _("Notes"),
        }
        widgets = {
            "temperature": forms.TextInput(attrs={"placeholder": "900"}),
            "duration": forms.TextInput(attrs={"placeholder": "48"}),
            "melts": forms.TextInput(attrs={"placeholder": "3"}),
            "wheel_speed": forms.TextInput(attrs={"placeholder": "40"}),
            "atmosphere": forms.TextInput(attrs={"placeholder": "Ar"}),
            "done_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name, field in self.fields.items():
            kinds = BELONGS_TO[name][0] if name in BELONGS_TO else SynthesisStep.Kind.values
            if name != "kind":
                field.widget.attrs["data-kinds"] = " ".join(sorted(kinds))


class MassForm(forms.ModelForm):  # type: ignore[type-arg]
    bound_field_class = StyledBoundField

    substance = PlainTextField(
        label=_("Substance"), max_length=60, widget=forms.TextInput(attrs={"placeholder": "Al", "autocomplete": "off"})
    )

    class Meta:
        model = WeighedMass
        fields = ["substance", "mass", "purity", "lot"]
        field_classes = {"mass": TypedDecimalField, "purity": TypedDecimalField}
        labels = {"mass": _("Mass (g)"), "purity": _("Purity (%)"), "lot": _("Lot")}
        widgets = {
            "mass": forms.TextInput(attrs={"placeholder": "0.5124"}),
            "purity": forms.TextInput(attrs={"placeholder": "99.99"}),
        }


class RowFormSet(forms.BaseFormSet, Generic[Row]):  # type: ignore[type-arg]
    """Rows that are written anew each time: what is there, then blank ones; a row left or made blank is no row."""

    form: type[forms.ModelForm]  # type: ignore[type-arg]
    spare = 2
    extra = 0
    min_num = 0
    max_num = absolute_max = MOST_ROWS
    validate_min = False
    validate_max = True
    can_order = False
    can_delete = can_delete_extra = True

    def __init__(self, typed: QueryDict | None = None, *, prefix: str, rows: Iterable[models.Model] = ()) -> None:
        self.renderer = get_default_renderer()
        super().__init__(typed, prefix=prefix, initial=[model_to_dict(row) for row in rows])

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else len(self.initial or []) + self.spare

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        kwargs = super().get_form_kwargs(index)
        if self.is_bound:
            kwargs["initial"] = {}  # every filled row counts as new
        return kwargs

    def rows(self) -> list[Row]:
        """The filled rows, in order, not yet saved."""
        return [
            form.save(commit=False)
            for form in self.forms
            if form.has_changed() and not form.cleaned_data.get(DELETION_FIELD_NAME)
        ]


class StepFormSet(RowFormSet[SynthesisStep]):
    form = StepForm
    spare = 2


class MassFormSet(RowFormSet[WeighedMass]):
    form = MassForm
    spare = 3


class SystemForm(forms.ModelForm):  # type: ignore[type-arg]
    bound_field_class = StyledBoundField

    name = PlainTextField(
        label=_("Order of the elements"),
        max_length=200,
        help_text=_("As the lab writes the system, with dashes between. The elements themselves stay."),
        widget=forms.TextInput(attrs={"placeholder": "Al-Si-Ru", "autocomplete": "off"}),
    )

    edition = forms.IntegerField(widget=forms.HiddenInput, required=False)

    class Meta:
        model = AlloySystem
        fields = ["name", "notes"]
        labels = {"notes": _("Notes")}
        widgets = {"notes": forms.Textarea(attrs={"rows": 3})}

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["edition"] = self.instance.edition

    def clean_name(self) -> str:
        return "-".join(part.strip() for part in str(self.cleaned_data["name"]).replace("–", "-").split("-"))
