"""Powder CIF: every data block that lists measured intensities over 2θ, by the names of the powder dictionary (pdCIF 1.0).

A block gives 2θ in a column or as start, end and step. Where it gives 2θ as measured and as corrected in a refinement, the
corrected is taken, and told. Intensities that were only calculated are no measurement.
"""

from __future__ import annotations

import re
from itertools import islice

import gemmi
import numpy as np

from samples.xrd.bragg import RADIATIONS
from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_SCANS,
    Metadata,
    check_total,
    choose_wavelength,
    cut_off,
    describe_doublet,
    parse_numbers,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.sentences import PatternFileError, Sentence, sentence

KIND = "CIF"
MAX_CIF_BYTES = 5 * 10**6
"""Larger files would take more memory than a pattern is worth. One with five refined patterns has 2 MB."""

START = re.compile(rb"(?:\s|#[^\n]*\n)*data_\S", re.IGNORECASE)
NAME_OR_LOOP = re.compile(rb"^[ \t]*(?:_[a-z]|loop_)", re.IGNORECASE | re.MULTILINE)
HEAD = 16_384

INTENSITIES = ("_pd_meas_counts_total", "_pd_meas_intensity_total", "_pd_proc_intensity_total")
NET_INTENSITIES = "_pd_proc_intensity_net"
ANGLES = ("_pd_proc_2theta_corrected", "_pd_meas_2theta_scan")
RANGES = ("_pd_proc_2theta_range", "_pd_meas_2theta_range")
UNKNOWN = re.compile(r"(?<!\S)[?.](?!\S)")
UNCERTAINTY = re.compile(r"\([0-9]*\)")

WAVELENGTH = "_diffrn_radiation_wavelength"
ANODE = re.compile(rf"({'|'.join(RADIATIONS)})(?![a-z])", re.IGNORECASE)
MAX_TEXT = 1_000
MAX_LINES = 10
"""Lines of the radiation that are looked at: Kα1, Kα2, perhaps Kβ."""


class PdcifReader:
    """Reads every measured pattern of a CIF."""

    name = "pdcif"
    version = 1

    def recognises(self, content: bytes) -> bool:
        head = plain_bytes(content[:HEAD])
        return START.match(head) is not None and NAME_OR_LOOP.search(head) is not None

    def read(self, content: bytes) -> list[PowderPattern]:
        if len(content) > MAX_CIF_BYTES:
            raise PatternFileError(
                "The CIF has %(size)s MB; more than %(limit)s MB are not read. Export one pattern as columns of text (.xy).",
                size=len(content) // 10**6,
                limit=MAX_CIF_BYTES // 10**6,
            )
        try:
            document = gemmi.cif.read_string(decode_header(plain_bytes(content)))
        except (ValueError, RuntimeError):
            raise cut_off(KIND) from None
        patterns: list[PowderPattern] = []
        if len(document) > 10 * MAX_SCANS:
            raise too_many_points()
        for block in document:
            if (intensity := _first_column(block, (*INTENSITIES, NET_INTENSITIES))) is not None:
                patterns.append(_read_block(block, intensity))
                check_total(patterns)
        if not patterns:
            raise PatternFileError(
                "This CIF holds no measured pattern: it describes a structure, or lists calculated intensities only. "
                "Upload the file that the diffractometer wrote."
            )
        return patterns


PDCIF = PdcifReader()


def _read_block(block: gemmi.cif.Block, intensity: FloatArray) -> PowderPattern:
    two_theta, warnings = _read_two_theta(block, intensity.size)
    known = np.isfinite(two_theta) & np.isfinite(intensity)
    if not known.all():
        warnings.append(sentence("Points without a value were left out (%(n)s).", n=int(np.count_nonzero(~known))))
    two_theta, intensity = two_theta[known], intensity[known]
    if _text(block, "_diffrn_radiation_probe") not in ("", "x-ray"):
        warnings.append(
            sentence(
                "The file says that this was not measured with X-rays (%(probe)s): the intensities are others.",
                probe=_text(block, "_diffrn_radiation_probe")[:20],
            )
        )
    wavelength, metadata, radiation_warnings = _read_radiation(block)
    metadata |= {
        "measured_at": _text(block, "_pd_meas_datetime_initiated"),
        "operator": _text(block, "_pd_meas_info_author_name"),
        "instrument": _text(block, "_diffrn_measurement_device_type") or _text(block, "_diffrn_measurement_device"),
        "sample_name": block.name[:MAX_TEXT],
        "comment": _text(block, "_pd_meas_special_details"),
        "scan_axis": _text(block, "_pd_meas_scan_method"),
    }
    return PowderPattern(
        two_theta=two_theta,
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(*radiation_warnings, *warnings, *warn_of_negatives(intensity)),
    )


