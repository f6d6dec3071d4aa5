"""Bruker .uxd. The files are simulated."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, uxd, uxd_range


@pytest.mark.parametrize(
    ("marker", "unit"),
    [
        ("_2THETACOUNTS", "counts"),
        ("_2THETACPS", "cps"),
        ("_COUNTS", "counts"),
        ("_CPS", "cps"),
        ("_2THETACOUNTSTIME", "counts"),
    ],
)
def test_points_of_every_kind(marker: str, unit: str) -> None:
    (pattern,) = read(uxd(uxd_range(marker)))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.metadata["intensity_unit"] == unit


def test_what_the_header_says() -> None:
    (pattern,) = read(uxd().replace(b"\n", b"\r\n"))
    assert pattern.wavelength == 1.5406
    assert not pattern.warnings
    said = {
        "reader": "uxd",
        "sample_name": "simulated",
        "operator": "Tester",
        "anode": "Cu",
        "wavelength_2": 1.54439,
        "ratio_kalpha2": 0.5,
        "measured_at": "2010-03-04T20:59:14",
        "counting_time": 0.5,
        "scan_axis": "COUPLED",
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


def test_several_ranges_are_several_patterns() -> None:
    patterns = read(uxd(uxd_range(), uxd_range(drive="PHI"), uxd_range("_CPS", header="_START=30\n")))
    assert [p.two_theta[0] for p in patterns] == [20, 30]
    assert "left out (1: PHI)" in str(patterns[0].warnings[0])


def test_fixed_incidence_is_told() -> None:
    (warning,) = read(uxd(uxd_range(drive="2THETA")))[0].warnings
    assert "ω = 10°" in str(warning)


def test_wavelength_in_nanometres_and_kbeta() -> None:
    in_nanometres = uxd().replace(b"_WL_UNIT='A'\n_WL1=1.540600", b"_WL_UNIT='nm'\n_WL1=0.1540600")
    assert read(in_nanometres)[0].wavelength == pytest.approx(1.5406)
    (beta,) = read(uxd(uxd_range(header="_RANGE_WL=1.392220\n")))
    assert beta.wavelength == 1.39222
    assert "wavelength_2" not in beta.metadata


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (uxd(uxd_range(drive="PHI")), "uxd file holds a scan of PHI, not of 2θ"),
        (uxd("_D-I\n1 2\n"), "uxd file holds no scan"),
        (uxd(uxd_range())[:-4], "cut off or damaged"),
        (uxd(uxd_range("_COUNTS")).replace(b"_STEPSIZE=0.1", b""), "does not say where 2θ starts"),
        (uxd(uxd_range("_COUNTS")).replace(b"_STEPSIZE=0.1", b"_STEPSIZE=0"), "which is impossible"),
        (uxd(uxd_range()).replace(b"20.300", b"2O.300"), "something in it is not a number"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)
