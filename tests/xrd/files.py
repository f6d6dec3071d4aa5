"""Small files as instruments write them, made for the tests; their numbers are simulated."""

from __future__ import annotations

import io
import struct
import zipfile
from pathlib import Path
from typing import Any

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


def zipped(members: dict[str, bytes]) -> bytes:
    """A zip archive of ``members``, name to content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return packed.getvalue()


def rasx_scan(
    number: int = 0, axis: str = "TwoThetaTheta", attenuation: str = "1", wave: str = "Ka"
) -> dict[str, bytes]:
    """The members of one scan of a .rasx file."""
    rows = (f"{x:.4f}\t{y:.0f}\t{attenuation}\r\n" for x, y in zip(TWO_THETA, COUNTS, strict=True))
    conditions = (
        '<?xml version="1.0" encoding="utf-8"?>\r\n<MeasurementConditions>'
        "<GeneralInformation><Operator>試験</Operator><SampleName>模擬試料</SampleName><SystemName>SmartLab</SystemName>"
        f"<Comment /></GeneralInformation><HWConfigurations><XrayGenerator><TargetName>Cu</TargetName>"
        f"<WaveType>{wave}</WaveType><WavelengthKbeta>1.39225</WavelengthKbeta>"
        "<WavelengthKalpha1>1.540593</WavelengthKalpha1><WavelengthKalpha2>1.544414</WavelengthKalpha2>"
        f"</XrayGenerator></HWConfigurations><ScanInformation><AxisName>{axis}</AxisName><Step>0.1</Step>"
        "<Speed>2</Speed><SpeedUnit>deg/min</SpeedUnit><IntensityUnit>counts</IntensityUnit>"
        f"<StartTime>2025-03-07T13:28:15Z</StartTime><DataCount>{N_POINTS}</DataCount></ScanInformation>"
        "</MeasurementConditions>"
    )
    return {
        f"Data{number}/Profile{number}.txt": b"\xef\xbb\xbf" + "".join(rows).encode(),
        f"Data{number}/MesurementConditions{number}.xml": b"\xef\xbb\xbf" + conditions.encode(),
    }


def rasx(*scans: dict[str, bytes]) -> bytes:
    """A .rasx file of ``scans``, each of :func:`rasx_scan`."""
    members = {"root.xml": b"<Root />"}
    for scan in scans or (rasx_scan(),):
        members |= scan
    return zipped(members)


def place(size: int, *fields: tuple[int, bytes]) -> bytes:
    """``size`` zero bytes with ``fields`` at their places."""
    record = bytearray(size)
    for at, content in fields:
        record[at : at + len(content)] = content
    return bytes(record)


def u32(*values: int) -> bytes:
    return struct.pack(f"<{len(values)}I", *values)


def f64(*values: float) -> bytes:
    return struct.pack(f"<{len(values)}d", *values)


FLOAT32_COUNTS = COUNTS.astype("<f4").tobytes()
CU_LINES = f64(1.54184, 1.5406, 1.54439, 1.39222, 0.5)
"""Mean Kα, Kα1, Kα2, Kβ (Å), Kα2/Kα1, as Bruker's programs state them."""


def raw3_range(
    scan_type: int = 0,
    used: float = 1.5406,
    start: float = 20.0,
    step: float = 0.1,
    point_size: int = 4,
    extra: int = 0,
) -> bytes:
    """One range of a Bruker RAW1.01 file: header, ``extra`` bytes of supplementary headers, points."""
    header = place(
        304,
        (0, u32(304, N_POINTS)),
        (8, f64(4.0, start)),
        (176, f64(step)),
        (192, struct.pack("<f", 2.5)),
        (196, u32(scan_type)),
        (240, f64(used)),
        (252, u32(point_size, extra)),
    )
    return header + bytes(extra) + FLOAT32_COUNTS


def raw3(*ranges: bytes, status: int = 1, anode: bytes = b"CU") -> bytes:
    """A Bruker RAW1.01 file of ``ranges``, each of :func:`raw3_range`."""
    ranges = ranges or (raw3_range(),)
    header = place(
        712,
        (0, b"RAW1.01"),
        (8, u32(status, len(ranges))),
        (16, b"07/31/23"),
        (26, b"10:15:00"),
        (36, b"Tester"),
        (326, b"simulated"),
        (386, b"a comment"),
        (608, anode),
        (616, CU_LINES),
    )
    return header + b"".join(ranges)


