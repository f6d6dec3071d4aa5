"""What people fill in on the way of a network into production."""

from __future__ import annotations

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from samples.fields import StyledBoundField

REASON_LENGTH = 1000


class ReasonForm(forms.Form):
    """A signature with its reason."""

    bound_field_class = StyledBoundField

    reason = forms.CharField(label=_("Reason"), max_length=REASON_LENGTH, widget=forms.Textarea(attrs={"rows": 2}))


class RollBackForm(ReasonForm):
    """`seen` is the id of the version that was in production when the page was made."""

    seen = forms.IntegerField(widget=forms.HiddenInput)


class PromotionForm(ReasonForm):
    """The wish to promote; where the proof speaks against it, why all the same."""

    override = forms.CharField(
        label=_("Why although it raises more false alarms"),
        max_length=REASON_LENGTH,
        required=False,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text=_("It is signed, and stays beside the version in the history."),
    )

    def __init__(self, *args: Any, is_worse: bool, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_worse:
            del self.fields["override"]


class ImportForm(forms.Form):
    """The two files of a checkpoint."""

    bound_field_class = StyledBoundField

    weights = forms.FileField(
        label=_("Weights"),
        help_text=_("The .safetensors file."),
        widget=forms.FileInput(attrs={"accept": ".safetensors"}),
    )
    description = forms.FileField(
        label=_("Description"),
        help_text=_("The .json file beside it."),
        widget=forms.FileInput(attrs={"accept": ".json"}),
    )
