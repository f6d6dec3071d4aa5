"""Rigaku .ras."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, EXAMPLES, TWO_THETA, ras_block


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
def test_header_in_every_encoding(encoding: str) -> None:
    (pattern,) = read(ras_block().encode(encoding))
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.540593
    assert pattern.metadata["sample_name"] == "模擬試料"
    assert pattern.metadata["wavelength_2"] == 1.544427
    assert pattern.metadata["reader"] == "ras"
    assert not pattern.warnings


def test_counts_are_multiplied_by_the_attenuator_factor() -> None:
    (pattern,) = read(ras_block(attenuation="12.5000").encode())
    np.testing.assert_allclose(pattern.intensity, 12.5 * COUNTS)


def test_several_blocks_are_several_patterns() -> None:
    patterns = read((ras_block() + ras_block(axis="Omega") + ras_block("TwoTheta")).encode("cp932"))
    assert [p.metadata["scan_axis"] for p in patterns] == ["TwoThetaTheta", "TwoTheta"]
    assert [p.metadata["scan_number"] for p in patterns] == [1, 2]
    assert "left out (1: Omega)" in str(patterns[0].warnings[0])


@pytest.mark.parametrize(
    ("header", "key", "value"),
    [
        (('*MEAS_SCAN_START_TIME "07/31/23 10:15:00"',), "measured_at", "2023-07-31T10:15:00"),
        (('*MEAS_SCAN_START_TIME "11/21/2017 08:37:42"',), "measured_at", "2017-11-21T08:37:42"),
        (('*MEAS_SCAN_START_TIME "yesterday"',), "measured_at", "yesterday"),
        (('*HW_GONIOMETER_NAME "卓上|MiniFlex 600"',), "instrument", "MiniFlex 600"),
        (('*FILE_OPERATOR "Administrator"',), "operator", "Administrator"),
        (('*MEAS_SCAN_UNIT_Y "cps"',), "intensity_unit", "cps"),
        (
            ('*MEAS_SCAN_SPEED "2.0"', '*MEAS_SCAN_STEP "0.1"', '*MEAS_SCAN_SPEED_UNIT "deg/min"'),
            "counting_time",
            pytest.approx(3),
        ),
        (('*MEAS_SCAN_SPEED "4"', '*MEAS_SCAN_STEP "0.1"', '*MEAS_SCAN_SPEED_UNIT "sec"'), "counting_time", 4),
    ],
)
def test_what_the_header_says(header: tuple[str, ...], key: str, value: object) -> None:
    assert read(ras_block(header=header).encode())[0].metadata[key] == value


def test_single_lines_have_no_doublet() -> None:
    (pattern,) = read(ras_block(header=('*MEAS_COND_XG_WAVE_TYPE "Ka1"',)).encode())
    assert "wavelength_2" not in pattern.metadata
    beta = ('*MEAS_COND_XG_WAVE_TYPE "Kb"', '*HW_XG_WAVE_LENGTH_BETA "1.392250"')
    assert read(ras_block(header=beta).encode())[0].wavelength == 1.39225


def test_wavelength_of_zero_is_not_believed() -> None:
    (pattern,) = read(ras_block().replace('"1.540593"', '"0.0"').encode())
    assert pattern.wavelength == 1.540593
    assert "0 Å, which is impossible" in str(pattern.warnings[0])
    assert "taken from the anode" in str(pattern.warnings[1])


def test_stopped_measurement_is_told() -> None:
    (pattern,) = read(ras_block().replace('"601.0000000000"', '"1001.0000000000"').encode())
    assert "announces 1001 points and 601 are there" in str(pattern.warnings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (ras_block(axis="Phi"), "a scan of Phi, not of 2θ"),
        (ras_block()[:4000], "cut off or damaged"),
        (ras_block()[:150], "cut off or damaged"),
        (ras_block().replace("1.0000\r\n20.2000", "\r\n20.2000"), "do not all have three columns"),
        (ras_block().replace("20.2000", "2O.2000"), "something in it is not a number"),
        (ras_block().replace("30.0000 ", "10.0000 "), "do not ascend"),
        (ras_block(axis="Phi") * 1001, "more than 2,000,000 points"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: str, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content.encode())


def test_example_file() -> None:
    (pattern,) = read((EXAMPLES / "simulated_icosahedral.ras").read_bytes())
    assert (pattern.n_points, pattern.two_theta[0], pattern.two_theta[-1], pattern.intensity[0]) == (1501, 20, 80, 539)
    assert pattern.intensity.max() > 1500, "the attenuator factor of the strongest peaks"
    assert pattern.metadata["operator"] == "試験"
