"""Text in the varieties that laboratories have."""

from __future__ import annotations

import gzip

import numpy as np
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import COUNTS, EXAMPLES, N_POINTS, TWO_THETA, table

VARIETIES = {
    "blanks": table(),
    "indented": table().replace("\n", "\n   "),
    "tabs": table("\t"),
    "commas": table(","),
    "comma and blank": table(", "),
    "semicolons": table(";"),
    "semicolons, decimal commas": table(";", decimal=","),
    "tabs, decimal commas": table("\t", decimal=","),
    "blanks, decimal commas": table("  ", decimal=","),
    "three columns": table(third="9.5"),
    "five columns": table(third="9.5 1 2"),
    "trailing comma": table(",", end=",\n"),
    "Windows lines": table(end="\r\n"),
    "old Macintosh lines": table(end="\r"),
    "blank lines": table(end="\n\n"),
    "no last line end": table().rstrip(),
    "control-Z": table() + "\x1a",
    "# comments": table(header="# measured\n# 20 80 0.1\n"),
    "; comments": table(header="; measured\n"),
    "! comments": table(header="! measured\n"),
    "' comments": table(header="' measured\n"),
    '" comments': table(header='"2theta" "counts"\n'),
    "/* comments */": table(header="/* measured */\n"),
    "* comments": table(header="*TITLE x\n"),
    "comment within": table().replace("30.0 ", "# break\n30.0 "),
    "words": table(header="Sample A, fast scan\n2theta intensity\n"),
    "csv with names": table(",", header="Angle,Intensity\n"),
    "scan parameters above": table(header="20.0 80.0 0.1\n"),
    "quoted, commas": table('","', header='"Angle","Counts"\n"', end='"\n"').removesuffix('"'),
    "quoted, semicolons, decimal commas": table('";"', decimal=",", header='"', end='"\r\n"').removesuffix('"'),
    "quoted, commas, decimal commas": table('","', decimal=",", header='"', end='"\n"').removesuffix('"'),
    "counts quoted alone": table(',"', end='"\n'),
    "exponents of Fortran": table(end="D+00\n"),
    "Fit2D": table(header=f"a.tif\n 2-Theta Angle (Degrees)\n Intensity\n       {N_POINTS}\n"),
}


@pytest.mark.parametrize("variety", VARIETIES)
def test_every_variety_gives_the_same_numbers(variety: str) -> None:
    (pattern,) = read(VARIETIES[variety].encode())
    np.testing.assert_array_equal(pattern.two_theta, TWO_THETA)
    np.testing.assert_array_equal(pattern.intensity, COUNTS)
    assert pattern.wavelength is None
    assert pattern.metadata["reader"] == "text"
    assert (pattern.metadata["scan_number"], pattern.metadata["n_scans"]) == (1, 1)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16", "cp932", "utf-8"])
def test_japanese_header_in_every_encoding(encoding: str) -> None:
    (pattern,) = read(table(header="試料 測定データ\n２θ 強度\n").encode(encoding))
    assert pattern.n_points == N_POINTS
    assert "測定データ" in str(pattern.metadata["comment"])


def test_western_header_is_not_taken_for_shift_jis() -> None:
    (pattern,) = read(table(header="Wellenlänge 1.7890 Å\n").encode("latin-1"))
    assert pattern.wavelength == 1.7890
    assert "Wellenlänge" in str(pattern.metadata["comment"])


def test_a_comma_that_parts_thousands_is_no_decimal_sign() -> None:
    (pattern,) = read("".join(f'{20 + n / 10:.1f},"{1000 + n:,}"\n' for n in range(100)).encode())
    np.testing.assert_array_equal(pattern.intensity, 1000 + np.arange(100))


def test_points_and_commas_in_the_same_quoted_number_are_not_guessed() -> None:
    with pytest.raises(PatternFileError):
        read("".join(f'"{20 + n / 10:.1f}";"1.00{n % 10},5"\n' for n in range(100)).encode())


def test_packed_text_is_unpacked() -> None:
    assert read(gzip.compress(table().encode()))[0].n_points == N_POINTS


@pytest.mark.parametrize(
    ("header", "wavelength", "anode"),
    [
        ("# wavelength 1.5406", 1.5406, None),
        ("Lambda = 0.7093", 0.7093, None),
        ("# Wavelength (A): 1.78897", 1.78897, None),
        ("wavelength [nm] = 0.15406", 1.5406, None),
        ("wavelength: 0.15406 nm", 1.5406, None),
        ("Anode material,Cu\nK-Alpha1 wavelength,1.5405980\nK-Alpha2 wavelength,1.5444260", 1.540598, "Cu"),
        ("K-Alpha2 wavelength,1.5444260\nK-Alpha1 wavelength,1.5405980", 1.540598, None),
        ("Anode: Co", 1.788996, "Co"),
        ("radiation: Mo-Kα", 0.709317, "Mo"),
        ("CuKa, 40 kV", 1.540593, "Cu"),
        ("wavelength 1,5406", 1.5406, None),
        ("wavelength1,1.5406", 1.5406, None),
        ("lambda1 = 1.5406, lambda2 = 1.5444", 1.5406, None),
        ("wavelength,1.5406,1.5444", 1.5406, None),
        ("Lambda 750K detector", None, None),
        ("Cooling water on", None, None),
    ],
)
def test_wavelength_is_read_where_the_header_states_one(
    header: str, wavelength: float | None, anode: str | None
) -> None:
    (pattern,) = read(table(header=header + "\n").encode())
    assert pattern.wavelength == (pytest.approx(wavelength) if wavelength else None)
    assert pattern.metadata.get("anode") == anode


