"""A measured blank is subtracted, or a sentence says why it cannot be."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.blank import subtract_blank
from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.sentences import PatternFileError

TWO_THETA: FloatArray = np.arange(20, 80, 0.02)


def pattern_of(
    intensity: FloatArray, two_theta: FloatArray = TWO_THETA, wavelength: float | None = 1.540593
) -> PowderPattern:
    return PowderPattern(two_theta, intensity, wavelength, {"sample_name": "A"})


def test_blank_on_other_angles_is_interpolated_and_scaled() -> None:
    coarse = np.arange(15, 90, 0.5)
    blank = pattern_of(3 * coarse, coarse)
    measured = pattern_of(100 + 6 * TWO_THETA)
    rest = subtract_blank(measured, blank, scale=2)
    np.testing.assert_allclose(rest.intensity, 100)
    assert dict(rest.metadata) == {"sample_name": "A"}
    assert [str(w) for w in rest.warnings] == ["A blank was subtracted, scaled by 2."]
    np.testing.assert_array_equal(measured.intensity, 100 + 6 * TWO_THETA)


def test_what_falls_below_zero_is_kept_and_told() -> None:
    rest = subtract_blank(pattern_of(TWO_THETA), pattern_of(np.full(TWO_THETA.size, 30.01)))
    assert rest.intensity[0] == pytest.approx(-10.01)
    assert "at 501 points" in str(rest.warnings[-1])


def test_unknown_wavelength_is_told() -> None:
    rest = subtract_blank(pattern_of(TWO_THETA), pattern_of(TWO_THETA / 2, wavelength=None))
    assert "not known whether" in str(rest.warnings[1])


@pytest.mark.parametrize(
    ("blank", "scale", "words"),
    [
        (pattern_of(TWO_THETA[100:], TWO_THETA[100:]), 1, "Choose a blank that covers the pattern"),
        (pattern_of(TWO_THETA[:-100], TWO_THETA[:-100]), 1, "Choose a blank that covers the pattern"),
        (pattern_of(TWO_THETA, wavelength=1.789), 1, "blank of the same radiation"),
        (pattern_of(TWO_THETA), 0, "positive number"),
        (pattern_of(TWO_THETA), -1, "positive number"),
        (pattern_of(TWO_THETA), float("nan"), "positive number"),
        (pattern_of(TWO_THETA), float("inf"), "positive number"),
    ],
)
def test_what_does_not_fit_gets_a_sentence(blank: PowderPattern, scale: float, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        subtract_blank(pattern_of(TWO_THETA), blank, scale)
