"""NeXus powder data in HDF5 (NXxrd, NXxrd_pan, NXmonopd): a pattern for each scan of each NXdata that is counts over 2θ.

Written by the definitions of the standard, https://manual.nexusformat.org/classes/; what lies outside of the file is not looked for.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.apart import read_apart
from samples.xrd.readers.hdf5 import (
    MAGIC,
    Hdf5File,
    address,
    attribute,
    is_numbers,
    number,
    numbers,
    text,
)
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    Metadata,
    check_total,
    choose_wavelength,
    cut_off,
    describe_doublet,
    powder_scans,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.sentences import PatternFileError

if TYPE_CHECKING:
    import h5py

KIND = "NeXus"
ANGLES = ("two_theta", "polar_angle", "2theta", "twotheta", "tth")
COUNTS = ("intensity", "counts", "data")
IN_ANGSTROM = {"": 1.0, "angstrom": 1.0, "angstroms": 1.0, "å": 1.0, "nm": 10.0, "pm": 0.01, "m": 1e10}
Leaves = dict[str, "h5py.Dataset"]


class NexusReader:
    """Reads every powder scan of a NeXus file."""

    name = "nexus"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return content.startswith(MAGIC)

    def read(self, content: bytes) -> list[PowderPattern]:
        """In a process apart: of 1,500 spoilt files, HDF5's library hung over five, and died of one."""
        patterns = read_apart(content)
        if patterns is None:
            raise cut_off(KIND)
        return patterns


def read_here(content: bytes) -> list[PowderPattern]:
    """As :meth:`NexusReader.read`, in this process."""
    try:
        file = Hdf5File(content)
        try:
            return _read_file(file)
        finally:
            file.close()
    except (PatternFileError, MemoryError):
        raise
    except Exception as error:  # the library and NumPy have many for what is broken
        raise cut_off(KIND) from error


NEXUS = NexusReader()


def _read_file(file: Hdf5File) -> list[PowderPattern]:
    patterns: list[PowderPattern] = []
    others: list[tuple[int, str]] = []
    read: set[int] = set()
    for entry in file.groups_below(file.root):
        if attribute(entry, "NX_class") != ["NXentry"]:
            continue
        groups = list(file.groups_below(entry))
        for group in groups:
            if attribute(group, "NX_class") != ["NXdata"]:
                continue
            children = file.children(group)
            leaves = {name: child for name, child in children.items() if isinstance(child, file.h5py.Dataset)}
            counts = _counts(group, leaves)
            if counts is None or address(counts) in read:  # linked to from a second place
                continue
            axes = _axes(group, counts, leaves)
            angle = next((leaves[axis] for axis in axes if axis.lower() in ANGLES and axis in leaves), None)
            if angle is None:
                others.append((address(counts), axes[-1] if axes else "?"))
                continue
            read.add(address(counts))
            patterns.extend(_scans(angle, counts, _Header.of(file, groups)))
            check_total(patterns)
    left_out = [axis for place, axis in others if place not in read]  # the same counts over Q or d are no other scan
    if not patterns and not left_out:
        raise PatternFileError(
            "The HDF5 file holds no NeXus powder pattern (an NXdata with intensities over two_theta or polar_angle). "
            "Export the pattern as two columns of text (.xy)."
        )
    return powder_scans(patterns, left_out, KIND)


def _counts(group: h5py.Group, leaves: Leaves) -> h5py.Dataset | None:
    """The signal of an NXdata, by either way that the standard has for saying which it is."""
    named = [name for name in attribute(group, "signal") if name in leaves]
    marked = [name for name, leaf in leaves.items() if attribute(leaf, "signal") == ["1"]]
    for name in (*named, *marked, *COUNTS):
        if name in leaves and is_numbers(leaves[name]):
            return leaves[name]
    return None


def _axes(group: h5py.Group, counts: h5py.Dataset, leaves: Leaves) -> list[str]:
    """Names of the axes of an NXdata, slowest first; those that it does not name are looked for."""
    said = attribute(group, "axes") or attribute(counts, "axes")
    axes = [axis.strip("[] ") for words in said for axis in words.replace(":", ",").split(",")]
    axes = [axis for axis in axes if axis and axis != "."]
    known = [name for name in leaves if name.lower() in ANGLES]
    return axes if any(axis.lower() in ANGLES for axis in axes) or not known else [*axes, *known]


