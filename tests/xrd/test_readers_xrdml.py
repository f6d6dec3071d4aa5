"""PANalytical .xrdml in all its versions."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, EXAMPLES, N_POINTS, TWO_THETA, xrdml, xrdml_scan


@pytest.mark.parametrize("version", ["1.0", "1.3", "1.5", "1.6", "2.0", "2.3"])
@pytest.mark.parametrize("intensities", ["counts", "intensities"])
def test_every_schema_version(version: str, intensities: str) -> None:
    (pattern,) = read(xrdml(xrdml_scan(intensities=intensities), version=version))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.540593
    expected = {
        "reader": "xrdml",
        "anode": "Cu",
        "wavelength_2": 1.544427,
        "ratio_kalpha2": 0.5,
        "measured_at": "2023-07-31T10:15:00+09:00",
        "sample_name": "simulated",
        "counting_time": 2.5,
        "scan_axis": "Gonio",
    }
    assert expected.items() <= dict(pattern.metadata).items()
    assert not pattern.warnings


def test_byte_order_mark_utf16_and_gzip() -> None:
    content = xrdml(xrdml_scan())
    for dressed in (
        b"\xef\xbb\xbf" + content,
        content.decode().replace("UTF-8", "UTF-16").encode("utf-16"),
        gzip.compress(content),
    ):
        assert read(dressed)[0].n_points == N_POINTS


def test_several_scans_are_several_patterns() -> None:
    patterns = read(xrdml(xrdml_scan(), xrdml_scan("2Theta-Omega"), xrdml_scan()))
    assert [p.metadata["scan_number"] for p in patterns] == [1, 2, 3]
    assert {p.metadata["n_scans"] for p in patterns} == {3}


def test_listed_positions() -> None:
    listed = " ".join(f"{x + 0.05 * np.sin(x):.4f}" for x in TWO_THETA)
    (pattern,) = read(xrdml(xrdml_scan(positions=f"<listPositions>{listed}</listPositions>")))
    assert pattern.two_theta[7] == pytest.approx(20.7 + 0.05 * np.sin(20.7), abs=1e-4)


def test_attenuation_is_applied_to_raw_counts_alone() -> None:
    factors = np.where(COUNTS > 400, 10, 1)
    extra = f"<beamAttenuationFactors>{' '.join(map(str, factors))}</beamAttenuationFactors>"
    (raw,) = read(xrdml(xrdml_scan(extra=extra)))
    np.testing.assert_array_equal(raw.intensity, COUNTS * factors)
    (corrected,) = read(xrdml(xrdml_scan(extra=extra, intensities="intensities")))
    np.testing.assert_array_equal(corrected.intensity, COUNTS)


def test_varying_counting_time_is_evened_out() -> None:
    times = np.where(TWO_THETA > 50, 2.0, 1.0)
    extra = f"<countingTimes unit='seconds'>{' '.join(map(str, times))}</countingTimes>"
    (pattern,) = read(xrdml(xrdml_scan(extra=extra)))
    np.testing.assert_allclose(pattern.intensity, COUNTS / times * times.mean())
    assert "counting time varies" in str(pattern.warnings[0])


def test_kbeta_and_missing_wavelengths() -> None:
    beta = '<usedWavelength intended="K-Beta"><kAlpha1>1.540593</kAlpha1><kBeta>1.39225</kBeta></usedWavelength>'
    (pattern,) = read(xrdml(xrdml_scan(), wavelength=beta))
    assert pattern.wavelength == 1.39225
    assert "wavelength_2" not in pattern.metadata
    (pattern,) = read(xrdml(xrdml_scan(), wavelength=""))
    assert pattern.wavelength == 1.540593
    assert "taken from the anode" in str(pattern.warnings[0])


def test_doubtful_scans_are_told() -> None:
    (pattern,) = read(xrdml(xrdml_scan(status="Aborted")))
    assert "not completed" in str(pattern.warnings[0])
    (pattern,) = read(xrdml(xrdml_scan("2Theta")))
    assert "ω = 4°" in str(pattern.warnings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (xrdml(xrdml_scan(), xrdml_scan(), kind="Area measurement"), "area scan .2 scans over a mesh"),
        (xrdml(xrdml_scan("Omega")), "a scan of Omega, not of 2θ"),
        (xrdml(xrdml_scan(positions="<commonPosition>30</commonPosition>")), "2θ stands still"),
        (xrdml(xrdml_scan(positions="<startPosition>20</startPosition>")), "where 2θ starts and ends"),
        (xrdml(xrdml_scan(positions="<listPositions>1 2 3</listPositions>")), "lists 3 values for 601 points"),
        (xrdml(xrdml_scan())[:-200], "cut off or damaged"),
        (xrdml(xrdml_scan()).replace(b"100 107", b"100 1o7"), "something in it is not a number"),
        (xrdml(), "holds no scan"),
        (xrdml("<scan/>"), "has no data points"),
        (xrdml("<scan><dataPoints/></scan>"), "has no intensities"),
        (xrdml(xrdml_scan(), before='<!DOCTYPE x [<!ENTITY a "aaaa">]>\n'), "defines entities"),
        (xrdml(xrdml_scan(), before='<!DOCTYPE x SYSTEM "file:///etc/passwd">\n'), "defines entities"),
        (xrdml("<a/>" * 250_000), "too many parts"),
        (xrdml("<a " + " ".join(f'b{n}=""' for n in range(250_000)) + "/>"), "too many parts"),
        (xrdml("<scan/>" * 1_001), "too many parts"),
        (xrdml(xrdml_scan()).replace(b"UTF-8", b"x-none"), "cut off or damaged"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


def test_powder_scans_are_read_beside_others() -> None:
    (pattern,) = read(xrdml(xrdml_scan("Omega"), xrdml_scan()))
    assert "left out (1: Omega)" in str(pattern.warnings[0])


def test_example_file() -> None:
    (pattern,) = read((EXAMPLES / "simulated_icosahedral.xrdml").read_bytes())
    assert (pattern.n_points, pattern.two_theta[0], pattern.two_theta[-1], pattern.intensity[0]) == (1501, 20, 80, 539)
