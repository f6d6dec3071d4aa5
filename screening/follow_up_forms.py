"""What people fill in about a follow-up: the plan, the evidence row by row, files, and the outcome that they sign."""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from django import forms
from django.contrib.auth.models import Permission, User
from django.core.exceptions import ValidationError
from django.db.models import Q, QuerySet
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from samples.fields import PlainTextField, StyledBoundField, TypedDecimalField, offer, typed_number
from samples.forms import RowFormSet
from samples.models import Sample, people_who_see
from samples.requests import sent_number
from samples.xrd.icosahedral import LatticeConvention
from samples.xrd.quoted_lattice import LengthUnit, QuotedLength
from samples.xrd.sentences import Sentence
from screening.models import FollowUp, LatticeMeasurement, ObservedPhase, Outcome, Technique
from screening.models.observations import check_shares

SPACE_GROUPS_SEEN = ("Pm-3", "Im-3", "Pa-3", "Fm-3m", "Pm-3m", "P21/m", "C2/m")
SYMMETRIES_SEEN = ("m-3-5", "5-fold", "3-fold", "2-fold", "10-fold", "m-3")


NO_TECHNIQUE = _("Say by which technique it was seen.")


def people_to_ask(sample: Sample, asked: int | None = None) -> QuerySet[User]:
    """Those who may enter evidence and see ``sample``, and whoever is asked already, so that saving lets nobody fall out of the form."""
    right = Permission.objects.filter(codename="add_outcome", content_type__app_label="screening")
    may = Q(groups__permissions__in=right) | Q(user_permissions__in=right) | Q(is_superuser=True)
    able = people_who_see(sample.project).filter(may, is_active=True)
    return User.objects.filter(Q(pk__in=able.values("pk")) | Q(pk=asked)).order_by("username")


