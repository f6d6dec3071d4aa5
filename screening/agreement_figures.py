"""Figures of the agreement page as Plotly JSON: what p means, and a_R as called against a_R as measured."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import plotly.graph_objects as go
from django.utils.translation import gettext as _

from screening.agreement import Bin, LatticeComparison
from screening.figures import clear_layout

CLASS_COLOURS = {"A": "#d55e00", "B": "#e69f00", "C": "#56b4e9", "D": "#8a9098"}
CLASS_SYMBOLS = {"A": "circle", "B": "square", "C": "diamond", "D": "triangle-up"}


def reliability_figure(bins: Sequence[Bin]) -> go.Figure:
    """The share that was confirmed against the mean p, with 95 % intervals; a perfect network lies on the line."""
    found = [one.found.value or 0.0 for one in bins]
    points = go.Scatter(
        x=[one.mean_p for one in bins],
        y=found,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [one.found.high - value for one, value in zip(bins, found, strict=True)],
            "arrayminus": [value - one.found.low for one, value in zip(bins, found, strict=True)],
            "thickness": 1.5,
        },
        customdata=[[one.low, one.high, one.found.n_right, one.found.n] for one in bins],
        mode="markers",
        marker={"size": 9, "color": CLASS_COLOURS["A"]},
        name=_("calls"),
        hovertemplate="p %{customdata[0]:.3f}–%{customdata[1]:.3f}<br>%{customdata[2]} / %{customdata[3]}<extra></extra>",
    )
    layout = clear_layout(
        xaxis={"title": {"text": _("p of the calls")}, "range": [-0.02, 1.02]},
        yaxis={"title": {"text": _("Share confirmed")}, "range": [-0.02, 1.02]},
        showlegend=False,
        margin={"l": 60, "r": 15, "t": 15, "b": 45},
    )
    return go.Figure([_line([0, 1], [0, 1], "dot", _("as it should be")), points], layout)


def lattice_figure(comparison: LatticeComparison, names: Sequence[str]) -> go.Figure:
    """a_R called against measured with its straight line, residuals below; ``names``: of each point."""
    traces = [_line(span := _span(comparison.measured), span, "dot", _("equal"))]
    if comparison.line:
        slope, intercept = comparison.line
        traces.append(_line(span, [slope * end + intercept for end in span], "solid", _("straight line")))
    for level in np.unique(comparison.calls.level).tolist():
        traces += _points(comparison, level, names)
    traces.append(_line(span, [0, 0], "dot", "", yaxis="y2"))
    layout = clear_layout(
        xaxis={"title": {"text": _("a<sub>R</sub> measured (Å)")}, "anchor": "y2", "tickformat": ".3f"},
        yaxis={"title": {"text": _("a<sub>R</sub> called (Å)")}, "domain": [0.36, 1], "tickformat": ".3f"},
        yaxis2={"title": {"text": _("residual (Å)")}, "domain": [0, 0.28], "tickformat": ".3f"},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        margin={"l": 75, "r": 15, "t": 40, "b": 45},
    )
    return go.Figure(traces, layout)


def _points(comparison: LatticeComparison, level: str, names: Sequence[str]) -> list[go.Scatter]:
    """The points of one class, against the measured values and as residuals."""
    of_class = comparison.calls.level == level
    measured, called = comparison.measured[of_class], comparison.calls.a_r[of_class]
    common = {
        "x": measured,
        "mode": "markers",
        "marker": {"size": 8, "color": CLASS_COLOURS[level], "symbol": CLASS_SYMBOLS[level]},
        "name": level,
        "legendgroup": level,
        "text": np.array(names)[of_class].tolist(),
        "error_x": {"type": "data", "array": comparison.measured_sigma[of_class], "thickness": 1},
        "error_y": {"type": "data", "array": comparison.calls.a_r_sigma[of_class], "thickness": 1},
        "hovertemplate": "<b>%{text}</b><br>%{x:.4f} → %{y:.4f} Å<extra></extra>",
    }
    return [
        go.Scatter(**common, y=called),
        go.Scatter(**common, y=called - measured, yaxis="y2", showlegend=False),
    ]


def _span(values: np.ndarray) -> list[float]:
    """From a little below the least to a little above the greatest (Å)."""
    if not values.size:
        return [4.0, 6.0]
    edge = max(float(np.ptp(values)) * 0.05, 0.005)
    return [float(values.min()) - edge, float(values.max()) + edge]


def _line(x: Sequence[float], y: Sequence[float], dash: str, name: str, **more: object) -> go.Scatter:
    return go.Scatter(
        x=x,
        y=y,
        mode="lines",
        line={"width": 1.2, "dash": dash, "color": "#8a9098"},
        name=name,
        showlegend=bool(name),
        hoverinfo="skip",
        **more,
    )
