"""Numbers as papers print them: ``{{ result.probability|probability }}``, ``{{ a_r|with_uncertainty:sigma }}``."""

from __future__ import annotations

import math
from collections.abc import Mapping

from django import template
from django.utils.translation import gettext_lazy as _

from mlmodels.net.classify import level

register = template.Library()

FEWEST_DIGITS, MOST_DIGITS = 4, 7


@register.filter
def probability(p: float | None) -> str:
    """0.9994; > 0.9999 and < 0.0001 at the ends; as many digits more as its class needs (0.99904 is an A, 0.9990 is not)."""
    if p is None:
        return "–"
    if p > 0.9999:
        return "> 0.9999"
    if p < 0.0001:
        return "< 0.0001"
    for digits in range(FEWEST_DIGITS, MOST_DIGITS):
        text = f"{p:.{digits}f}"
        if level(float(text)) == level(p):
            return text
    return f"{p:.{MOST_DIGITS}f}"


@register.filter
def probability_relation(p: float) -> str:
    """As it is said after a p: "= 0.9994", "> 0.9999"."""
    text = probability(p)
    return text if text[0] in "<>" else f"= {text}"


@register.filter
def with_uncertainty(value: float | None, sigma: float | None) -> str:
    """4.353(4): the uncertainty in units of the last digit, with two digits where it begins with 1, as in 4.3530(14)."""
    if value is None:
        return "–"
    if not sigma or not math.isfinite(sigma) or sigma >= 1:
        return f"{value:.3f}"
    decimals = -math.floor(math.log10(sigma))
    if round(sigma * 10**decimals, 1) < 2:
        decimals += 1
    return f"{value:.{decimals}f}({round(sigma * 10**decimals)})"


PHASE_NAMES = {
    "icosahedral": _("icosahedral"),
    "approximant_1_1": _("approximant 1/1"),
    "approximant_2_1": _("approximant 2/1"),
    "none": _("none of these"),
}

FACT_NAMES = {
    "sample_name": _("Sample, as the file says"),
    "comment": _("Comment"),
    "operator": _("Operator"),
    "monochromator": _("Monochromator"),
    "counting_time": _("Seconds a step"),
}
"""What a file may say of itself that a judge of the pattern looks at; the rest is under "all that the file says"."""


@register.filter
def named_facts(metadata: Mapping[str, str | int | float]) -> list[tuple[str, str | int | float]]:
    return [(str(name), metadata[key]) for key, name in FACT_NAMES.items() if metadata.get(key)]


@register.filter
def named_phases(phases: Mapping[str, float]) -> list[tuple[str, float]]:
    """(what people call the phase, its probability), in the order of PHASE_NAMES."""
    return [(str(name), phases[key]) for key, name in PHASE_NAMES.items() if key in phases]


@register.filter
def percent(share: float) -> str:
    """0.254 as 25 %."""
    return f"{share:.0%}".replace("%", " %")


@register.filter
def plainly(value: float | None) -> str:
    """A measured number with no more digits than it has: 0.02, 30.05, 1.540593."""
    return "–" if value is None else f"{value:.7g}"


@register.filter
def signed(difference: float) -> str:
    """A small difference with its sign, as printed in papers: +0.002, −0.010."""
    return f"{difference:+.3f}".replace("-", "−")


@register.filter
def signed_short(change: float) -> str:
    """A change of the log-odds: +2.9, −0.4, 0.0."""
    text = f"{change:+.1f}".replace("-", "−")
    return "0.0" if text in {"+0.0", "−0.0"} else text


@register.filter
def percent_fine(share: float) -> str:
    """0.0754 as 7.5 %, 0.254 as 25 %."""
    return f"{100 * share:.1f} %" if share < 0.0995 else percent(share)
