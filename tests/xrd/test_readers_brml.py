"""Bruker .brml. The files are simulated."""

from __future__ import annotations

import re
import time

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, brml, brml_scan, zipped


def test_points_and_what_the_file_says() -> None:
    (pattern,) = read(brml())
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.5406
    assert not pattern.warnings
    said = {
        "reader": "brml",
        "sample_name": "模擬試料",
        "operator": "試験",
        "comment": "a comment",
        "instrument": "D2 PHASER",
        "anode": "Cu",
        "wavelength_2": 1.54439,
        "ratio_kalpha2": 0.5,
        "measured_at": "2025-02-26T10:47:52+00:00",
        "counting_time": 2.5,
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


def test_columns_are_found_by_their_names() -> None:
    (pattern,) = read(brml(brml_scan(axes=("Theta", "TwoTheta", "Phi"))))
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def test_several_scans_are_several_patterns() -> None:
    patterns = read(brml(brml_scan(), brml_scan(axes=("Phi",)), *[brml_scan()] * 9))
    assert [p.metadata["scan_number"] for p in patterns] == list(range(1, 11))
    assert "left out (1: Coupled TwoTheta/Theta)" in str(patterns[0].warnings[0])


def test_varying_counting_time_is_brought_to_its_mean() -> None:
    (pattern,) = read(brml(brml_scan(times=(1.0, 3.0))))
    mean = np.where(np.arange(COUNTS.size) % 2, 3.0, 1.0).mean()
    assert pattern.intensity[1] == pytest.approx(COUNTS[1] * mean / 3)
    assert "counting time varies" in str(pattern.warnings[0])


@pytest.mark.parametrize(
    ("scan", "words"),
    [
        (brml_scan(absorbers=(1.0, 50.0)), "An absorber was switched"),
        (brml_scan(planned=900), "not completed .its status is “Stopped”"),
        (brml_scan(axes=("TwoTheta",)), "ω = 3°"),
    ],
)
def test_doubt_is_told(scan: bytes, words: str) -> None:
    (warning,) = read(brml(scan))[0].warnings
    assert re.search(words, str(warning))


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (brml(brml_scan(axes=("Phi",))), "a scan of Coupled TwoTheta/Theta, not of 2θ"),
        (brml(brml_scan(n_counts=192)), "192 numbers for each angle, as of an area detector"),
        (brml(brml_scan(points="")), "lists no points"),
        (brml(brml_scan(view="Other")), "does not say which of its numbers are counts"),
        (brml(brml_scan(times=(0.0,))), "counting time of zero"),
        (brml(brml_scan(points="<Datum>1,1,20,10,5</Datum><Datum>1,1,20.1</Datum>")), "cut off or damaged"),
        (brml(brml_scan(points="<Datum>1,1,20</Datum>" * 20)), "cut off or damaged"),
        (brml(brml_scan(points="<Datum>1,1,zwanzig,10,5</Datum>")), "something in it is not a number"),
        (brml(brml_scan()[:-20]), "cut off or damaged"),
        (brml(b'<!DOCTYPE a [<!ENTITY b "c">]><RawData>&b;</RawData>'), "defines entities"),
        (brml()[:-30], "cut off or damaged"),
        (zipped({"Experiment0/DataContainer.xml": b"<a/>", "Experiment0/RawData.bin": b""}), "brml file holds no scan"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


def test_a_very_long_scan_is_read_in_time() -> None:
    points = "".join(f"<Datum>1,1,{20 + n / 2000:.4f},10,5</Datum>" for n in range(250_000))
    content = brml(brml_scan(points=points))
    started = time.perf_counter()
    assert read(content)[0].n_points == 250_000
    assert time.perf_counter() - started < 2
