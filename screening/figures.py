"""Figures of a pattern as Plotly JSON; static/figures.js draws them, static/pattern.js moves the reflections.

Nothing here needs the network: the evidence is the one stored with a result.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import TypedDict

import numpy as np
import plotly.graph_objects as go
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from mlmodels.net.grid import CANDIDATES
from samples.xrd.bragg import q_from_two_theta
from samples.xrd.icosahedral import reflections
from samples.xrd.pattern import PowderPattern

MAX_POINTS = 20_000
"""Longer patterns are drawn by the lowest and highest point of each stretch; every peak stays as high as it is."""

STRONG_Q_PERP = 0.33
"""Reflections up to this q_perp (units of 1/a_R) are the strong ones of known quasicrystals; they get a line and a label."""

PATTERN_COLOUR = "#0072b2"
ICOSAHEDRAL_COLOUR = "#d55e00"
STACK_COLOURS = (PATTERN_COLOUR, "#009e73", "#e69f00", "#cc79a7", "#56b4e9")

SAME_WAVELENGTH = 0.001
"""Wavelengths (Å) that differ by less are drawn on one axis of 2θ."""


CLEAR = {
    "template": "none",
    "paper_bgcolor": "rgba(0,0,0,0)",
    "plot_bgcolor": "rgba(0,0,0,0)",
    "hovermode": "closest",
}
"""A layout without Plotly's own template, so that the page's light or dark shows through."""


class Reflection(TypedDict):
    """What the page needs to place one reflection for any a_R: d = d_over_a_r · a_R."""

    label: str
    n: int
    m: int
    d_over_a_r: float
    multiplicity: int
    superlattice: bool
    strong: bool


def predicted_reflections() -> list[Reflection]:
    """The reflections of an F-type quasicrystal; those that are no superlattice reflections are the ones of the P type."""
    table = reflections("F")
    return [
        Reflection(
            label=label,
            n=int(table.n[i]),
            m=int(table.m[i]),
            d_over_a_r=float(table.d_over_a_r[i]),
            multiplicity=int(table.multiplicity[i]),
            superlattice=bool(table.superlattice[i]),
            strong=bool(table.q_perp[i] <= STRONG_Q_PERP),
        )
        for i, label in enumerate(table.labels())
    ]


def pattern_figure(pattern: PowderPattern, name: str, *, simulated: bool) -> go.Figure:
    """Intensity against 2θ, with a strip below it where the page draws the ticks of predicted reflections."""
    kept = drawn_points(pattern.intensity)
    line = go.Scatter(
        x=pattern.two_theta[kept],
        y=pattern.intensity[kept].astype(np.float32),
        name=name,
        mode="lines",
        meta="measured",  # told to the script, which colours it to be seen on the page's ground
        line={"width": 1.2, "color": PATTERN_COLOUR},
    )
    layout = clear_layout(
        xaxis={
            "title": {"text": "2θ (°)"},
            "anchor": "y2",
            "showspikes": True,
            "spikethickness": 1,
            "spikemode": "across",
        },
        yaxis={"title": {"text": _("Intensity")}, "domain": [0.13, 1], "rangemode": "tozero", "exponentformat": "none"},
        yaxis2={"domain": [0, 0.11], "range": [0, 3], "fixedrange": True, "showticklabels": False, "showgrid": False},
        yaxis3={"overlaying": "y", "range": [0, 1], "fixedrange": True, "visible": False},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        margin={"l": 70, "r": 15, "t": 40, "b": 45},
        meta={"wavelength": pattern.wavelength},
    )
    if simulated:
        layout.annotations = [simulated_mark()]
    return go.Figure([line], layout)


def stacked_figure(patterns: Sequence[PowderPattern], names: Sequence[str], *, simulated: bool) -> go.Figure:
    """Patterns above each other, the first lowest, each scaled to its highest point.

    Against 2θ where all have one wavelength; else against Q, without those whose wavelength is not known.
    """
    wavelengths = [pattern.wavelength or 0.0 for pattern in patterns]
    shares_two_theta = not wavelengths or max(wavelengths) - min(wavelengths) < SAME_WAVELENGTH
    lines: list[go.Scatter] = []
    for pattern, name in zip(patterns, names, strict=True):
        if not shares_two_theta and pattern.wavelength is None:
            continue
        kept = drawn_points(pattern.intensity)
        two_theta, intensity = pattern.two_theta[kept], pattern.intensity[kept]
        line = go.Scatter(
            x=two_theta if shares_two_theta else q_from_two_theta(two_theta, pattern.wavelength or np.nan),
            y=(len(lines) + (intensity - intensity.min()) / max(float(np.ptp(intensity)), 1e-12)).astype(np.float32),
            name=name,
            mode="lines",
            line={"width": 1.2, "color": STACK_COLOURS[len(lines) % len(STACK_COLOURS)]},
            hovertemplate="%{x:.3f}",
        )
        lines.append(line)
    layout = clear_layout(
        xaxis={"title": {"text": "2θ (°)" if shares_two_theta else "Q (Å<sup>−1</sup>)"}},
        yaxis={"title": {"text": _("Intensity, scaled")}, "showticklabels": False, "zeroline": False},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "reversed"},
        showlegend=True,
        margin={"l": 40, "r": 15, "t": 40, "b": 45},
    )
    if simulated:
        layout.annotations = [simulated_mark()]
    return go.Figure(lines, layout)


def evidence_figure(evidence: NDArray[np.float32], *, simulated: bool) -> go.Figure:
    """How the probability of an icosahedral quasicrystal is spread over the candidate a_R; shape (N_CANDIDATES,)."""
    bars = go.Bar(
        x=CANDIDATES,
        y=evidence,
        width=np.gradient(CANDIDATES) * 0.9,
        marker={"color": ICOSAHEDRAL_COLOUR, "line": {"width": 0}},
        hovertemplate="a<sub>R</sub> %{x:.3f} Å<br>%{y:.1%}<extra></extra>",
    )
    layout = clear_layout(
        xaxis={"title": {"text": "a<sub>R</sub> (Å)"}, "range": [float(CANDIDATES[0]), float(CANDIDATES[-1])]},
        yaxis={"title": {"text": _("Share of the evidence")}, "tickformat": ".0%", "rangemode": "tozero"},
        showlegend=False,
        margin={"l": 60, "r": 15, "t": 30, "b": 45},
    )
    if simulated:
        layout.annotations = [simulated_mark()]
    return go.Figure([bars], layout)


def drawn_points(intensity: NDArray[np.float64]) -> NDArray[np.int64]:
    """Indices of the points to draw, ascending: all, or the two extremes of each of MAX_POINTS / 2 stretches."""
    n_points = intensity.size
    if n_points <= MAX_POINTS:
        return np.arange(n_points)
    edges = np.linspace(0, n_points, MAX_POINTS // 2 + 1).astype(np.int64)
    extremes = [first + end(intensity[first:last]) for first, last in pairwise(edges) for end in (np.argmin, np.argmax)]
    return np.unique(np.array(extremes, dtype=np.int64))


def clear_layout(**settings: object) -> go.Layout:
    return go.Layout(**CLEAR, **settings)


def simulated_mark() -> go.layout.Annotation:
    return go.layout.Annotation(
        text=_("SIMULATED"),
        xref="paper",
        yref="paper",
        x=1,
        y=0,
        xanchor="right",
        yanchor="top",
        yshift=-24,  # below the axis, where it hides neither a label nor the legend of a narrow screen
        showarrow=False,
        font={"size": 14},
        opacity=0.7,
    )