def _read_two_theta(block: gemmi.cif.Block, n_points: int) -> tuple[FloatArray, list[Sentence]]:
    """Angles (degree), shape (n_points,), and what must be known of them."""
    listed = [column for name in ANGLES if (column := _column(block, name)) is not None]
    evenly = [angles for name in RANGES if (angles := _even_angles(block, name, n_points)) is not None]
    if not listed and not evenly:
        raise PatternFileError(
            "A block of the CIF lists intensities and does not say at which 2θ. Export the pattern over 2θ in degrees."
        )
    candidates = listed or evenly
    if candidates[0].size != n_points:
        raise cut_off(KIND)
    warnings = []
    if len(candidates) == 2:
        warnings.append(
            sentence("The file gives 2θ as measured and as corrected in a refinement; the corrected one was taken.")
        )
    return candidates[0], warnings


def _even_angles(block: gemmi.cif.Block, name: str, n_points: int) -> FloatArray | None:
    """Angles (degree) from start to end, shape (n_points,); the step, which is often rounded, must agree within one step."""
    start, end, step = (_number(block.find_value(f"{name}_{what}")) for what in ("min", "max", "inc"))
    if start is None or end is None:
        return None
    if step is not None and not abs(step * (n_points - 1) - (end - start)) < abs(step):
        raise PatternFileError(
            "The CIF lists %(n)s points, which do not reach from %(start)s° to %(end)s° in steps of %(step)s°. "
            "Export the pattern again.",
            n=n_points,
            start=f"{start:g}",
            end=f"{end:g}",
            step=f"{step:g}",
        )
    if not (0 <= start <= 180 and 0 <= end <= 180):
        raise cut_off(KIND)
    return np.linspace(start, end, n_points)


def _read_radiation(block: gemmi.cif.Block) -> tuple[float | None, Metadata, tuple[Sentence, ...]]:
    """Wavelength (Å), metadata of the radiation, warnings."""
    first_lines = islice(block.find_values(WAVELENGTH), MAX_LINES)
    stated = [number for text in first_lines if (number := _number(text)) is not None]
    weights = [_number(text) for text in islice(block.find_values(f"{WAVELENGTH}_wt"), MAX_LINES)]
    said = f"{_text(block, '_diffrn_source_target')} {_text(block, '_diffrn_radiation_type')}"
    found = ANODE.search(said)
    anode = found[1].capitalize() if found else None
    wavelength, warnings = choose_wavelength(stated[0] if stated else None, anode)
    if len(stated) != 2 or len(weights) != 2:
        return wavelength, {"anode": anode}, warnings
    first, second = weights
    ratio = second / first if first and second else None
    return wavelength, {"anode": anode, **describe_doublet(stated[1], ratio)}, warnings


def _first_column(block: gemmi.cif.Block, names: tuple[str, ...]) -> FloatArray | None:
    return next((column for name in names if (column := _column(block, name)) is not None), None)


def _column(block: gemmi.cif.Block, name: str) -> FloatArray | None:
    """The numbers under ``name``, shape (n,), NaN where the file has none; None where it has no such column, or an empty one."""
    numbers = _numbers(list(block.find_loop(name)))
    return None if np.isnan(numbers).all() else numbers


def _numbers(words: list[str]) -> FloatArray:
    """The numbers in ``words``, shape (n,), NaN for ? and . ; one may have its uncertainty behind it in brackets: "119(17)"."""
    numbers = parse_numbers(UNKNOWN.sub("nan", UNCERTAINTY.sub("", " ".join(words))))
    if numbers.size != len(words):
        raise cut_off(KIND)
    return numbers


def _number(word: str | None) -> float | None:
    numbers = _numbers([] if word is None else [word])
    return float(numbers[0]) if numbers.size and np.isfinite(numbers[0]) else None


def _text(block: gemmi.cif.Block, name: str) -> str:
    text = block.find_value(name)
    words = gemmi.cif.as_string(text).strip()[:MAX_TEXT] if text is not None else "?"
    return "" if UNKNOWN.fullmatch(words) else words
