"""PANalytical and Malvern Panalytical ``.xrdml``: XML, schema versions 1.0 to 2.x, which differ in namespace and few names.

Schema 1.x writes ``<intensities>``, in which beam attenuation is already corrected; 2.x writes ``<counts>``, raw, which
are to be multiplied by ``<beamAttenuationFactors>``. Both occur in files that call themselves 1.6.
"""

from __future__ import annotations

from xml.etree.ElementTree import Element

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.decoding import plain_bytes
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    Metadata,
    choose_wavelength,
    parse_numbers,
    powder_scans,
    to_mean_counting_time,
    too_many_points,
    warn_of_fixed_incidence,
    warn_of_negatives,
    warn_of_status,
    without_empty,
)
from samples.xrd.readers.xml_tree import attribute_in, number_in, parse_xml, text_in, too_many_parts
from samples.xrd.sentences import PatternFileError, Sentence

POWDER_AXES = {"Gonio", "2Theta", "2Theta-Omega", "Omega-2Theta", "2Theta-Theta", "Theta-2Theta"}
POWDER_MEASUREMENTS = {"Scan", "Repeated scan"}


class XrdmlReader:
    """Reads every powder scan of an ``.xrdml`` file."""

    name = "xrdml"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return b"<xrdMeasurement" in plain_bytes(content[:4096])

    def read(self, content: bytes) -> list[PowderPattern]:
        root = parse_xml(content, ".xrdml")
        if sum(1 for _ in root.iterfind("{*}xrdMeasurement/{*}scan")) > MAX_SCANS:
            raise too_many_parts(".xrdml")
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
        if not patterns and "Area measurement" in passed_over:
            raise PatternFileError(
                "The .xrdml file holds an area scan (%(n)s scans over a mesh), not a powder pattern. "
                "Export one 2θ or θ–2θ scan of the powder.",
                n=len(passed_over),
            )
        return powder_scans(patterns, passed_over, ".xrdml")


XRDML = XrdmlReader()


def _read_scan(root: Element, measurement: Element, scan: Element) -> PowderPattern:
    points = scan.find("{*}dataPoints")
    if points is None:
        raise PatternFileError("A scan in the .xrdml file has no data points. Export the measurement again.")
    intensity, warnings = _read_intensity(points)
    two_theta = _read_two_theta(points, intensity.size)
    anode = text_in(measurement, "{*}incidentBeamPath/{*}xRayTube/{*}anodeMaterial")
    wavelength, metadata, wavelength_warnings = _read_wavelengths(measurement, anode)
    metadata |= {
        "anode": anode,
        "monochromator": attribute_in(measurement, "{*}incidentBeamPath/{*}monochromator", "name"),
        "measured_at": text_in(scan, "{*}header/{*}startTimeStamp"),
        "operator": text_in(scan, "{*}header/{*}author/{*}name"),
        "instrument": text_in(scan, "{*}header/{*}source/{*}instrumentControlSoftware"),
        "sample_name": text_in(root, "{*}sample/{*}id") or text_in(root, "{*}sample/{*}name"),
        "comment": text_in(measurement, "{*}comment/{*}entry"),
        "counting_time": number_in(points, "{*}commonCountingTime"),
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


def _read_intensity(points: Element) -> tuple[FloatArray, list[Sentence]]:
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
    return to_mean_counting_time(intensity, _per_point(points, "{*}countingTimes", intensity.size), ".xrdml")


def _per_point(points: Element, path: str, n_points: int) -> FloatArray:
    """The factors that ``path`` lists for each point, shape (n_points,); ones where the file has no such list."""
    text = text_in(points, path)
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
    listed = text_in(positions, "{*}listPositions")
    if listed is not None:
        two_theta = parse_numbers(listed)
        if two_theta.size != n_points:
            raise _different_lengths(two_theta.size, n_points)
        return two_theta
    start, end = number_in(positions, "{*}startPosition"), number_in(positions, "{*}endPosition")
    if start is None or end is None:
        raise PatternFileError("The .xrdml file does not say where 2θ starts and ends. Export the measurement again.")
    return np.linspace(start, end, n_points)


def _different_lengths(n_listed: int, n_points: int) -> PatternFileError:
    return PatternFileError(
        "The .xrdml file lists %(n_listed)s values for %(n_points)s points. Copy it from the instrument again.",
        n_listed=n_listed,
        n_points=n_points,
    )


def _read_wavelengths(measurement: Element, anode: str | None) -> tuple[float | None, Metadata, tuple[Sentence, ...]]:
    """Wavelength (Å), metadata of its doublet, warnings."""
    used = measurement.find("{*}usedWavelength")
    if used is None:
        return _no_doublet(None, anode)
    if used.get("intended") == "K-Beta":
        return _no_doublet(number_in(used, "{*}kBeta"), None)
    wavelength, warnings = choose_wavelength(number_in(used, "{*}kAlpha1"), anode)
    return (
        wavelength,
        {
            "wavelength_2": number_in(used, "{*}kAlpha2"),
            "ratio_kalpha2": number_in(used, "{*}ratioKAlpha2KAlpha1"),
        },
        warnings,
    )


def _no_doublet(stated: float | None, anode: str | None) -> tuple[float | None, Metadata, tuple[Sentence, ...]]:
    wavelength, warnings = choose_wavelength(stated, anode)
    return wavelength, {}, warnings


def _judge_scan(scan: Element, points: Element) -> tuple[Sentence, ...]:
    """What the judge of the pattern must know of how the scan was made."""
    warnings: list[Sentence] = []
    status = scan.get("status", "Completed")
    if status != "Completed":
        warnings.append(warn_of_status(status))
    if scan.get("scanAxis") == "2Theta":
        for positions in points.iterfind("{*}positions"):
            omega = number_in(positions, "{*}commonPosition")
            if positions.get("axis") == "Omega" and omega is not None:
                warnings.append(warn_of_fixed_incidence(omega))
    return tuple(warnings)
