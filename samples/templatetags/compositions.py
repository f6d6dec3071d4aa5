"""``{{ sample.nominal|formula }}``: a composition as printed in papers, with subscripts."""

from __future__ import annotations

from decimal import Decimal

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from samples.composition import Composition

register = template.Library()


@register.filter
def formula(composition: Composition | None, places: int = 2) -> SafeString:
    """Al₄₃Si₃₂Ru₂₅; – where there is none."""
    if composition is None:
        return SafeString("–")
    parts = format_html_join("", "{}<sub>{}</sub>", composition.parts(places))
    return format_html('<span class="formula">{}</span>', parts)


@register.filter
def short(number: Decimal | None, places: int = 2) -> str:
    """Rounded, without zeros at the end."""
    if number is None:
        return "–"
    text = f"{number:.{places}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
