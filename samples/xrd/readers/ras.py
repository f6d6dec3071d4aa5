"""Rigaku ``.ras`` (SmartLab, MiniFlex): a header of ``*KEY "value"`` lines and rows of 2θ, counts, attenuator factor.

A file may hold several such blocks, one for each scan. The header is Shift-JIS, or UTF-8 from newer programs.
"""

from __future__ import annotations

import re

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    SECONDS,
    Metadata,
    choose_wavelength,
    cut_off,
    parse_numbers,
    powder_scans,
    read_date,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.sentences import PatternFileError, Sentence, sentence

POWDER_AXES = {"TwoThetaTheta", "TwoThetaOmega", "TwoTheta", "ThetaTwoTheta", "OmegaTwoTheta"}

HEADER_LINE = re.compile(r"^\*(\S+)[ \t]([^\n]*)", re.MULTILINE)
ROWS = re.compile(rb"^\*RAS_INT_START[^\n]*\n", re.MULTILINE)
ROWS_END = b"*RAS_INT_END"

MAX_HEADER_BYTES = 100_000


class RasReader:
    """Reads every powder scan of a ``.ras`` file."""

    name = "ras"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return plain_bytes(content[:4096]).lstrip().startswith((b"*RAS_DATA_START", b"*RAS_HEADER_START"))

    def read(self, content: bytes) -> list[PowderPattern]:
        content = plain_bytes(content)
        patterns: list[PowderPattern] = []
        axes: list[str] = []
        block_start = n_points = 0
        for rows in ROWS.finditer(content):
            rows_end = content.find(ROWS_END, rows.end())
            if rows_end < 0:
                raise cut_off(".ras")
            header_start = max(block_start, rows.start() - MAX_HEADER_BYTES)
            lines = HEADER_LINE.findall(decode_header(content[header_start : rows.start()]))
            header = {key: words.strip(' \t"') for key, words in lines}
            axis = header.get("MEAS_SCAN_AXIS_X_INTERNAL", "")
            axes.append(axis)
            if not axis or axis in POWDER_AXES:
                patterns.append(read_scan(header, content[rows.end() : rows_end]))
                n_points += patterns[-1].n_points
            if n_points > MAX_POINTS or len(axes) > MAX_SCANS:
                raise too_many_points()
            block_start = rows_end
        if not axes:
            raise cut_off(".ras")
        return powder_scans(patterns, [axis for axis in axes if axis and axis not in POWDER_AXES], ".ras")


RAS = RasReader()


def read_scan(header: dict[str, str], rows: bytes) -> PowderPattern:
    """One scan: what its ``header`` says by the keys of a .ras file, and its ``rows`` of 2θ, counts, attenuator factor."""
    numbers = parse_numbers(rows, limit=3 * MAX_POINTS)
    if numbers.size % 3:
        raise PatternFileError(
            "The rows do not all have three columns (2θ, counts, attenuator factor). "
            "Copy the file from the instrument again."
        )
    two_theta, counts, attenuation = numbers.reshape(-1, 3).T
    intensity = counts * attenuation
    anode = header.get("HW_XG_TARGET_NAME")
    wavelength, metadata, warnings = _read_wavelengths(header, anode)
    metadata |= {
        "anode": anode,
        "measured_at": read_date(header.get("MEAS_SCAN_START_TIME", "")),
        "instrument": _english(header.get("HW_GONIOMETER_NAME", "")),
        "sample_name": header.get("FILE_SAMPLE", "").strip(),
        "operator": header.get("FILE_OPERATOR", "").strip(),
        "comment": (header.get("FILE_COMMENT", "").strip() or header.get("FILE_MEMO", "").strip()),
        "counting_time": _counting_time(header),
        "scan_axis": header.get("MEAS_SCAN_AXIS_X_INTERNAL"),
        "intensity_unit": header.get("MEAS_SCAN_UNIT_Y"),
    }
    return PowderPattern(
        two_theta=two_theta,
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(*warnings, *_judge_length(header, two_theta.size), *warn_of_negatives(intensity)),
    )


def _read_wavelengths(header: dict[str, str], anode: str | None) -> tuple[float | None, Metadata, tuple[Sentence, ...]]:
    """Wavelength (Å), metadata of its doublet, warnings; ``WAVE_TYPE`` is Ka (the doublet), Ka1 or Kb."""
    wave_type = header.get("MEAS_COND_XG_WAVE_TYPE", "Ka").lower()
    if wave_type == "kb":
        wavelength, warnings = choose_wavelength(_number(header, "HW_XG_WAVE_LENGTH_BETA"), None)
        return wavelength, {}, warnings
    wavelength, warnings = choose_wavelength(_number(header, "HW_XG_WAVE_LENGTH_ALPHA1"), anode)
    if wave_type != "ka":
        return wavelength, {}, warnings
    return wavelength, {"wavelength_2": _number(header, "HW_XG_WAVE_LENGTH_ALPHA2")}, warnings


def _judge_length(header: dict[str, str], n_points: int) -> tuple[Sentence, ...]:
    planned = _number(header, "MEAS_DATA_COUNT")
    if planned is None or int(planned) == n_points:
        return ()
    return (
        sentence(
            "The header announces %(planned)s points and %(n)s are there: the measurement was perhaps stopped early.",
            planned=int(planned),
            n=n_points,
        ),
    )


def _counting_time(header: dict[str, str]) -> float | None:
    """Seconds a step: the speed is stated in degrees a minute, or as seconds a step."""
    speed, step = _number(header, "MEAS_SCAN_SPEED"), _number(header, "MEAS_SCAN_STEP")
    unit = header.get("MEAS_SCAN_SPEED_UNIT", "")
    if not speed or not step:
        return None
    if unit == "deg/min":
        return 60 * step / speed
    return speed * SECONDS[unit] if unit in SECONDS else None


def _english(name: str) -> str:
    """The second half of a name that is given in Japanese and English: "標準試料台|Standard Sample Holder"."""
    return name.rpartition("|")[2].strip()


def _number(header: dict[str, str], key: str) -> float | None:
    try:
        numbers = parse_numbers(header.get(key, ""))
    except PatternFileError:
        return None
    return float(numbers[0]) if numbers.size == 1 and abs(numbers[0]) < float("inf") else None
