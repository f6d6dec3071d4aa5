"""What a reader of one file format is, and what all readers share."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import datetime
from typing import Protocol

import numpy as np

from samples.xrd.bragg import RADIATIONS
from samples.xrd.pattern import WAVELENGTH_RANGE, FloatArray, PowderPattern
from samples.xrd.sentences import PatternFileError, Sentence, sentence

MAX_POINTS = 2_000_000
"""Points of one pattern. The finest scans of 0–180° have some 180,000; more is a mistake or an attack."""
MAX_SCANS = 1_000
"""Scans of one file. A series over a night has some hundred."""

SECONDS = {"sec": 1.0, "seconds": 1.0, "s": 1.0, "min": 60.0}
DATE_FORMATS = (
    "%m/%d/%y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%d-%b-%Y %H:%M:%S",
)

Metadata = dict[str, str | int | float | None]
"""What a file says of itself, with None for what it leaves open; see :func:`without_empty`."""


class Reader(Protocol):
    """Reads one file format. ``version`` grows whenever the same bytes would be read differently."""

    name: str
    version: int

    def recognises(self, content: bytes) -> bool:
        """Whether ``content`` is of this format, judged by its bytes alone."""
        ...

    def read(self, content: bytes) -> list[PowderPattern]:
        """One pattern for each scan in the file, in its order; PatternFileError where it cannot be read."""
        ...


def parse_numbers(text: str | bytes, limit: int = MAX_POINTS) -> FloatArray:
    """All numbers of ``text``, which are separated by white space; float64, shape (n,).

    Raises PatternFileError where something is no number, or where there are more than ``limit``.
    """
    text = text.strip()
    if not text:  # np.fromstring makes [-1.] of white space
        return np.empty(0)
    if len(text) > 2 * limit and _count_numbers(text) > limit:
        raise too_many_points()
    try:
        return np.fromstring(text, dtype=np.float64, sep=" ")
    except ValueError:
        raise PatternFileError(
            "The list of numbers is broken: something in it is not a number. "
            "Copy the file from the instrument again, or export it again."
        ) from None


def _count_numbers(text: str | bytes) -> int:
    """How many words ``text`` has, without making them: a file of 100 MB may have 50 million."""
    characters = np.frombuffer(text.encode() if isinstance(text, str) else text, dtype=np.uint8)
    is_blank = characters <= ord(" ")
    return 1 + int(np.count_nonzero(is_blank[:-1] & ~is_blank[1:]))


def too_many_points() -> PatternFileError:
    return PatternFileError(
        "The file has more than %(limit)s points. Export one powder scan, with a step of 0.01° or so.",
        limit=f"{MAX_POINTS:,}",
    )


def choose_wavelength(stated: float | None, anode: str | None) -> tuple[float | None, tuple[Sentence, ...]]:
    """The wavelength (Å) by what a file says of it, and what the judge of the pattern must know about that.

    An impossible stated wavelength (some programs write 0) is not believed; the Kα1 of a named anode takes its place.
    """
    low, high = WAVELENGTH_RANGE
    if stated is not None and low <= stated <= high:
        return stated, ()
    radiation = RADIATIONS.get((anode or "").strip().capitalize())
    warnings: list[Sentence] = []
    if stated is not None:
        warnings.append(
            sentence("The file states a wavelength of %(stated)s Å, which is impossible.", stated=f"{stated:g}")
        )
    if radiation is not None:
        warnings.append(
            sentence(
                "The wavelength was taken from the anode that the file names: %(radiation)s, %(wavelength)s Å.",
                radiation=radiation.name,
                wavelength=f"{radiation.kalpha1:.6f}",
            )
        )
    return (radiation.kalpha1 if radiation else None), tuple(warnings)


def describe_doublet(kalpha2: float | None, ratio: float | None) -> Metadata:
    """Metadata of Kα2: its wavelength (Å) and its intensity over that of Kα1, where they are possible."""
    low, high = WAVELENGTH_RANGE
    return {
        "wavelength_2": kalpha2 if kalpha2 is not None and low <= kalpha2 <= high else None,
        "ratio_kalpha2": ratio if ratio is not None and 0 < ratio <= 1 else None,
    }


def even_angles(start: float, step: float, n_points: int, kind: str) -> FloatArray:
    """Angles 2θ (degree), shape (n_points,), from ``start`` in steps of ``step``, as a ``kind`` file states them."""
    if n_points > MAX_POINTS:
        raise too_many_points()
    if not (0 <= start <= 180 and 0 < step <= 180):
        raise PatternFileError(
            "The %(kind)s file states that 2θ starts at %(start)s° with a step of %(step)s°, which is impossible. "
            "Copy it from the instrument again.",
            kind=kind,
            start=f"{start:g}",
            step=f"{step:g}",
        )
    return start + step * np.arange(n_points, dtype=np.float64)


def to_mean_counting_time(intensity: FloatArray, times: FloatArray, kind: str) -> tuple[FloatArray, list[Sentence]]:
    """``intensity`` as if every point had been counted for the mean of ``times`` (s), and what was done for it.

    Both have shape (n_points,).
    """
    if not (times > 0).all() or not np.isfinite(times).all():
        raise PatternFileError(
            "The %(kind)s file states a counting time of zero. Export the measurement again.", kind=kind
        )
    if np.ptp(times) == 0:
        return intensity, []
    with np.errstate(over="ignore", invalid="ignore"):  # what is not finite then is refused with the pattern
        intensity = intensity * (times.mean() / times)
    return intensity, [sentence("The counting time varies along the scan; the intensities were brought to its mean.")]


def read_date(text: str) -> str:
    """ISO 8601 of a date as Rigaku and Bruker write it (month first); the text itself where it is none of these."""
    for form in DATE_FORMATS:
        try:
            return datetime.strptime(text, form).isoformat()  # noqa: DTZ007  (the file names no time zone)
        except ValueError:
            continue
    return text


def cut_off(kind: str) -> PatternFileError:
    return PatternFileError("The %(kind)s file is cut off or damaged. Copy it from the instrument again.", kind=kind)


def check_total(patterns: list[PowderPattern]) -> None:
    """Raise PatternFileError where a file has more points or scans than a measurement has."""
    if len(patterns) > MAX_SCANS or sum(pattern.n_points for pattern in patterns) > MAX_POINTS:
        raise too_many_points()


def warn_of_fixed_incidence(omega: float) -> Sentence:
    """For a scan of the detector alone at the angle of incidence ``omega`` (degree)."""
    return sentence(
        "Measured at a fixed angle of incidence (ω = %(omega)s°): relative intensities and positions "
        "differ from those of a θ–2θ scan.",
        omega=f"{omega:g}",
    )


def warn_of_status(status: str) -> Sentence:
    return sentence("The scan was not completed (its status is “%(status)s”).", status=status)


def warn_of_negatives(intensity: FloatArray) -> tuple[Sentence, ...]:
    """A warning where intensities are negative: they are kept, but a background was removed elsewhere."""
    n_negative = int(np.count_nonzero(intensity < 0))
    if not n_negative:
        return ()
    return (sentence("Negative intensities (%(n)s): a background was probably removed elsewhere.", n=n_negative),)


def powder_scans(patterns: list[PowderPattern], left_out: list[str], kind: str) -> list[PowderPattern]:
    """``patterns`` of a ``kind`` file, with a warning that scans over other axes, ``left_out``, stood beside them.

    Raises PatternFileError where there are none.
    """
    if not patterns and left_out:
        raise PatternFileError(
            "The %(kind)s file holds a scan of %(axis)s, not of 2θ. Export a 2θ or θ–2θ scan of the powder.",
            kind=kind,
            axis=left_out[0],
        )
    if not patterns:
        raise PatternFileError(
            "The %(kind)s file holds no scan. Export the measurement again, or copy it again.", kind=kind
        )
    if not left_out:
        return patterns
    said = sentence(
        "Scans in the file that are not over 2θ were left out (%(n)s: %(axes)s).",
        n=len(left_out),
        axes=", ".join(sorted(set(left_out))),
    )
    return [replace(pattern, warnings=(*pattern.warnings, said)) for pattern in patterns]


def without_empty(metadata: Metadata) -> dict[str, str | int | float]:
    """``metadata`` without what the file leaves open, and without numbers that are none."""
    return {
        key: value
        for key, value in metadata.items()
        if value is not None and value != "" and not (isinstance(value, float) and not math.isfinite(value))
    }