def _scans(angle: h5py.Dataset, counts: h5py.Dataset, header: _Header) -> list[PowderPattern]:
    """One pattern, or one for each row of a series that was measured over the same or its own angles."""
    if max(angle.size, counts.size) > MAX_POINTS:
        raise too_many_points()
    if not is_numbers(angle):
        raise cut_off(KIND)
    two_theta, intensity = numbers(angle), numbers(counts)
    if (attribute(angle, "units") or [""])[0].lower().startswith("rad"):
        two_theta = np.degrees(two_theta)
    n_points = two_theta.shape[-1]
    if intensity.shape[-1] != n_points or two_theta.size not in {n_points, intensity.size}:
        raise PatternFileError(
            "The %(kind)s file has %(angles)s angles for intensities of the shape %(shape)s. "
            "Export the integrated pattern, with one intensity for each angle.",
            kind=KIND,
            angles=two_theta.size,
            shape=" × ".join(str(size) for size in intensity.shape),
        )
    rows = intensity.reshape(-1, n_points)
    if len(rows) > MAX_SCANS:
        raise too_many_points()
    angles = np.broadcast_to(two_theta.reshape(-1, n_points), rows.shape)
    unit = (attribute(counts, "units") or [""])[0]
    return [header.pattern(*pair, unit=unit) for pair in zip(angles, rows, strict=True)]


class _Header:
    """What the groups of an entry say beside the counts, by the names that the definitions give."""

    def __init__(self, leaves: list[tuple[str, str, h5py.Dataset]]) -> None:
        self.leaves = leaves  # NX_class of its group, name, dataset

    @classmethod
    def of(cls, file: Hdf5File, groups: list[h5py.Group]) -> _Header:
        return cls(
            [
                ("".join(attribute(group, "NX_class")), name, child)
                for group in groups
                for name, child in file.children(group).items()
                if isinstance(child, file.h5py.Dataset)
            ]
        )

    def pattern(self, two_theta: FloatArray, intensity: FloatArray, *, unit: str) -> PowderPattern:
        if two_theta[0] > two_theta[-1]:
            two_theta, intensity = two_theta[::-1], intensity[::-1]
        anode = self._text("xray_tube_material", "target_material", "anode").partition(" ")[0].partition("-")[0] or None
        wavelength, warnings = choose_wavelength(
            self._length("k_alpha_one", "incident_wavelength", "wavelength"), anode
        )
        metadata: Metadata = {
            "anode": anode,
            **describe_doublet(self._length("k_alpha_two"), self._number("ratio_k_alphatwo_k_alphaone")),
            "measured_at": self._text("start_time"),
            "sample_name": self._text("name", within="NXsample") or self._text("sample_name", "sample_id"),
            "operator": self._text("name", within="NXuser"),
            "instrument": self._text("name", within="NXinstrument"),
            "comment": self._text("title", within="NXentry"),
            "counting_time": self._number("count_time", "counting_time", "time_per_step"),
            "scan_axis": self._text("scan_axis", "scan_type"),
            "intensity_unit": unit,
        }
        return PowderPattern(
            two_theta=two_theta,
            intensity=intensity,
            wavelength=wavelength,
            metadata=without_empty(metadata),
            warnings=(*warnings, *warn_of_negatives(intensity)),
        )

    def _all(self, names: tuple[str, ...], within: str = "") -> list[h5py.Dataset]:
        return [
            leaf
            for wanted in names
            for kind, name, leaf in self.leaves
            if name.lower() == wanted and within in {"", kind}
        ]

    def _text(self, *names: str, within: str = "") -> str:
        return next((said for leaf in self._all(names, within) if (said := text(leaf))), "")

    def _number(self, *names: str) -> float | None:
        return next((said for leaf in self._all(names) if (said := number(leaf)) is not None), None)

    def _length(self, *names: str) -> float | None:
        """In Å; a unit that is no length is not guessed at."""
        for leaf in self._all(names):
            said, unit = number(leaf), (attribute(leaf, "units") or [""])[0].lower()
            if said is not None and unit in IN_ANGSTROM:
                return said * IN_ANGSTROM[unit]
        return None
