"""Two or three columns of text, in the varieties that instruments, converters and spreadsheets write.

.xy .xye .csv .txt .dat .asc .chi: 2θ (degree), intensity, and perhaps its uncertainty, which is not used; separated by
blanks, tabs, commas or semicolons; decimal points or decimal commas; numbers in quotation marks, exponents as Fortran writes
them (1.5D+03); words above, comments anywhere.
"""

from __future__ import annotations

import re
from array import array
from dataclasses import dataclass, field
from io import BytesIO
from itertools import islice

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.decoding import decode_header, plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    choose_wavelength,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.readers.text_header import read_header
from samples.xrd.sentences import PatternFileError, Sentence, sentence

MAX_STRAY_LINES = 2_000
MAX_LINE_BYTES = 4_096
MAX_COMMENT = 1_000
SAMPLED_ROWS = 200
"""Rows by which separator and decimal sign are judged."""
MAX_REPEATED_SHARE = 0.01
"""Rows that stand twice are dropped up to this share of all; above it something is wrong with the file."""

NUMBERS_ONLY = re.compile(rb"[ \t]*[-+.,]?[0-9][-+0-9.,;eEdD \t]*$")
QUOTED_ROW = re.compile(rb'^[-+0-9.,;eEdD \t]*"[-+0-9.,;eEdD" \t]*\r?$', re.MULTILINE)
QUOTED_NUMBER = re.compile(rb'"[ \t]*([-+]?[0-9.,]+([eEdD][-+]?[0-9]+)?)[ \t]*"')
POINTS_FOR_THOUSANDS = re.compile(rb"[0-9]\.[0-9]+,[0-9]")
DECIMAL_COMMAS = re.compile(rb"[ \t]*[-+]?[0-9]+(,[0-9]+)?([ \t]+[-+]?[0-9]+(,[0-9]+)?)+[ \t]*$")
COMMENT = re.compile(rb"[#;!'\"/*%\x1a]")
WITH_D = re.compile(rb"[0-9.][dD][-+]?[0-9]")
"""The exponent as Fortran writes double precision: 1.5D+03."""


class TextReader:
    """Reads columns of text; asked last, it takes whatever no other reader recognises."""

    name = "text"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return True

    def read(self, content: bytes) -> list[PowderPattern]:
        content = _unquoted(plain_bytes(content))
        table = _read_table(content)
        _check_layout(table)
        header_lines = [decode_header(line) for line in table.header]
        header = read_header(header_lines)
        wavelength, assumed = choose_wavelength(header.wavelength, header.anode)
        two_theta, intensity, mended = _check_points(table)
        warnings = [*assumed, *mended, *warn_of_negatives(intensity)]
        if header.theta_alone:
            warnings.append(sentence("The first column is headed “theta”; it was read as 2θ."))
        return [
            PowderPattern(
                two_theta=two_theta,
                intensity=intensity,
                wavelength=wavelength,
                metadata=without_empty(
                    {"anode": header.anode, "comment": "\n".join(header_lines).strip()[:MAX_COMMENT]}
                ),
                warnings=tuple(warnings),
            )
        ]


TEXT = TextReader()


@dataclass(slots=True)
class _Table:
    """The numbers of a file with the line that each stands in (from 1), and the lines that are no rows of numbers.

    two_theta, intensity: the first two columns; n_columns: 2, or 3 for three or more; strays: other lines that are not blank
    """

    two_theta: array[float] = field(default_factory=lambda: array("d"))
    intensity: array[float] = field(default_factory=lambda: array("d"))
    n_columns: array[int] = field(default_factory=lambda: array("B"))
    lines: array[int] = field(default_factory=lambda: array("L"))
    strays: list[tuple[int, bytes]] = field(default_factory=list)
    warnings: list[Sentence] = field(default_factory=list)

    @property
    def header(self) -> list[bytes]:
        """The lines above the first row."""
        return [line for number, line in self.strays if number < self.lines[0]]


def _read_table(content: bytes) -> _Table:
    if content.count(b"\n") > MAX_POINTS + MAX_STRAY_LINES:
        raise too_many_points()
    separators = _separators(content)
    table = _Table()
    for line_number, line in enumerate(BytesIO(content), start=1):
        if len(line) > MAX_LINE_BYTES:
            raise PatternFileError(
                "Line %(line)s has %(length)s characters: this is no table of 2θ and intensity. "
                "Export the pattern as two columns of text.",
                line=line_number,
                length=len(line),
            )
        fields = (line.translate(separators) if separators else line).split(None, 2)
        try:
            two_theta, intensity = float(fields[0]), float(fields[1])
        except (ValueError, IndexError):
            if fields:
                table.strays.append((line_number, line.strip()))
            if len(table.strays) > MAX_STRAY_LINES:
                raise _why_no_rows(table.strays) from None
            continue
        table.two_theta.append(two_theta)
        table.intensity.append(intensity)
        table.n_columns.append(len(fields))
        table.lines.append(line_number)
    if len(table.lines) > MAX_POINTS:
        raise too_many_points()
    return table


def _unquoted(content: bytes) -> bytes:
    """Numbers without the quotation marks that a spreadsheet puts around them; a comma in there is no separator.

    It parts thousands where there are decimal points, and is the decimal sign where there are none.
    """
    rows = (
        b"\n".join(match[0] for match in islice(QUOTED_ROW.finditer(content), SAMPLED_ROWS)) if b'"' in content else b""
    )
    if not rows or POINTS_FOR_THOUSANDS.search(rows):
        return content
    comma = b"" if b"." in rows else b"."
    return QUOTED_NUMBER.sub(lambda number: number[1].replace(b",", comma), content)


