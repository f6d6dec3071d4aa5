"""Bruker .raw, versions 3 and 4. The files are simulated."""

from __future__ import annotations

import time

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, place, raw3, raw3_range, raw4, raw4_range, raw4_words, u32


@pytest.mark.parametrize(
    ("content", "name", "sample"), [(raw3(), "bruker-raw3", "simulated"), (raw4(), "bruker-raw4", "模擬試料")]
)
def test_range_and_header(content: bytes, name: str, sample: str) -> None:
    (pattern,) = read(content)
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.5406
    assert not pattern.warnings
    said = {
        "reader": name,
        "sample_name": sample,
        "operator": "Tester",
        "comment": "a comment",
        "anode": "Cu",
        "wavelength_2": 1.54439,
        "ratio_kalpha2": 0.5,
        "measured_at": "2023-07-31T10:15:00",
        "counting_time": 2.5,
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


@pytest.mark.parametrize(
    "content",
    [
        raw3(raw3_range(), raw3_range(3, extra=40), raw3_range(1, extra=80)),
        raw4(
            raw4_range(), raw4_range("Rocking Curve"), raw4_words("COMMENT", "between"), raw4_range("Unlocked Coupled")
        ),
    ],
    ids=["raw3", "raw4"],
)
def test_several_ranges_are_several_patterns(content: bytes) -> None:
    first, second = read(content)
    np.testing.assert_array_equal(first.intensity, COUNTS)
    np.testing.assert_array_equal(second.intensity, COUNTS)
    assert str(second.metadata["scan_axis"]).lower() == "unlocked coupled"
    assert "left out (1: " in str(first.warnings[0])


@pytest.mark.parametrize(("content", "omega"), [(raw3(raw3_range(2)), "4"), (raw4(raw4_range("Detector Scan")), "3")])
def test_fixed_incidence_is_told(content: bytes, omega: str) -> None:
    (warning,) = read(content)[0].warnings
    assert f"ω = {omega}°" in str(warning)


def test_kbeta_has_no_doublet() -> None:
    (pattern,) = read(raw3(raw3_range(used=1.39222)))
    assert pattern.wavelength == 1.39222
    assert "wavelength_2" not in pattern.metadata


def test_stopped_measurement_is_told() -> None:
    (warning,) = read(raw3(status=4))[0].warnings
    assert "interrupted" in str(warning)


def test_wavelength_of_zero_is_not_believed() -> None:
    content = bytearray(raw3())
    content[624:632] = bytes(8)
    (pattern,) = read(bytes(content))
    assert pattern.wavelength == 1.540593
    assert "0 Å, which is impossible" in str(pattern.warnings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (raw3()[:-1], "cut off or damaged"),
        (raw3()[:800], "cut off or damaged"),
        (raw3()[:10], "cut off or damaged"),
        (raw4()[:-1], "cut off or damaged"),
        (raw4()[:80], "cut off or damaged"),
        (raw4()[:61], "holds no scan"),
        (raw3(raw3_range(5)), "a scan of type 5, not of 2θ"),
        (raw4(raw4_range("Rocking Curve")), "a scan of Rocking Curve, not of 2θ"),
        (raw4(raw4_range("Unlocked Coupled", drive_at=40)), "a scan of Unlocked Coupled, not of 2θ"),
        (raw3(raw3_range(point_size=12)), "more than one number for each point"),
        (raw4(raw4_range(point_size=8)), "more than one number for each point"),
        (raw3(raw3_range(step=0)), r"step of 0°, which is impossible"),
        (raw4(raw4_range(step=float("nan"))), r"step of nan°, which is impossible"),
        (raw4(raw4_range(start=-20, drive_at=-20)), r"starts at -20°"),
        (raw3(raw3_range(step=0.5)), "angles run from 20 to 320"),
        (place(800, (0, b"RAW1.01"), (12, u32(2**32 - 1))), "more than 2,000,000 points"),
        (place(800, (0, b"RAW4.00"), (61, u32(10, 0))), "cut off or damaged"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


def test_endless_segments_end_in_time() -> None:
    content = raw4()[:61] + u32(10, 8) * 1_000_000
    started = time.perf_counter()
    with pytest.raises(PatternFileError):
        read(content)
    assert time.perf_counter() - started < 1
