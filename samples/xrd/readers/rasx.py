"""Rigaku ``.rasx`` (SmartLab Studio II): a zip archive with ``Profile0.txt`` and ``MesurementConditions0.xml`` for each scan.

The profile has the three columns of a ``.ras`` file and the conditions say the same under other names, so both are
handed to the reader of ``.ras``.
"""

from __future__ import annotations

import re
from xml.etree.ElementTree import Element

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.decoding import plain_bytes
from samples.xrd.readers.ras import POWDER_AXES, read_scan
from samples.xrd.readers.reader import MAX_SCANS, check_total, powder_scans, too_many_points
from samples.xrd.readers.xml_tree import parse_xml, text_in
from samples.xrd.readers.zip_archive import ZIP_MARK, ZipArchive
from samples.xrd.sentences import PatternFileError

KIND = ".rasx"
PROFILE = re.compile(r"Data(\d+)/Profile(\d+)\.txt")

_GENERATOR = "HWConfigurations/XrayGenerator"
RAS_KEYS = {
    "FILE_SAMPLE": "GeneralInformation/SampleName",
    "FILE_OPERATOR": "GeneralInformation/Operator",
    "FILE_COMMENT": "GeneralInformation/Comment",
    "FILE_MEMO": "GeneralInformation/Memo",
    "HW_GONIOMETER_NAME": "GeneralInformation/SystemName",
    "HW_XG_TARGET_NAME": f"{_GENERATOR}/TargetName",
    "HW_XG_WAVE_LENGTH_ALPHA1": f"{_GENERATOR}/WavelengthKalpha1",
    "HW_XG_WAVE_LENGTH_ALPHA2": f"{_GENERATOR}/WavelengthKalpha2",
    "HW_XG_WAVE_LENGTH_BETA": f"{_GENERATOR}/WavelengthKbeta",
    "MEAS_COND_XG_WAVE_TYPE": f"{_GENERATOR}/WaveType",
    "MEAS_SCAN_AXIS_X_INTERNAL": "ScanInformation/AxisName",
    "MEAS_SCAN_START_TIME": "ScanInformation/StartTime",
    "MEAS_SCAN_SPEED": "ScanInformation/Speed",
    "MEAS_SCAN_SPEED_UNIT": "ScanInformation/SpeedUnit",
    "MEAS_SCAN_STEP": "ScanInformation/Step",
    "MEAS_SCAN_UNIT_Y": "ScanInformation/IntensityUnit",
    "MEAS_DATA_COUNT": "ScanInformation/DataCount",
}
"""Where the conditions say what a .ras header says under a key."""


class RasxReader:
    """Reads every powder scan of a ``.rasx`` file."""

    name = "rasx"
    version = 1

    def recognises(self, content: bytes) -> bool:
        return content.startswith(ZIP_MARK) and b"MesurementConditions" in content  # spelt as Rigaku does

    def read(self, content: bytes) -> list[PowderPattern]:
        archive = ZipArchive(content, KIND)
        scans = sorted((int(found[1]), int(found[2])) for name in archive.names if (found := PROFILE.fullmatch(name)))
        if not scans:
            raise PatternFileError(
                "The .rasx file holds no profile, perhaps an image of an area detector. "
                "Export the integrated powder pattern as .ras or as two columns of text."
            )
        if len(scans) > MAX_SCANS:
            raise too_many_points()
        patterns: list[PowderPattern] = []
        left_out: list[str] = []
        for folder, number in scans:
            conditions = parse_xml(archive.read(f"Data{folder}/MesurementConditions{number}.xml"), KIND)
            header = _as_ras_header(conditions)
            axis = header.get("MEAS_SCAN_AXIS_X_INTERNAL")
            if axis and axis not in POWDER_AXES:
                left_out.append(axis)
                continue
            patterns.append(read_scan(header, plain_bytes(archive.read(f"Data{folder}/Profile{number}.txt"))))
            check_total(patterns)
        return powder_scans(patterns, left_out, KIND)


RASX = RasxReader()


def _as_ras_header(conditions: Element) -> dict[str, str]:
    return {key: text for key, path in RAS_KEYS.items() if (text := text_in(conditions, path)) is not None}
