"""Powder CIF. The files are simulated."""

from __future__ import annotations

import time
from contextlib import suppress

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, pdcif, table

EVENLY = "_pd_meas_2theta_range_min 20\n_pd_meas_2theta_range_max 80\n_pd_meas_2theta_range_inc 0.1\n"
COUNTS_ONLY = {"columns": "_pd_meas_intensity_total", "row": "{y:.0f}"}


def test_pattern_and_what_the_block_says() -> None:
    (pattern,) = read(pdcif())
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.540593
    assert not pattern.warnings
    said = {
        "reader": "pdcif",
        "sample_name": "pattern",
        "operator": None,
        "comment": "a comment",
        "instrument": "D8 Advance",
        "anode": "Cu",
        "wavelength_2": 1.544427,
        "ratio_kalpha2": 0.5,
        "measured_at": "2023-07-31T10:15:00",
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


def test_even_angles_with_a_rounded_step() -> None:
    (pattern,) = read(pdcif(header=EVENLY.replace("0.1", "0.10001"), **COUNTS_ONLY))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)


def test_corrected_angles_are_taken_and_told() -> None:
    corrected = "_pd_meas_2theta_scan _pd_proc_2theta_corrected _pd_meas_counts_total"
    (pattern,) = read(pdcif(columns=corrected, row="{x:.1f} {x:.1f}5 {y:.0f}"))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA + 0.05, rtol=0, atol=1e-12)
    assert "the corrected one was taken" in str(pattern.warnings[0])


def test_several_blocks_are_several_patterns() -> None:
    patterns = read(
        pdcif() + pdcif().replace(b"data_structure", b"data_other").replace(b"data_pattern", b"data_second")
    )
    assert [p.metadata["sample_name"] for p in patterns] == ["pattern", "second"]


def test_a_table_that_is_headed_like_a_block_is_none() -> None:
    assert read(b"data_2theta intensity\n" + table().encode())[0].metadata["reader"] == "text"


def test_points_without_a_value_are_left_out() -> None:
    (pattern,) = read(pdcif().replace(b"\n20.3 ", b"\n? "))
    assert pattern.n_points == COUNTS.size - 1
    assert "left out (1)" in str(pattern.warnings[0])


def test_anode_stands_in_for_a_wavelength_and_neutrons_are_told() -> None:
    (pattern,) = read(pdcif(wavelength="_diffrn_radiation_wavelength ?\n_diffrn_radiation_probe neutron\n"))
    assert pattern.wavelength == 1.540593
    anode, neutrons = map(str, pattern.warnings)
    assert "taken from the anode" in anode
    assert "not measured with X-rays (neutron)" in neutrons


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"data_structure\n_cell_length_a 4.2\n", "holds no measured pattern"),
        (pdcif(columns="_pd_meas_2theta_scan _pd_calc_intensity_total"), "holds no measured pattern"),
        (pdcif(columns="_pd_meas_time_of_flight _pd_meas_counts_total"), "does not say at which 2θ"),
        (pdcif(header=EVENLY.replace("80", "90"), **COUNTS_ONLY), "601 points, which do not reach from 20° to 90°"),
        (pdcif(header=EVENLY.replace("_min 20", "_min nan"), **COUNTS_ONLY), "does not say at which 2θ"),
        (pdcif(row="{x:.1f} {y:.0f}x"), "something in it is not a number"),
        (pdcif().rpartition(b" ")[0], "cut off or damaged"),
        (pdcif() + b"data_pattern\n", "cut off or damaged"),
        (pdcif() + b" " * 5_000_000, "has 5 MB; more than 5 MB are not read"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


@pytest.mark.parametrize(
    "content",
    [
        b"data_a loop_ _pd_meas_counts_total _pd_meas_2theta_scan\n" + b"1\n" * 2_400_000,
        b"data_a loop_ _pd_meas_counts_total\n" + b"1\n" * 2_400_000,
        pdcif(wavelength="loop_ _diffrn_radiation_wavelength\n" + "1.5\n" * 1_200_000),
        b"data_a\n" + b"_b 1\n" * 990_000,
        b"data_a loop_ _pd_meas_counts_total 1\n" * 130_000,
    ],
)
def test_the_largest_files_are_done_with_in_time(content: bytes) -> None:
    started = time.perf_counter()
    with suppress(PatternFileError):
        read(content)
    assert time.perf_counter() - started < 2
