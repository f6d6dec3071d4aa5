"""PANalytical and Malvern Panalytical ``.xrdml``: XML, schema versions 1.0 to 2.x, which differ in namespace and few names.

Schema 1.x writes ``<intensities>``, in which beam attenuation is already corrected; 2.x writes ``<counts>``, raw, which
are to be multiplied by ``<beamAttenuationFactors>``. Both occur in files that call themselves 1.6.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element, ParseError

import numpy as np
from defusedxml.common import DefusedXmlException
from defusedxml.ElementTree import fromstring

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.decoding import plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    choose_wavelength,
    parse_numbers,
    tell_of_left_out,
    too_many_points,
    warn_of_negatives,
    without_empty,
)
from samples.xrd.sentences import PatternFileError, Sentence, sentence

MAX_TAGS = 200_000
"""Tags, and attributes, of one file: a series of 100 temperatures has some 10,000."""

POWDER_AXES = {"Gonio", "2Theta", "2Theta-Omega", "Omega-2Theta", "2Theta-Theta", "Theta-2Theta"}
POWDER_MEASUREMENTS = {"Scan", "Repeated scan"}


class XrdmlReader:
    """Reads every powder scan of an ``.xrdml`` file."""

    name = "xrdml"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return b"<xrdMeasurement" in plain_bytes(content[:4096])

    def read(self, content: bytes) -> list[PowderPattern]:
        root = _parse(content)
        if sum(1 for _ in root.iterfind("{*}xrdMeasurement/{*}scan")) > MAX_SCANS:
            raise _too_many_parts()
        patterns: list[PowderPattern] = []
        passed_over: list[str] = []
        n_points = 0
        for measurement in root.iterfind("{*}xrdMeasurement"):
            kind = measurement.get("measurementType", "Scan")
            for scan in measurement.iterfind("{*}scan"):
                axis = scan.get("scanAxis", "Gonio")
                if kind not in POWDER_MEASUREMENTS:
                    passed_over.append(kind)
                elif axis not in POWDER_AXES:
                    passed_over.append(axis)
                else:
                    patterns.append(_read_scan(root, measurement, scan))
                    n_points += patterns[-1].n_points
                    if n_points > MAX_POINTS:
                        raise too_many_points()
        if patterns:
            return tell_of_left_out(patterns, passed_over)
        if not passed_over:
            raise PatternFileError("The .xrdml file holds no scan. Export the measurement again, or copy it again.")
        if "Area measurement" in passed_over:
            raise PatternFileError(
                "The .xrdml file holds an area scan (%(n)s scans over a mesh), not a powder pattern. "
                "Export one 2θ or θ–2θ scan of the powder.",
                n=len(passed_over),
            )
        raise PatternFileError(
            "The .xrdml file holds a scan of %(axis)s, not of 2θ. Export a 2θ or θ–2θ scan of the powder.",
            axis=passed_over[0],
        )


XRDML = XrdmlReader()


def _parse(content: bytes) -> Element:
    if content.count(b"<") > MAX_TAGS or content.count(b"=") > MAX_TAGS:
        raise _too_many_parts()
    try:
        root: Element = fromstring(content, forbid_dtd=True)
    except DefusedXmlException:
        raise PatternFileError(
            "The XML file defines entities or a document type, which no diffractometer writes and we do not read. "
            "Export the measurement again."
        ) from None
    except (ParseError, ValueError, LookupError):  # ValueError, LookupError: an encoding that expat does not know
        raise PatternFileError(
            "The .xrdml file is cut off or damaged: its XML cannot be read to the end. Copy it from the instrument again."
        ) from None
    return root


def _too_many_parts() -> PatternFileError:
    return PatternFileError("The .xrdml file has too many parts to be a powder pattern. Export one powder scan.")


def _read_scan(root: Element, measurement: Element, scan: Element) -> PowderPattern:
    points = scan.find("{*}dataPoints")
    if points is None:
        raise PatternFileError("A scan in the .xrdml file has no data points. Export the measurement again.")
    intensity, warnings = _read_intensity(points)
    two_theta = _read_two_theta(points, intensity.size)
    anode = _text(measurement, "{*}incidentBeamPath/{*}xRayTube/{*}anodeMaterial")
    wavelength, metadata, wavelength_warnings = _read_wavelengths(measurement, anode)
    metadata |= {
        "anode": anode,
        "monochromator": _attribute(measurement, "{*}incidentBeamPath/{*}monochromator", "name"),
        "measured_at": _text(scan, "{*}header/{*}startTimeStamp"),
        "operator": _text(scan, "{*}header/{*}author/{*}name"),
        "instrument": _text(scan, "{*}header/{*}source/{*}instrumentControlSoftware"),
        "sample_name": _text(root, "{*}sample/{*}id") or _text(root, "{*}sample/{*}name"),
        "comment": _text(measurement, "{*}comment/{*}entry"),
        "counting_time": _number(points, "{*}commonCountingTime"),
        "scan_axis": scan.get("scanAxis"),
        "intensity_unit": "counts",
    }
    return PowderPattern(
        two_theta=two_theta,
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(*wavelength_warnings, *warnings, *_judge_scan(scan, points), *warn_of_negatives(intensity)),
    )


def _read_intensity(points: Element) -> tuple[FloatArray, tuple[Sentence, ...]]:
    """Intensities at one attenuation and one counting time, shape (n_points,), and what was done for it."""
    corrected = points.find("{*}intensities")
    raw = points.find("{*}counts")
    if corrected is not None:
        intensity = parse_numbers(corrected.text or "")
    elif raw is not None:
        intensity = parse_numbers(raw.text or "")
        intensity = intensity * _per_point(points, "{*}beamAttenuationFactors", intensity.size)
    else:
        raise PatternFileError("A scan in the .xrdml file has no intensities. Export the measurement again.")
    times = _per_point(points, "{*}countingTimes", intensity.size)
    if not (times > 0).all():
        raise PatternFileError("The .xrdml file states a counting time of zero. Export the measurement again.")
    if np.ptp(times) == 0:
        return intensity, ()
    return intensity * (times.mean() / times), (
        sentence("The counting time varies along the scan; the intensities were brought to its mean."),
    )


def _per_point(points: Element, path: str, n_points: int) -> FloatArray:
    """The factors that ``path`` lists for each point, shape (n_points,); ones where the file has no such list."""
    text = _text(points, path)
    if text is None:
        return np.ones(n_points)
    factors = parse_numbers(text)
    if factors.size != n_points or not np.isfinite(factors).all():
        raise _different_lengths(factors.size, n_points)
    return factors


def _read_two_theta(points: Element, n_points: int) -> FloatArray:
    """The angle 2θ (degree) of each point, listed or spread evenly between start and end; shape (n_points,)."""
    positions = next((p for p in points.iterfind("{*}positions") if p.get("axis") == "2Theta"), None)
    if positions is None or positions.find("{*}commonPosition") is not None:
        raise PatternFileError(
            "2θ stands still in this .xrdml file: it is no powder pattern. Export a 2θ or θ–2θ scan of the powder."
        )
    listed = _text(positions, "{*}listPositions")
    if listed is not None:
        two_theta = parse_numbers(listed)
        if two_theta.size != n_points:
            raise _different_lengths(two_theta.size, n_points)
        return two_theta
    start, end = _number(positions, "{*}startPosition"), _number(positions, "{*}endPosition")
    if start is None or end is None:
        raise PatternFileError("The .xrdml file does not say where 2θ starts and ends. Export the measurement again.")
    return np.linspace(start, end, n_points)


def _different_lengths(n_listed: int, n_points: int) -> PatternFileError:
    return PatternFileError(
        "The .xrdml file lists %(n_listed)s values for %(n_points)s points. Copy it from the instrument again.",
        n_listed=n_listed,
        n_points=n_points,
    )


def _read_wavelengths(
    measurement: Element, anode: str | None
) -> tuple[float | None, dict[str, str | int | float | None], tuple[Sentence, ...]]:
    """Wavelength (Å), metadata of its doublet, warnings."""
    used = measurement.find("{*}usedWavelength")
    if used is None:
        return _no_doublet(None, anode)
    if used.get("intended") == "K-Beta":
        return _no_doublet(_number(used, "{*}kBeta"), None)
    wavelength, warnings = choose_wavelength(_number(used, "{*}kAlpha1"), anode)
    return (
        wavelength,
        {
            "wavelength_2": _number(used, "{*}kAlpha2"),
            "ratio_kalpha2": _number(used, "{*}ratioKAlpha2KAlpha1"),
        },
        warnings,
    )


def _no_doublet(
    stated: float | None, anode: str | None
) -> tuple[float | None, dict[str, str | int | float | None], tuple[Sentence, ...]]:
    wavelength, warnings = choose_wavelength(stated, anode)
    return wavelength, {}, warnings


def _judge_scan(scan: Element, points: Element) -> tuple[Sentence, ...]:
    """What the judge of the pattern must know of how the scan was made."""
    warnings: list[Sentence] = []
    status = scan.get("status", "Completed")
    if status != "Completed":
        warnings.append(sentence("The scan was not completed (its status is “%(status)s”).", status=status))
    if scan.get("scanAxis") == "2Theta":
        for positions in points.iterfind("{*}positions"):
            omega = _number(positions, "{*}commonPosition")
            if positions.get("axis") == "Omega" and omega is not None:
                warnings.append(
                    sentence(
                        "Measured at a fixed angle of incidence (ω = %(omega)s°): relative intensities and positions "
                        "differ from those of a θ–2θ scan.",
                        omega=f"{omega:g}",
                    )
                )
    return tuple(warnings)


def _text(element: Element, path: str) -> str | None:
    found = element.find(path)
    return found.text.strip() if found is not None and found.text and found.text.strip() else None


def _attribute(element: Element, path: str, name: str) -> str | None:
    found = element.find(path)
    return found.get(name) if found is not None else None


def _number(element: Element, path: str) -> float | None:
    text = _text(element, path)
    if text is None:
        return None
    numbers = parse_numbers(text)
    return float(numbers[0]) if numbers.size == 1 and np.isfinite(numbers[0]) else None
