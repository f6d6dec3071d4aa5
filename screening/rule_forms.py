"""What curators fill in on the page of the matching rules."""

from __future__ import annotations

from typing import Any

from django import forms
from django.forms.renderers import get_default_renderer
from django.utils.translation import gettext_lazy as _

from samples.fields import PlainTextField, StyledBoundField
from screening.models import MatchingRule
from screening.packed_files import safe_path

MOST_RULES = 30
MOST_NAMES = 100


class RuleForm(forms.ModelForm):  # type: ignore[type-arg]
    bound_field_class = StyledBoundField

    template = PlainTextField(
        label=_("Template"),
        max_length=100,
        strip=False,
        widget=forms.TextInput(attrs={"placeholder": "{code}_*", "autocomplete": "off", "spellcheck": "false"}),
    )

    class Meta:
        model = MatchingRule
        fields = ["where", "template"]
        labels = {"where": _("Look at the")}


class RuleFormSet(forms.BaseFormSet):  # type: ignore[type-arg]
    """The rules in their order and two blank ones; a rule that is marked or made blank is no rule."""

    form = RuleForm
    extra = 0
    min_num = 0
    max_num = absolute_max = MOST_RULES
    validate_min = False
    validate_max = True
    can_order = can_delete = can_delete_extra = True
    spare = 2

    def __init__(self, typed: Any = None, *, rules: list[MatchingRule]) -> None:
        self.renderer = get_default_renderer()
        shown = [{"where": rule.where, "template": rule.template} for rule in rules]
        super().__init__(typed, prefix="rules", initial=shown)

    def initial_form_count(self) -> int:
        return 0

    def total_form_count(self) -> int:
        return super().total_form_count() if self.is_bound else len(self.initial or []) + self.spare

    def get_form_kwargs(self, index: int | None) -> dict[str, Any]:
        kwargs = super().get_form_kwargs(index)
        if self.is_bound:
            kwargs["initial"] = {}
        return {**kwargs, "empty_permitted": True, "use_required_attribute": False}

    def add_fields(self, form: forms.Form, index: int | None) -> None:
        super().add_fields(form, index)
        form.fields["ORDER"].initial = (index or 0) + 1
        form.fields["ORDER"].widget.attrs["class"] = "form-control form-control-sm rule-order"

    def rules(self) -> list[MatchingRule]:
        """The filled ones, in their order, not yet stored."""
        filled = [
            form
            for form in self.forms
            if form.cleaned_data.get("template", "").strip() and not form.cleaned_data.get("DELETE")
        ]
        filled.sort(key=lambda form: form.cleaned_data.get("ORDER") or MOST_RULES)
        return [form.instance for form in filled]


class NamesForm(forms.Form):
    """File names to try the rules on, one a line."""

    bound_field_class = StyledBoundField

    names = forms.CharField(
        label=_("Names of your own, one a line"),
        required=False,
        max_length=10_000,
        widget=forms.Textarea(attrs={"rows": 3, "placeholder": "2026/ASR-041/ASR-041_annealed.ras"}),
    )

    def clean_names(self) -> list[str]:
        lines = self.cleaned_data["names"].splitlines()
        return [path for line in lines[:MOST_NAMES] if (path := safe_path(line))]