def _separators(content: bytes) -> bytes | None:
    """The translation of bytes that makes blanks of the separators and points of decimal commas; None: none needed."""
    first_lines = islice(BytesIO(content), MAX_STRAY_LINES + SAMPLED_ROWS)
    rows = list(islice((line for line in first_lines if NUMBERS_ONLY.match(line)), SAMPLED_ROWS))
    sample = b"".join(rows)
    signs, meant = b"", b""
    if b";" in sample:
        signs, meant = b";,", b" ."
    elif b"," in sample:
        decimal = b"." not in sample and all(DECIMAL_COMMAS.match(row) for row in rows)
        signs, meant = b",", b"." if decimal else b" "
    if WITH_D.search(sample):
        signs, meant = signs + b"dD", meant + b"ee"
    return bytes.maketrans(signs, meant) if signs else None


def _check_layout(table: _Table) -> None:
    """Raise PatternFileError unless ``table`` is one unbroken table; drop an odd first row and a cut-off last line."""
    if not table.lines:
        raise _why_no_rows(table.strays)
    widths = np.frombuffer(table.n_columns, dtype=np.uint8)
    if widths.size > 2 and widths[0] != widths[1] == widths[2]:
        table.warnings.append(sentence("Line %(line)s was taken for a heading.", line=table.lines[0]))
        for column in (table.two_theta, table.intensity, table.lines):
            column.pop(0)
        widths = widths[1:]
    if (widths != widths[0]).any():
        odd = int(np.argmax(widths != widths[0]))
        raise PatternFileError(
            "Line %(line)s has another number of columns than the lines before it. "
            "Export one table with 2θ and intensity.",
            line=table.lines[odd],
        )
    last_row = table.lines[-1]
    for number, line in table.strays:
        if COMMENT.match(line) or number < table.lines[0]:
            continue
        reads = decode_header(line)[:60]
        if number < last_row:
            raise PatternFileError(
                "The numbers are interrupted at line %(line)s, which reads “%(reads)s”. "
                "Mend or remove that line; where it begins another scan, export one scan a file.",
                line=number,
                reads=reads,
            )
        table.warnings.append(
            sentence(
                "Line %(line)s, which reads “%(reads)s”, and what follows it were not read.", line=number, reads=reads
            )
        )
        break


def _why_no_rows(strays: list[tuple[int, bytes]]) -> PatternFileError:
    for number, line in strays:
        if NUMBERS_ONLY.match(line):
            return PatternFileError(
                "This file has one column. A pattern needs two: 2θ in degrees and counts (line %(line)s reads “%(reads)s”).",
                line=number,
                reads=decode_header(line)[:60],
            )
    return PatternFileError(
        "There is no table of numbers in this text. A pattern needs two columns: 2θ in degrees and counts."
    )


def _check_points(table: _Table) -> tuple[FloatArray, FloatArray, list[Sentence]]:
    """Angles (degree) and intensities that make a pattern, each shape (n_points,), and what was mended for it.

    Raises PatternFileError that names the first line at fault.
    """
    two_theta, intensity = np.array(table.two_theta), np.array(table.intensity)
    finite = np.isfinite(two_theta) & np.isfinite(intensity)
    if not finite.all():
        raise PatternFileError(
            "Line %(line)s holds a value that is not a number (NaN or infinite). "
            "Remove such lines, or export the file again.",
            line=table.lines[int(np.argmin(finite))],
        )
    in_range = (two_theta >= 0) & (two_theta <= 180)
    if not in_range.all():
        worst = int(np.argmin(in_range))
        raise PatternFileError(
            "Line %(line)s gives an angle of %(angle)s. The first column must be 2θ in degrees, between 0 and 180.",
            line=table.lines[worst],
            angle=f"{two_theta[worst]:g}",
        )
    repeated = np.flatnonzero(np.diff(two_theta) == 0) + 1
    is_same_row = intensity[repeated] == intensity[repeated - 1]
    ends_twice = repeated.size == 1 and repeated[0] == two_theta.size - 1
    warnings = list(table.warnings)
    if (
        repeated.size
        and (is_same_row.all() or ends_twice)
        and repeated.size <= max(1, MAX_REPEATED_SHARE * two_theta.size)
    ):
        two_theta, intensity = np.delete(two_theta, repeated), np.delete(intensity, repeated)
        warnings.append(
            sentence(
                "Rows that stand twice were taken once (%(n)s; the first is line %(line)s).",
                n=int(repeated.size),
                line=table.lines[int(repeated[0])],
            )
        )
    elif repeated.size:
        raise PatternFileError(
            "Line %(line)s repeats the angle %(angle)s of the line before. Each angle may stand once: "
            "export one scan, with enough decimals in 2θ.",
            line=table.lines[int(repeated[0])],
            angle=f"{two_theta[repeated[0]]:g}",
        )
    _check_ascent(two_theta, table)
    return two_theta, intensity, warnings


def _check_ascent(two_theta: FloatArray, table: _Table) -> None:
    falls = np.flatnonzero(np.diff(two_theta) < 0) + 1
    if not falls.size:
        return
    line, angle = table.lines[int(falls[0])], f"{two_theta[falls[0]]:g}"
    if falls.size == two_theta.size - 1:
        raise PatternFileError(
            "The angles descend. Export the scan in ascending 2θ; where the first column is a lattice spacing d, "
            "export 2θ in its place."
        )
    if falls.size > two_theta.size // 4:
        raise PatternFileError(
            "The first column does not ascend (line %(line)s reads %(angle)s), so it is not 2θ; perhaps the file lists "
            "counts only. Export two columns: 2θ in degrees and counts.",
            line=line,
            angle=angle,
        )
    raise PatternFileError(
        "The angles fall back to %(angle)s at line %(line)s. Where another scan begins there, export one scan a file.",
        line=line,
        angle=angle,
    )
