"""What the agreement page is asked about, as it stands in its address."""

from __future__ import annotations

from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from samples.fields import StyledBoundField
from samples.models import AlloySystem
from screening.agreement import Asked

POOLED = "all"


def _day(label: Any) -> forms.DateField:
    return forms.DateField(label=label, required=False, widget=forms.DateInput(attrs={"type": "date"}))


class AgreementForm(forms.Form):
    """Filters; what cannot be read is left out, and said beside its field."""

    bound_field_class = StyledBoundField

    version = forms.ChoiceField(label=_("Model version"), required=False)
    system = forms.ModelChoiceField(
        AlloySystem.objects.all(), label=_("System"), required=False, to_field_name="key", empty_label=_("all")
    )
    signed_from = _day(_("Outcome signed from"))
    signed_to = _day(_("until"))
    simulated = forms.BooleanField(label=_("count simulated patterns too"), required=False)

    def __init__(self, address: QueryDict) -> None:
        super().__init__(address)
        version = self.fields["version"]
        assert isinstance(version, forms.ChoiceField)
        self._versions = {str(one.pk): one for one in ModelVersion.objects.defer("config")}
        named = [(key, one.name) for key, one in self._versions.items()]
        version.choices = [*named, (POOLED, _("all versions together"))]

    def show(self, version: ModelVersion | None) -> None:
        """Say in the field which version is shown, where the address names none."""
        if version:
            self.data = {**{name: self.data[name] for name in self.data}, "version": str(version.pk)}

    def asked(self) -> Asked:
        self.is_valid()
        said = self.cleaned_data
        return Asked(
            version=self._versions.get(said.get("version", "")),
            pooled=said.get("version") == POOLED,
            system=said.get("system"),
            signed_from=said.get("signed_from"),
            signed_to=said.get("signed_to"),
            simulated=bool(said.get("simulated")),
        )
