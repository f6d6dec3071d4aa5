"""The report as one HTML file that opens anywhere: scripts and figures are inside, and nothing is fetched."""

from __future__ import annotations

from html import escape

from django.conf import settings

from mlmodels.net.checkpoint import Checkpoint
from mlmodels.report.figures import figures_of
from mlmodels.report.tables import Table, tables
from mlmodels.report.words import Figures

PLOTLY_SCRIPT = settings.BASE_DIR / "static" / "vendor" / "plotly.js-cartesian-dist-min" / "plotly-cartesian.min.js"
STYLE = """
body { font: 15px/1.45 system-ui, sans-serif; max-width: 75em; margin: 2em auto; padding: 0 1em; color: #1f2328; background: #fff }
h2 { margin: 2em 0 .5em; font-size: 1.15em }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
td, th { text-align: left; min-width: 3em; padding: .2em 1.2em .2em 0; border-bottom: 1px solid #e4e7eb; vertical-align: top }
"""


def as_html(checkpoint: Checkpoint, report: Figures) -> str:
    """The page: how the network was made, what it should reach, figures, then every table."""
    goals, *others = tables(report)
    figures = [
        f"<h2>{escape(title)}</h2>"
        + figure.to_html(full_html=False, include_plotlyjs=False, div_id=f"figure-{i}", config={"responsive": True})
        for i, (title, figure) in enumerate(figures_of(report))
    ]
    body = "\n".join([_heading(checkpoint, report), _table(goals), *figures, *map(_table, others)])
    return (
        f'<!doctype html>\n<html lang="en"><head><meta charset="utf-8"><title>Evaluation of {escape(checkpoint.name)}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style>'
        f"<script>{PLOTLY_SCRIPT.read_text()}</script></head>\n<body>{body}</body></html>\n"
    )


def _heading(checkpoint: Checkpoint, report: Figures) -> str:
    return (
        f"<h1>Evaluation of {escape(checkpoint.name)}</h1>"
        f"<p>Trained by <code>{escape(checkpoint.command)}</code> from {escape(checkpoint.git_revision)}. Seed {report['seed']}. "
        f"Shares stand with their 95 % Wilson intervals, differences with paired ones (Newcombe).</p>"
    )


def _table(table: Table) -> str:
    head = "".join(f"<th>{escape(cell)}</th>" for cell in table.header)
    rows = "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table.rows)
    return f'<h2>{escape(table.title)}</h2><div class="wide"><table><tr>{head}</tr>{rows}</table></div>'