def raw4_segment(kind: int, *fields: tuple[int, bytes], size: int) -> bytes:
    return place(size, (0, u32(kind, size)), *fields)


def raw4_words(name: str, words: str) -> bytes:
    return raw4_segment(10, (12, name.encode()), (36, words.encode()), size=36 + len(words.encode()))


def raw4_range(
    scan_type: str = "Locked Coupled",
    drive_at: float = 20.0,
    start: float = 20.0,
    step: float = 0.1,
    point_size: int = 4,
) -> bytes:
    """One range of a Bruker RAW4.00 file: header, drives, points."""
    drives = b"".join(
        raw4_segment(50, (12, name), (56, f64(at)), size=92) for name, at in ((b"2Theta", drive_at), (b"Theta", 3.0))
    )
    header = place(
        160,
        (32, scan_type.encode()),
        (72, f64(start, step)),
        (88, u32(N_POINTS)),
        (92, struct.pack("<f", 2.5)),
        (112, f64(1.5418)),
        (136, u32(point_size, len(drives))),
    )
    return header + drives + FLOAT32_COUNTS


def raw4(*ranges: bytes) -> bytes:
    """A Bruker RAW4.00 file of ``ranges``, each of :func:`raw4_range`."""
    header = place(61, (0, b"RAW4.00"), (12, b"07/31/2023"), (24, b"10:15:00"))
    tube = raw4_segment(30, (72, CU_LINES), (116, b"Cu"), size=136)
    words = raw4_words("USER", "Tester") + raw4_words("SAMPLEID", "模擬試料") + raw4_words("COMMENT", "a comment")
    return header + words + tube + b"".join(ranges or (raw4_range(),))


XSI = 'xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"'


def brml_scan(
    axes: tuple[str, ...] = ("TwoTheta", "Theta"),
    planned: int = N_POINTS,
    times: tuple[float, ...] = (2.5,),
    absorbers: tuple[float, ...] = (1,),
    n_counts: int = 1,
    view: str = "RecordedRawDataView",
    points: str | None = None,
) -> bytes:
    """The RawData.xml of one scan of a .brml file; times and absorbers repeat along the points."""
    rows = (
        ",".join((f"{times[n % len(times)]},{absorbers[n % len(absorbers)]}", *(f"{x:.4f}" for _ in axes), f"{y:.0f}"))
        for n, (x, y) in enumerate(zip(TWO_THETA, COUNTS, strict=True))
    )
    fields = "".join(f'<FieldDefinitions AxisId="{axis}" />' for axis in axes)
    return (
        f'<?xml version="1.0"?>\r\n<RawData {XSI}><MeasurementStatus>Stopped</MeasurementStatus>'
        "<TimeStampStarted>2025-02-26T10:47:52+00:00</TimeStampStarted><DataRoutes>"
        '<DataRoute RouteFlag="Measured"><ScanInformation VisibleName="Coupled TwoTheta/Theta">'
        f"<MeasurementPoints>{planned}</MeasurementPoints><TimePerStep>2.5</TimePerStep></ScanInformation>"
        + ("\r\n".join(f"<Datum>{row}</Datum>" for row in rows) if points is None else points)
        + '<DataViews><RawDataView xsi:type="FixedRawDataView" Start="0" Length="1" LogicName="MeasuredTime" />'
        '<RawDataView xsi:type="FixedRawDataView" Start="1" Length="1" LogicName="AbsorptionFactor" />'
        f'<RawDataView xsi:type="VaryingRawDataView" Start="2" Length="{len(axes)}"><Varying>{fields}</Varying></RawDataView>'
        f'<RawDataView xsi:type="{view}" Start="{2 + len(axes)}" Length="{n_counts}" />'
        '</DataViews></DataRoute><DataRoute RouteFlag="Final" /></DataRoutes>'
        "<FixedInformation><Drives>"
        '<InfoData AxisId="Theta"><Position Unit="°" Value="3" /></InfoData></Drives>'
        "<Instrument><PrimaryTracks><TrackInfoData><MountedOptics><InfoData /><InfoData><Tube>"
        '<WaveLengthAlpha1 Value="1.5406" /><WaveLengthAlpha2 Value="1.54439" /><WaveLengthBeta Value="1.39222" />'
        '<WaveLengthRatio Value="0.5" /><TubeMaterial>Cu</TubeMaterial></Tube></InfoData></MountedOptics>'
        "</TrackInfoData></PrimaryTracks></Instrument></FixedInformation></RawData>"
    ).encode()


