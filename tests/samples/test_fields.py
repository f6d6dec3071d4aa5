"""Numbers as people type them."""

from __future__ import annotations

from decimal import Decimal

import pytest
from django import forms
from django.core.exceptions import ValidationError
from django.test.html import parse_html

from samples.fields import LongSelect, TypedDecimalField, TypedIntegerField


@pytest.mark.parametrize(
    ("typed", "number"),
    [
        ("12.5", "12.5"),
        ("12,5", "12.5"),
        ("１２．５", "12.5"),
        ("１２，５", "12.5"),
        (" 1 200,5 ", "1200.5"),
        ("1\u202f200.5", "1200.5"),
        ("−4", "-4"),
        ("0", "0"),
    ],
)
def test_a_number_is_read(typed: str, number: str) -> None:
    assert TypedDecimalField().clean(typed) == Decimal(number)


@pytest.mark.parametrize("typed", ["two", "1,234.5", "1.2.3", "12 g", "1,2,3", "NaN", "Infinity"])
def test_what_is_no_number_says_how_to_write_one(typed: str) -> None:
    with pytest.raises(ValidationError, match="Write it like"):
        TypedDecimalField().clean(typed)


def test_whole_numbers() -> None:
    assert TypedIntegerField().clean(" ３ ") == 3
    with pytest.raises(ValidationError, match="not a whole number"):
        TypedIntegerField().clean("3.5")


def test_a_stored_number_is_shown_as_a_person_writes_it() -> None:
    assert TypedDecimalField().prepare_value(Decimal("900.0")) == "900"
    assert TypedDecimalField().prepare_value("as typed") == "as typed"


def test_a_long_select_is_written_as_django_writes_one() -> None:
    choices = [("", "any"), ("Al-Ru", "Al–Ru"), ("<b>", 'a "quoted" <b>')]
    for value in ("", "<b>", None):
        written = LongSelect(choices=choices).render("system", value, {"class": "form-select", "required": True})
        by_django = forms.Select(choices=choices).render("system", value, {"class": "form-select", "required": True})
        assert parse_html(written) == parse_html(by_django)
