"""The search without its syntax: fields that write the same line."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib.auth.models import User
from django.utils.translation import gettext_lazy as _

from samples.elements import ELEMENTS
from samples.fields import LongSelect, PlainTextField, StyledBoundField, TypedDecimalField
from samples.models import AlloySystem, Project
from samples.xrd.bragg import RADIATIONS
from screening.models import ScreeningResult

ANY = ("", _("any"))


def _amount(label: Any) -> TypedDecimalField:
    return TypedDecimalField(label=label, required=False, min_value=0, max_value=100)


class SearchForm(forms.Form):
    """What is wanted of the samples; `line` is what the search box would say for it."""

    bound_field_class = StyledBoundField

    element = forms.ChoiceField(label=_("Element"), required=False, widget=LongSelect)
    lowest = _amount(_("at least (at.%)"))
    highest = _amount(_("at most (at.%)"))
    element_2 = forms.ChoiceField(label=_("and element"), required=False, widget=LongSelect)
    lowest_2 = _amount(_("at least (at.%)"))
    highest_2 = _amount(_("at most (at.%)"))
    system = forms.ChoiceField(label=_("System"), required=False, widget=LongSelect)
    level = forms.ChoiceField(
        label=_("Best class"),
        required=False,
        choices=[ANY, *ScreeningResult.Level.choices, ("A,B", _("A or B")), ("none", _("no class yet"))],
    )
    a_r_from = TypedDecimalField(label=_("a_R from (Å)"), required=False, min_value=1, max_value=20)
    a_r_to = TypedDecimalField(label=_("to (Å)"), required=False, min_value=1, max_value=20)
    radiation = forms.ChoiceField(
        label=_("Radiation"), required=False, choices=[ANY, *((anode, anode) for anode in RADIATIONS)]
    )
    project = forms.ChoiceField(label=_("Project"), required=False)
    person = PlainTextField(label=_("Logged by"), required=False, max_length=80)
    logged_from = forms.DateField(
        label=_("Logged from"), required=False, widget=forms.DateInput(attrs={"type": "date"})
    )
    logged_to = forms.DateField(label=_("until"), required=False, widget=forms.DateInput(attrs={"type": "date"}))
    notes = PlainTextField(label=_("Notes say"), required=False, max_length=120)
    place = PlainTextField(label=_("Place"), required=False, max_length=100)
    kind = forms.ChoiceField(
        label=_("Kind"), required=False, choices=[ANY, ("measured", _("real")), ("simulated", _("simulated"))]
    )
    left = forms.ChoiceField(
        label=_("Material"), required=False, choices=[ANY, ("left", _("some left")), ("used-up", _("used up"))]
    )
    archived = forms.ChoiceField(
        label=_("Shown"), required=False, choices=[("", _("current")), ("archived", _("archived"))]
    )

    def __init__(self, *args: Any, by: User, **options: Any) -> None:
        super().__init__(*args, **options)
        keys = Project.objects.visible_to(by).values_list("key", "name")
        self._choose("project", [ANY, ("none", _("in none")), *keys])
        elements = [ANY, *((symbol, symbol) for symbol in sorted(ELEMENTS))]
        self._choose("element", elements)
        self._choose("element_2", elements)
        self._choose("system", [ANY, *((system.key, system.name) for system in AlloySystem.objects.all())])

    def _choose(self, name: str, choices: list[tuple[str, Any]]) -> None:
        field = self.fields[name]
        assert isinstance(field, forms.ChoiceField)
        field.choices = choices

    @property
    def line(self) -> str:
        """Of what was filled in; fields with an error are left out."""
        asked = self.cleaned_data
        parts = [_element_part(asked, ""), _element_part(asked, "_2"), _range_part("a_R", asked, "a_r_from", "a_r_to")]
        keys = {"system": "system", "level": "class", "radiation": "radiation", "project": "project", "person": "by"}
        parts += [_keyed(key, asked.get(name)) for name, key in keys.items()]
        parts += [_keyed("note", asked.get("notes")), _keyed("place", asked.get("place"))]
        if asked.get("logged_from") or asked.get("logged_to"):
            parts.append(f"logged:{asked.get('logged_from') or ''}..{asked.get('logged_to') or ''}")
        parts += [_keyed("is", asked.get(name)) for name in ("kind", "left", "archived")]
        return " ".join(part for part in parts if part)


def _element_part(asked: dict[str, Any], end: str) -> str:
    element = asked.get(f"element{end}")
    if not element:
        return ""
    return _range_part(element, asked, f"lowest{end}", f"highest{end}") or f"contains {element}"


def _range_part(name: str, asked: dict[str, Any], lowest: str, highest: str) -> str:
    low, high = asked.get(lowest), asked.get(highest)
    if low is not None and high is not None:
        return f"{name} {low}-{high}"
    if low is not None:
        return f"{name} >= {low}"
    return f"{name} <= {high}" if high is not None else ""


def _keyed(key: str, value: str | None) -> str:
    if not value:
        return ""
    value = value.replace('"', "")
    return f'{key}:"{value}"' if " " in value else f"{key}:{value}"
