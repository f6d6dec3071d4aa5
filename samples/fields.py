"""Form fields as people fill them: numbers with full-width digits or a decimal comma, errors beside the field."""

from __future__ import annotations

import unicodedata
from decimal import Decimal
from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.forms.utils import flatatt
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString, mark_safe
from django.utils.translation import gettext_lazy as _

from samples.models import Sample, Viewer
from samples.requests import sent_number


def typed_number(text: str) -> str:
    """A number as Python reads it: １２，５ and 12,5 are 12.5; spaces between digits and the typographic minus are understood."""
    plain = "".join(unicodedata.normalize("NFKC", text).split()).replace("−", "-")
    return plain.replace(",", ".") if plain.count(",") == 1 and "." not in plain else plain


class _Typed(forms.Field):
    """A number in a text box: the browser's own number box would refuse what people type."""

    widget = forms.TextInput
    inputmode = "decimal"

    def to_python(self, value: Any) -> Any:
        return super().to_python(typed_number(value) if isinstance(value, str) else value)

    def widget_attrs(self, widget: forms.Widget) -> dict[str, Any]:
        return {**super().widget_attrs(widget), "inputmode": self.inputmode, "autocomplete": "off"}


class TypedDecimalField(_Typed, forms.DecimalField):
    default_error_messages = {"invalid": _("This is not a number. Write it like 12.5, without a unit.")}

    def prepare_value(self, value: Any) -> Any:
        """As a person would write it: 900 for what the database keeps as 900.0."""
        return f"{value.normalize():f}" if isinstance(value, Decimal) else value


class TypedFloatField(_Typed, forms.FloatField):
    default_error_messages = {"invalid": _("This is not a number. Write it like 1.5406, without a unit.")}


class TypedIntegerField(_Typed, forms.IntegerField):
    inputmode = "numeric"
    default_error_messages = {"invalid": _("This is not a whole number. Write it like 3.")}


class PlainTextField(forms.CharField):
    """Text in which full-width letters and digits mean the same as narrow ones."""

    def to_python(self, value: Any) -> str | None:
        return super().to_python(unicodedata.normalize("NFKC", value) if isinstance(value, str) else value)


class MarkedRowsField(forms.ModelMultipleChoiceField):  # type: ignore[type-arg]
    """Rows that were marked, by their numbers; one that no database could hold is no choice either."""

    def clean(self, value: Any) -> Any:
        for number in value or ():
            if sent_number(number) is None:
                raise ValidationError(self.error_messages["invalid_pk_value"], "invalid_pk_value", {"pk": number})
        return super().clean(value)


class LongSelect(forms.Select):
    """A choice among hundreds: Django's own fills in a template for each, which took half of the time of a page with all alloy systems."""

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        widget = self.get_context(name, value, attrs)["widget"]
        options = [option for _group, options, _place in widget["optgroups"] for option in options]
        written = format_html_join(
            "\n",
            '<option value="{}"{}>{}</option>',
            ((o["value"], mark_safe(" selected") if o["selected"] else "", o["label"]) for o in options),
        )
        return format_html("<select{}>{}</select>", flatatt({"name": name, **widget["attrs"]}), written)


class SampleCodeField(PlainTextField):
    """A sample by its code, in any case; None where the field may be empty and is."""

    widget = forms.TextInput(attrs={"placeholder": "ASR-001", "autocomplete": "off", "autocapitalize": "none"})

    def __init__(self, *, archived: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.archived = archived  # whether a sample that was put away may be named
        self.person: Viewer | None = None  # who names it, and finds no sample that they may not see

    def clean(self, value: Any) -> Any:
        code = super().clean(value)
        if not code:
            return None
        assert self.person, "a form with this field is OfPerson"
        samples = Sample.objects.visible_to(self.person)
        samples = samples if self.archived else samples.current()
        sample = samples.filter(code__iexact=code).first()
        if sample is None:
            raise ValidationError(
                _("There is no sample “%(code)s”. Log the sample first, or leave the field empty."),
                params={"code": code},
            )
        return sample


def offer(form: forms.BaseForm, name: str, rows: QuerySet[Any]) -> forms.ModelChoiceField[Any]:
    """Let the field ``name`` choose among ``rows``."""
    field = form.fields[name]
    assert isinstance(field, forms.ModelChoiceField)
    field.queryset = rows
    return field


class OfPerson(forms.BaseForm):
    """A form that somebody fills in: its fields name what they may see."""

    def __init__(self, *args: Any, by: Viewer, **options: Any) -> None:
        super().__init__(*args, **options)
        for field in self.fields.values():
            if isinstance(field, SampleCodeField):
                field.person = by


class StyledBoundField(forms.BoundField):
    """Bootstrap's classes; the first field with an error takes the focus."""

    def build_widget_attrs(self, attrs: dict[str, Any], widget: forms.Widget | None = None) -> dict[str, Any]:
        built = super().build_widget_attrs(attrs, widget)
        kind = widget or self.field.widget
        if isinstance(kind, forms.CheckboxInput | forms.RadioSelect):
            style = "form-check-input"
        elif isinstance(kind, forms.Select):
            style = "form-select form-select-sm"
        else:
            style = "form-control form-control-sm"
        if self.errors:
            style += " is-invalid"
            if self.name == next(name for name in self.form.fields if name in self.form.errors):
                built["autofocus"] = True
        return {**built, "class": f"{kind.attrs.get('class', '')} {style}".strip()}
