"""Figures for paper: where lines stand, and that every peak stays as high as it is."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import numpy as np
import pytest

from mlmodels.net.grid import N_CANDIDATES
from samples.xrd.pattern import PowderPattern
from screening.print_figures import Frame, PredictedLines, _ticks, evidence_svg, pattern_svg

CU = 1.5405929


def a_pattern(wavelength: float | None = CU, n_points: int = 60_000) -> PowderPattern:
    """A flat pattern with one point that stands out."""
    intensity = np.full(n_points, 100.0)
    intensity[n_points // 3] = 9000.0
    return PowderPattern(np.linspace(20.0, 80.0, n_points), intensity, wavelength)


def points_of(svg: str) -> list[tuple[float, float]]:
    drawn = re.search(r'<polyline points="([^"]+)"', svg)
    assert drawn
    return [(float(x), float(y)) for x, y in (point.split(",") for point in drawn[1].split())]


def test_a_single_high_point_is_drawn_among_tens_of_thousands() -> None:
    points = points_of(pattern_svg(a_pattern(), says="a pattern"))
    assert len(points) < 3000
    x, y = min(points, key=lambda point: point[1])
    frame = Frame(62, 12, 672, 206, (20.0, 80.0), (0.0, 9540.0))
    assert (x, y) == pytest.approx((frame.x(40.0), frame.y(9000.0)), abs=0.1)


def test_reflections_stand_where_braggs_law_puts_them() -> None:
    svg = pattern_svg(a_pattern(), says="a pattern", predicted=PredictedLines(4.353, "P"))
    labels = {text: float(x) for x, text in re.findall(r'<text x="([\d.]+)"[^>]*>(\d+/\d+)</text>', svg)}
    assert {"18/29", "20/32"} <= set(labels)
    frame = Frame(62, 12, 672, 206, (20.0, 80.0), (0.0, 1.0))
    tau = (1 + 5**0.5) / 2
    for n, m in ((18, 29), (20, 32)):
        d = 2 * (tau + 2) ** 0.5 * 4.353 / (n + m * tau) ** 0.5
        two_theta = 2 * np.degrees(np.arcsin(CU / (2 * d)))
        assert labels[f"{n}/{m}"] == pytest.approx(frame.x(two_theta), abs=0.1)


def test_expected_lines_are_marked_as_seen_or_missing() -> None:
    lines = [
        {"verdict": verdict, "two_theta": angle}
        for verdict, angle in (("seen", 41.5), ("missing", 60.0), ("weak", 50.0))
    ]
    lines.append({"verdict": "seen", "two_theta": 95.0})
    svg = pattern_svg(a_pattern(), says="a pattern", predicted=PredictedLines(4.353, "F", lines))
    assert (svg.count("●"), svg.count("○")) == (1, 1)


def test_without_a_wavelength_no_reflections_are_drawn() -> None:
    svg = pattern_svg(a_pattern(None), says="a pattern", predicted=PredictedLines(4.353, "P"))
    assert "18/29" not in svg


@pytest.mark.parametrize("level", [0.0, -5.0, 100.0])
def test_a_flat_pattern_can_be_drawn(level: float) -> None:
    flat = PowderPattern(np.linspace(20, 80, 100), np.full(100, level), CU)
    assert "nan" not in pattern_svg(flat, says="flat")


def test_drawings_are_well_formed_whatever_is_said() -> None:
    wicked = '"><script>&'
    for svg in (
        pattern_svg(a_pattern(), says=wicked, notes=[wicked]),
        evidence_svg(np.eye(N_CANDIDATES, dtype="<f4")[7], says=wicked, notes=[wicked]),
        evidence_svg(np.zeros(N_CANDIDATES, dtype="<f4"), says=wicked),
    ):
        root = ElementTree.fromstring(svg)
        assert root.get("aria-label") == wicked
        assert "script" not in {child.tag.rpartition("}")[2] for child in root.iter()}


@pytest.mark.parametrize(
    ("low", "high", "most", "labels"),
    [
        (20.0, 80.0, 14, ["20", "25", "30", "35", "40", "45", "50", "55", "60", "65", "70", "75", "80"]),
        (4.0, 6.0, 5, ["4.0", "4.5", "5.0", "5.5", "6.0"]),
        (0.0, 0.07, 4, ["0.00", "0.02", "0.04", "0.06"]),
        (-1200.0, 9000.0, 6, ["0", "2000", "4000", "6000", "8000"]),
    ],
)
def test_ticks_are_round(low: float, high: float, most: int, labels: list[str]) -> None:
    assert [label for _value, label in _ticks(low, high, most=most)] == labels
