"""Rigaku's text export. The files are simulated."""

from __future__ import annotations

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, rigaku_text, rigaku_text_scan


def test_counts_and_keys() -> None:
    (pattern,) = read(rigaku_text().replace(b"\n", b"\r\n"))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.54059
    assert not pattern.warnings
    said = {
        "reader": "rigaku-text",
        "sample_name": "模擬試料",
        "comment": "simulated",
        "anode": "Cu",
        "wavelength_2": 1.54441,
        "intensity_unit": "counts",
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


def test_several_scans_are_several_patterns() -> None:
    first, second = read(rigaku_text(rigaku_text_scan(), rigaku_text_scan("phi"), rigaku_text_scan("2theta")))
    assert [first.metadata["scan_axis"], second.metadata["scan_axis"]] == ["2theta/theta", "2theta"]
    assert "left out (1: phi)" in str(first.warnings[0])


def test_comments_and_keys_after_the_count() -> None:
    (pattern,) = read(rigaku_text(rigaku_text_scan().replace("= 601\n", "= 601\n# a comment\n*MEMO =\n")))
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (rigaku_text(rigaku_text_scan("phi")), "a scan of phi, not of 2θ"),
        (rigaku_text(rigaku_text_scan(n_points=700)), "cut off or damaged"),
        (rigaku_text()[:-40], "cut off or damaged"),
        (rigaku_text().replace(b"*STEP = 0.1000\n", b""), "cut off or damaged"),
        (rigaku_text().replace(b"*STEP = 0.1000\n", b"*STEP = 0\n"), "which is impossible"),
        (rigaku_text().replace(b"*END", b"1O0\n*END"), "something in it is not a number"),
        (rigaku_text(rigaku_text_scan() * 1001), "more than 2,000,000 points"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)
