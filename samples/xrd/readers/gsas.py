"""GSAS powder data (.gsa .gsas .fxye .xra .raw): a title, and for each histogram a line ``BANK`` that says how it is written.

``BANK number points records CONST start step 0 0 type`` with angles in hundredths of a degree. Types: STD, ten fields of
eight characters a line, of which the first two say how many detectors counted; ESD, five pairs of counts and uncertainty
a line; FXY and FXYE, rows of angle, counts, and uncertainty. Neutron time of flight (SLOG, RALF, TIME_MAP) is refused.
Source: the GSAS manual (Larson, Von Dreele, LAUR 86-748), by way of GSAS-II.
"""

from __future__ import annotations

import re
from itertools import islice

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    check_total,
    choose_wavelength,
    cut_off,
    even_angles,
    parse_numbers,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.readers.text_header import anode_named, wavelength_stated
from samples.xrd.sentences import PatternFileError

KIND = "GSAS"
CENTIDEGREES = 100.0
"""Hundredths of a degree in a degree."""
RECORD, FIELD = 80, 8
"""Characters of a line of STD and ESD, and of one number in it."""
FIELDS_A_RECORD = 10
COUNTS_A_RECORD = {"STD": 10, "ESD": 5}
N_DETECTORS = {"STD": 2, "ESD": 0}
"""Characters at the start of a field that say how many detectors counted."""

BANK = re.compile(rb"^[ \t]*BANK[ \t]+\d+[ \t]+(\d{1,9})[ \t]+\d+[ \t]+([A-Z_]\w*)([^\n]*)\n", re.MULTILINE)
COMMENT_LINE = re.compile(rb"^#[^\n]*\n?", re.MULTILINE)
INSTRUMENT_FILE = re.compile(r"^Instrument parameter", re.IGNORECASE)

MAX_HEADER_BYTES = 20_000
MAX_COMMENT = 1_000


class GsasReader:
    """Reads every histogram over 2θ of a GSAS file."""

    name = "gsas"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return BANK.search(plain_bytes(content[:4096])) is not None

    def read(self, content: bytes) -> list[PowderPattern]:
        content = plain_bytes(content).rstrip(b"\x1a")
        if content.count(b"\n") > MAX_POINTS + MAX_SCANS:
            raise too_many_points()
        banks = list(islice(BANK.finditer(content), MAX_SCANS + 1))
        if len(banks) > MAX_SCANS:
            raise too_many_points()
        header = decode_header(content[: min(banks[0].start(), MAX_HEADER_BYTES)]).splitlines()
        anode = anode_named(header)
        wavelength, warnings = choose_wavelength(wavelength_stated(header), anode)
        title = next((line.strip() for line in header if line.strip() and not INSTRUMENT_FILE.match(line)), "")
        metadata = without_empty({"anode": anode, "comment": title[:MAX_COMMENT], "intensity_unit": "counts"})
        patterns: list[PowderPattern] = []
        ends = [bank.start() for bank in banks[1:]] + [len(content)]
        for bank, end in zip(banks, ends, strict=True):
            two_theta, intensity = _read_bank(bank, content[bank.end() : end])
            patterns.append(
                PowderPattern(
                    two_theta=two_theta,
                    intensity=intensity,
                    wavelength=wavelength,
                    metadata=metadata,
                    warnings=(*warnings, *warn_of_negatives(intensity)),
                )
            )
            check_total(patterns)
        return patterns


GSAS = GsasReader()


def _read_bank(bank: re.Match[bytes], rows: bytes) -> tuple[FloatArray, FloatArray]:
    """Angles (degree) and counts of the histogram that ``bank`` announces, each shape (n_points,)."""
    rows = COMMENT_LINE.sub(b"", rows)
    binning = bank[2].decode()
    if binning not in ("CONST", "CONS"):
        raise PatternFileError(
            "The GSAS file holds data binned as %(binning)s, as of neutron time of flight, and not over 2θ. "
            "Export a pattern over 2θ in degrees.",
            binning=binning,
        )
    words = bank[3].split()
    layout = words[-1].decode("latin-1") if words and words[-1].isalpha() else "STD"
    n_points = int(bank[1])
    match layout:
        case "FXYE" | "FXY":
            two_theta, intensity = _read_rows(rows, n_columns=len(layout) - 1)
        case "STD" | "ESD":
            two_theta = _even_angles(words, n_points)
            intensity = _read_counts(rows, layout)[:n_points]
        case _:
            raise PatternFileError(
                "The GSAS file is written as %(layout)s, which is not read. Export it as FXYE, STD or ESD, "
                "or as two columns of text (.xy).",
                layout=layout[:20],
            )
    if intensity.size < n_points:
        raise cut_off(KIND)
    return two_theta, intensity


def _even_angles(words: list[bytes], n_points: int) -> FloatArray:
    """Angles (degree), shape (n_points,), by the start and the step that ``words`` of the line begin with."""
    try:
        start, step = (float(word) / CENTIDEGREES for word in words[:2])
    except ValueError:  # a word that is no number, or no word
        raise cut_off(KIND) from None
    return even_angles(start, step, n_points, KIND)


def _read_rows(rows: bytes, n_columns: int) -> tuple[FloatArray, FloatArray]:
    """Angles (degree) and counts of rows of ``n_columns``, each shape (n_points,)."""
    numbers = parse_numbers(rows, limit=n_columns * MAX_POINTS)
    if numbers.size % n_columns:
        raise cut_off(KIND)
    columns = numbers.reshape(-1, n_columns).T
    return columns[0] / CENTIDEGREES, columns[1]


def _read_counts(rows: bytes, layout: str) -> FloatArray:
    """Counts that stand in fields of eight characters without a blank between them, shape (n_fields,)."""
    if COUNTS_A_RECORD[layout] * rows.count(b"\n") > MAX_POINTS + RECORD:
        raise too_many_points()
    records = b"".join(line[:RECORD].ljust(RECORD) for line in rows.split(b"\n") if line.strip())
    fields = np.frombuffer(records, dtype=np.uint8).reshape(-1, FIELD)
    counts = fields[:: FIELDS_A_RECORD // COUNTS_A_RECORD[layout]]
    separated = np.full((len(counts), 1 + FIELD), ord(" "), dtype=np.uint8)
    detectors = N_DETECTORS[layout]
    separated[:, 1 + detectors :] = counts[:, detectors:]
    return parse_numbers(separated.tobytes())