def brml(*scans: bytes) -> bytes:
    """A .brml file of ``scans``, each of :func:`brml_scan`."""
    container = (
        "<DataContainer><ExperimentInfo><InstrumentDescription><DeviceTypeDesc>D2 PHASER</DeviceTypeDesc>"
        "</InstrumentDescription></ExperimentInfo>"
        '<MeasurementInfo UserName="試験" Comment="a comment" SampleName="模擬試料" /></DataContainer>'
    )
    members = {f"Experiment0/RawData{n}.xml": scan for n, scan in enumerate(scans or (brml_scan(),))}
    return zipped({"Experiment0/DataContainer.xml": container.encode(), **members})


def uxd_range(marker: str = "_2THETACOUNTS", drive: str = "COUPLED", header: str = "") -> str:
    """One range of a .uxd file."""
    keys = f"_DRIVE='{drive}'\n_STEPTIME=0.500000\n_STEPSIZE=0.1\n_START=20.0\n_THETA=10.0\n_2THETA=20.0\n{header}"
    columns = [f"{y:.0f}" for y in COUNTS]
    if "2THETA" in marker:
        columns = [f"{x:.3f}\t{y}" for x, y in zip(TWO_THETA, columns, strict=True)]
    if "TIME" in marker:
        columns = [f"{row}\t0.5" for row in columns]
    return f"; (Data for Range)\n{keys}{marker}\n" + "".join(row + "\n" for row in columns)


def uxd(*ranges: str) -> bytes:
    """A .uxd file of ``ranges``, each of :func:`uxd_range`."""
    header = (
        "; simulated\n_FILEVERSION=2\n_SAMPLE='simulated'\n_USER='Tester'\n_DATEMEASURED='04-Mar-2010 20:59:14'\n"
        "_WL_UNIT='A'\n_WL1=1.540600\n_WL2=1.544390\n_WL3=1.392220\n_WLRATIO=0.500000\n_ANODE='Cu'\n"
    )
    return (header + "".join(ranges or (uxd_range(),))).encode()


def gsas_bank(layout: str = "STD", binning: str = "CONST", n_points: int = N_POINTS) -> str:
    """One histogram of a GSAS file, with lines as wide as GSAS wants them."""
    match layout:
        case "STD":
            fields = [f" 1{y:6.0f}" for y in COUNTS]
        case "ESD":
            fields = [f"{y:8.1f}{y**0.5:8.2f}" for y in COUNTS]
        case _:
            esd = "" if layout == "FXY" else " 10.0"
            fields = [f"{100 * x:.2f} {y:.1f}{esd}\n" for x, y in zip(TWO_THETA, COUNTS, strict=True)]
    n_fields = {"STD": 10, "ESD": 5}.get(layout, 1)
    lines = ["".join(fields[n : n + n_fields]) for n in range(0, len(fields), n_fields)]
    rows = "".join(line.rstrip("\n").ljust(80) + "\n" for line in lines)
    return f"BANK 1 {n_points} {len(lines)} {binning} 2000.0 10.0 0 0 {layout}\n{rows}"


def gsas(*banks: str, header: str = "simulated\n") -> bytes:
    """A GSAS file of ``banks``, each of :func:`gsas_bank`."""
    return (header + "".join(banks or (gsas_bank(),))).encode()


def pdcif(
    columns: str = "_pd_meas_2theta_scan _pd_meas_counts_total",
    wavelength: str = "loop_ _diffrn_radiation_wavelength _diffrn_radiation_wavelength_wt\n1.540593 1.0\n1.544427 0.5\n",
    header: str = "",
    row: str = "{x:.1f} {y:.0f}(12)",
) -> bytes:
    """A powder CIF: a block with a structure and one with a pattern."""
    rows = "\n".join(row.format(x=x, y=y) for x, y in zip(TWO_THETA, COUNTS, strict=True))
    return (
        "# simulated\n\ndata_structure\n_cell_length_a 4.2\n\ndata_pattern\n"
        "_diffrn_radiation_type 'Cu K\\a'\n_pd_meas_datetime_initiated 2023-07-31T10:15:00\n"
        "_diffrn_measurement_device_type 'D8 Advance'\n_pd_meas_info_author_name ?\n"
        f"_pd_meas_special_details\n;\na comment\n;\n{wavelength}{header}\nloop_\n{columns}\n{rows}\n"
    ).encode()


