"""Bruker ``.uxd`` (DIFFRAC plus): lines of ``_KEY=value``, and the points of each range under a ``_2THETACOUNTS`` or ``_COUNTS``.

What stands above the first range holds for all; a range repeats what differs.
"""

from __future__ import annotations

import re

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.bruker import Tube
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    check_total,
    cut_off,
    even_angles,
    parse_numbers,
    powder_scans,
    read_date,
    too_many_points,
    warn_of_fixed_incidence,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.sentences import PatternFileError

KIND = ".uxd"
POWDER_DRIVES = {"COUPLED", "2THETA"}
DETECTOR_ALONE = "2THETA"
MAX_HEADER_BYTES = 5_000

HEADER_LINE = re.compile(r"^_(\w+)[ \t]*=([^\n]*)", re.MULTILINE)
POINTS = re.compile(rb"^_(2THETA)?(COUNTS|CPS)(TIME)?[ \t=]*\n", re.MULTILINE)
POINTS_END = re.compile(rb"^[ \t]*[_;]", re.MULTILINE)
NANOMETRES = 10.0
"""Å in the unit ``nm`` of the wavelengths."""


class UxdReader:
    """Reads every powder range of a ``.uxd`` file."""

    name = "uxd"
    version = 1

    def recognises(self, content: bytes) -> bool:
        head = plain_bytes(content[:4096])
        return b"_FILEVERSION" in head and (b"_DRIVE" in head or b"_WL1" in head or b"_SAMPLE" in head)

    def read(self, content: bytes) -> list[PowderPattern]:
        content = plain_bytes(content)
        header: dict[str, str] = {}
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        points_end = 0
        for mark in POINTS.finditer(content):
            header_start = max(points_end, mark.start() - MAX_HEADER_BYTES)
            lines = HEADER_LINE.findall(decode_header(content[header_start : mark.start()]))
            header |= {key: words.strip(" \t'") for key, words in lines}
            end = POINTS_END.search(content, mark.end())
            points_end = end.start() if end else len(content)
            drive = header.get("DRIVE", "COUPLED")
            if drive in POWDER_DRIVES:
                patterns.append(_read_range(header, mark, content[mark.end() : points_end]))
                check_total(patterns)
            else:
                left_out.append(drive)
            if len(left_out) > MAX_SCANS:
                raise too_many_points()
        return powder_scans(patterns, left_out, KIND)


UXD = UxdReader()


def _read_range(header: dict[str, str], mark: re.Match[bytes], points: bytes) -> PowderPattern:
    """The range of which ``header`` tells, ``mark`` names the columns, and ``points`` are the numbers."""
    two_theta, intensity = _read_points(header, mark, points)
    unit = NANOMETRES if header.get("WL_UNIT", "A").lower() == "nm" else 1.0
    wavelengths = {key: unit * length for key in ("WL1", "WL2", "WL3", "RANGE_WL") if (length := _number(header, key))}
    tube = Tube(
        anode=header.get("ANODE", ""),
        kalpha1=wavelengths.get("WL1"),
        kalpha2=wavelengths.get("WL2"),
        kbeta=wavelengths.get("WL3"),
        ratio=_number(header, "WLRATIO"),
    )
    wavelength, metadata, warnings = tube.radiation(used=wavelengths.get("RANGE_WL"))
    metadata |= {
        "measured_at": read_date(header.get("DATEMEASURED", "")),
        "operator": header.get("USER"),
        "sample_name": header.get("SAMPLE"),
        "comment": header.get("COMMENT"),
        "counting_time": _number(header, "STEPTIME"),
        "scan_axis": header.get("DRIVE"),
        "intensity_unit": mark[2].decode().lower(),
    }
    theta = _number(header, "THETA")
    is_fixed = header.get("DRIVE") == DETECTOR_ALONE and theta is not None
    return PowderPattern(
        two_theta=two_theta,
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(
            *warnings,
            *((warn_of_fixed_incidence(theta),) if is_fixed and theta is not None else ()),
            *warn_of_negatives(intensity),
        ),
    )


def _read_points(header: dict[str, str], mark: re.Match[bytes], points: bytes) -> tuple[FloatArray, FloatArray]:
    """Angles (degree) and intensities, each shape (n_points,); the angles are counted from the start where none are listed."""
    n_columns = 1 + bool(mark[1]) + bool(mark[3])
    numbers = parse_numbers(points, limit=n_columns * MAX_POINTS)
    if numbers.size % n_columns:
        raise cut_off(KIND)
    columns = numbers.reshape(-1, n_columns).T
    if mark[1]:
        return columns[0], columns[1]
    start = _number(header, "START")
    if start is None:
        start = _number(header, "2THETA")
    step = _number(header, "STEPSIZE")
    if start is None or step is None:
        raise PatternFileError(
            "The .uxd file lists counts and does not say where 2θ starts and how far its steps are. "
            "Export the measurement again."
        )
    return even_angles(start, step, columns.shape[1], KIND), columns[0]


def _number(header: dict[str, str], key: str) -> float | None:
    try:
        return float(header[key])
    except (KeyError, ValueError):
        return None
