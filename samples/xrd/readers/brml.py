"""Bruker ``.brml`` (DIFFRAC.SUITE): a zip archive with ``RawData0.xml`` for each scan, and ``DataContainer.xml`` about the sample.

A scan lists one ``<Datum>`` for each point, numbers separated by commas; ``<DataViews>`` says which column is what. A
detector may write several numbers for each point (an area), and an external file in their place; neither is read.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from xml.etree.ElementTree import Element

import numpy as np

from samples.xrd.pattern import FloatArray, PowderPattern
from samples.xrd.readers.bruker import Tube
from samples.xrd.readers.reader import (
    MAX_POINTS,
    MAX_SCANS,
    Metadata,
    check_total,
    cut_off,
    parse_numbers,
    powder_scans,
    to_mean_counting_time,
    too_many_points,
    warn_of_fixed_incidence,
    warn_of_negatives,
    warn_of_status,
    without_empty,
)
from samples.xrd.readers.xml_tree import as_number, attribute_in, parse_xml, text_in
from samples.xrd.readers.zip_archive import ZIP_MARK, ZipArchive
from samples.xrd.sentences import PatternFileError, Sentence, sentence

KIND = ".brml"
RAW_DATA = re.compile(r"Experiment(\d+)/RawData(\d+)\.xml")
BETWEEN_POINTS = re.compile(rb"</Datum>\s*<Datum>")
TYPE = "{http://www.w3.org/2001/XMLSchema-instance}type"

MAX_COLUMNS = 100
_TUBE = "FixedInformation/Instrument/PrimaryTracks/TrackInfoData/MountedOptics/InfoData/Tube"


class BrmlReader:
    """Reads every powder scan of a ``.brml`` file."""

    name = "brml"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return content.startswith(ZIP_MARK) and b"/RawData" in content and b"Experiment" in content

    def read(self, content: bytes) -> list[PowderPattern]:
        archive = ZipArchive(content, KIND)
        scans = sorted((int(found[1]), int(found[2])) for name in archive.names if (found := RAW_DATA.fullmatch(name)))
        if len(scans) > MAX_SCANS:
            raise too_many_points()
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        for experiment, number in scans:
            about = _read_container(archive, f"Experiment{experiment}/DataContainer.xml")
            raw_data = archive.read(f"Experiment{experiment}/RawData{number}.xml")
            # Half a million <Datum> take the parser seconds; merged into one, their text is one list of numbers.
            root = parse_xml(BETWEEN_POINTS.sub(b"\n", raw_data), KIND)
            for route in _measured_routes(root):
                columns = _Columns.of(route)
                if columns.two_theta is None:
                    left_out.append(attribute_in(route, "ScanInformation", "VisibleName") or "?")
                else:
                    patterns.append(_read_scan(root, route, columns, about))
                    check_total(patterns)
        return powder_scans(patterns, left_out, KIND)


BRML = BrmlReader()


def _read_container(archive: ZipArchive, name: str) -> Metadata:
    """What the experiment says of sample, operator and instrument; nothing where it has no container."""
    if name not in archive:
        return {}
    root = parse_xml(archive.read(name), KIND)
    return {
        "sample_name": attribute_in(root, "MeasurementInfo", "SampleName"),
        "operator": attribute_in(root, "MeasurementInfo", "UserName"),
        "comment": attribute_in(root, "MeasurementInfo", "Comment"),
        "instrument": text_in(root, "ExperimentInfo/InstrumentDescription/DeviceTypeDesc")
        or text_in(root, "ExperimentInfo/InstrumentDescription/InstrumentName"),
    }


def _measured_routes(root: Element) -> list[Element]:
    """The data as measured; where a file has only processed data, these."""
    routes = root.findall("DataRoutes/DataRoute")
    return [route for route in routes if route.get("RouteFlag") == "Measured"] or routes


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the numbers of a point stand, from 0; None for what a scan does not list.

    counts: the first number of the first detector; n_counts: how many numbers that detector gives; axes: names of all drives
    """

    two_theta: int | None
    counts: int
    n_counts: int
    counting_time: int | None
    absorber: int | None
    axes: tuple[str, ...]

    @property
    def last(self) -> int:
        named = (self.two_theta, self.counts, self.counting_time, self.absorber)
        return max(place for place in named if place is not None)

    @classmethod
    def of(cls, route: Element) -> _Columns:
        places: dict[str, int] = {}
        axes: list[str] = []
        detectors: list[tuple[int, int]] = []
        for view in route.iterfind("DataViews/RawDataView"):
            start, length = as_number(view.get("Start")), as_number(view.get("Length"))
            if start is None or length is None or not (0 <= start < MAX_COLUMNS and length > 0):
                raise cut_off(KIND)
            match view.get(TYPE):
                case "FixedRawDataView":
                    places[view.get("LogicName", "")] = int(start)
                case "VaryingRawDataView":
                    axes = [field.get("AxisId", "") for field in view.iterfind("Varying/FieldDefinitions")]
                    places |= {axis: int(start) + n for n, axis in enumerate(axes)}
                case "RecordedRawDataView":
                    detectors.append((int(start), int(length)))
        if not detectors:
            raise PatternFileError(
                "The .brml file does not say which of its numbers are counts. Export the scan as two columns of text (.xy)."
            )
        return cls(
            two_theta=places.get("TwoTheta") if "TwoTheta" in axes else None,
            counts=detectors[0][0],
            n_counts=detectors[0][1],
            counting_time=places.get("MeasuredTime"),
            absorber=places.get("AbsorptionFactor"),
            axes=tuple(axes),
        )