def rigaku_text_scan(axis: str = "2theta/theta", header: str = "", n_points: int = N_POINTS) -> str:
    """One scan of a Rigaku text export."""
    counts = [f"{y:.0f}" for y in COUNTS]
    rows = "".join(", ".join(counts[n : n + 4]) + "\n" for n in range(0, len(counts), 4))
    keys = f"*GROUP = 0\n*SCAN_AXIS = {axis}\n*START = 20.0000\n*STOP = 80.0\n*STEP = 0.1000\n{header}*COUNT = {n_points}\n"
    return f"*BEGIN\n{keys}{rows}*END\n"


def rigaku_text(*scans: str) -> bytes:
    """A Rigaku text export of ``scans``, each of :func:`rigaku_text_scan`."""
    header = (
        "*TYPE =  Raw\n*SAMPLE = 模擬試料\n*COMMENT = simulated\n*WAVE_LENGTH1 = 1.54059\n*WAVE_LENGTH2 = 1.54441\n"
        f"*TARGET = Cu\n*YUNIT = counts\n*GROUP_COUNT = {len(scans) or 1}\n"
    )
    return (header + "".join(scans or (rigaku_text_scan(),)) + "*EOF\n").encode("cp932")


def nexus(*scans: dict[str, object], definition: str = "NXxrd_pan") -> bytes:
    """A NeXus file by the definitions, an entry for each of ``scans``: what they say takes the place of what is usual."""
    import h5py

    packed = io.BytesIO()
    with h5py.File(packed, "w") as file:
        file.attrs["NX_class"] = "NXroot"
        for number, scan in enumerate(scans or ({},), start=1):
            entry = _group(file, f"entry{number}", "NXentry")
            entry["definition"] = definition
            entry["title"] = "simulated"
            entry["start_time"] = "2026-11-24T09:00:00+09:00"
            sample = _group(entry, "sample", "NXsample")
            sample["name"] = "模擬試料"
            _group(entry, "user", "NXuser")["name"] = "student"
            instrument = _group(entry, "instrument", "NXinstrument")
            plot = _group(entry, "2theta_plot", "NXdata")
            angle, signal = ("polar_angle", "data") if definition == "NXmonopd" else ("two_theta", "intensity")
            if definition == "NXmonopd":
                crystal = _group(instrument, "crystal", "NXcrystal")
                crystal["wavelength"] = scan.get("wavelength", 0.154059)
                crystal["wavelength"].attrs["units"] = "nm"
                detector = _group(instrument, "detector", "NXdetector")
                detector[angle], detector[signal] = scan.get("angles", TWO_THETA), scan.get("counts", COUNTS)
                plot[angle], plot[signal] = detector[angle], detector[signal]  # hard links, as the standard has them
                plot[signal].attrs["signal"] = 1
                plot[signal].attrs["axes"] = angle
            else:
                source = _group(instrument, "source", "NXsource")
                source["xray_tube_material"] = scan.get("anode", "Cu")
                for name, value in (("k_alpha_one", scan.get("wavelength", 1.54059)), ("k_alpha_two", 1.54441)):
                    source[name] = value
                    source[name].attrs["units"] = "angstrom"
                source["ratio_k_alphatwo_k_alphaone"] = 0.5
                plot.create_dataset(angle, data=scan.get("angles", TWO_THETA), compression="gzip")
                plot[signal] = scan.get("counts", COUNTS)
                plot.attrs["signal"], plot.attrs["axes"] = signal, [angle]
            plot[angle].attrs["units"] = scan.get("units", "degree")
            plot[signal].attrs["units"] = "counts"
    return packed.getvalue()


def _group(parent: Any, name: str, nx_class: str) -> Any:
    group = parent.create_group(name)
    group.attrs["NX_class"] = nx_class
    return group
