"""Form factors and temperature factors."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.scattering import debye_waller, form_factor, form_factor_table

xraydb = pytest.importorskip("xraydb", reason="xraydb is a development dependency")


def test_the_table_is_that_of_xraydb() -> None:
    """Among them technetium, whose form factor a comma for a point once spoilt elsewhere."""
    inverse_d = np.linspace(0, 2, 21)
    for element in ("H", "O", "Al", "Si", "Cu", "Tc", "Ru", "Yb", "Lu", "Au", "U"):
        assert np.allclose(form_factor(element, inverse_d), xraydb.f0(element, inverse_d / 2), atol=1e-3)


def test_forward_scattering_counts_the_electrons() -> None:
    for element in form_factor_table():
        assert form_factor(element, 0.0) == pytest.approx(xraydb.atomic_number(element), abs=0.06)


def test_form_factors_fall_and_stay_positive() -> None:
    inverse_d = np.linspace(0, 1.8, 50)
    for element in form_factor_table():
        values = form_factor(element, inverse_d)
        assert np.all(np.diff(values) < 0), element
        assert np.all(values > 0), element


def test_an_unknown_element_is_an_error() -> None:
    with pytest.raises(KeyError):
        form_factor("Xx", 0.5)


def test_debye_waller_of_the_amplitude() -> None:
    assert debye_waller(0.5, 2.0) == pytest.approx(np.exp(-2 * 0.25 / 4))
    assert debye_waller(0.0, 5.0) == 1
