"""Rigaku's text export (.asc .dat .txt): lines of ``*KEY = value``, and for each scan a ``*BEGIN``, its keys, its counts, an ``*END``.

Counts stand without their angles, which are counted from ``*START`` in steps of ``*STEP``.
"""

from __future__ import annotations

import re

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_SCANS,
    check_total,
    choose_wavelength,
    cut_off,
    describe_doublet,
    even_angles,
    parse_numbers,
    powder_scans,
    read_date,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.readers.text_header import anode_named
from samples.xrd.sentences import PatternFileError

KIND = "Rigaku text"
POWDER_AXES = {"", "2theta", "2theta/theta", "theta/2theta", "2theta/omega", "omega/2theta"}
KEY_LINE = re.compile(rb"^\*(\w+)[ \t]*(?:=([^\n]*))?\n?", re.MULTILINE)
COMMENT_LINE = re.compile(rb"^#[^\n]*\n?", re.MULTILINE)
BEGIN = b"\n*BEGIN"
HEAD = 16_384
MAX_KEYS = 100_000


class RigakuTextReader:
    """Reads every powder scan of a Rigaku text export."""

    name = "rigaku-text"
    version = 1

    def recognises(self, content: bytes) -> bool:
        head = plain_bytes(content[:HEAD])
        return head.lstrip().startswith((b"*", b"#")) and all(key in head for key in (BEGIN, b"\n*START", b"\n*COUNT"))

    def read(self, content: bytes) -> list[PowderPattern]:
        content = plain_bytes(content)
        file_part, *parts = content.split(BEGIN, MAX_SCANS + 1)
        if len(parts) > MAX_SCANS or content.count(b"\n*") > MAX_KEYS or content.count(b"\n#") > MAX_KEYS:
            raise too_many_points()
        file_header = _read_keys(file_part)
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        for part in parts:
            scan_part = part.partition(b"\n*END")[0].partition(b"\n")[2]
            header = file_header | _read_keys(scan_part)
            axis = header.get("SCAN_AXIS", "")
            if axis.lower() in POWDER_AXES:
                patterns.append(_read_scan(header, KEY_LINE.sub(b"", COMMENT_LINE.sub(b"", scan_part))))
                check_total(patterns)
            else:
                left_out.append(axis)
        return powder_scans(patterns, left_out, KIND)


RIGAKU_TEXT = RigakuTextReader()


def _read_keys(part: bytes) -> dict[str, str]:
    return {key.decode("latin-1"): decode_header(words).strip() for key, words in KEY_LINE.findall(part)}


def _read_scan(header: dict[str, str], counts: bytes) -> PowderPattern:
    intensity = parse_numbers(counts.replace(b",", b" "))
    start, step, announced = (_number(header, key) for key in ("START", "STEP", "COUNT"))
    if start is None or step is None or announced != intensity.size:
        raise cut_off(KIND)
    anode = anode_named([f"target {header.get('TARGET', '')}", header.get("XRAY_CHAR", "")])
    wavelength, warnings = choose_wavelength(_number(header, "WAVE_LENGTH1"), anode)
    return PowderPattern(
        two_theta=even_angles(start, step, intensity.size, KIND),
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(
            {
                "anode": anode,
                **describe_doublet(_number(header, "WAVE_LENGTH2"), None),
                "measured_at": read_date(header.get("DATE", "")),
                "sample_name": header.get("SAMPLE"),
                "operator": header.get("OPERATOR"),
                "comment": header.get("COMMENT"),
                "instrument": header.get("GONIO"),
                "scan_axis": header.get("SCAN_AXIS"),
                "intensity_unit": header.get("YUNIT"),
            }
        ),
        warnings=(*warnings, *warn_of_negatives(intensity)),
    )


def _number(header: dict[str, str], key: str) -> float | None:
    try:
        numbers = parse_numbers(header.get(key, ""), limit=10)
    except PatternFileError:
        return None
    return float(numbers[0]) if numbers.size == 1 else None
