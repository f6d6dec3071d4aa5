"""Bruker ``.raw`` version 3 (DIFFRAC plus), which begins with ``RAW1.01``: a header of 712 bytes, then each range.

A range has a header of its own, perhaps supplementary headers, and one float32 for each point. Places of the fields: as in
the manual of Bruker's converter XCH, appendix A, by way of xylib and GSAS-II; checked on one file.
"""

from __future__ import annotations

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.binary import BinaryFile
from samples.xrd.readers.bruker import Tube
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
    warn_of_status,
    without_empty,
)
from samples.xrd.sentences import PatternFileError, Sentence

KIND = "Bruker RAW"
FILE_HEADER = 712
LEAST_RANGE_HEADER = 260

POWDER_SCANS = {0: "locked coupled", 1: "unlocked coupled", 2: "detector scan"}
DETECTOR_SCAN = 2
UNFINISHED = {3: "aborted", 4: "interrupted"}


class BrukerRaw3Reader:
    """Reads every powder range of a ``RAW1.01`` file."""

    name = "bruker-raw3"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return content.startswith(b"RAW1.01")

    def read(self, content: bytes) -> list[PowderPattern]:
        file = BinaryFile(content, KIND)
        n_ranges = file.integer(12)
        if n_ranges > MAX_SCANS:
            raise too_many_points()
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        start = FILE_HEADER
        for _ in range(n_ranges):
            header_size, n_points, extra_size = file.integer(start), file.integer(start + 4), file.integer(start + 256)
            if header_size < LEAST_RANGE_HEADER:
                raise cut_off(KIND)
            scan_type, point_size = file.integer(start + 196), file.integer(start + 252)
            points = start + header_size + extra_size
            if scan_type in POWDER_SCANS:
                check_point_size(point_size)
                patterns.append(_read_range(file, start, points, n_points))
                check_total(patterns)
            else:
                left_out.append(f"type {scan_type}")
            start = points + n_points * point_size
        return powder_scans(patterns, left_out, KIND)


BRUKER_RAW3 = BrukerRaw3Reader()


def check_point_size(n_bytes: int) -> None:
    """Raise PatternFileError where a point is more than one float32, as in scans in which something else varies."""
    if n_bytes != 4:
        raise PatternFileError(
            "The Bruker RAW file lists more than one number for each point. "
            "Export the scan as two columns of text (.xy)."
        )


def _read_range(file: BinaryFile, start: int, points: int, n_points: int) -> PowderPattern:
    """The range of which the header is at ``start`` and the first of its points at ``points``."""
    intensity = file.singles(points, n_points)
    tube = Tube(
        anode=file.text(608, 4),
        kalpha1=file.double(624),
        kalpha2=file.double(632),
        kbeta=file.double(640),
        ratio=file.double(648),
    )
    wavelength, metadata, radiation_warnings = tube.radiation(used=file.double(start + 240))
    scan_type = file.integer(start + 196)
    metadata |= {
        "measured_at": read_date(f"{file.text(16, 10)} {file.text(26, 10)}"),
        "operator": file.text(36, 72),
        "sample_name": file.text(326, 60),
        "comment": file.text(386, 160),
        "counting_time": file.single(start + 192),
        "scan_axis": POWDER_SCANS[scan_type],
        "intensity_unit": "counts",
    }
    warnings: list[Sentence] = [*radiation_warnings]
    if (status := file.integer(8)) in UNFINISHED:
        warnings.append(warn_of_status(UNFINISHED[status]))
    if scan_type == DETECTOR_SCAN:
        warnings.append(warn_of_fixed_incidence(file.double(start + 8)))
    return PowderPattern(
        two_theta=even_angles(file.double(start + 16), file.double(start + 176), n_points, KIND),
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(*warnings, *warn_of_negatives(intensity)),
    )
