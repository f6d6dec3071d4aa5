"""The figures of an evaluation, with Plotly."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import plotly.graph_objects as go
from plotly.subplots import make_subplots

from mlmodels.report.words import Figures

BLUE, GREEN, ORANGE, GREY = "#1b5e9c", "#2e8b57", "#c46a12", "#8a8f98"
HEIGHT = 360
MARGIN = {"t": 30, "b": 60, "l": 70, "r": 20}


def figures_of(report: Figures) -> Iterator[tuple[str, go.Figure]]:
    """Title and figure of every part of the report that was run."""
    mix = report["own_mix"]
    yield "What its probability means: share that was right, by p", _reliability(mix["reliability"])
    yield "Recall by the quasicrystal's share of the scattering", _by_share(mix["by_share"])
    yield "Error of a_R in detections", _errors(report)
    if "ways_of_measuring" in report:
        part = report["ways_of_measuring"]
        yield f"The same mixtures measured in different ways: recall less that at {part['compared_with']}", _ways(part)
    if "negatives" in report:
        yield (
            "False alarms on measured patterns without a quasicrystal",
            _false_alarms(report["negatives"]["by_source"]),
        )
    if "injection" in report:
        yield "Recovered lines of quasicrystals, added to measured patterns", _recovery(report["injection"])
    if report.get("approximants"):
        yield "Approximants, alone and added to measured patterns: named rightly", _approximants(report["approximants"])


def _reliability(bins: list[Figures]) -> go.Figure:
    figure = _figure("p said", "share that was right")
    figure.add_scatter(
        x=[0, 1], y=[0, 1], mode="lines", line={"color": GREY, "dash": "dot"}, name="as said", hoverinfo="skip"
    )
    points = {**_with_intervals(bins, BLUE), "mode": "markers", "marker": {"size": 9}}
    counted = [f"{one['k']} of {one['n']}" for one in bins]
    figure.add_scatter(x=[one["mean_p"] for one in bins], name="own mix", text=counted, **points)
    return figure.update_layout(xaxis_range=[-0.02, 1.02], yaxis_range=[-0.02, 1.02])


def _by_share(by_share: Figures) -> go.Figure:
    figure = _figure("share of the scattering", "recall")
    for key, name, colour in (("recall", "p > 0.5", BLUE), ("C_or_better", "class C or better", GREEN)):
        figure.add_scatter(
            x=list(by_share), name=name, **_with_intervals([one[key] for one in by_share.values()], colour)
        )
    return figure.update_layout(yaxis_range=[0, 1.02])


def _errors(report: Figures) -> go.Figure:
    figure = _figure("a_R found less true (% of a_R)", "share of detections")
    parts = (("published_recipe", "published recipe", BLUE), ("own_mix", "own mix", ORANGE))
    for part, name, colour in parts:
        if "quasilattice_constant" not in report[part]:
            continue
        histogram = report[part]["quasilattice_constant"]["histogram"]
        middles = [(low + high) / 2 for low, high in zip(histogram["edges"], histogram["edges"][1:], strict=False)]
        total = max(1, sum(histogram["counts"]))
        heights = [count / total for count in histogram["counts"]]
        figure.add_scatter(x=middles, y=heights, mode="lines", line={"shape": "hvh", "color": colour}, name=name)
    return figure


def _ways(part: Figures) -> go.Figure:
    figure = _figure("percentage points", "")
    for key, name, colour in (("recall_difference", "p > 0.5", BLUE), ("C_difference", "class C or better", GREEN)):
        ways = [way for way in part["ways"][1:] if way[key]["difference"] is not None]
        found = [way[key] for way in ways]
        figure.add_scatter(
            x=[100 * one["difference"] for one in found],
            y=[f"{way['group']}: {way['name']}" for way in ways],
            error_x=_bars([100 * one["difference"] for one in found], found, 100),
            mode="markers",
            marker={"color": colour, "size": 8},
            name=name,
        )
    figure.add_vline(x=0, line={"color": GREY, "dash": "dot"})
    return figure.update_layout(height=640, yaxis={"autorange": "reversed", "automargin": True})


def _false_alarms(by_source: Figures) -> go.Figure:
    """The highest p of each source; how many of its patterns lie over 0.5 stands beside it."""
    figure = _figure("highest p of an icosahedral quasicrystal", "")
    figure.add_bar(
        x=[one["highest"] for one in by_source.values()],
        y=list(by_source),
        text=[f"{one['over_half']['k']} of {one['n']} over 0.5" for one in by_source.values()],
        textposition="outside",
        cliponaxis=False,
        orientation="h",
        marker_color=BLUE,
    )
    for threshold, name in ((0.5, "0.5"), (0.95, "class C")):
        figure.add_vline(x=threshold, line={"color": GREY, "dash": "dot"}, annotation_text=name)
    return figure.update_layout(
        height=120 + 28 * len(by_source), xaxis_range=[0, 1.1], yaxis={"autorange": "reversed", "automargin": True}
    )


def _recovery(parts: list[Figures]) -> go.Figure:
    figure = make_subplots(1, len(parts), subplot_titles=[one["lines"] for one in parts], shared_yaxes=True)
    names = (("over_half", "p > 0.5", ORANGE), ("C_or_better", "class C or better", GREEN), ("A", "class A", BLUE))
    for column, part in enumerate(parts, start=1):
        ratios = [float(ratio) for ratio in part["by_ratio"]]
        for key, name, colour in names:
            shares = _with_intervals([one[key] for one in part["by_ratio"].values()], colour)
            figure.add_scatter(
                x=ratios, name=name, showlegend=column == 1, legendgroup=key, row=1, col=column, **shares
            )
    shown = [0.05, 0.1, 0.2, 0.5, 1, 3]
    figure.update_xaxes(type="log", tickvals=shown, title="r: over the strongest line")
    figure.update_yaxes(range=[0, 1.02])
    return figure.update_layout(template="plotly_white", height=HEIGHT, margin=MARGIN, yaxis_title="share found")


def _approximants(parts: list[Figures]) -> go.Figure:
    figure = _figure("r: height over the host's strongest line", "share named rightly")
    for part, colour in zip(parts, (BLUE, ORANGE, GREEN), strict=False):
        by_ratio = {name: one["named"] for name, one in part["by_ratio"].items() if name != "alone"}
        by_ratio["alone"] = part["by_ratio"]["alone"]["named"]
        figure.add_scatter(x=list(by_ratio), name=part["lines"], **_with_intervals(list(by_ratio.values()), colour))
    return figure.update_layout(xaxis_type="category", yaxis_range=[0, 1.02])


def _figure(x_title: str, y_title: str) -> go.Figure:
    layout = {
        "template": "plotly_white",
        "height": HEIGHT,
        "margin": MARGIN,
        "xaxis_title": x_title,
        "yaxis_title": y_title,
    }
    return go.Figure(layout=layout)


def _with_intervals(shares: list[Figures], colour: str) -> dict[str, Any]:
    values = [one["share"] for one in shares]
    style = {"mode": "lines+markers", "line": {"color": colour}, "error_y": _bars(values, shares)}
    return {"y": values, **style}


def _bars(values: list[float | None], intervals: list[Figures], factor: float = 1.0) -> dict[str, Any]:
    """Error bars of ``values`` from the ends of their ``intervals``."""
    pairs = [(value, one) for value, one in zip(values, intervals, strict=True)]
    up = [0 if value is None else factor * one["high"] - value for value, one in pairs]
    down = [0 if value is None else value - factor * one["low"] for value, one in pairs]
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "thickness": 1}
