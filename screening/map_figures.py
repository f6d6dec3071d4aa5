"""Alloy maps as Plotly JSON: a triangle for three corners, a line for two; static/maps.js opens what is clicked.

Plain dictionaries: Plotly for Python would check the symbol of each of 5,000 markers, which takes seconds.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from django.utils.translation import gettext as _

from samples.composition import with_subscripts
from screening.agreement_figures import CLASS_COLOURS
from screening.figures import CLEAR, simulated_mark
from screening.maps import AlloyMap, MappedPhase, MappedSample, Position
from screening.models import ObservedPhase, Outcome

OPEN_COLOUR = "#8a9098"
OUTCOME_COLOURS = {"confirmed": "#009e73", "refuted": "#cc79a7", "inconclusive": OPEN_COLOUR, "": OPEN_COLOUR}
OUTCOME_SYMBOLS = {"confirmed": "circle", "refuted": "x", "inconclusive": "diamond-open", "": "circle-open"}
ICOSAHEDRAL_COLOUR, OTHER_PHASE_COLOUR = "#009e73", "#8a9098"

MANY = 500
"""Samples from which on markers are small."""


Trace = dict[str, Any]
Place = Callable[..., Trace]


def alloy_map_figure(alloys: AlloyMap, colour_by: str = "class") -> dict[str, Any]:
    """Samples in the colour of their class or outcome and the shape of their outcome, phases joined to them."""
    place = _on_line if len(alloys.corners) == 2 else _in_triangle
    traces = [_joins(place, alloys.phases)] if alloys.phases else []
    traces += _phases(place, alloys.phases)
    traces += _samples(place, alloys.samples, colour_by)
    layout = {
        **CLEAR,
        "legend": {"orientation": "h", "y": -0.08, "yanchor": "top", "x": 0},
        "showlegend": True,
        "margin": {"l": 50, "r": 50, "t": 35, "b": 30},
        **(_line_axes(alloys.names) if place is _on_line else _triangle_axes(alloys.names)),
    }
    if any(sample.simulated for sample in alloys.samples):
        layout["annotations"] = [{**simulated_mark().to_plotly_json(), "y": 1, "yshift": 0}]
    return {"data": traces, "layout": layout}


def _samples(place: Place, samples: Sequence[MappedSample], colour_by: str) -> list[Trace]:
    """A trace for each class, or for each outcome, so that the legend names them."""
    size = 6 if len(samples) > MANY else 11
    groups: dict[str, list[MappedSample]] = defaultdict(list)
    for sample in samples:
        groups[sample.verdict if colour_by == "outcome" else sample.level].append(sample)
    names, colours = _legend(colour_by)
    return [
        place(
            [sample.position for sample in groups[key]],
            row=0,
            mode="markers",
            name=name,
            marker={
                "size": size,
                "color": colours.get(key, OPEN_COLOUR),
                "symbol": [OUTCOME_SYMBOLS[sample.verdict] for sample in groups[key]],
                "line": {"width": 1.5 if size > 6 else 1},
            },
            text=[_said(sample) for sample in groups[key]],
            customdata=[sample.address for sample in groups[key]],
            hovertemplate="%{text}<extra></extra>",
        )
        for key, name in names.items()
        if key in groups
    ]


def _legend(colour_by: str) -> tuple[Mapping[str, str], Mapping[str, str]]:
    """What each group is called, and its colour."""
    if colour_by == "outcome":
        return {
            **{str(v): str(label) for v, label in Outcome.Verdict.choices},
            "": _("no outcome yet"),
        }, OUTCOME_COLOURS
    return {
        **{level: _("class %(level)s") % {"level": level} for level in CLASS_COLOURS},
        "": _("no call"),
    }, CLASS_COLOURS


def _phases(place: Place, phases: Sequence[MappedPhase]) -> list[Trace]:
    """Icosahedral phases as stars, all others as small squares."""
    traces = []
    for icosahedral, name, symbol, colour in (
        (True, _("icosahedral phase"), "star-open", ICOSAHEDRAL_COLOUR),
        (False, _("other phase"), "square-open", OTHER_PHASE_COLOUR),
    ):
        of_kind = [one for one in phases if (one.phase.structure == ObservedPhase.Structure.ICOSAHEDRAL) is icosahedral]
        if of_kind:
            traces.append(
                place(
                    [one.position for one in of_kind],
                    row=-1,
                    mode="markers",
                    name=name,
                    legendrank=2000,  # after the samples, though drawn below them
                    marker={"size": 20 if icosahedral else 9, "color": colour, "symbol": symbol, "line": {"width": 2}},
                    text=[_said_of_phase(one) for one in of_kind],
                    customdata=[one.address for one in of_kind],
                    hovertemplate="%{text}<extra></extra>",
                )
            )
    return traces


def _joins(place: Place, phases: Sequence[MappedPhase]) -> Trace:
    """Thin lines from each sample to its phases, all in one trace."""
    ends: list[Position | None] = []
    rows: list[int | None] = []
    for one in phases:
        ends += [one.sample.position, one.position, None]
        rows += [0, -1, None]
    return place(
        ends, row=rows, mode="lines", line={"width": 1, "color": OTHER_PHASE_COLOUR}, hoverinfo="skip", showlegend=False
    )


def _in_triangle(positions: Sequence[Position | None], row: object = None, **trace: Any) -> Trace:
    first, second, third = ([None if p is None else round(p[n], 4) for p in positions] for n in range(3))
    return {"type": "scatterternary", "a": first, "b": second, "c": third, "cliponaxis": False, **trace}


def _on_line(positions: Sequence[Position | None], row: Any, **trace: Any) -> Trace:
    """Samples on the upper line, phases on the lower."""
    rows = row if isinstance(row, list) else [row] * len(positions)
    return {"type": "scatter", "x": [None if p is None else round(p[1], 4) for p in positions], "y": rows, **trace}


def _triangle_axes(names: Sequence[str]) -> dict[str, Any]:
    axes = {
        f"{letter}axis": {"title": {"text": name}, "min": 0, "ticks": "outside", "tickcolor": OPEN_COLOUR}
        for letter, name in zip("abc", names, strict=True)
    }
    return {"ternary": {"sum": 100, "bgcolor": "rgba(0,0,0,0)", **axes}}


def _line_axes(names: Sequence[str]) -> dict[str, Any]:
    return {
        "xaxis": {"title": {"text": f"{names[1]} (at.%)"}, "range": [-2, 102], "zeroline": False},
        "yaxis": {
            "range": [-1.6, 0.6],
            "tickvals": [0, -1],
            "ticktext": [_("samples"), _("phases")],
            "zeroline": False,
            "fixedrange": True,
        },
    }


def _said(sample: MappedSample) -> str:
    named = dict(Outcome.Verdict.choices)
    level = _("class %(level)s") % {"level": sample.level} if sample.level else _("no call")
    parts = [f"<b>{sample.code}</b> {with_subscripts(sample.formula)}", level]
    if sample.verdict:
        parts.append(str(named[Outcome.Verdict(sample.verdict)]))
    if sample.simulated:
        parts.append(_("SIMULATED"))
    return "<br>".join(parts)


def _said_of_phase(one: MappedPhase) -> str:
    structure, technique = one.phase.get_structure_display(), one.phase.get_technique_display()
    return f"<b>{with_subscripts(one.phase.composition)}</b><br>{structure}, {technique}<br>{one.sample.code}"
