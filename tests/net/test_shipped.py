"""The weights that the release ships."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from mlmodels.net import checkpoint
from mlmodels.net.checkpoint import DEFAULT_CHECKPOINT
from mlmodels.net.classify import level
from mlmodels.net.evaluation import Negatives
from mlmodels.net.injection import LINE_LISTS, lines_of
from mlmodels.net.predict import LoadedNetwork, load_network, predict
from mlmodels.net.preprocess import rebin, why_not_screenable
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern


@pytest.fixture(scope="module")
def shipped() -> LoadedNetwork:
    return load_network(checkpoint.load(DEFAULT_CHECKPOINT), "cpu")


def al_si_ru(quasilattice_constant: float = 4.353) -> PowderPattern:
    """An F-type quasicrystal as of Al-Si-Ru that dominates its pattern: lines on a background, counted."""
    two_theta = np.arange(20.0, 80.0, 0.02)
    counts = 30 + 200 * np.exp(-(two_theta - 20) / 15)
    for position, height in zip(*lines_of(LINE_LISTS[1], quasilattice_constant), strict=True):
        counts += 3000 * height / (1 + ((two_theta - position) / 0.09) ** 2)
    for position in (27.1, 39.9, 57.3):
        counts += 400 * np.exp(-0.5 * ((two_theta - position) / 0.07) ** 2)
    return PowderPattern(two_theta, np.random.default_rng(1).poisson(counts).astype(float), CU_KALPHA1)


def test_they_are_small_and_say_how_they_were_made() -> None:
    path = checkpoint.shipped_checkpoints()[DEFAULT_CHECKPOINT]
    made = checkpoint.load(path)
    assert path.stat().st_size < 5_000_000
    assert made.command.startswith("manage.py train")
    assert made.git_revision
    assert sum(made.calibration["prior"].values()) == pytest.approx(1)
    assert made.metrics["published_recipe"]["recall"]["share"] >= 0.97
    assert made.metrics["published_recipe"]["precision"]["share"] >= 0.98


@pytest.mark.parametrize("quasilattice_constant", [4.353, 4.469, 5.19, 5.689])
def test_a_quasicrystal_that_dominates_its_pattern_is_class_a(
    shipped: LoadedNetwork, quasilattice_constant: float
) -> None:
    pattern = al_si_ru(quasilattice_constant)
    assert why_not_screenable(pattern) is None
    (found,) = predict(shipped, [rebin(pattern)])
    assert level(found.probability) == "A"
    assert found.quasilattice_constant == pytest.approx(quasilattice_constant, rel=2e-3)
    assert found.lattice_type == "F"


def test_a_cubic_metal_is_no_quasicrystal(shipped: LoadedNetwork) -> None:
    two_theta = np.arange(20.0, 80.0, 0.02)
    counts = np.full(two_theta.size, 20.0)
    for position, height in ((38.47, 1000), (44.72, 470), (65.10, 220), (78.23, 240)):  # aluminium
        counts += height / (1 + ((two_theta - position) / 0.08) ** 2)
    pattern = PowderPattern(two_theta, np.random.default_rng(2).poisson(counts).astype(float), CU_KALPHA1)
    (found,) = predict(shipped, [rebin(pattern)])
    assert level(found.probability) == "D"
    assert found.probabilities["none"] > 0.5


@pytest.mark.shared
def test_no_measured_pattern_without_a_quasicrystal_reaches_class_c(shipped: LoadedNetwork, shared_data: Path) -> None:
    negatives = Negatives.read(shared_data / "real_patterns.npz")
    predictions = predict(shipped, [rebin(pattern) for pattern in negatives.patterns])
    assert len(predictions) > 1000
    assert [one.probability for one in predictions if level(one.probability) != "D"] == []
    assert np.mean([one.probability > 0.5 for one in predictions]) <= 0.01
