"""What curators fill in to have a network trained."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.utils.translation import gettext_lazy as _

from mlmodels.models import Dataset, ModelVersion, TrainingError, TrainingRun
from samples.fields import PlainTextField, StyledBoundField, TypedIntegerField, offer
from samples.sentences import translated


class TrainingForm(forms.Form):
    """Kind, beginning and mix above; what has a good default below."""

    bound_field_class = StyledBoundField

    kind = forms.ChoiceField(
        label=_("What to do"),
        choices=TrainingRun.Kind,
        initial=TrainingRun.Kind.FINE_TUNE,
        help_text=_("Fine-tuning keeps what a version knows and takes minutes; training anew takes an hour or more."),
    )
    start_version = forms.ModelChoiceField(
        label=_("Begin with"),
        queryset=ModelVersion.objects.none(),
        required=False,
        empty_label=_("the version in production"),
        help_text=_("For fine-tuning."),
    )
    dataset = forms.ModelChoiceField(
        label=_("Data set"),
        queryset=Dataset.objects.none(),
        required=False,
        empty_label=_("none: simulated patterns alone"),
        help_text=_(
            "A frozen one. Its training split is learnt from, its validation split helps to calibrate; its test split is never touched."
        ),
    )
    measured = TypedIntegerField(
        label=_("Measured patterns in the mix (%)"),
        min_value=1,
        max_value=80,
        initial=25,
        help_text=_("The rest is simulated. Each takes the place of a simulated one of its own phase class."),
    )
    name = PlainTextField(
        label=_("Name of the new version"),
        max_length=70,
        required=False,
        help_text=_("Left empty, it is named after the version that it begins with: icosa-2-r1."),
    )
    wants = forms.ChoiceField(label=_("Runs on"), choices=TrainingRun.Wants, initial=TrainingRun.Wants.ANY)
    preset = forms.ChoiceField(
        label=_("Size"),
        choices=TrainingRun.Preset,
        initial=TrainingRun.Preset.LAPTOP,
        help_text=_("For training anew."),
    )
    steps = TypedIntegerField(
        label=_("Steps"),
        min_value=1,
        max_value=1_000_000,
        required=False,
        help_text=_("Left empty: 600 to fine-tune; anew, what the size asks for. A step of laptop is 128 patterns."),
    )
    seed = TypedIntegerField(
        label=_("Seed"),
        min_value=0,
        max_value=2**31 - 1,
        initial=1,
        help_text=_("The same seed gives the same weights."),
    )

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        versions = ModelVersion.objects.runnable().defer("config")
        offer(self, "start_version", versions)
        offer(self, "dataset", Dataset.objects.frozen().filter(archived_at=None))

    def start(self, by: User) -> TrainingRun | None:
        """The run that was asked for; None, with the reason among the errors, where it cannot be had."""
        said = dict(self.cleaned_data)
        said["curated_share"] = said.pop("measured") / 100
        try:
            return TrainingRun.objects.start(by, **said)
        except TrainingError as error:
            self.add_error(None, translated(error.sentence))
        except ValidationError as error:
            self.add_error(None, error) if "name" not in error.message_dict else self.add_error(
                "name", error.message_dict["name"]
            )
        return None
