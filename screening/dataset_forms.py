"""What is filled in about a data set: its question and terms, the entries that are shown, a choice by hand, the freeze."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from mlmodels.models import Dataset, DatasetChoice, DatasetEntry, Label, ModelVersion, Split
from samples.fields import PlainTextField, StyledBoundField, TypedIntegerField, offer
from samples.models import AlloySystem, Pattern, Project, Reading
from screening.curation.question import Question
from screening.curation.reasons import Reason
from screening.models import ScreeningResult, Technique

READINGS = [(0, _("not asked for")), (1, _("one reading")), (2, _("two readings")), (3, _("three readings"))]
ALL = ("", _("all"))


def _day(label: Any) -> forms.DateField:
    return forms.DateField(
        label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )


class QuestionForm(forms.Form):
    """The parts of the question, and the terms of the set; `edition` is that of the draft which the form was filled from."""

    bound_field_class = StyledBoundField

    edition = forms.IntegerField(widget=forms.HiddenInput, required=False)
    outcomes = forms.BooleanField(label=_("all with a signed overall outcome"), required=False)
    techniques = forms.MultipleChoiceField(
        label=_("where none is signed: what these techniques signed, if they agree"),
        choices=Technique.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    readings = forms.TypedChoiceField(
        label=_("calls that people read as “not a quasicrystal”"), choices=READINGS, coerce=int
    )
    levels = forms.MultipleChoiceField(
        label=_("of class"),
        choices=ScreeningResult.Level.choices,
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    simulated = forms.BooleanField(label=_("simulated patterns too"), required=False)
    systems = forms.ModelMultipleChoiceField(
        AlloySystem.objects.all(), label=_("Systems"), required=False, to_field_name="key", help_text=_("None is all.")
    )
    projects = forms.ModelMultipleChoiceField(
        Project.objects.none(), label=_("Projects"), required=False, to_field_name="key", help_text=_("None is all.")
    )
    radiations = forms.MultipleChoiceField(label=_("Radiation"), required=False, help_text=_("None is all."))
    model_version = forms.ChoiceField(label=_("Called by the version"), required=False)
    received_from = _day(_("Came in from"))
    received_to = _day(_("until"))
    seed = TypedIntegerField(
        label=_("Seed"), min_value=0, max_value=2**31 - 1, help_text=_("Decides who is on which side.")
    )
    validation_percent = TypedIntegerField(label=_("Validation (%)"), min_value=0, max_value=50)
    test_percent = TypedIntegerField(label=_("Test (%)"), min_value=0, max_value=50)
    licence = forms.CharField(
        label=_("Licence"), max_length=300, required=False, widget=forms.TextInput(attrs={"placeholder": "CC BY 4.0"})
    )
    notes = forms.CharField(label=_("Notes"), required=False, widget=forms.Textarea(attrs={"rows": 3}))

    def __init__(self, sent: QueryDict | None, *, person: User, dataset: Dataset | None = None) -> None:
        stored = dataset or Dataset()
        terms = ("edition", "seed", "validation_percent", "test_percent", "licence", "notes")
        asked = Question.restored(stored.question)
        initial: dict[str, Any] = {name: getattr(asked, name) for name in Question.__slots__}
        super().__init__(sent, initial=initial | {name: getattr(stored, name) for name in terms})
        projects = Project.objects.visible_to(person)
        offer(self, "projects", projects)
        if not projects.exists():
            del self.fields["projects"]
        radiations = Reading.objects.exclude(radiation="").order_by("radiation").values_list("radiation", flat=True)
        self._choose("radiations", [(name, name) for name in radiations.distinct()])
        versions = ModelVersion.objects.values_list("name", flat=True)
        self._choose("model_version", [("", _("any or none")), *((name, name) for name in versions)])

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    def clean(self) -> dict[str, Any]:
        said = super().clean() or {}
        if not (said.get("outcomes") or said.get("techniques") or said.get("readings") or said.get("simulated")):
            self.add_error("outcomes", _("Say where labels come from: tick one of these at least."))
        if said.get("readings") and not said.get("levels"):
            self.add_error("levels", _("Say of which class."))
        return said

    def asked(self) -> dict[str, Any]:
        """For Dataset.objects.begin and Dataset.revise."""
        said = self.cleaned_data
        question = Question(
            outcomes=said["outcomes"],
            techniques=tuple(said["techniques"]),
            readings=said["readings"],
            levels=tuple(said["levels"]),
            simulated=said["simulated"],
            systems=tuple(system.key for system in said["systems"]),
            projects=tuple(project.key for project in said.get("projects", ())),
            radiations=tuple(said["radiations"]),
            model_version=said["model_version"],
            received_from=said["received_from"],
            received_to=said["received_to"],
        )
        terms = ("seed", "validation_percent", "test_percent", "licence", "notes")
        return {"question": question.as_json(), **{name: said[name] for name in terms}}


class NewDatasetForm(QuestionForm):
    name = PlainTextField(
        label=_("Name"), max_length=80, widget=forms.TextInput(attrs={"placeholder": "Al-Si-Ru outcomes"})
    )

    field_order = ["name"]


class ChoiceForm(forms.Form):
    """One pattern out of the draft or into it; the reason is typed beside its row."""

    pattern = forms.ModelChoiceField(Pattern.objects.none())
    side = forms.ChoiceField(choices=DatasetChoice.Side)
    label = forms.ChoiceField(choices=[("", ""), *Label.choices], required=False)
    reason = forms.CharField(max_length=300, required=False)

    def __init__(self, sent: QueryDict, *, person: User) -> None:
        super().__init__(sent)
        offer(self, "pattern", Pattern.objects.visible_to(person))


class ShownForm(forms.Form):
    """Which entries are shown, or which of those left out; what is not known shows all."""

    bound_field_class = StyledBoundField

    label = forms.ChoiceField(label=_("Label"), choices=[ALL, *Label.choices], required=False)
    split = forms.ChoiceField(label=_("Split"), choices=[ALL, *Split.choices], required=False)
    origin = forms.ChoiceField(label=_("Origin"), choices=[ALL, *DatasetEntry.Origin.choices], required=False)
    code = PlainTextField(label=_("Sample"), required=False, max_length=40)

    def said(self) -> dict[str, str]:
        self.is_valid()
        return {name: value for name, value in self.cleaned_data.items() if value}


class LeftOutForm(ShownForm):
    reason = forms.ChoiceField(label=_("Reason"), choices=[ALL, *Reason.choices], required=False)
    label = split = origin = None  # type: ignore[assignment]  # what is left out has none of these


class FreezeForm(forms.Form):
    """The signature under a freeze; `seen` is the hash of what the page showed, and `n` how many entries that were."""

    bound_field_class = StyledBoundField

    seen = forms.CharField(widget=forms.HiddenInput, required=False)
    n = forms.IntegerField(widget=forms.HiddenInput, required=False, min_value=0, max_value=10_000_000)
    reason = forms.CharField(
        label=_("What this version is for, or what it adds"),
        max_length=1000,
        widget=forms.Textarea(attrs={"rows": 2}),
        error_messages={"required": _("Say what this version is for, or what it adds. Nothing was frozen yet.")},
    )
    agreed = forms.BooleanField(
        label=_("I stand for what it holds. It cannot be changed or undone after this."),
        error_messages={"required": _("Tick that you stand for it. Nothing was frozen yet.")},
    )
