"""Peaks, background and a_R on patterns whose truth is known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from samples.xrd.background import estimate_background, snip
from samples.xrd.bragg import RADIATIONS, two_theta_from_q
from samples.xrd.icosahedral import LatticeType, reflections
from samples.xrd.lattice_refinement import RefinementError, refine_quasilattice_constant
from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.peaks import estimate_noise, pick_peaks
from samples.xrd.readers import read
from tests.xrd.files import EXAMPLES

CU = RADIATIONS["Cu"]
TWO_THETA: FloatArray = np.arange(20, 80.001, 0.02)
BACKGROUND: FloatArray = 200 + 800 * np.exp(-TWO_THETA / 30)


def line_at(position: float, fwhm: float = 0.15) -> FloatArray:
    """A pseudo-Voigt line of height 1 whose mixing is not that of the fitted profile."""
    squared = ((TWO_THETA - position) * 2 / fwhm) ** 2
    return np.asarray(0.4 / (1 + squared) + 0.6 * np.exp(-np.log(2) * squared))


def measured(
    heights: dict[float, float], rng: np.random.Generator, doublet: bool = False, fwhm: float = 0.15
) -> PowderPattern:
    """Counts of lines (Kα1 position: height) on a background."""
    expected = BACKGROUND.copy()
    for position, height in heights.items():
        expected += height * line_at(position, fwhm)
        if doublet:
            q = 4 * np.pi / CU.kalpha1 * np.sin(np.radians(position / 2))
            expected += height / 2 * line_at(float(two_theta_from_q(q, CU.kalpha2)), fwhm)
    return PowderPattern(TWO_THETA, rng.poisson(expected).astype(np.float64), CU.kalpha1)


LINES = {25.123: 900.0, 31.4: 120.0, 38.777: 3000.0, 52.05: 400.0, 64.319: 1500.0, 76.5: 2200.0}


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize(("doublet", "fwhm"), [(False, 0.08), (False, 0.15), (True, 0.08), (True, 0.15)])
def test_peaks_are_found_below_the_step_and_kalpha2_is_none_of_them(seed: int, doublet: bool, fwhm: float) -> None:
    peaks = pick_peaks(measured(LINES, np.random.default_rng(seed), doublet, fwhm))
    assert len(peaks) == len(LINES)
    for found, position in zip(peaks.two_theta, LINES, strict=True):
        assert abs(found - position) < 0.012
    pulls = (peaks.two_theta - list(LINES)) / peaks.two_theta_sigma
    assert np.sqrt(np.mean(pulls**2)) < 3
    strong = np.array(list(LINES.values())) > 800
    np.testing.assert_allclose(peaks.height[strong], np.array(list(LINES.values()))[strong], rtol=0.2)
    np.testing.assert_allclose(peaks.fwhm[strong], fwhm, rtol=0.25)


def test_doublet_does_not_hide_a_real_neighbour() -> None:
    # 76.5° has its Kα2 line at 76.73°; a phase's own line at 77.3° stays.
    peaks = pick_peaks(measured({76.5: 2000, 77.3: 900}, np.random.default_rng(1), doublet=True, fwhm=0.1))
    np.testing.assert_allclose(peaks.two_theta, [76.5, 77.3], atol=0.01)


def test_noise_and_flat_patterns_have_no_peaks() -> None:
    found = [len(pick_peaks(measured({}, np.random.default_rng(seed)))) for seed in range(20)]
    assert sum(found) <= 2
    for level in (0.0, 7.0, -3.0):
        assert len(pick_peaks(PowderPattern(TWO_THETA, np.full(TWO_THETA.size, level)))) == 0


def test_halo_is_no_peak() -> None:
    halo = 400 * np.exp(-(((TWO_THETA - 40) / 6) ** 2))
    pattern = PowderPattern(TWO_THETA, np.random.default_rng(3).poisson(BACKGROUND + halo), CU.kalpha1)
    assert len(pick_peaks(pattern)) == 0


@pytest.mark.parametrize("scale", [1e-6, 1.0, 1e5])
def test_scale_of_the_intensities_does_not_matter(scale: float) -> None:
    counts = measured(LINES, np.random.default_rng(5))
    scaled = replace(counts, intensity=scale * counts.intensity)
    np.testing.assert_allclose(pick_peaks(scaled).two_theta, pick_peaks(counts).two_theta, atol=2e-4)


def test_noise_is_that_of_counting() -> None:
    pattern = measured({}, np.random.default_rng(6))
    np.testing.assert_allclose(estimate_noise(pattern), np.sqrt(BACKGROUND), rtol=0.15)


def test_background_follows_the_slope_and_not_the_peaks() -> None:
    pattern = measured(LINES, np.random.default_rng(7))
    background = estimate_background(pattern)
    inner = slice(50, -50)
    assert np.abs(background - BACKGROUND)[inner].max() < 5 * np.sqrt(BACKGROUND.max())
    smooth = PowderPattern(TWO_THETA, BACKGROUND)
    np.testing.assert_allclose(estimate_background(smooth)[inner], BACKGROUND[inner], rtol=0.04)


def test_snip_takes_negative_and_short_patterns() -> None:
    shifted = snip(BACKGROUND - 1000, 75)
    assert np.isfinite(shifted).all()
    assert (shifted <= BACKGROUND - 1000 + 1e-6).all()
    assert snip(np.arange(5.0), 100).shape == (5,)


def icosahedral_positions(
    a_r: float, lattice_type: LatticeType, zero_shift: float, q_perp_max: float = 0.3
) -> FloatArray:
    d = reflections(lattice_type, q_perp_max=q_perp_max).d_over_a_r * a_r
    positions = two_theta_from_q(2 * np.pi / d, CU.kalpha1) + zero_shift
    return positions[(positions > 20) & (positions < 80)]


@pytest.mark.parametrize(("a_r", "lattice_type"), [(4.353, "F"), (4.562, "F"), (5.19, "F"), (5.689, "P"), (5.044, "P")])
@pytest.mark.parametrize("zero_shift", [-0.08, 0.0, 0.08])
def test_refinement_recovers_exact_positions(a_r: float, lattice_type: LatticeType, zero_shift: float) -> None:
    positions = icosahedral_positions(a_r, lattice_type, zero_shift)
    refined = refine_quasilattice_constant(positions, CU.kalpha1, a_r * 1.001, lattice_type)
    assert refined.quasilattice_constant == pytest.approx(a_r, abs=1e-6)
    assert refined.zero_shift == pytest.approx(zero_shift, abs=1e-5)
    assert refined.n_assigned == positions.size
    assert refined.rms_difference < 1e-6


def test_refinement_among_peaks_of_other_phases_is_right_within_its_uncertainty() -> None:
    pulls = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        true = icosahedral_positions(4.353, "F", 0.05)
        sigmas = np.full(true.size + 12, 0.01)
        peaks = np.sort(np.concatenate([true + rng.normal(0, 0.01, true.size), rng.uniform(20, 80, 12)]))
        refined = refine_quasilattice_constant(peaks, CU.kalpha1, 4.353 * (1 + rng.normal(0, 3e-4)), "F", sigmas)
        assert abs(refined.quasilattice_constant - 4.353) < 0.003
        pulls.append((refined.quasilattice_constant - 4.353) / refined.quasilattice_constant_sigma)
    assert np.sqrt(np.mean(np.square(pulls))) < 1.6


def test_assigned_reflections_carry_their_indices() -> None:
    positions = icosahedral_positions(4.353, "F", 0.0)
    refined = refine_quasilattice_constant(positions, CU.kalpha1, 4.353, "F")
    labels = [reflection.label.split()[0] for reflection in refined.assigned]
    assert labels[:2] == ["6/9", "7/11"]
    assert {"18/29", "20/32", "38/61", "52/84"} <= set(labels)
    assert all(abs(reflection.difference) < 1e-5 for reflection in refined.assigned)


def test_refinement_of_a_file_from_bytes_to_lattice_constant() -> None:
    (pattern,) = read((EXAMPLES / "simulated_icosahedral.ras").read_bytes())
    peaks = pick_peaks(pattern)
    refined = refine_quasilattice_constant(peaks.two_theta, CU.kalpha1, 4.36, "F", peaks.two_theta_sigma)
    assert abs(refined.quasilattice_constant - 4.353) < 3 * refined.quasilattice_constant_sigma
    assert refined.quasilattice_constant_sigma < 0.001
    assert refined.n_assigned >= 8


@pytest.mark.parametrize("peaks", [[], [44.02], [24.35, 44.02, 46.42]])
def test_too_few_reflections_are_refused_with_a_sentence(peaks: list[float]) -> None:
    with pytest.raises(RefinementError, match="at least 4 are needed") as refusal:
        refine_quasilattice_constant(np.array(peaks), CU.kalpha1, 4.353, "F")
    assert refusal.value.sentence.values["n"] == len(peaks)
