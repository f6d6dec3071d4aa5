"""NeXus powder data. The files are written by the definitions: no file of an instrument was at hand."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, TWO_THETA, nexus


@pytest.mark.parametrize("definition", ["NXxrd_pan", "NXxrd", "NXmonopd"])
def test_counts_and_header(definition: str) -> None:
    (pattern,) = read(nexus(definition=definition))
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength == pytest.approx(1.54059, abs=1e-9)
    assert not pattern.warnings
    said = {
        "reader": "nexus",
        "sample_name": "模擬試料",
        "operator": "student",
        "comment": "simulated",
        "measured_at": "2026-11-24T09:00:00+09:00",
        "intensity_unit": "counts",
    }
    assert {key: pattern.metadata.get(key) for key in said} == said
    if definition != "NXmonopd":
        doublet = {key: pattern.metadata.get(key) for key in ("anode", "wavelength_2", "ratio_kalpha2")}
        assert doublet == {"anode": "Cu", "wavelength_2": 1.54441, "ratio_kalpha2": 0.5}


def test_several_entries_are_several_patterns() -> None:
    first, second = read(nexus({}, {"counts": COUNTS + 1, "wavelength": 0.7093}))
    assert second.intensity[0] == first.intensity[0] + 1
    assert second.wavelength == 0.7093


def test_a_series_is_a_pattern_a_row() -> None:
    patterns = read(nexus({"counts": np.stack([COUNTS, COUNTS + 1, COUNTS + 2])}))
    assert [pattern.intensity[0] - COUNTS[0] for pattern in patterns] == [0, 1, 2]
    np.testing.assert_array_equal(patterns[2].two_theta, TWO_THETA)


def test_radians_and_descending_angles() -> None:
    (pattern,) = read(nexus({"angles": np.radians(TWO_THETA)[::-1], "counts": COUNTS[::-1], "units": "rad"}))
    np.testing.assert_allclose(pattern.two_theta, TWO_THETA, rtol=0, atol=1e-12)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def test_integers_and_singles() -> None:
    (pattern,) = read(nexus({"counts": COUNTS.astype(">u4"), "angles": TWO_THETA.astype("<f4")}))
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def test_no_wavelength_is_made_of_its_anode() -> None:
    (pattern,) = read(nexus({"wavelength": 0.0, "anode": "Co"}))
    assert pattern.wavelength == pytest.approx(1.788996, abs=1e-4)
    assert "impossible" in str(pattern.warnings[0])


def changed(change: Callable[[h5py.File], None]) -> bytes:
    packed = io.BytesIO(nexus())
    with h5py.File(packed, "r+") as file:
        change(file)
    return packed.getvalue()


def replaced(name: str, **options: object) -> bytes:
    """A good file whose ``name`` of the plot is made anew."""

    def change(file: h5py.File) -> None:
        plot = file["entry1/2theta_plot"]
        del plot[name]
        plot.create_dataset(name, **options)

    return changed(change)


def moved_by(link: object) -> bytes:
    def change(file: h5py.File) -> None:
        file["raw"] = file["entry1/2theta_plot/intensity"]
        del file["entry1/2theta_plot/intensity"]
        file["entry1/2theta_plot/intensity"] = link

    return changed(change)


def test_a_soft_link_in_the_file_is_followed() -> None:
    (pattern,) = read(moved_by(h5py.SoftLink("/raw")))
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def test_the_same_counts_over_q_are_no_other_scan() -> None:
    def change(file: h5py.File) -> None:
        group = file["entry1"].create_group("q_plot")
        group.attrs.update({"NX_class": "NXdata", "signal": "intensity", "axes": "q"})
        group["intensity"], group["q"] = file["entry1/2theta_plot/intensity"], np.linspace(1, 5, 601)

    (pattern,) = read(changed(change))
    assert not pattern.warnings


class TestNothingOutsideIsRead:
    @pytest.fixture
    def other(self, tmp_path: Path) -> Path:
        path = tmp_path / "other.h5"
        with h5py.File(path, "w") as file:
            file["raw"] = COUNTS
        return path

    def test_an_external_link(self, other: Path) -> None:
        with pytest.raises(PatternFileError, match="no NeXus powder pattern"):
            read(moved_by(h5py.ExternalLink(str(other), "/raw")))

    def test_a_soft_link_through_an_external_one(self, other: Path) -> None:
        def change(file: h5py.File) -> None:
            file["out"] = h5py.ExternalLink(str(other), "/")
            del file["entry1/2theta_plot/intensity"]
            file["entry1/2theta_plot/intensity"] = h5py.SoftLink("/out/raw")

        with pytest.raises(PatternFileError, match="no NeXus powder pattern"):
            read(changed(change))

    def test_a_virtual_dataset(self, other: Path) -> None:
        def change(file: h5py.File) -> None:
            layout = h5py.VirtualLayout(shape=(601,), dtype="f8")
            layout[:] = h5py.VirtualSource(str(other), "raw", shape=(601,))
            del file["entry1/2theta_plot/intensity"]
            file["entry1/2theta_plot"].create_virtual_dataset("intensity", layout)

        with pytest.raises(PatternFileError, match="names other files"):
            read(changed(change))

    def test_numbers_kept_in_another_file(self, tmp_path: Path) -> None:
        raw = tmp_path / "raw.bin"
        raw.write_bytes(COUNTS.tobytes())
        with pytest.raises(PatternFileError, match="names other files"):
            read(replaced("intensity", shape=(601,), dtype="f8", external=[(str(raw), 0, 601 * 8)]))


def circle(file: h5py.File) -> None:
    file["entry1/again"] = file["entry1"]
    file["entry1/a"], file["entry1/b"] = h5py.SoftLink("b"), h5py.SoftLink("a")
    file["entry1/2theta_plot/self"] = h5py.SoftLink(".")


def test_circles_end() -> None:
    (pattern,) = read(changed(circle))
    np.testing.assert_array_equal(pattern.intensity, COUNTS)


def many_groups(file: h5py.File) -> None:
    for number in range(5_100):
        file["entry1"].create_group(f"g{number}")


def only_phi(file: h5py.File) -> None:
    plot = file["entry1/2theta_plot"]
    plot.move("two_theta", "phi")
    plot.attrs["axes"] = ["phi"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (nexus({"counts": np.zeros((601, 40))}), "intensities of the shape 601 × 40"),
        (nexus({"counts": np.zeros((1_001, 601))}), "more than 2,000,000 points"),
        (replaced("intensity", shape=(10**12,), dtype="f8", chunks=(1000,)), "more than 2,000,000 points"),
        (replaced("intensity", shape=(601,), maxshape=(None,), dtype="f8", chunks=(5 * 10**8,)), "more than 2,000,000"),
        (replaced("intensity", data=np.zeros(601, [("a", "f8"), ("b", "i4")])), "no NeXus powder pattern"),
        (replaced("intensity", data=np.zeros(601, "c16")), "no NeXus powder pattern"),
        (replaced("intensity", data=["one"] * 601), "no NeXus powder pattern"),
        (replaced("two_theta", data=["one"] * 601), "cut off or damaged"),
        (replaced("intensity", data=5.0), "no NeXus powder pattern"),
        (replaced("intensity", data=np.full(601, np.nan)), "Point 1 is not a number"),
        (changed(only_phi), "a scan of phi, not of 2θ"),
        (changed(many_groups), "more groups than a measurement has"),
        (nexus()[:2000], "cut off or damaged"),
        (b"\x89HDF\r\n\x1a\n" + bytes(100), "cut off or damaged"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content)


def test_a_reading_process_that_dies_takes_nobody_along(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONHOME", "/nowhere")  # so that it dies as it starts
    with pytest.raises(PatternFileError, match="cut off or damaged"):
        read(nexus())
