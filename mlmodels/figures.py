"""Figures of the life of a network as Plotly JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from django.utils.translation import gettext as _

LOSS, RECALL, PRECISION = "#0072b2", "#d55e00", "#009e73"


def learning_curve(points: Sequence[Mapping[str, Any]]) -> go.Figure:
    """Loss on the left axis, recall and precision at p > 0.5 on the right one, against the step; all on patterns of training."""
    steps = [point["step"] for point in points]

    def line(name: str, words: str, colour: str, axis: str, dash: str) -> go.Scatter:
        values = [point[name] for point in points]
        style = {"color": colour, "width": 2, "dash": dash}
        return go.Scatter(x=steps, y=values, name=words, mode="lines", line=style, yaxis=axis)

    layout = go.Layout(
        paper_bgcolor="rgba(0,0,0,0)",
        plot_bgcolor="rgba(0,0,0,0)",
        hovermode="x unified",
        xaxis={"title": {"text": _("step of training")}, "rangemode": "tozero"},
        yaxis={"title": {"text": _("loss")}, "rangemode": "tozero"},
        yaxis2={
            "title": {"text": _("share")},
            "overlaying": "y",
            "side": "right",
            "range": [0, 1.02],
            "showgrid": False,
            "tickmode": "linear",
            "dtick": 0.2,
        },
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0},
        margin={"l": 60, "r": 60, "t": 35, "b": 45},
    )
    traces = [
        line("loss", _("loss"), LOSS, "y", "solid"),
        line("recall", _("recall"), RECALL, "y2", "dash"),
        line("precision", _("precision"), PRECISION, "y2", "dot"),
    ]
    return go.Figure(traces, layout)
