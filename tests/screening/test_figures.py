"""Figures show what was measured, and nothing is lost where there is too much of it."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from mlmodels.net.grid import CANDIDATES, N_CANDIDATES
from samples.xrd.bragg import two_theta_from_q
from samples.xrd.pattern import PowderPattern
from screening import figures


def a_pattern(n_points: int) -> PowderPattern:
    intensity = np.random.default_rng(1).poisson(100, n_points).astype(float)
    intensity[n_points // 3] = 9_999
    return PowderPattern(np.linspace(20, 80, n_points), intensity, wavelength=1.540593)


def test_every_point_of_a_usual_pattern_is_drawn() -> None:
    trace = figures.pattern_figure(a_pattern(6000), "a.xy", simulated=False).data[0]
    assert trace.x.shape == (6000,)


def test_a_long_pattern_keeps_its_peaks_and_its_order() -> None:
    pattern = a_pattern(200_000)
    kept = figures.drawn_points(pattern.intensity)
    assert kept.size <= figures.MAX_POINTS
    assert (np.diff(kept) > 0).all()
    assert pattern.intensity[kept].max() == 9_999
    assert pattern.intensity[kept].min() == pattern.intensity.min()


def test_simulated_patterns_say_so_in_the_figure() -> None:
    marked = figures.pattern_figure(a_pattern(100), "a.xy", simulated=True)
    assert "SIMULATED" in marked.to_json()
    assert "SIMULATED" not in figures.pattern_figure(a_pattern(100), "a.xy", simulated=False).to_json()


def test_patterns_of_one_wavelength_are_stacked_on_their_angles() -> None:
    lower, upper = figures.stacked_figure([a_pattern(500), a_pattern(600)], ["a", "b"], simulated=False).data
    assert lower.x[-1] == upper.x[-1] == 80
    assert (lower.y.min(), lower.y.max(), upper.y.min(), upper.y.max()) == (0, 1, 1, 2)


def test_patterns_of_several_wavelengths_are_stacked_on_q() -> None:
    cobalt = replace(a_pattern(500), wavelength=1.788996)
    unknown = replace(a_pattern(500), wavelength=None)
    figure = figures.stacked_figure([a_pattern(500), unknown, cobalt], ["Cu", "?", "Co"], simulated=True)
    assert [trace.name for trace in figure.data] == ["Cu", "Co"]
    assert figure.data[1].x[-1] / figure.data[0].x[-1] == pytest.approx(1.540593 / 1.788996)
    assert "SIMULATED" in figure.to_json()


def test_evidence_stands_at_its_lattice_constants() -> None:
    evidence = np.zeros(N_CANDIDATES, dtype=np.float32)
    evidence[40] = 1
    bars = figures.evidence_figure(evidence, simulated=False).data[0]
    assert bars.x[np.argmax(bars.y)] == CANDIDATES[40]


def test_reflections_lie_where_the_published_positions_are() -> None:
    """Al-Si-Ru at Cu Kα1, a_R = 4.353 Å: 18/29 at 44.02°, 20/32 at 46.42°, the superlattice reflection 7/11 at 26.79°."""
    positions = {
        (r["n"], r["m"]): (float(two_theta_from_q(2 * np.pi / (r["d_over_a_r"] * 4.353), 1.540593)), r["superlattice"])
        for r in figures.predicted_reflections()
    }
    for indices, two_theta, superlattice in [
        ((18, 29), 44.02, False),
        ((20, 32), 46.42, False),
        ((7, 11), 26.79, True),
    ]:
        assert abs(positions[indices][0] - two_theta) < 0.01
        assert positions[indices][1] is superlattice


def test_figures_are_plain_json() -> None:
    figure = json.loads(figures.pattern_figure(a_pattern(50), "a.xy", simulated=False).to_json())
    assert figure["layout"]["meta"] == {"wavelength": 1.540593}
