"""Small files as instruments write them, made for the tests; their numbers are simulated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from samples.xrd.pattern import FloatArray

EXAMPLES = Path(__file__).resolve().parents[1] / "data"

N_POINTS = 601
TWO_THETA: FloatArray = np.round(20 + 0.1 * np.arange(N_POINTS), 1)
COUNTS: FloatArray = np.rint(100 + 500 * np.exp(-(((TWO_THETA - 44) / 0.4) ** 2)) + 7 * (np.arange(N_POINTS) % 5))


def table(separator: str = " ", decimal: str = ".", end: str = "\n", header: str = "", third: str = "") -> str:
    """A table of 601 rows from 20° to 80°: ``header``, then 2θ and counts (one decimal each), and ``third`` if given."""
    rows = (
        separator.join((f"{x:.1f}", f"{y:.1f}", *([third] if third else []))).replace(".", decimal)
        for x, y in zip(TWO_THETA, COUNTS, strict=True)
    )
    return header + "".join(row + end for row in rows)


def ras_block(axis: str = "TwoThetaTheta", header: tuple[str, ...] = (), attenuation: str = "1.0000") -> str:
    """One scan of a .ras file."""
    lines = [
        "*RAS_DATA_START",
        "*RAS_HEADER_START",
        '*FILE_SAMPLE "模擬試料"',
        '*HW_XG_TARGET_NAME "Cu"',
        '*HW_XG_WAVE_LENGTH_ALPHA1 "1.540593"',
        '*HW_XG_WAVE_LENGTH_ALPHA2 "1.544427"',
        f'*MEAS_DATA_COUNT "{N_POINTS}.0000000000"',
        f'*MEAS_SCAN_AXIS_X_INTERNAL "{axis}"',
        *header,
        "*RAS_HEADER_END",
        "*RAS_INT_START",
        *(f"{x:.4f} {y:.4f} {attenuation}" for x, y in zip(TWO_THETA, COUNTS, strict=True)),
        "*RAS_INT_END",
        "*RAS_DATA_END",
    ]
    return "\r\n".join(lines) + "\r\n"


def xrdml(
    *scans: str,
    version: str = "2.1",
    kind: str = "Scan",
    wavelength: str = '<usedWavelength intended="K-Alpha"><kAlpha1 unit="Angstrom">1.540593</kAlpha1>'
    '<kAlpha2 unit="Angstrom">1.544427</kAlpha2><ratioKAlpha2KAlpha1>0.5</ratioKAlpha2KAlpha1></usedWavelength>',
    before: str = "",
) -> bytes:
    """An .xrdml file with the given ``scans``."""
    return (
        f'<?xml version="1.0" encoding="UTF-8"?>\n{before}'
        f'<xrdMeasurements xmlns="http://www.xrdml.com/XRDMeasurement/{version}">'
        f'<sample type="To be analyzed"><id>simulated</id></sample>'
        f'<xrdMeasurement measurementType="{kind}">{wavelength}'
        "<incidentBeamPath><xRayTube><anodeMaterial>Cu</anodeMaterial></xRayTube></incidentBeamPath>"
        f"{''.join(scans)}</xrdMeasurement></xrdMeasurements>"
    ).encode()


def xrdml_scan(
    axis: str = "Gonio",
    positions: str = "<startPosition>20.0</startPosition><endPosition>80.0</endPosition>",
    extra: str = "",
    intensities: str = "counts",
    status: str = "Completed",
) -> str:
    """One scan of an .xrdml file."""
    values = " ".join(str(int(y)) for y in COUNTS)
    return (
        f'<scan scanAxis="{axis}" status="{status}">'
        "<header><startTimeStamp>2023-07-31T10:15:00+09:00</startTimeStamp></header>"
        f'<dataPoints><positions axis="2Theta" unit="deg">{positions}</positions>'
        f'<positions axis="Omega" unit="deg"><commonPosition>4.0</commonPosition></positions>'
        f'<commonCountingTime unit="seconds">2.5</commonCountingTime>{extra}'
        f'<{intensities} unit="counts">{values}</{intensities}></dataPoints></scan>'
    )
