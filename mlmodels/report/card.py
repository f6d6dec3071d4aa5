"""The figures of a model card: written between two marks, with the reliability diagram as a picture beside it."""

from __future__ import annotations

from pathlib import Path

from mlmodels.report.tables import as_markdown
from mlmodels.report.words import Figures

BEGIN = "<!-- Figures: written by manage.py evaluate --card -->"
END = "<!-- End of the figures -->"
PICTURE = Path("images") / "reliability.svg"
SIDE, EDGE = 320, 56
"""Pixels: of the square diagram, and of its left and lower edge."""


class NoPlaceForFiguresError(ValueError):
    """The card has no marks, or not in this order."""


def write_card(card: Path, report: Figures) -> None:
    """Replace what stands between the marks of ``card`` (Markdown) and its picture; both are written whole.

    Raises NoPlaceForFiguresError, with nothing written, where the marks are missing.
    """
    before, begin, rest = card.read_text().partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise NoPlaceForFiguresError(f"{card} needs the lines “{BEGIN}” and “{END}” around the place for the figures.")
    picture = card.parent / PICTURE
    picture.parent.mkdir(exist_ok=True)
    link = f"![Reliability diagram: share that was right against the p said]({PICTURE.as_posix()})"
    _write(picture, reliability_svg(report["own_mix"]["reliability"]))
    _write(card, f"{before}{BEGIN}\n{link}\n\n{as_markdown(report)}\n{END}{after}")


def reliability_svg(bins: list[Figures]) -> str:
    """Share that was right against the p said, with its 95 % interval, for each tenth of p."""
    parts = [f'<line x1="{_x(0)}" y1="{_y(0)}" x2="{_x(1)}" y2="{_y(1)}" stroke="#8a8f98" stroke-dasharray="4 4"/>']
    for one in bins:
        x, y, low, high = _x(one["mean_p"]), _y(one["share"]), _y(one["low"]), _y(one["high"])
        said = f"p {one['mean_p']:.3f}: {one['k']} of {one['n']} right"
        parts.append(f'<line x1="{x}" y1="{low}" x2="{x}" y2="{high}" stroke="#1b5e9c" stroke-width="1.5"/>')
        parts.append(f'<circle cx="{x}" cy="{y}" r="4" fill="#1b5e9c"><title>{said}</title></circle>')
    for value in (0, 0.25, 0.5, 0.75, 1):
        parts.append(f'<text x="{_x(value)}" y="{SIDE + 20}" text-anchor="middle">{value:g}</text>')
        parts.append(f'<text x="{EDGE - 8}" y="{_y(value) + 4}" text-anchor="end">{value:g}</text>')
    parts.append(f'<text x="{EDGE + SIDE / 2}" y="{SIDE + 38}" text-anchor="middle">p said</text>')
    middle = SIDE / 2
    parts.append(
        f'<text transform="translate(12 {middle}) rotate(-90)" text-anchor="middle">share that was right</text>'
    )
    frame = f'<rect x="{EDGE}" y="0" width="{SIDE}" height="{SIDE}" fill="none" stroke="#d0d4da"/>'
    width, height = EDGE + SIDE + 16, SIDE + EDGE
    view = f'viewBox="0 -8 {width} {height + 8}" width="{width}" font-family="sans-serif" font-size="12"'
    white = f'<rect y="-8" width="{width}" height="{height + 8}" fill="#fff"/>'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {view}>{white}{frame}{"".join(parts)}</svg>\n'


def _x(value: float) -> float:
    return round(EDGE + SIDE * value, 1)


def _y(value: float) -> float:
    return round(SIDE * (1 - value), 1)


def _write(path: Path, text: str) -> None:
    side = path.with_name(path.name + ".new")
    side.write_text(text)
    side.replace(path)
