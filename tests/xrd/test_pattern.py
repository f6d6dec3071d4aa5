"""A pattern is checked when it is made, and every refusal says what to do."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.pattern import FloatArray, PowderPattern, check_wavelength
from samples.xrd.sentences import PatternFileError, sentence

TWO_THETA = np.arange(20.0, 30.0, 0.5)
INTENSITY = np.arange(20.0)


def test_good_pattern_is_kept_and_cannot_be_changed() -> None:
    given = TWO_THETA.copy()
    pattern = PowderPattern(given, INTENSITY, 1.540593, {"anode": "Cu"})
    given[0] = 99
    assert pattern.two_theta[0] == 20
    assert pattern.n_points == 20
    assert pattern.step == pytest.approx(0.5)
    with pytest.raises(ValueError, match="read-only"):
        pattern.intensity[0] = 1
    with pytest.raises(TypeError):
        pattern.metadata["anode"] = "Co"  # type: ignore[index]


def test_negative_intensities_are_kept() -> None:
    assert PowderPattern(TWO_THETA, INTENSITY - 5).intensity[0] == -5


@pytest.mark.parametrize(
    ("two_theta", "intensity", "words"),
    [
        (TWO_THETA, INTENSITY[:-1], "20 angles and 19 intensities"),
        (TWO_THETA[:5], INTENSITY[:5], "has 5 points"),
        (TWO_THETA, np.where(INTENSITY == 3, np.nan, INTENSITY), "Point 4 is not a number"),
        (TWO_THETA * 10, INTENSITY, "between 0 and 180"),
        (TWO_THETA - 21, INTENSITY, "between 0 and 180"),
        (TWO_THETA[::-1], INTENSITY, "do not ascend: 29.5° is followed by 29°"),
        (np.round(TWO_THETA), INTENSITY, "do not ascend"),
    ],
)
def test_broken_arrays_are_refused(two_theta: FloatArray, intensity: FloatArray, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        PowderPattern(two_theta, intensity)


@pytest.mark.parametrize("wavelength", [0, -1.54, 50, float("nan"), float("inf")])
def test_impossible_wavelengths_are_refused(wavelength: float) -> None:
    with pytest.raises(PatternFileError, match="not one that powder patterns are measured with"):
        PowderPattern(TWO_THETA, INTENSITY, wavelength)


def test_laboratory_and_synchrotron_wavelengths_pass() -> None:
    for wavelength in (0.1, 0.559422, 1.540593, 2.28976):
        assert check_wavelength(wavelength) == wavelength


def test_sentence_keeps_its_template_for_translation() -> None:
    said = sentence("Line %(line)s has one column.", line=14)
    assert str(said) == "Line 14 has one column."
    assert said.as_json() == {"template": "Line %(line)s has one column.", "values": {"line": 14}}
