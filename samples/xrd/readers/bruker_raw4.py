"""Bruker ``.raw`` version 4 (DIFFRAC.SUITE), which begins with ``RAW4.00``: a header of 61 bytes, then segments and ranges.

A segment begins with its kind and its length. The kinds 0 and 160 begin a range: a header of 160 bytes, the segments that
say where its drives stand, and one float32 for each point. Places of the fields: by way of xylib and GSAS-II; checked on
two files.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.binary import BinaryFile
from samples.xrd.readers.bruker import Tube
from samples.xrd.readers.bruker_raw3 import check_point_size
from samples.xrd.readers.reader import (
    MAX_SCANS,
    check_total,
    cut_off,
    even_angles,
    powder_scans,
    read_date,
    too_many_points,
    warn_of_fixed_incidence,
    warn_of_negatives,
    without_empty,
)

KIND = "Bruker RAW"
FILE_HEADER = 61
RANGE_HEADER = 160
RANGE_KINDS = (0, 160)
WORDS, TUBE, DRIVE = 10, 30, 50
"""Kinds of segments that are read."""
MAX_SEGMENTS = 20_000
MAX_DRIVES = 200
MAX_WORDS_BYTES = 10_000

DETECTOR_SCAN = "Detector Scan"
POWDER_SCANS = {"Locked Coupled", "Unlocked Coupled", DETECTOR_SCAN}
SAME_ANGLE = 1e-3
"""Angles that differ by less (degree) are one position of a drive."""


@dataclass(slots=True)
class _Header:
    """What the segments before a range say: texts by their names, and the lines of the tube."""

    words: dict[str, str] = field(default_factory=dict)
    tube: Tube = field(default_factory=lambda: Tube("", None, None, None, None))


class BrukerRaw4Reader:
    """Reads every powder range of a ``RAW4.00`` file."""

    name = "bruker-raw4"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return content.startswith(b"RAW4.00")

    def read(self, content: bytes) -> list[PowderPattern]:
        file = BinaryFile(content, KIND)
        header = _Header()
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        at = FILE_HEADER
        for _ in range(MAX_SEGMENTS):
            if at >= len(file):
                return powder_scans(patterns, left_out, KIND)
            if file.integer(at) not in RANGE_KINDS:
                at += _read_segment(file, at, header)
                continue
            n_points, point_size = file.integer(at + 88), file.integer(at + 136)
            points = at + RANGE_HEADER + file.integer(at + 140)
            drives = _read_drives(file, at + RANGE_HEADER, points)
            scan_type = file.text(at + 32, 24)
            if scan_type in POWDER_SCANS and _is_over_two_theta(file.double(at + 72), drives):
                check_point_size(point_size)
                patterns.append(_read_range(file, at, points, header, drives))
                check_total(patterns)
            else:
                left_out.append(scan_type)
            if len(left_out) > MAX_SCANS:
                raise too_many_points()
            at = points + n_points * point_size
        raise cut_off(KIND)


BRUKER_RAW4 = BrukerRaw4Reader()


def _segment_length(file: BinaryFile, at: int) -> int:
    length = file.integer(at + 4)
    if length < 8:
        raise cut_off(KIND)
    return length


def _read_segment(file: BinaryFile, at: int, header: _Header) -> int:
    """Take what the segment says into ``header``; its length."""
    length = _segment_length(file, at)
    kind = file.integer(at)
    if kind == WORDS and 36 <= length <= MAX_WORDS_BYTES:
        header.words[file.text(at + 12, 24)] = file.text(at + 36, length - 36)
    elif kind == TUBE and length >= 120:
        header.tube = Tube(
            anode=file.text(at + 116, 4),
            kalpha1=file.double(at + 80),
            kalpha2=file.double(at + 88),
            kbeta=file.double(at + 96),
            ratio=file.double(at + 104),
        )
    return length


def _read_drives(file: BinaryFile, at: int, end: int) -> dict[str, float]:
    """Where each drive stands at the start of a range (degree or mm), by its name."""
    drives: dict[str, float] = {}
    for _ in range(MAX_DRIVES):
        if at >= end:
            return drives
        length = _segment_length(file, at)
        if file.integer(at) == DRIVE and length >= 64:
            drives[file.text(at + 12, 24)] = file.double(at + 56)
        at += length
    raise cut_off(KIND)


def _is_over_two_theta(start: float, drives: dict[str, float]) -> bool:
    """Whether the angle at which the scan starts is 2θ, and not ω; a file that lists no drive is believed."""
    return math.isclose(drives.get("2Theta", start), start, abs_tol=SAME_ANGLE)


def _read_range(file: BinaryFile, at: int, points: int, header: _Header, drives: dict[str, float]) -> PowderPattern:
    """The range of which the header is at ``at`` and the first of its points at ``points``."""
    n_points = file.integer(at + 88)
    intensity = file.singles(points, n_points)
    wavelength, metadata, radiation_warnings = header.tube.radiation(used=file.double(at + 112))
    scan_type = file.text(at + 32, 24)
    metadata |= {
        "measured_at": read_date(f"{file.text(12, 12)} {file.text(24, 10)}"),
        "operator": header.words.get("USER"),
        "sample_name": header.words.get("SAMPLEID"),
        "comment": header.words.get("COMMENT"),
        "counting_time": file.single(at + 92),
        "scan_axis": scan_type,
        "intensity_unit": "counts",
    }
    is_fixed = scan_type == DETECTOR_SCAN and "Theta" in drives
    return PowderPattern(
        two_theta=even_angles(file.double(at + 72), file.double(at + 80), n_points, KIND),
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(
            *radiation_warnings,
            *((warn_of_fixed_incidence(drives["Theta"]),) if is_fixed else ()),
            *warn_of_negatives(intensity),
        ),
    )
