"""Labels for samples: a QR code that opens the sample, its code in plain text, its composition and the day.

A label is laid out once, in millimetres, as squares and lines of text; an SVG and a PDF draw the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from typing import NamedTuple

import segno
from django.conf import settings
from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

MOST_LABELS = 500
QUIET_ZONE = 4
"""Modules of white around a QR code, as ISO/IEC 18004 wants."""
MM_A_POINT = 25.4 / 72
LETTER_WIDTH = 0.56
"""Of a letter of Helvetica, in font sizes; digits and most capitals are narrower than two thirds."""


class Stock(NamedTuple):
    """Paper with labels on it (mm); a roll has one label a page."""

    name: str | Promise
    page: tuple[float, float]
    label: tuple[float, float]
    grid: tuple[int, int] = (1, 1)
    first: tuple[float, float] = (0, 0)
    pitch: tuple[float, float] = (0, 0)

    @property
    def n_on_page(self) -> int:
        return self.grid[0] * self.grid[1]

    def corner(self, place: int) -> tuple[float, float]:
        """Upper left, of the label at this place of its page, counted by rows from 0."""
        row, column = divmod(place, self.grid[0])
        return self.first[0] + column * self.pitch[0], self.first[1] + row * self.pitch[1]


A4, LETTER = (210.0, 297.0), (215.9, 279.4)
STOCKS: dict[str, Stock] = {
    "a4-21": Stock(_("A4 sheet, 21 labels of 63.5 × 38.1 mm"), A4, (63.5, 38.1), (3, 7), (7.25, 15.15), (66.0, 38.1)),
    "a4-24": Stock(_("A4 sheet, 24 labels of 70 × 37 mm"), A4, (70.0, 37.0), (3, 8), (0.0, 0.5), (70.0, 37.0)),
    "letter-30": Stock(
        _("Letter sheet, 30 labels of 66.7 × 25.4 mm"), LETTER, (66.7, 25.4), (3, 10), (4.8, 12.7), (69.85, 25.4)
    ),
    "roll-62": Stock(_("Label roll of 62 mm, each 62 × 29 mm"), (62.0, 29.0), (62.0, 29.0)),
    "roll-12": Stock(_("Label roll of 12 mm, each 40 × 12 mm"), (40.0, 12.0), (40.0, 12.0)),
}


@dataclass(frozen=True, slots=True)
class Label:
    """What stands on one: the address behind the QR code, and lines of text, the code first."""

    address: str
    lines: tuple[str, ...]


class Square(NamedTuple):
    """Dark modules side by side (mm)."""

    x: float
    y: float
    width: float
    height: float


class Line(NamedTuple):
    """Text with its baseline at (x, y) and its size, in mm."""

    x: float
    y: float
    size: float
    text: str
    bold: bool


def laid_out(label: Label, corner: tuple[float, float], size: tuple[float, float]) -> Iterator[Square | Line]:
    """The QR code (error correction M) at the left or above, the text beside or under it; nothing outside the label."""
    margin = min(1.5, size[1] * 0.06)
    x, y = corner[0] + margin, corner[1] + margin
    width, height = size[0] - 2 * margin, size[1] - 2 * margin
    n_lines = len(label.lines)
    tall = height >= 20  # room for the text under the code
    text_height = (4.2 + 3.4 * (n_lines - 1)) if tall else 0.0
    side = min(height - text_height, width if tall else width / 2)
    yield from _modules(label.address, x, y, side)
    if tall:
        yield from _text(label.lines, x + 1, y + side, width - 2, first=4.0, others=3.0)
    else:
        yield from _text(label.lines, x + side + 0.5, y, width - side - 1, first=3.4, others=2.6)


def _modules(address: str, x: float, y: float, side: float) -> Iterator[Square]:
    rows = list(segno.make(address, error="m", micro=False, boost_error=False).matrix_iter(border=QUIET_ZONE))
    module = side / len(rows)
    for n, row in enumerate(rows):
        start = None
        for column, dark in enumerate([*row, 0]):
            if dark and start is None:
                start = column
            elif not dark and start is not None:
                yield Square(x + start * module, y + n * module, (column - start) * module, module)
                start = None


def _text(lines: Sequence[str], x: float, y: float, width: float, *, first: float, others: float) -> Iterator[Line]:
    for n, text in enumerate(lines):
        size = min(first if n == 0 else others, width / (LETTER_WIDTH * max(len(text), 1)) * (0.9 if n == 0 else 1))
        y += (first if n == 0 else others) * 1.05
        yield Line(x, y - 0.25 * size, size, text, bold=n == 0)


def pages(labels: Sequence[Label], stock: Stock, start: int = 1) -> list[list[Square | Line]]:
    """What stands on each page; ``start`` is the first label of the first sheet that is still there."""
    drawn: list[list[Square | Line]] = []
    for number, label in enumerate(labels, start=min(start, stock.n_on_page) - 1):
        page, place = divmod(number, stock.n_on_page)
        while len(drawn) <= page:
            drawn.append([])
        drawn[page] += laid_out(label, stock.corner(place), stock.label)
    return drawn


def as_svg(page: Iterable[Square | Line], stock: Stock) -> str:
    width, height = stock.page
    squares, lines = [], []
    for thing in page:
        if isinstance(thing, Square):
            squares.append(f"M{thing.x:.3f} {thing.y:.3f}h{thing.width:.3f}v{thing.height:.3f}h-{thing.width:.3f}z")
        else:
            weight = ' font-weight="bold"' if thing.bold else ""
            lines.append(
                f'<text x="{thing.x:.3f}" y="{thing.y:.3f}" font-size="{thing.size:.3f}"{weight}>{escape(thing.text)}</text>'
            )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}mm" height="{height}mm" viewBox="0 0 {width} {height}">'
        f'<rect width="{width}" height="{height}" fill="#fff"/><path d="{"".join(squares)}" fill="#000"'
        f' shape-rendering="crispEdges"/><g font-family="Helvetica, Arial, sans-serif" fill="#000">{"".join(lines)}</g></svg>'
    )


def as_pdf(drawn: Sequence[Sequence[Square | Line]], stock: Stock) -> bytes:
    """Helvetica needs no file but knows Western letters alone; ICOSA_LABEL_FONT names a font that knows more."""
    from fpdf import FPDF  # 25 MB, which a web process that prints no labels does without

    pdf = FPDF(unit="mm", format=stock.page)
    pdf.set_auto_page_break(False)
    pdf.set_margin(0)
    family = "Helvetica"
    if settings.LABEL_FONT:
        family = "label"
        pdf.add_font(family, fname=settings.LABEL_FONT)
        pdf.add_font(family, style="B", fname=settings.LABEL_FONT)
    for page in drawn:
        pdf.add_page()
        pdf.set_fill_color(0)
        for thing in page:
            if isinstance(thing, Square):
                pdf.rect(*thing, style="F")
            else:
                pdf.set_font(family, "B" if thing.bold else "", thing.size / MM_A_POINT)
                pdf.text(thing.x, thing.y, thing.text if settings.LABEL_FONT else _western(thing.text))
    return bytes(pdf.output())


def _western(text: str) -> str:
    return text.encode("latin-1", errors="replace").decode("latin-1")


def is_western(text: str) -> bool:
    """Whether the PDF can write it without a font of the lab's own."""
    return bool(settings.LABEL_FONT) or _western(text) == text
