"""Real files as instruments and converters wrote them: read exactly, or refused by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError

pytestmark = pytest.mark.shared

IN2O3 = "xrdml/In2O3_0p3022-La(OH)3_0p5014-TiO2_0p2004"
MNCO3 = "xrdml/In2O3_0p5002-MnCO3_0p5000"
PANALYTICAL = 1.540598
RIGAKU = 1.540593
BRUKER = 1.5406

# Written down from the raw files: points, first and last angle, first and last intensity, wavelength.
READ: dict[str, tuple[int, float, float, float, float, float | None]] = {
    "xrdml/CG20396_jdb12-1.xrdml": (7181, 5.00835563, 124.99526689, 1678, 113, PANALYTICAL),
    f"{IN2O3}--2min.xrdml": (2071, 10.02173288, 99.99585608, 1991, 271, PANALYTICAL),
    f"{IN2O3}--8min.xrdml": (8282, 10.00943322, 99.99442286, 2349, 336, PANALYTICAL),
    f"{MNCO3}--2min.xrdml": (2071, 10.02173288, 99.99585608, 2220, 1011, PANALYTICAL),
    f"{MNCO3}--8min.xrdml": (8282, 10.00943322, 99.99442286, 2552, 1090, PANALYTICAL),
    "xrdml/Scan_C1.xrdml": (7181, 5.00475563, 124.99166689, 374, 158, PANALYTICAL),
    "xrdml/XRD-918-16_10.xrdml": (5027, 4.00656514, 69.99936587, 1305, 171, PANALYTICAL),
    "xrdml/sample.xrdml": (5027, 4.00656514, 69.99936587, 1305, 171, PANALYTICAL),
    "xrdml/empyrean.xrdml": (196, 30.05, 41.75, 8, 6, PANALYTICAL),
    "ras/Cr-Ni.ras": (3001, 10.0, 70.0, 26, 20, RIGAKU),
    "ras/La1.75Sr0.25CuO4.ras": (4001, 5.0, 85.0, 31, 100, RIGAKU),
    "rasx/JO_KL_16_ZF_3_60deg_0.02step_12degpermin_001.rasx": (2851, 3.0, 60.0, 2589, 119, RIGAKU),
    "rasx/Omega-2Theta_scan_high_temperature.rasx": (1042, 44.0, 48.9968, 2.16424083709717, 0, RIGAKU),
    "rasx/TwoTheta_scan_powder.rasx": (2726, 10.0, 119.0, 170.55354309082, 13.8521060943604, RIGAKU),
    "brml/TiOF.brml": (2469, 9.998839261, 60.012776015, 4471, 692, BRUKER),
    "bruker_raw/KGA1-CONT.RAW": (3401, 2.0, 70.0, 2174, 258, BRUKER),
    "bruker_raw/TiO2.raw": (1647, 10.0, 70.041142, 557, 328, BRUKER),
    "bruker_raw/bruker4_v5converter.raw": (4059, 37.0001, 120.00464352884, 7264, 7043, BRUKER),
    "uxd/BT86_.UXD": (2374, 3.0, 40.0, 187, 269, BRUKER),
    "gsas/FAP.XRA": (5753, 15.0, 130.04, 609, 0, None),
    "gsas/NIST660CBI.gsas": (8378, 15.0066, 124.9991231, 2364, 370, None),
    "gsas/gsas.raw": (4941, 16.0, 99.98, 1163, 1206, None),
    "pdcif/ALUMINA.cif": (3300, 2.9824, 167.9324, 119, 203, 1.5402),
    "pdcif/multi_one.cif": (13, 10.0, 70.0, 1, 1, 1.540596),
    "pdcif/single_one.cif": (13, 10.0, 70.0, 1, 1, 1.54),
    "pdcif/vb5042sup1.cif": (6092, 10.01687, 89.99342, 973, 52, 1.78892),
    "text/ExampleChiPlot.chi": (10, 1.0, 10.0, 5e-2, -2.6e-2, None),
    "text/example_mac.xye": (599, 0.0, 0.598, 11.632, 113.272, None),
    "text/example_mythen.dat": (730, 2.084, 5.0, 2866.694378, 3259.561469, None),
    "text/example_ocx.xy": (1876, 5.0, 80.0, 2.732, 0.272, None),
    "text/sample.csv": (7351, 3.0, 150.0, 1643, 748, None),
}
REFUSED = {
    "xrdml/m82762_rc1mm_1_16dg_src_slit_phi-101_3dg_-420_mesh_long.xrdml": "area scan .101 scans over a mesh",
    "text/ExampleRigaku.dat": "something in it is not a number",  # a fragment, with “...” where lines are missing,
    "bruker_raw/brk_raw1.raw": "old Bruker RAW",
    "stoe_raw/stoe.raw": "Stoe RAW",
}


@pytest.fixture(scope="module")
def folder(shared_data: Path) -> Path:
    return shared_data / "instrument_files"


N_SCANS = {"pdcif/multi_one.cif": 3}


def read_one(path: Path, n_scans: int = 1) -> PowderPattern:
    """The first pattern of a file that must hold ``n_scans``."""
    patterns = read(path.read_bytes(), path.name)
    assert len(patterns) == n_scans
    return patterns[0]


def test_every_file_is_accounted_for(folder: Path) -> None:
    there = {str(path.relative_to(folder)) for path in folder.glob("*/*")}
    assert there == READ.keys() | REFUSED.keys()


@pytest.mark.parametrize("name", READ)
def test_read_exactly(folder: Path, name: str) -> None:
    pattern = read_one(folder / name, N_SCANS.get(name, 1))
    n_points, first, last, first_intensity, last_intensity, wavelength = READ[name]
    assert pattern.n_points == n_points
    assert (pattern.two_theta[0], pattern.two_theta[-1]) == pytest.approx((first, last), abs=1e-11)
    assert (pattern.intensity[0], pattern.intensity[-1]) == (first_intensity, last_intensity)
    assert pattern.wavelength == wavelength


@pytest.mark.parametrize("name", REFUSED)
def test_refused_by_name(folder: Path, name: str) -> None:
    with pytest.raises(PatternFileError, match=REFUSED[name]):
        read((folder / name).read_bytes())


def test_headers_are_read(folder: Path) -> None:
    rigaku = read_one(folder / "ras/Cr-Ni.ras").metadata
    assert rigaku["anode"] == "Cu"
    assert rigaku["measured_at"] == "2020-11-05T17:44:25"
    assert rigaku["instrument"] == "MiniFlex 300/600"
    assert rigaku["counting_time"] == pytest.approx(0.6)
    panalytical = read_one(folder / f"{MNCO3}--2min.xrdml").metadata
    assert panalytical["sample_name"] == "Dara_redo_3-2min_manual"
    assert panalytical["measured_at"] == "2024-11-21T08:15:24-08:00"
    assert (panalytical["wavelength_2"], panalytical["ratio_kalpha2"]) == (1.544426, 0.5)

    bruker = read_one(folder / "brml/TiOF.brml").metadata
    assert bruker["sample_name"] == "TiOF 18F.2"
    assert bruker["operator"] == "Lab Manager"
    assert bruker["measured_at"] == "2025-02-26T10:47:52.8708798+00:00"
    assert (bruker["anode"], bruker["wavelength_2"], bruker["ratio_kalpha2"]) == ("Cu", 1.54439, 0.5)
    converted = read_one(folder / "bruker_raw/bruker4_v5converter.raw").metadata
    assert (converted["operator"], converted["measured_at"]) == ("Yanyan", "2021-08-30T20:35:58")
    smartlab = read_one(folder / "rasx/JO_KL_16_ZF_3_60deg_0.02step_12degpermin_001.rasx").metadata
    assert (smartlab["sample_name"], smartlab["measured_at"]) == ("JO_KL_16_ZF", "2025-03-07T13:28:15Z")
    refined = read_one(folder / "pdcif/vb5042sup1.cif").metadata
    assert (refined["anode"], refined["wavelength_2"]) == ("Co", 1.79278)


def test_sums_of_an_independent_reading(folder: Path) -> None:
    """All counts of a file, added up by geddes 1.0.1."""
    sums = {
        "brml/TiOF.brml": 5856036,
        "bruker_raw/KGA1-CONT.RAW": 1687998,
        "bruker_raw/TiO2.raw": 565823,
        "bruker_raw/bruker4_v5converter.raw": 32881728,
        "gsas/FAP.XRA": 1827364,
        "gsas/NIST660CBI.gsas": 6749509,
        "gsas/gsas.raw": 6172227,
        "pdcif/ALUMINA.cif": 479736,
        "rasx/JO_KL_16_ZF_3_60deg_0.02step_12degpermin_001.rasx": 1042277,
        "uxd/BT86_.UXD": 918372,
    }
    assert {name: read_one(folder / name).intensity.sum() for name in sums} == sums


def test_doubt_is_told(folder: Path) -> None:
    (theta,) = read_one(folder / "text/example_ocx.xy").warnings
    assert "“theta”" in str(theta)
    (grazing,) = read_one(folder / "xrdml/empyrean.xrdml").warnings
    assert "ω = 4°" in str(grazing)
    corrected, neutrons = read_one(folder / "pdcif/ALUMINA.cif").warnings
    assert "corrected in a refinement" in str(corrected)
    assert "not measured with X-rays" in str(neutrons)
    (negative,) = read_one(folder / "text/ExampleChiPlot.chi").warnings
    assert "Negative intensities (1)" in str(negative)
