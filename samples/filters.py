"""Filters of the API that say what they do not understand."""

from __future__ import annotations

from typing import Any

from django import forms
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator
from django.db import models
from django.utils.translation import gettext_lazy as _
from django_filters import rest_framework as filters


class IdFilter(filters.NumberFilter):  # type: ignore[misc]
    """By the number of a row; one that no row can have is said."""

    def get_max_validator(self) -> MaxValueValidator:
        return MaxValueValidator(models.BigIntegerField.MAX_BIGINT)


class YesOrNoField(forms.Field):
    widget = forms.TextInput

    def to_python(self, value: str | None) -> bool | None:
        try:
            return {"": None, "1": True, "true": True, "0": False, "false": False}[(value or "").lower()]
        except KeyError:
            raise ValidationError(_("Write true or false.")) from None


class YesOrNoFilter(filters.BooleanFilter):  # type: ignore[misc]
    """What is neither is said; the filter of django-filter takes it for nothing asked."""

    field_class = YesOrNoField

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, widget=forms.TextInput, **options)


class Filters(filters.FilterSet):  # type: ignore[misc]
    """What a list of the API is filtered by."""

    FILTER_DEFAULTS = filters.FilterSet.FILTER_DEFAULTS | {models.BooleanField: {"filter_class": YesOrNoFilter}}