def _read_scan(root: Element, route: Element, columns: _Columns, about: Metadata) -> PowderPattern:
    if columns.n_counts != 1:
        raise PatternFileError(
            "The .brml file holds %(n)s numbers for each angle, as of an area detector, not a powder pattern. "
            "Export the integrated pattern as two columns of text (.xy).",
            n=columns.n_counts,
        )
    assert columns.two_theta is not None
    points = _read_points(route)
    if points.shape[1] <= columns.last:
        raise cut_off(KIND)
    intensity = points[:, columns.counts]
    warnings: list[Sentence] = []
    if columns.counting_time is not None:
        intensity, warnings = to_mean_counting_time(intensity, points[:, columns.counting_time], KIND)
    if columns.absorber is not None and np.ptp(points[:, columns.absorber]) > 0:
        warnings.append(
            sentence("An absorber was switched along the scan; the intensities are taken as the file lists them.")
        )
    wavelength, metadata, radiation_warnings = _read_tube(root).radiation(used=None)
    metadata |= about
    metadata |= {
        "measured_at": text_in(root, "TimeStampStarted"),
        "counting_time": as_number(text_in(route, "ScanInformation/TimePerStep")),
        "scan_axis": attribute_in(route, "ScanInformation", "VisibleName"),
        "intensity_unit": "counts",
    }
    return PowderPattern(
        two_theta=points[:, columns.two_theta],
        intensity=intensity,
        wavelength=wavelength,
        metadata=without_empty(metadata),
        warnings=(
            *radiation_warnings,
            *warnings,
            *_judge_scan(root, route, columns, len(points)),
            *warn_of_negatives(intensity),
        ),
    )


def _read_points(route: Element) -> FloatArray:
    """The numbers of all points, shape (n_points, n_columns)."""
    lists = [datum.text or "" for datum in route.iterfind("Datum")]
    if not lists:
        raise PatternFileError(
            "A scan in the .brml file lists no points; a file of the detector beside it may hold them. "
            "Export the scan as two columns of text (.xy)."
        )
    rows = "\n".join(lists).strip()
    n_columns = 1 + rows.partition("\n")[0].count(",")
    numbers = parse_numbers(rows.replace(",", " "), limit=MAX_POINTS)
    if n_columns > MAX_COLUMNS or numbers.size % n_columns or rows.count("\n") + 1 != numbers.size // n_columns:
        raise cut_off(KIND)
    return numbers.reshape(-1, n_columns)


def _read_tube(root: Element) -> Tube:
    def line(name: str) -> float | None:
        return as_number(attribute_in(root, f"{_TUBE}/{name}", "Value"))

    return Tube(
        anode=text_in(root, f"{_TUBE}/TubeMaterial") or "",
        kalpha1=line("WaveLengthAlpha1"),
        kalpha2=line("WaveLengthAlpha2"),
        kbeta=line("WaveLengthBeta"),
        ratio=line("WaveLengthRatio"),
    )


def _judge_scan(root: Element, route: Element, columns: _Columns, n_points: int) -> list[Sentence]:
    """What the judge of the pattern must know of how the scan was made."""
    warnings: list[Sentence] = []
    planned = as_number(text_in(route, "ScanInformation/MeasurementPoints"))
    if planned is not None and n_points < planned:
        warnings.append(warn_of_status(text_in(root, "MeasurementStatus") or "?"))
    if "Theta" not in columns.axes:
        for drive in root.iterfind("FixedInformation/Drives/InfoData"):
            omega = as_number(attribute_in(drive, "Position", "Value"))
            if drive.get("AxisId") == "Theta" and omega is not None:
                warnings.append(warn_of_fixed_incidence(omega))
    return warnings