class PlanForm(forms.ModelForm):  # type: ignore[type-arg]
    """What is asked, of whom and until when; `edition` carries which edition of it the form was filled from."""

    bound_field_class = StyledBoundField

    edition = forms.IntegerField(widget=forms.HiddenInput, required=False)
    question = forms.CharField(
        label=_("What is asked"),
        max_length=500,
        required=False,
        widget=forms.Textarea(
            attrs={"rows": 2, "placeholder": _("Is the grey phase icosahedral? SAED of it, please.")}
        ),
    )

    class Meta:
        model = FollowUp
        fields = ["question", "assigned_to", "due_on", "reference"]
        labels = {"assigned_to": _("Assigned to"), "due_on": _("Due on"), "reference": _("Source")}
        widgets = {
            "due_on": forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
            "reference": forms.TextInput(attrs={"placeholder": "DOI 10.1002/advs.202304546"}),
        }

    def __init__(self, *args: Any, sample: Sample, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["edition"] = self.instance.edition
        offer(self, "assigned_to", people_to_ask(sample, self.instance.assigned_to_id)).empty_label = _("nobody yet")

    def asked(self) -> dict[str, Any]:
        """For FollowUp.objects.open and FollowUp.plan."""
        return {name: self.cleaned_data[name] for name in self.Meta.fields}


class PhaseForm(forms.ModelForm):  # type: ignore[type-arg]
    bound_field_class = StyledBoundField

    composition_text = PlainTextField(
        label=_("Composition (at.%)"),
        max_length=200,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Al43Si32Ru25", "autocomplete": "off"}),
    )
    space_group = PlainTextField(
        label=_("Space group"),
        max_length=30,
        required=False,
        widget=forms.TextInput(attrs={"placeholder": "Pm-3", "list": "space-groups", "autocomplete": "off"}),
    )

    class Meta:
        model = ObservedPhase
        fields = [
            "technique",
            "composition_text",
            "uncertainty",
            "as_reported",
            "share",
            "share_of",
            "structure",
            "name",
            "space_group",
            "point_symmetry",
            "notes",
        ]
        field_classes = {"uncertainty": TypedDecimalField, "share": TypedDecimalField}
        error_messages = {
            "technique": {"required": NO_TECHNIQUE},
            "structure": {"required": _("Say which structure it has; “unknown” is one of them.")},
        }
        labels = {
            "technique": _("Technique"),
            "uncertainty": _("± (at.%)"),
            "as_reported": _("As reported"),
            "share": _("Share (%)"),
            "share_of": _("of"),
            "structure": _("Structure"),
            "name": _("Name"),
            "point_symmetry": _("Point symmetry"),
            "notes": _("Notes"),
        }
        widgets = {
            "uncertainty": forms.TextInput(attrs={"placeholder": "0.5"}),
            "share": forms.TextInput(attrs={"placeholder": "60"}),
            "name": forms.TextInput(attrs={"placeholder": "Al13Ru4", "autocomplete": "off"}),
            "point_symmetry": forms.TextInput(
                attrs={"placeholder": "m-3-5", "list": "symmetries", "autocomplete": "off"}
            ),
        }


_LAST_DIGITS = re.compile(r"\(([0-9]{1,4})\)$")


def split_uncertainty(text: str) -> tuple[str, Decimal | None]:
    """0.8706(4), as papers print it, is 0.8706 and 0.0004; None where there are no brackets."""
    number = typed_number(text)
    found = _LAST_DIGITS.search(number)
    if not found:
        return number, None
    bare = number[: found.start()]
    return bare, Decimal(found[1]).scaleb(-len(bare.partition(".")[2]))


class LengthField(TypedDecimalField):
    """Its uncertainty may stand behind it in brackets; the form takes that."""

    def to_python(self, value: Any) -> Any:
        return super().to_python(split_uncertainty(value)[0] if isinstance(value, str) else value)


class LatticeForm(forms.ModelForm):  # type: ignore[type-arg]
    """One length; where it looks as if it were meant otherwise, a box asks for a word on just this length."""

    bound_field_class = StyledBoundField

    unit = forms.ChoiceField(label=_("Unit"), choices=LatticeMeasurement.Unit, initial=LengthUnit.NANOMETRE.value)
    confirmed = forms.CharField(required=False)

    class Meta:
        model = LatticeMeasurement
        fields = ["technique", "value", "unit", "uncertainty", "convention", "lattice_type", "confirmed", "notes"]
        field_classes = {"value": LengthField, "uncertainty": TypedDecimalField}
        error_messages = {
            "technique": {"required": NO_TECHNIQUE},
            "value": {"required": _("Write the length that was measured, like 0.8706.")},
            "convention": {"required": _("Say which of the six lengths it is; a_R follows from it.")},
        }
        labels = {
            "technique": _("Technique"),
            "value": _("Value"),
            "uncertainty": _("±"),
            "convention": _("It is"),
            "lattice_type": _("Type"),
            "notes": _("Notes"),
        }
        widgets = {
            "value": forms.TextInput(attrs={"placeholder": "0.8706"}),
            "uncertainty": forms.TextInput(attrs={"placeholder": "0.0004"}),
        }

    def clean(self) -> dict[str, Any]:
        """The uncertainty in brackets behind the value is that of the row."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        _value, in_brackets = split_uncertainty(self["value"].value() or "")
        if in_brackets is not None and cleaned.get("uncertainty") not in (None, in_brackets):
            sentence = _(
                "The value says ± %(uncertainty)s in its brackets. Leave this empty, or write the value without."
            )
            self.add_error("uncertainty", sentence % {"uncertainty": f"{in_brackets:f}"})
        elif in_brackets is not None:
            cleaned["uncertainty"] = in_brackets
        return cleaned

    @property
    def quoted(self) -> QuotedLength | None:
        """What stands in the row now, where it can be read."""
        return read_length({name: self[name].value() for name in ("value", "unit", "convention")})

    @property
    def shown_doubt(self) -> Sentence | None:
        """Said beside the conversion, unless it is said as an error already."""
        return (
            None
            if self.is_doubted or self.is_confirmed or not self.quoted
            else self.quoted.doubt(self.instance.predicted)
        )

    @property
    def is_doubted(self) -> bool:
        return self.has_error("value", "doubt")

    @property
    def is_confirmed(self) -> bool:
        return bool(self.quoted) and self["confirmed"].value() == str(self.quoted)


class PhaseFormSet(RowFormSet[ObservedPhase]):
    form = PhaseForm
    spare = 3

    def clean(self) -> None:
        if not any(self.errors):
            check_shares(self.rows())


class LatticeFormSet(RowFormSet[LatticeMeasurement]):
    form = LatticeForm
    spare = 1

    def __init__(self, typed: QueryDict | None = None, *, follow_up: FollowUp, **options: Any) -> None:
        self.follow_up = follow_up
        super().__init__(typed, **options)

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        """Each row knows what was predicted."""
        return {**super().get_form_kwargs(index), "instance": LatticeMeasurement(follow_up=self.follow_up)}


def read_length(typed: Mapping[str, Any]) -> QuotedLength | None:
    """A length from the texts of `value`, `unit` and `convention`, or None where they are not one yet."""
    try:
        value = LengthField(min_value=Decimal("0.00001"), max_digits=9).clean(typed.get("value"))
        return QuotedLength(value, LengthUnit(typed["unit"]), LatticeConvention(typed["convention"]))
    except (ValidationError, ValueError, KeyError):
        return None


class _ManyFilesInput(forms.FileInput):
    allow_multiple_selected = True

    def value_from_datadict(self, data: Any, files: Any, name: str) -> Any:
        return files.getlist(name) if files else []


class _ManyFilesField(forms.FileField):
    """Any number of files, also none."""

    def clean(self, value: Any, initial: Any = None) -> list[Any]:
        return list(value or [])


class FilesForm(forms.Form):
    """Images, photos taken now, and any other file, with what holds for all of them."""

    bound_field_class = StyledBoundField

    images = _ManyFilesField(
        label=_("Images (TIFF, PNG, JPEG)"),
        required=False,
        widget=_ManyFilesInput(attrs={"multiple": True, "accept": "image/*,.tif,.tiff"}),
    )
    photo = _ManyFilesField(
        label=_("Take a photo"),
        required=False,
        widget=_ManyFilesInput(attrs={"accept": "image/*", "capture": "environment"}),
    )
    others = _ManyFilesField(
        label=_("Any other file"), required=False, widget=_ManyFilesInput(attrs={"multiple": True})
    )
    technique = forms.ChoiceField(label=_("Technique"), required=False, choices=[("", "–"), *Technique.choices])
    scale_bar = forms.CharField(
        label=_("Scale bar"),
        required=False,
        max_length=60,
        widget=forms.TextInput(attrs={"placeholder": "5 µm", "autocomplete": "off"}),
    )
    caption = forms.CharField(
        label=_("What is seen"),
        required=False,
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": _("Five-fold axis of the grey phase"), "autocomplete": "off"}),
    )

    def clean(self) -> None:
        if not any(self.cleaned_data.get(name) for name in ("images", "photo", "others")):
            raise ValidationError(_("Choose at least one file, then add it. What you typed is still here."))

    def sent(self) -> list[tuple[Any, bool]]:
        """(file, whether it has to be an image)"""
        images = [*self.cleaned_data["images"], *self.cleaned_data["photo"]]
        return [*((file, True) for file in images), *((file, False) for file in self.cleaned_data["others"])]

    def said(self) -> dict[str, str]:
        return {name: self.cleaned_data[name] for name in ("technique", "scale_bar", "caption")}


class OutcomeForm(forms.Form):
    """An outcome; what it amends and which evidence was read travel with the choice of what it is about."""

    bound_field_class = StyledBoundField

    about = forms.CharField(label=_("Outcome of"), widget=forms.Select)
    verdict = forms.ChoiceField(
        label=_("Outcome"),
        choices=Outcome.Verdict,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose confirmed, refuted or inconclusive. Nothing was signed.")},
    )
    reason = forms.CharField(
        label=_("Reason"),
        max_length=1000,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2, "placeholder": _("What it rests on, in a few words")}),
    )
    agreed = forms.BooleanField(
        label=_(
            "I have read the evidence above and sign this under my name. It can be amended by a further entry, never erased."
        ),
        error_messages={"required": _("Mark that you sign under your name. Nothing was signed yet.")},
    )

    def __init__(self, typed: QueryDict | None = None, *, follow_up: FollowUp, standing: Mapping[str, Outcome]) -> None:
        super().__init__(typed)
        self.follow_up = follow_up
        scopes = ["", *follow_up.techniques_used]
        self.fields["about"].widget.choices = [self._choice(scope, standing.get(scope)) for scope in scopes]

    def _choice(self, technique: str, standing: Outcome | None) -> tuple[str, str]:
        name = str(Technique(technique).label) if technique else str(_("all evidence (overall)"))
        if standing:
            name = str(_("%(scope)s, amends entry %(number)s")) % {"scope": name, "number": standing.number}
        seen = self.follow_up.evidence_sha256(technique)
        return f"{technique}:{standing.pk if standing else ''}:{seen}", name

    def said(self) -> dict[str, Any]:
        """For FollowUp.sign."""
        technique, amends, seen = (*self.cleaned_data["about"].split(":"), "", "")[:3]
        return {
            "verdict": self.cleaned_data["verdict"],
            "reason": self.cleaned_data["reason"],
            "technique": technique,
            "amends": self.follow_up.outcomes.filter(pk=pk).first() if (pk := sent_number(amends)) else None,
            "seen": seen,
        }


class CallOffForm(forms.Form):
    bound_field_class = StyledBoundField

    why = forms.CharField(
        label=_("Why it is called off"),
        max_length=300,
        widget=forms.TextInput(attrs={"placeholder": _("The piece was used up"), "autocomplete": "off"}),
        error_messages={"required": _("Say in a few words why it is called off. Nothing was changed.")},
    )
