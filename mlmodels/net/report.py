"""An evaluation in words and as a page; the figures themselves come from evaluation.py."""

from __future__ import annotations

from html import escape
from typing import Any

from mlmodels.net.checkpoint import Checkpoint

Report = dict[str, Any]
Table = tuple[str, list[str], list[list[str]]]
"""Title, header and rows."""


def as_text(figures: Report) -> str:
    """The report as aligned tables."""
    return "\n\n".join(_aligned(table) for table in tables(figures))


def as_html(checkpoint: Checkpoint, figures: Report) -> str:
    """The report as one page that needs nothing else (no script, no style sheet of its own site)."""
    parts = [f"<h1>Evaluation of {escape(checkpoint.name)}</h1>"]
    parts.append(
        f"<p>Trained by <code>{escape(checkpoint.command)}</code> from {escape(checkpoint.git_revision)}. "
        f"Shares stand with their 95 % Wilson intervals.</p>"
    )
    for title, header, rows in tables(figures):
        head = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows)
        parts.append(f"<h2>{escape(title)}</h2><table><tr>{head}</tr>{body}</table>")
    parts += [
        f"<h2>Recovered lines: {escape(one['lines'])}</h2>{_recovery_figure(one['by_ratio'])}"
        for one in figures.get("injection", ())
    ]
    style = "body{font:15px sans-serif;max-width:60em;margin:2em auto}td,th{text-align:left;padding:.2em 1.2em .2em 0}"
    body = "".join(parts)
    return f'<!doctype html><html lang="en"><meta charset="utf-8"><title>Evaluation</title><style>{style}</style>{body}</html>\n'


def tables(figures: Report) -> list[Table]:
    """Every part of the report that was run, as tables of text."""
    parts = [_published(figures["published_recipe"]), _own_mix(figures["own_mix"]), *_by(figures["own_mix"])]
    if "negatives" in figures:
        parts.append(_negatives(figures["negatives"]))
    parts += [_injection(one) for one in figures.get("injection", ())]
    speed = figures["speed"]
    rows = [
        [
            f"{speed['patterns_per_second']:.0f}",
            f"{speed['milliseconds_alone']:.1f}",
            speed["device"],
            str(speed["threads"]),
        ]
    ]
    parts.append(("Speed", ["patterns/s in batches", "ms alone", "device", "threads"], rows))
    return parts


def _published(part: Report) -> Table:
    rows = [[name, _interval(part[name])] for name in ("recall", "precision")]
    rows += [[f"levels {which} a quasicrystal", _levels(part[f"levels_{which}"])] for which in ("with", "without")]
    return "Published recipe, all a_R at once, p > 0.5", ["", ""], rows


def _own_mix(part: Report) -> Table:
    constant = part["quasilattice_constant"]
    rows = [
        ["recall, p > 0.5", _interval(part["recall"])],
        ["precision, p > 0.5", _interval(part["precision"])],
        ["expected calibration error", f"{part['expected_calibration_error']:.4f}"],
        ["approximants called icosahedral, p > 0.5", _interval(part["approximants_called_icosahedral"])],
        ["approximants called icosahedral, class C or better", _interval(part["approximants_C_or_better"])],
        ["a_R, median relative error", _percent(constant["median_relative_error"])],
        ["a_R within ± 2 σ", _interval(constant["within_2_sigma"])],
        ["P or F right", _interval(part["lattice_type_right"])],
    ]
    rows += [
        [f"dominating {name} named so", _interval(share)]
        for name, share in part["approximants_dominating_named"].items()
    ]
    prior = ", ".join(f"{name} {share:.2f}" for name, share in part["prior"].items())
    return f"Our own mix ({prior})", ["", ""], rows


def _by(part: Report) -> list[Table]:
    by_share = [
        [name, _interval(one["recall"]), _interval(one["C_or_better"])] for name, one in part["by_share"].items()
    ]
    by_kind = [[name, str(one["n"]), _interval(one["right"])] for name, one in part["by_kind"].items()]
    return [
        ("Recall by share of the scattering", ["share", "p > 0.5", "class C or better"], by_share),
        ("Phase class rightly named, by what else is there", ["kind", "n", "right"], by_kind),
    ]


def _negatives(part: Report) -> Table:
    names = {"all": part["all"], "crystalline": part["crystalline"], "amorphous": part["amorphous"]}
    names |= {"choosing half": part["choosing_half"], "other half": part["other_half"]} | part["by_source"]
    rows = [
        [
            name,
            str(one["n"]),
            _levels(one["levels"]),
            _interval(one["C_or_better"]),
            _interval(one["over_half"]),
            f"{one['highest']:.4f}",
        ]
        for name, one in names.items()
        if one["n"]
    ]
    header = ["source", "n", "levels", "class C or better", "p > 0.5", "highest p"]
    return f"Measured patterns without a quasicrystal ({part['refused']} refused as not screenable)", header, rows


def _injection(part: Report) -> Table:
    rows = [
        [ratio, *(_interval(one[name]) for name in ("A", "C_or_better", "over_half"))]
        for ratio, one in part["by_ratio"].items()
    ]
    reached = (_ratio(part["ratio_of_50_percent"]), _ratio(part["ratio_of_90_percent"]))
    title = f"Injected lines of {part['lines']} in {part['hosts']} hosts: 50 % in class C at r = {reached[0]}, 90 % at {reached[1]}"
    return title, ["r", "class A", "class C or better", "p > 0.5"], rows


def _recovery_figure(by_ratio: Report) -> str:
    """Shares found against the ratio (logarithmic), as an SVG."""
    width, height, n = 480, 220, len(by_ratio)
    lines = []
    for name, colour in (("A", "#1b5e9c"), ("C_or_better", "#2e8b57"), ("over_half", "#b8860b")):
        shares = [one[name]["share"] for one in by_ratio.values()]
        points = " ".join(
            f"{40 + i * (width - 60) / (n - 1):.0f},{height - 30 - s * (height - 50):.0f}" for i, s in enumerate(shares)
        )
        lines.append(
            f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"><title>{name}</title></polyline>'
        )
    ticks = "".join(
        f'<text x="{40 + i * (width - 60) / (n - 1):.0f}" y="{height - 10}" font-size="12" text-anchor="middle">{ratio}</text>'
        for i, ratio in enumerate(by_ratio)
    )
    marks = "".join(
        f'<text x="30" y="{height - 26 - s * (height - 50):.0f}" font-size="12" text-anchor="end">{s:g}</text>'
        for s in (0, 0.5, 1)
    )
    return f'<svg viewBox="0 0 {width} {height}" width="{width}">{"".join(lines)}{ticks}{marks}</svg>'


def _interval(share: Report) -> str:
    if share["share"] is None:
        return "–"
    return f"{share['share']:.4f} ({share['low']:.4f}–{share['high']:.4f}; {share['k']} of {share['n']})"


def _percent(share: float | None) -> str:
    return "–" if share is None else f"{100 * share:.3f} %"


def _levels(counts: dict[str, int]) -> str:
    return "  ".join(f"{name} {count}" for name, count in counts.items())


def _ratio(ratio: float | None) -> str:
    return "–" if ratio is None else f"{ratio:.3f}"


def _aligned(table: Table) -> str:
    title, header, rows = table
    widths = [max(len(row[i]) for row in [header, *rows]) for i in range(len(header))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in [header, *rows]
    ]
    return "\n".join([title, "-" * len(title), *(line for line in lines if line)])
