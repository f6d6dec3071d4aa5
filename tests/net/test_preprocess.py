from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from mlmodels.net.grid import LN_Q_EDGES, LN_Q_STEP, N_BINS, Q_MAX, Q_MIN
from mlmodels.net.preprocess import NetworkInput, _rebinning, rebin, why_not_screenable
from samples.xrd.bragg import CU_KALPHA1, RADIATIONS, q_from_two_theta, two_theta_from_q
from samples.xrd.pattern import PowderPattern

FloatArray = NDArray[np.float64]
CO_KALPHA1 = RADIATIONS["Co"].kalpha1


def lines_on_background(two_theta: FloatArray, wavelength: float = CU_KALPHA1) -> FloatArray:
    """Three lines at fixed Q on a constant background, counts."""
    ln_q = np.log(q_from_two_theta(two_theta, wavelength))
    lines = sum(h * np.exp(-0.5 * ((ln_q - np.log(q)) / 0.004) ** 2) for q, h in ((2.0, 500), (2.95, 1000), (4.2, 300)))
    return np.asarray(50.0 + lines)


def measured_pattern(
    low: float = 20.0, high: float = 80.0, step: float = 0.02, wavelength: float | None = CU_KALPHA1, seed: int = 1
) -> PowderPattern:
    two_theta = np.arange(low, high + step / 2, step)
    counts = np.random.default_rng(seed).poisson(lines_on_background(two_theta, wavelength or CU_KALPHA1))
    return PowderPattern(two_theta, counts.astype(float), wavelength)


def test_areas_on_the_axis_of_ln_q_are_kept() -> None:
    two_theta = np.arange(15.0, 85.0, 0.013)
    pattern = PowderPattern(two_theta, lines_on_background(two_theta), CU_KALPHA1)
    rebinned = rebin(pattern)
    ln_q = np.log(q_from_two_theta(two_theta, CU_KALPHA1))
    inside = (ln_q > LN_Q_EDGES[0]) & (ln_q < LN_Q_EDGES[-1])
    area = np.trapezoid(pattern.intensity[inside], ln_q[inside])
    assert rebinned.measured.all()
    assert rebinned.intensity.sum() * LN_Q_STEP == pytest.approx(area, rel=1e-3)


def test_a_constant_pattern_stays_constant_whatever_the_step() -> None:
    for step in (0.005, 0.02, 0.08):
        two_theta = np.arange(15.0, 85.0, step)
        rebinned = rebin(PowderPattern(two_theta, np.full(two_theta.size, 7.0), CU_KALPHA1))
        assert rebinned.intensity == pytest.approx(np.full(N_BINS, 7.0))


def test_the_same_scattering_vectors_measured_with_cobalt_give_the_same_input() -> None:
    copper_angles = np.arange(15.0, 85.0, 0.01)
    cobalt_angles = two_theta_from_q(q_from_two_theta(copper_angles, CU_KALPHA1), CO_KALPHA1)
    with_copper = rebin(PowderPattern(copper_angles, lines_on_background(copper_angles), CU_KALPHA1))
    with_cobalt = rebin(PowderPattern(cobalt_angles, lines_on_background(copper_angles), CO_KALPHA1))
    assert (with_copper.measured == with_cobalt.measured).all()
    # Cells end halfway in 2θ, which is not quite halfway in ln Q.
    assert with_cobalt.intensity == pytest.approx(with_copper.intensity, rel=2e-3)


def test_bins_outside_the_range_are_masked_and_empty() -> None:
    rebinned = rebin(measured_pattern(30.0, 70.0))
    q = np.exp((LN_Q_EDGES[:-1] + LN_Q_EDGES[1:]) / 2)
    low, high = q_from_two_theta([30.0, 70.0], CU_KALPHA1)
    assert rebinned.measured[(q > low * 1.001) & (q < high * 0.999)].all()
    assert not rebinned.measured[(q < low * 0.999) | (q > high * 1.001)].any()
    assert (rebinned.intensity[~rebinned.measured] == 0).all()


def test_a_gap_in_the_angles_is_masked_but_one_missing_point_is_not() -> None:
    whole = measured_pattern()
    angles = whole.two_theta
    keep = (angles < 40) | (angles > 45)
    keep[1000] = True
    keep[100] = False
    gapped = rebin(PowderPattern(angles[keep], whole.intensity[keep], CU_KALPHA1))
    in_gap = two_theta_from_q(np.exp(LN_Q_EDGES[:-1]), CU_KALPHA1)
    assert not gapped.measured[(in_gap > 40.3) & (in_gap < 44.7)].any()
    assert gapped.measured[(in_gap < 39.7) | (in_gap > 45.3)].mean() > 0.99


