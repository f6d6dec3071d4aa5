"""Rigaku .rasx, and the limits of every file that is a zip archive inside. The files are simulated."""

from __future__ import annotations

import io
import time
import zipfile

import numpy as np
import pytest

from samples.xrd.readers import read, zip_archive
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, rasx, rasx_scan, zipped

PROFILE, CONDITIONS = "Data0/Profile0.txt", "Data0/MesurementConditions0.xml"


def test_profile_and_conditions() -> None:
    (pattern,) = read(rasx())
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == 1.540593
    assert not pattern.warnings
    said = {
        "reader": "rasx",
        "sample_name": "模擬試料",
        "operator": "試験",
        "instrument": "SmartLab",
        "anode": "Cu",
        "wavelength_2": 1.544414,
        "measured_at": "2025-03-07T13:28:15Z",
        "counting_time": 3.0,
        "intensity_unit": "counts",
    }
    assert {key: pattern.metadata.get(key) for key in said} == said


def test_counts_are_multiplied_by_the_attenuator_factor() -> None:
    (pattern,) = read(rasx(rasx_scan(attenuation="12.5")))
    np.testing.assert_allclose(pattern.intensity, 12.5 * COUNTS)


def test_single_lines_have_no_doublet() -> None:
    (alone,) = read(rasx(rasx_scan(wave="Ka1")))
    assert "wavelength_2" not in alone.metadata
    (beta,) = read(rasx(rasx_scan(wave="Kb")))
    assert beta.wavelength == 1.39225


def test_scans_come_in_their_order_and_others_are_told() -> None:
    patterns = read(rasx(rasx_scan(10), rasx_scan(2, axis="TwoTheta"), rasx_scan(3, axis="Phi")))
    assert [p.metadata["scan_axis"] for p in patterns] == ["TwoTheta", "TwoThetaTheta"]
    assert "left out (1: Phi)" in str(patterns[0].warnings[0])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (rasx(rasx_scan(axis="Phi")), "rasx file holds a scan of Phi, not of 2θ"),
        (zipped({CONDITIONS: b"<a/>", "Data0/Image0.dat": b"0"}), "holds no profile"),
        (zipped({PROFILE: b"20 1 1\n", "Data1/MesurementConditions1.xml": b"<a/>"}), "cut off or damaged"),
        (rasx(rasx_scan() | {PROFILE: b"20.0 100 1\n20.1 100\n"}), "do not all have three columns"),
        (rasx(rasx_scan() | {CONDITIONS: b"<MeasurementConditions>"}), "cut off or damaged"),
        (rasx(rasx_scan() | {CONDITIONS: b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "defines entities"),
        (rasx()[:-40], "cut off or damaged"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


def test_only_wanted_members_are_opened() -> None:
    members = {"../../etc/passwd": b"0", "/tmp/x": b"0", "Data0/Bomb.bin": bytes(30_000_000)}
    (pattern,) = read(rasx(rasx_scan() | members))
    assert pattern.n_points == COUNTS.size


@pytest.mark.parametrize("name", [PROFILE, CONDITIONS])
def test_a_member_that_swells_is_refused(name: str) -> None:
    with pytest.raises(PatternFileError, match=r"Unpacked, the \.rasx file is too large"):
        read(rasx(rasx_scan() | {name: b" " * 31_000_000}))


def test_all_members_together_are_limited(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(zip_archive, "MAX_UNPACKED_BYTES", 30_000)
    assert len(read(rasx())) == 1
    with pytest.raises(PatternFileError, match=r"Unpacked, the \.rasx file is too large"):
        read(rasx(*(rasx_scan(number) for number in range(9))))


def test_a_lying_size_is_no_way_in() -> None:
    content = bytearray(rasx(rasx_scan() | {PROFILE: b"20 1 1\n" * 200_000}))
    entry = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 4)
    content[entry + 24 : entry + 28] = (100).to_bytes(4, "little")
    with pytest.raises(PatternFileError):
        read(bytes(content))


def test_too_many_members_are_refused_in_time() -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for number in range(10_000):
            archive.writestr(f"Data{number}/MesurementConditions{number}.xml", b"")
    started = time.perf_counter()
    with pytest.raises(PatternFileError, match="too large"):
        read(packed.getvalue())
    assert time.perf_counter() - started < 0.5
