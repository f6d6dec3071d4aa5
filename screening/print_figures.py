"""Figures for paper: SVG written on the server, black on white, so that print and PDF need no script.

Lengths are in the units of the drawing, of which the page of a dossier is WIDTH wide.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from numpy.typing import NDArray

from mlmodels.net.grid import CANDIDATES
from samples.xrd.bragg import two_theta_from_q
from samples.xrd.icosahedral import LatticeType, reflections
from samples.xrd.pattern import PowderPattern
from screening.figures import ICOSAHEDRAL_COLOUR, STRONG_Q_PERP

WIDTH = 680.0
LETTER_HEIGHT = 11.0
LABEL_APART = 24.0
"""Labels of reflections that would stand nearer to each other are left out, the weaker ones first."""
POINTS_ACROSS = 1200
"""Stretches of a pattern that is drawn by the lowest and the highest point of each; finer than a printer shows."""

MARKS = {"seen": "●", "missing": "○"}
"""Of expected reflections, as the table of the argument marks them."""


@dataclass(frozen=True, slots=True)
class Frame:
    """The rectangle that a curve is drawn in, and what its edges stand for."""

    left: float
    top: float
    right: float
    bottom: float
    x_range: tuple[float, float]
    y_range: tuple[float, float]

    def x(self, value: Any) -> Any:
        low, high = self.x_range
        return self.left + (value - low) * (self.right - self.left) / (high - low)

    def y(self, value: Any) -> Any:
        low, high = self.y_range
        return self.bottom - (value - low) * (self.bottom - self.top) / (high - low)


@dataclass(frozen=True, slots=True)
class PredictedLines:
    """Reflections to draw under a pattern: of this a_R (Å), and what became of the expected ones (lines of an argument)."""

    a_r: float
    lattice_type: LatticeType
    expected: Sequence[Mapping[str, Any]] = ()


def pattern_svg(
    pattern: PowderPattern, *, says: str, notes: Iterable[str] = (), predicted: PredictedLines | None = None
) -> SafeString:
    """Intensity against 2θ; below it the predicted reflections, where there are any and the wavelength is known.

    says: what the figure shows, for those who cannot see it · notes: written into its corner, such as SIMULATED
    """
    drawn = predicted if pattern.wavelength else None
    height = 308.0 if drawn else 246.0
    floor, highest = min(float(pattern.intensity.min()), 0.0), float(pattern.intensity.max())
    frame = Frame(
        left=62,
        top=12,
        right=WIDTH - 8,
        bottom=206,
        x_range=(float(pattern.two_theta[0]), float(pattern.two_theta[-1])),
        y_range=(floor, floor + (1.06 * (highest - floor) or 1.0)),
    )
    strip = 62.0 if drawn else 0.0
    parts = [
        *_axes(frame, x_title="2θ (°)", y_title=_("Intensity"), x_labels_down=strip),
        _curve(frame, pattern),
        *(_reflection_strip(frame, pattern.wavelength, drawn) if drawn and pattern.wavelength else ()),
        *_corner_notes(frame, notes),
    ]
    return _svg(parts, height, says)


def evidence_svg(evidence: NDArray[np.float32], *, says: str, notes: Iterable[str] = ()) -> SafeString:
    """How the probability of a quasicrystal is spread over the candidate a_R; shape (N_CANDIDATES,)."""
    most = float(evidence.max()) or 1.0
    frame = Frame(62, 12, WIDTH - 8, 110, (float(CANDIDATES[0]), float(CANDIDATES[-1])), (0.0, 100 * most * 1.06))
    half = np.gradient(CANDIDATES) * 0.45
    bars = "".join(
        f"M{frame.x(a_r - w):.1f} {frame.bottom:.1f}V{frame.y(100 * share):.1f}H{frame.x(a_r + w):.1f}V{frame.bottom:.1f}Z"
        for a_r, share, w in zip(CANDIDATES, evidence, half, strict=True)
        if share > most / 500
    )
    parts = [
        *_axes(frame, x_title="a_R (Å)", y_title="%"),
        f'<path d="{bars}" fill="{ICOSAHEDRAL_COLOUR}"/>',
        *_corner_notes(frame, notes),
    ]
    return _svg(parts, 152, says)


def _svg(parts: Iterable[str], height: float, says: str) -> SafeString:
    return SafeString(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH:g} {height:g}" role="img" aria-label="{escape(says)}"'
        f' font-size="{LETTER_HEIGHT:g}" font-family="Noto Sans, Helvetica, Arial, sans-serif" fill="#000">{"".join(parts)}</svg>'
    )


def _axes(frame: Frame, *, x_title: str, y_title: str, x_labels_down: float = 0.0) -> Iterator[str]:
    """The frame, its ticks and what they stand for; ``x_labels_down``: how far below the frame the numbers are set."""
    yield (
        f'<rect x="{frame.left:g}" y="{frame.top:g}" width="{frame.right - frame.left:g}"'
        f' height="{frame.bottom - frame.top:g}" fill="none" stroke="#000"/>'
    )
    base = frame.bottom + x_labels_down
    if x_labels_down:
        yield _line(frame.left, base, frame.right, base)
    for value, label in _ticks(*frame.x_range, most=14):
        x = frame.x(value)
        yield _line(x, base, x, base + 4) + _text(x, base + 16, label)
    for value, label in _ticks(*frame.y_range, most=6):
        y = frame.y(value)
        yield _line(frame.left - 4, y, frame.left, y) + _text(frame.left - 7, y + 4, label, anchor="end")
    yield _text((frame.left + frame.right) / 2, base + 33, x_title)
    middle = (frame.top + frame.bottom) / 2
    yield _text(11, middle, y_title, more=f' transform="rotate(-90 11 {middle:g})"')


def _curve(frame: Frame, pattern: PowderPattern) -> str:
    kept = _drawn_points(pattern.intensity)
    xs, ys = frame.x(pattern.two_theta[kept]), frame.y(pattern.intensity[kept])
    points = " ".join(f"{x:.1f},{y:.1f}" for x, y in zip(xs, ys, strict=True))
    return f'<polyline points="{points}" fill="none" stroke="#000" stroke-width="0.7" stroke-linejoin="round"/>'


def _drawn_points(intensity: NDArray[np.float64]) -> NDArray[np.int64]:
    """The lowest and the highest point of each stretch, ascending, so that every peak stays as high as it is."""
    stretches = np.array_split(np.arange(len(intensity)), min(POINTS_ACROSS, len(intensity)))
    return np.unique([s[end(intensity[s])] for s in stretches for end in (np.argmin, np.argmax)])


def _reflection_strip(frame: Frame, wavelength: float, predicted: PredictedLines) -> Iterator[str]:
    """A tick for each reflection, long and with its N/M for the strong ones; ● and ○ where one was looked for."""
    table = reflections(predicted.lattice_type)
    angles = two_theta_from_q(2 * np.pi / (table.d_over_a_r * predicted.a_r), wavelength)
    first, last = frame.x_range
    shown = np.flatnonzero(np.isfinite(angles) & (angles >= first) & (angles <= last))
    labelled: list[float] = []
    for i in shown[np.argsort(table.q_perp[shown], kind="stable")]:
        x, is_strong = float(frame.x(angles[i])), table.q_perp[i] <= STRONG_Q_PERP
        dashes = ' stroke-dasharray="2 2"' if table.superlattice[i] else ""
        foot = frame.bottom + (60 if is_strong else 46)
        yield _line(x, frame.bottom + 36, x, foot, colour=ICOSAHEDRAL_COLOUR, more=dashes)
        if is_strong and all(abs(x - other) > LABEL_APART for other in labelled):
            labelled.append(x)
            yield _text(x, frame.bottom + 32, f"{table.n[i]}/{table.m[i]}", more=' font-size="7.5"')
    for line in predicted.expected:
        mark, angle = MARKS.get(line["verdict"]), line["two_theta"]
        if mark and angle is not None and first <= angle <= last:
            yield _text(float(frame.x(angle)), frame.bottom + 14, mark, more=' font-size="10"')


def _corner_notes(frame: Frame, notes: Iterable[str]) -> Iterator[str]:
    for n, note in enumerate(notes, start=1):
        yield _text(frame.right - 8, frame.top + 4 + 14 * n, note, anchor="end", more=' font-weight="bold"')


def _line(x1: float, y1: float, x2: float, y2: float, *, colour: str = "#000", more: str = "") -> str:
    return f'<path d="M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}" stroke="{colour}" fill="none"{more}/>'


def _text(x: float, y: float, text: str, *, anchor: str = "middle", more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"{more}>{escape(text)}</text>'


def _ticks(low: float, high: float, *, most: int) -> list[tuple[float, str]]:
    """Round values from ``low`` to ``high``, at most ``most`` of them or so, with what is written at each."""
    rough = (high - low) / most
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    values = [n * step for n in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]
    return [(value, f"{value:.{decimals}f}") for value in values]
