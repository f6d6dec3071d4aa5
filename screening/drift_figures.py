"""Figures of the drift page as Plotly JSON: shares by month beside those of training, and quantiles by month over its range."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import plotly.graph_objects as go
from django.utils.translation import gettext as _

from screening.agreement_figures import CLASS_COLOURS
from screening.drift import LEVELS, MEASURES, Drift, Month, radiation_name
from screening.figures import clear_layout

RADIATION_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#8a9098")
TRAINING_COLOUR = "rgba(86, 180, 233, 0.18)"


def class_figure(drift: Drift) -> go.Figure:
    return _shares(drift, LEVELS, "level", lambda month: month.levels, CLASS_COLOURS.__getitem__, str)


def radiation_figure(drift: Drift) -> go.Figure:
    known = sorted(drift.seen.get("radiation", {}), key=lambda name: -float(drift.seen["radiation"][name]))
    names = list(dict.fromkeys([*known, *(name for month in drift.months for name in month.radiations)]))
    colours = dict(zip(names, RADIATION_COLOURS * (1 + len(names) // len(RADIATION_COLOURS)), strict=False))
    return _shares(drift, names, "radiation", lambda month: month.radiations, colours.__getitem__, radiation_name)


def measure_figure(drift: Drift, key: str) -> go.Figure:
    """Medians with bars from 5 % to 95 %, over the 1–99 % range of training."""
    measure = next(one for one in MEASURES if one.key == key)
    months = [month for month in reversed(drift.months) if month.columns.of(key).size]
    middle, low, high = ([month.quantile(key, q) or 0.0 for month in months] for q in (0.5, 0.05, 0.95))
    points = go.Scatter(
        x=[str(month) for month in months],
        y=middle,
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [end - value for end, value in zip(high, middle, strict=True)],
            "arrayminus": [value - end for end, value in zip(low, middle, strict=True)],
            "thickness": 1.5,
        },
        mode="markers",
        marker={"size": 9, "color": CLASS_COLOURS["A"]},
        hovertemplate="%{x}: %{y:.3g}<extra></extra>",
    )
    layout = clear_layout(
        xaxis={"type": "category"},
        yaxis={
            "title": {"text": f"{measure.name}{f' ({measure.unit})' if measure.unit else ''}"},
            "rangemode": "tozero",
        },
        showlegend=False,
        margin={"l": 65, "r": 15, "t": 15, "b": 45},
    )
    figure = go.Figure([points], layout)
    if known := drift.seen.get(key):
        figure.add_hrect(y0=known["0.01"], y1=known["0.99"], fillcolor=TRAINING_COLOUR, line_width=0)
        figure.add_hline(y=known["0.5"], line={"width": 1.2, "dash": "dot", "color": "#8a9098"})
    return figure


def _shares(
    drift: Drift,
    names: Sequence[str],
    key: str,
    counted: Callable[[Month], Mapping[str, int]],
    colour: Callable[[str], str],
    said: Callable[[str], str],
) -> go.Figure:
    """Stacked bars (%), that of training first."""
    months = list(reversed(drift.months))
    training: Mapping[str, Any] = drift.seen.get(key, {})
    places = [*([_("training")] if training else []), *(str(month) for month in months)]
    bars = []
    for name in names:
        shares = [100 * float(training.get(name, 0.0))] if training else []
        shares += [100 * counted(month).get(name, 0) / max(month.n_looked_at, 1) for month in months]
        bars.append(
            go.Bar(
                x=places,
                y=shares,
                name=said(name),
                marker={"color": colour(name)},
                hovertemplate="%{x}: %{y:.1f} %<extra>" + said(name) + "</extra>",
            )
        )
    layout = clear_layout(
        barmode="stack",
        xaxis={"type": "category"},
        yaxis={"title": {"text": _("Share of the patterns (%)")}, "range": [0, 100]},
        legend={"orientation": "h", "y": 1.0, "yanchor": "bottom", "x": 0, "traceorder": "normal"},
        margin={"l": 60, "r": 15, "t": 40, "b": 45},
    )
    return go.Figure(bars, layout)
