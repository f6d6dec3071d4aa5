from __future__ import annotations

import numpy as np
import pytest

from mlmodels.net.calibration import Calibration, expected_calibration_error, fit, fit_sigma_scale


def test_probabilities_sum_to_one_and_are_not_rounded_near_one() -> None:
    far = np.array([[0.0, -200.0, -300.0, -50.0], [-1.0, -2.0, -3.0, -0.7]])
    probabilities = Calibration()(far)
    assert probabilities.sum(axis=1) == pytest.approx([1, 1])
    assert probabilities[0, 3] == pytest.approx(np.exp(-50), rel=1e-9)
    assert probabilities[0, 0] <= 1


def test_the_fit_undoes_a_known_temperature_and_bias() -> None:
    rng = np.random.default_rng(1)
    true_scores = rng.normal(0, 2, (40_000, 4))
    probabilities = Calibration()(true_scores)
    truth = (probabilities.cumsum(axis=1) < rng.uniform(size=(40_000, 1))).sum(axis=1)
    timid = true_scores / 2.5 - np.array([0.4, 0.0, -0.3, 0.0])
    slope, bias = fit(timid, truth)
    assert slope == pytest.approx(2.5, rel=0.05)
    assert bias == pytest.approx((1.0, 0.0, -0.75, 0.0), abs=0.1)
    assert expected_calibration_error(Calibration(slope, bias)(timid)[:, 0], truth == 0) < 0.01


def test_caution_takes_a_part_of_the_slope_and_leaves_even_odds_where_they_are() -> None:
    rng = np.random.default_rng(1)
    scores = rng.normal(0, 3, (40_000, 2))
    truth = (Calibration(bias=(0.0, 0.0))(scores)[:, 1] > rng.uniform(size=40_000)).astype(np.int64)
    whole, part = Calibration(*fit(scores, truth)), Calibration(*fit(scores, truth, caution=0.5))
    assert part.slope == pytest.approx(0.5 * whole.slope)
    doubtful, sure = np.array([[0.0, 0.0]]), np.array([[6.0, 0.0]])
    assert part(doubtful)[0, 0] == pytest.approx(whole(doubtful)[0, 0], abs=0.02)
    assert part(sure)[0, 0] == pytest.approx(1 / (1 + np.exp(-3)), abs=0.02)
    assert whole(sure)[0, 0] == pytest.approx(1 / (1 + np.exp(-6)), abs=0.002)


def test_calibration_error_of_known_values() -> None:
    assert expected_calibration_error([1.0, 1.0, 0.0, 0.0], [1, 1, 0, 0]) == 0
    assert expected_calibration_error([1.0, 1.0, 1.0, 1.0], [1, 1, 0, 0]) == pytest.approx(0.5)
    # One bin of 0.8 with half of it true, one of 0.1 with none: (2 · 0.3 + 2 · 0.1) / 4
    assert expected_calibration_error([0.8, 0.8, 0.1, 0.1], [1, 0, 0, 0], n_bins=4) == pytest.approx(0.2)


def test_two_sigma_hold_the_asked_share_of_errors() -> None:
    rng = np.random.default_rng(2)
    spread = rng.uniform(0.5, 2, 20_000)
    error = rng.normal(0, 0.3 * spread)
    scale = fit_sigma_scale(error, spread)
    assert np.mean(np.abs(error) < 2 * scale * spread) == pytest.approx(0.95, abs=0.001)
    assert scale == pytest.approx(0.3 * 1.96 / 2, rel=0.05)