def test_assumptions_are_told() -> None:
    (from_anode,) = read(table(header="Anode: Cu\n").encode())
    assert "taken from the anode" in str(from_anode.warnings[0])
    (impossible,) = read(table(header="wavelength = 50.0\n").encode())
    assert impossible.wavelength is None
    assert "impossible" in str(impossible.warnings[0])
    (theta,) = read(table(",", header="theta,intensity\n").encode())
    assert "read as 2θ" in str(theta.warnings[0])
    (negative,) = read(table().replace("20.1 107.0", "20.1 -107.0").encode())
    assert negative.intensity[1] == -107
    assert "Negative intensities (1)" in str(negative.warnings[0])
    assert not read(table().encode())[0].warnings


def test_row_that_stands_twice_is_taken_once() -> None:
    (pattern,) = read(table().replace("30.0 100.0\n", "30.0 100.0\n30.0 100.0\n").encode())
    assert pattern.n_points == N_POINTS
    assert "line 102" in str(pattern.warnings[0])
    (pattern,) = read((table() + "80.0 3.0\n").encode())
    assert pattern.intensity[-1] == COUNTS[-1]
    assert pattern.warnings


def test_footer_and_cut_off_last_line_are_left_out_with_a_warning() -> None:
    for rest in ("End of scan\n", "80.1"):
        (pattern,) = read((table() + rest).encode())
        assert pattern.n_points == N_POINTS
        assert f"Line {N_POINTS + 1}, which reads “{rest.strip()}”" in str(pattern.warnings[0])


LINES = table().splitlines()


def changed(line: int, to: str) -> str:
    return "\n".join([*LINES[: line - 1], to, *LINES[line:]])


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("\n".join(line.split()[1] for line in LINES), "one column.*line 1 reads “100.0”"),
        ("100.0\n" * 3000, "one column.*line 1 reads “100.0”"),
        ("No numbers here,\nonly words.\n", "no table of numbers"),
        (changed(14, "21.3 NaN"), "Line 14 holds a value that is not a number"),
        (changed(14, "21.3 inf"), "Line 14 holds"),
        (changed(14, "21.3 ---"), "interrupted at line 14, which reads “21.3 ---”"),
        (changed(14, "21.3"), "interrupted at line 14"),
        (changed(14, "21.3 5 7"), "Line 14 has another number of columns"),
        (changed(601, "180.5 5"), "Line 601 gives an angle of 180.5"),
        (changed(1, "-0.5 5"), "Line 1 gives an angle of -0.5"),
        ("\n".join(LINES[::-1]), "The angles descend"),
        (changed(14, "21.2 5"), "Line 14 repeats the angle 21.2"),
        (changed(14, "20.5 5"), "fall back to 20.5 at line 14"),
        (table() + table(), "fall back to 20 at line 602"),
        (table() + "Range 2\n" + table(), "interrupted at line 602, which reads “Range 2”"),
        (table(third="1 2 3 4").replace("20.1 ", "5 "), "fall back to 5 at line 2"),
        ("\n".join(f"{y} {y + 7}" for y in COUNTS[::2]), "does not ascend|repeats the angle|gives an angle"),
        (table(header="Q (1/A)\tIntensity\n"), "headed “Q .1/A.”, which is Q"),
        (table(header="d-spacing,Intensity\n"), "which is d and not an angle"),
        (table(header="d (A)  I\n"), "which is d"),
        (table(header=f"a.tif\nQ (nm^-1)\nIntensity\n{N_POINTS}\n"), "which is Q"),
        (table(header="Energy (keV), Counts\n"), "which is energy"),
        (table(header="2theta sigma intensity\n", third="3"), "second column is headed “sigma”"),
        (table(";", header="") + "x" * 5000, "Line 602 has 5000 characters"),
        (table(end="  ").replace("\n", " "), "has .* characters"),
    ],
)
def test_what_is_no_pattern_gets_a_sentence(content: str, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content.encode())


@pytest.mark.parametrize(
    "header", ["Time: 12:30", "Point detector, slit 5 mm", "d = 5 mm, t = 3 s", "Q. Smith, index 4"]
)
def test_words_that_name_no_columns_do_no_harm(header: str) -> None:
    assert read(table(header=header + "\n").encode())[0].n_points == N_POINTS


def test_german_export() -> None:
    (pattern,) = read((EXAMPLES / "simulated_german.csv").read_bytes())
    assert (pattern.two_theta[0], pattern.two_theta[-1], pattern.intensity[0]) == (20, 80, 449.2)
    assert pattern.wavelength == 1.540593
