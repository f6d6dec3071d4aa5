"""Shares as the agreement page prints them: ``{{ row.precision.value|share }}``, ``{{ row.precision|interval }}``."""

from __future__ import annotations

from django import template

from screening.proportions import Recall, Share

register = template.Library()


@register.filter
def share(value: float | None) -> str:
    """0.86, 0 and 1; no more digits than a few dozen cases bear."""
    return "–" if value is None else f"{value:.2f}".replace("0.00", "0").replace("1.00", "1")


@register.filter
def interval(of: Share | Recall) -> str:
    """0.21–1"""
    return f"{share(of.low)}–{share(of.high)}"


@register.filter
def number(value: float) -> str:
    """An estimated count: with a decimal only where it is small."""
    return f"{value:.1f}" if value < 10 else f"{value:.0f}"
