"""What the words above the columns of a text file say: the radiation, and what the columns are."""

from __future__ import annotations

import re
from dataclasses import dataclass

from samples.xrd.sentences import PatternFileError

_K_ALPHA_1 = r"k[ _-]?(?:alpha|α|a)[ _-]?1[ _-]*"
_WAVELENGTH = r"(?:wave[ _-]*length|wellenl(?:ä|ae)nge|longueur d.onde|lambda|λ|波長)"
_UNIT = r"(?P<unit>[ (\[]*(?:Å|\u212b|A|nm|ang[a-zö]*)[)\] ]*)?"
_INDEX = r"(?:[ _-]?1(?![0-9.]|,[0-9]{2}))?"
_VALUE = r"(?P<value>[0-9]*\.[0-9]+|[0-9]*,[0-9]+(?!\.))"
WAVELENGTH = re.compile(
    rf"(?:{_K_ALPHA_1})?{_WAVELENGTH}{_INDEX}{_UNIT}[\s:=,;\"']*{_VALUE}(?P<unit_after>\s*nm)?", re.IGNORECASE
)
OTHER_LINE = re.compile(rf"k[ _-]?(?:alpha|α|a)[ _-]?2|k[ _-]?(?:beta|β|b)\b|{_WAVELENGTH}[ _-]*2\b", re.IGNORECASE)
"""Wavelengths of Kα2 and Kβ, which stand beside that of Kα1 in some headers."""
ANODE = re.compile(
    r"\b(?:anode(?:[ _-]*material)?|target|tube|radiation)\b[\s:=,;\"']*(Cu|Co|Mo|Fe|Cr|Ag)(?![a-z])"
    r"|\b(Cu|Co|Mo|Fe|Cr|Ag)[ _-]?K[ _-]?(?:alpha|α|a)",
    re.IGNORECASE,
)

OTHER_AXES = {
    "Q": re.compile(r"^q\b|1/(?:å|a|nm)|(?:å|a|nm)\s*\^?\s*[-−⁻]\s*[1¹]", re.IGNORECASE),
    "d": re.compile(r"^d(?:\b|[_-]|spacing)", re.IGNORECASE),
    "energy": re.compile(r"^energy|^k?ev\b", re.IGNORECASE),
    "time": re.compile(r"^(?:tof|time)\b", re.IGNORECASE),
    "channel": re.compile(r"^(?:channel|pixel|point|index)\b", re.IGNORECASE),
    "wavenumber": re.compile(r"^(?:raman|wave ?number)", re.IGNORECASE),
}
THETA_ALONE = re.compile(r"^(?:theta|th|θ)\b", re.IGNORECASE)
INTENSITY = re.compile(r"^(?:i\b|i_|int|count|cps|y\b|y_?obs|signal)", re.IGNORECASE)
NOT_INTENSITY = re.compile(
    r"^(?:sigma|σ|std|esd|err|uncert|d\b|d-?spacing|2[ _-]?(?:theta|θ)|calc|background)", re.IGNORECASE
)

MARKS = " \t#;!'\"/*%<>"
COLUMN_BREAK = re.compile(r"[\t;,]|\s{2,}")
MAX_TITLE = 40
MAX_SEARCHED = 1_000


@dataclass(frozen=True, slots=True)
class TextHeader:
    """What a header states. wavelength: Å; theta_alone: the angle is headed "theta" and not "2theta"."""

    wavelength: float | None
    anode: str | None
    theta_alone: bool


def read_header(lines: list[str]) -> TextHeader:
    """Read the ``lines`` above the numbers; PatternFileError where they name columns that are not those of a pattern."""
    titles = _column_titles(lines)
    _check_columns(titles)
    return TextHeader(
        wavelength=wavelength_stated(lines),
        anode=anode_named(lines),
        theta_alone=bool(titles and THETA_ALONE.search(titles[0])),
    )


def wavelength_stated(lines: list[str]) -> float | None:
    """The wavelength of Kα1 (Å) that the first of ``lines`` to state one states."""
    return next((value for line in lines if (value := _wavelength_in(_compact(line))) is not None), None)


def anode_named(lines: list[str]) -> str | None:
    """The anode ("Cu") that the first of ``lines`` to name one names."""
    return next(
        ((found[1] or found[2]).capitalize() for line in lines if (found := ANODE.search(_compact(line)))), None
    )


def _compact(line: str) -> str:
    """``line`` with single blanks, and cut: the search takes time by the square of a run of blanks."""
    return " ".join(line[:MAX_SEARCHED].split())


def _wavelength_in(line: str) -> float | None:
    """The wavelength of Kα1 (Å) that ``line`` states."""
    stated = WAVELENGTH.search(line)
    if stated is None or OTHER_LINE.search(line[: stated.end()]):
        return None
    value = float(stated["value"].replace(",", "."))
    in_nanometres = "nm" in (stated["unit"] or "").lower() or stated["unit_after"]
    return 10 * value if in_nanometres else value


def _column_titles(lines: list[str]) -> list[str]:
    """The names of the columns; empty where no line is plainly a line of names.

    It is the last line above the numbers, and one of its names must be a name of an intensity. Fit2D (.chi) writes a
    title, the two names, and the number of points on a line each.
    """
    words = [stripped for line in lines if (stripped := line.strip(MARKS))]
    if len(words) == 4 and words[3].isdigit():
        return words[1:3]
    if not words:
        return []
    for titles in (COLUMN_BREAK.split(words[-1]), words[-1].split()):
        titles = [title.strip(MARKS) for title in titles]
        if any(INTENSITY.search(title) for title in titles[1:]):
            return titles
    return []


def _check_columns(titles: list[str]) -> None:
    if not titles:
        return
    for axis, expression in OTHER_AXES.items():
        if expression.search(titles[0]):
            raise PatternFileError(
                "The first column is headed “%(title)s”, which is %(axis)s and not an angle. "
                "Export the pattern over 2θ in degrees.",
                title=titles[0][:MAX_TITLE],
                axis=axis,
            )
    if NOT_INTENSITY.search(titles[1]):
        raise PatternFileError(
            "The second column is headed “%(title)s”. A pattern needs 2θ in the first column and the intensity in the "
            "second; a third may hold its uncertainty.",
            title=titles[1][:MAX_TITLE],
        )
