"""What reviewers fill in: a verdict with its reason, the same for several calls, and the structure of a known phase."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from samples.fields import MarkedRowsField, PlainTextField, StyledBoundField, offer
from samples.models import Viewer
from screening.models import Candidate, ReferencePhase, Review
from screening.models.reviews import MEANINGS

VERDICTS = [(value, Review.Verdict(value).label) for value in MEANINGS]


class VerdictForm(forms.Form):
    """The verdict in the order of the keys 1 to 6; what is missing is said by the rule on the row, not here."""

    bound_field_class = StyledBoundField

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=VERDICTS,
        widget=forms.RadioSelect,
        error_messages={"required": _("Choose one of the six verdicts. Nothing was signed.")},
    )
    phase = forms.ModelChoiceField(
        ReferencePhase.objects.current().defer("sticks"),
        label=_("Which known phase"),
        required=False,
        empty_label=_("choose, or type below"),
    )
    phase_name = PlainTextField(
        label=_("or its name"), required=False, max_length=120, widget=forms.TextInput(attrs={"placeholder": "Al13Ru4"})
    )
    reason = PlainTextField(
        label=_("Reason"),
        required=False,
        max_length=1000,
        widget=forms.TextInput(
            attrs={
                "placeholder": _("What you saw, in a few words"),
                "autocomplete": "off",
                "list": "reasons-said",
                "enterkeyhint": "done",
            }
        ),
    )

    def said(self) -> dict[str, Any]:
        """For ScreeningResult.add_review."""
        return self.cleaned_data


class BatchVerdictForm(VerdictForm):
    """One verdict for the marked calls."""

    verdict = forms.ChoiceField(
        label=_("Verdict"),
        choices=VERDICTS,
        error_messages={"required": _("Choose one of the six verdicts. Nothing was signed.")},
    )
    phase_name = PlainTextField(label=_("Which known phase"), required=False, max_length=120)
    candidates = MarkedRowsField(
        Candidate.objects.none(),
        error_messages={"required": _("Mark the calls that this verdict is about. Nothing was signed.")},
    )

    def __init__(self, *args: Any, by: Viewer, **options: Any) -> None:
        super().__init__(*args, **options)
        waiting = Candidate.objects.visible_to(by).waiting().select_related("result")
        offer(self, "candidates", waiting)

    def said(self) -> dict[str, Any]:
        return {name: value for name, value in self.cleaned_data.items() if name != "candidates"}


class ReferencePhaseForm(forms.Form):
    """A structure for the lab's library."""

    bound_field_class = StyledBoundField

    cif = forms.FileField(
        label=_("CIF"),
        help_text=_("Of one structure with its atoms. The file is kept as it is; its lines are computed."),
        error_messages={
            "required": _("Choose a CIF file first."),
            "empty": _("The file is empty. Choose the CIF of a structure."),
        },
    )
    name = PlainTextField(
        label=_("Name"),
        required=False,
        max_length=120,
        help_text=_("As the lab calls it. Left empty, the name in the CIF is taken."),
        widget=forms.TextInput(attrs={"placeholder": "Al13Ru4"}),
    )