def test_rebinning_needs_a_wavelength() -> None:
    with pytest.raises(ValueError, match="wavelength"):
        rebin(measured_pattern(wavelength=None))


@pytest.mark.parametrize(("low", "high"), [(20.0, 80.0), (10.0, 60.0), (25.0, 90.0)])
def test_an_ordinary_pattern_can_be_screened(low: float, high: float) -> None:
    assert why_not_screenable(measured_pattern(low, high)) is None


def test_weak_counts_and_scaled_patterns_can_be_screened() -> None:
    pattern = measured_pattern()
    few = np.random.default_rng(2).poisson(pattern.intensity / 150).astype(float)
    assert why_not_screenable(PowderPattern(pattern.two_theta, few, CU_KALPHA1)) is None
    scaled = 100 * pattern.intensity / pattern.intensity.max()
    assert why_not_screenable(PowderPattern(pattern.two_theta, scaled, CU_KALPHA1)) is None


def test_an_amorphous_film_can_be_screened() -> None:
    two_theta = np.arange(20.0, 80.0, 0.02)
    hump = 400 + 300 * np.exp(-0.5 * ((two_theta - 43) / 3) ** 2)
    noisy = np.random.default_rng(3).poisson(hump).astype(float)
    assert why_not_screenable(PowderPattern(two_theta, noisy, CU_KALPHA1)) is None
    assert why_not_screenable(PowderPattern(two_theta, hump, CU_KALPHA1)) is None


def blank(mean: float) -> PowderPattern:
    two_theta = np.arange(20.0, 80.0, 0.02)
    slope = mean * (1.5 - two_theta / 80)
    return PowderPattern(two_theta, np.random.default_rng(4).poisson(slope).astype(float), CU_KALPHA1)


def saturated() -> PowderPattern:
    pattern = measured_pattern()
    return PowderPattern(pattern.two_theta, np.minimum(pattern.intensity, 300.0), CU_KALPHA1)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        (measured_pattern(wavelength=None), "wavelength is not known"),
        (measured_pattern(step=0.12), "step of 0.12° is too coarse"),
        (measured_pattern(40.0, 60.0), "covers 29 % of the range"),
        (measured_pattern(wavelength=0.2), "Check the wavelength"),
        (blank(1000.0), "flat"),
        (blank(10.0), "flat"),
        (blank(0.0), "flat"),
        (saturated(), "detector was saturated"),
    ],
)
def test_what_cannot_be_screened_says_why_and_what_to_do(pattern: PowderPattern, words: str) -> None:
    refusal = why_not_screenable(pattern)
    assert refusal is not None
    assert words in str(refusal)


def test_the_grid_is_that_of_copper_between_20_and_80_degrees() -> None:
    assert two_theta_from_q([Q_MIN, Q_MAX], CU_KALPHA1) == pytest.approx([20, 80], abs=0.02)


def test_a_step_of_exactly_the_limit_is_fine_enough() -> None:
    assert why_not_screenable(measured_pattern(step=0.1)) is None


def test_what_is_kept_of_an_axis_serves_no_other() -> None:
    """Axes with a gap, another step, another wavelength and one moved angle, in turn and all over again."""
    whole = measured_pattern()
    moved = whole.two_theta.copy()
    moved[1500] += 0.004
    kept = (whole.two_theta < 40) | (whole.two_theta > 45)
    patterns = [
        whole,
        PowderPattern(moved, whole.intensity, CU_KALPHA1),
        PowderPattern(whole.two_theta, whole.intensity, CO_KALPHA1),
        PowderPattern(whole.two_theta[kept], whole.intensity[kept], CU_KALPHA1),
        measured_pattern(step=0.01),
        PowderPattern(whole.two_theta, whole.intensity[::-1], CU_KALPHA1),
    ]

    def alone(pattern: PowderPattern) -> NetworkInput:
        _rebinning.cache_clear()
        return rebin(pattern)

    expected = [alone(pattern) for pattern in patterns]
    _rebinning.cache_clear()
    for pattern, one in zip(patterns * 2, expected * 2, strict=True):
        again = rebin(pattern)
        assert np.array_equal(again.intensity, one.intensity)
        assert np.array_equal(again.measured, one.measured)
    assert len({one.intensity.tobytes() for one in expected}) == len(patterns)
