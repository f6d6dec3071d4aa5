"""GSAS powder data. The files are simulated."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, gsas, gsas_bank


@pytest.mark.parametrize("layout", ["STD", "ESD", "FXY", "FXYE"])
def test_every_layout(layout: str) -> None:
    (pattern,) = read(gsas(gsas_bank(layout)))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength is None
    assert pattern.metadata["comment"] == "simulated"
    assert not pattern.warnings


def test_fields_touch_and_count_detectors() -> None:
    """In STD, the first two of eight characters say how many detectors counted, and the counts may fill the others."""
    (pattern,) = read(gsas("BANK 1 10 1 CONS 2000 10 0 0\n" + "16123456" * 10 + "\r\n"))
    np.testing.assert_array_equal(pattern.intensity, np.full(10, 123456))


def test_header_and_comments() -> None:
    header = "standard\nInstrument parameter file: a.prm\n# Wavelength = 0.412834\n"
    content = gsas(gsas_bank("FXYE").replace("\n", "\n# a comment\n", 1), header=header)
    (pattern,) = read(content)
    assert pattern.wavelength == 0.412834
    assert pattern.metadata["comment"] == "standard"


def test_several_banks_are_several_patterns() -> None:
    patterns = read(gsas(gsas_bank("STD"), gsas_bank("ESD"), gsas_bank("FXYE")))
    assert [p.n_points for p in patterns] == [COUNTS.size] * 3
    assert [p.metadata["scan_number"] for p in patterns] == [1, 2, 3]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (gsas(gsas_bank(binning="SLOG")), "binned as SLOG, as of neutron time of flight"),
        (gsas(gsas_bank(binning="TIME_MAP")), "binned as TIME_MAP"),
        (gsas(gsas_bank("ALT")), "written as ALT, which is not read"),
        (gsas(gsas_bank(n_points=700)), "cut off or damaged"),
        (gsas(gsas_bank("FXYE", n_points=700)), "cut off or damaged"),
        (gsas(gsas_bank("FXYE"))[:-88], "cut off or damaged"),
        (gsas(gsas_bank().replace("2000.0 10.0", "2000.0 0.0")), "step of 0°, which is impossible"),
        (gsas(gsas_bank().replace("2000.0 10.0 0 0", "")), "cut off or damaged"),
        (gsas(gsas_bank(n_points=999_999_999)), "more than 2,000,000 points"),
        (gsas(gsas_bank() * 1001), "more than 2,000,000 points"),
        (gsas(gsas_bank().replace(" 1   100", " 1   1O0", 1)), "something in it is not a number"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)
