"""Figures in words."""

from __future__ import annotations

from typing import Any

Figures = dict[str, Any]
"""The JSON of an evaluation, or a part of it."""


def interval(share: Figures) -> str:
    """A share with its 95 % interval and its counts."""
    if share["share"] is None:
        return "–"
    return f"{share['share']:.4f} ({share['low']:.4f}–{share['high']:.4f}; {share['k']} of {share['n']})"


def points(difference: Figures) -> str:
    """A difference of two shares in percentage points, with its paired 95 % interval."""
    if difference["difference"] is None:
        return "–"
    return f"{100 * difference['difference']:+.1f} ({100 * difference['low']:+.1f} to {100 * difference['high']:+.1f})"


def percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3f} %"


def ratio(value: float | None) -> str:
    return "never" if value is None else f"{value:.3f}"


def levels(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items())
