"""Bragg's law by its laws, and the radiations against the published wavelengths."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples.xrd.bragg import (
    CU_KALPHA1,
    RADIATIONS,
    d_from_two_theta,
    q_from_two_theta,
    radiation_of,
    two_theta_from_q,
)

angles = st.floats(0.01, 179)
wavelengths = st.floats(0.1, 3)


@given(angles, wavelengths)
def test_q_and_two_theta_are_inverse(two_theta: float, wavelength: float) -> None:
    assert two_theta_from_q(q_from_two_theta(two_theta, wavelength), wavelength) == pytest.approx(two_theta, abs=1e-6)


@given(angles, wavelengths)
def test_bragg(two_theta: float, wavelength: float) -> None:
    d = float(d_from_two_theta(two_theta, wavelength))
    assert 2 * d * np.sin(np.radians(two_theta) / 2) == pytest.approx(wavelength)


@given(angles, wavelengths, st.floats(0.1, 3))
def test_d_does_not_depend_on_the_radiation(two_theta: float, wavelength: float, other: float) -> None:
    q = float(q_from_two_theta(two_theta, wavelength))
    elsewhere = float(two_theta_from_q(q, other))
    if np.isfinite(elsewhere):
        assert float(d_from_two_theta(elsewhere, other)) == pytest.approx(2 * np.pi / q, rel=1e-9)
    else:
        assert q > 4 * np.pi / other * (1 - 1e-12)


@pytest.mark.parametrize(("hkl", "two_theta"), [((1, 1, 1), 28.441), ((2, 2, 0), 47.302), ((3, 1, 1), 56.121)])
def test_silicon_lies_where_every_diffractometer_is_aligned(hkl: tuple[int, int, int], two_theta: float) -> None:
    # NIST SRM 640c: a = 5.43119 Å, angles of its certificate for Cu Kα1.
    d = 5.43119 / np.sqrt(np.sum(np.square(hkl)))
    assert two_theta_from_q(2 * np.pi / d, CU_KALPHA1) == pytest.approx(two_theta, abs=0.002)


def test_unreachable_q_is_nan() -> None:
    assert np.isnan(two_theta_from_q([9.0], CU_KALPHA1)).all()


@pytest.mark.parametrize(
    ("wavelength", "anode"),
    [(1.5406, "Cu"), (1.54184, "Cu"), (1.789, "Co"), (0.7093, "Mo"), (0.5594, "Ag"), (1.0, None)],
)
def test_anode_of_a_wavelength(wavelength: float, anode: str | None) -> None:
    radiation = radiation_of(wavelength)
    assert (radiation.anode if radiation else None) == anode


@pytest.mark.parametrize(("anode", "mean"), [("Cu", 1.54187), ("Mo", 0.71075)])
def test_the_mean_of_a_doublet_is_the_one_in_textbooks(anode: str, mean: float) -> None:
    radiation = RADIATIONS[anode]
    weighted = radiation.kalpha1 + radiation.ratio * radiation.kalpha2
    assert weighted / (1 + radiation.ratio) == pytest.approx(mean, abs=2e-5)
