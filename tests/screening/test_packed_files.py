"""Zip archives: every way to be too much, locked, nested or broken has its sentence, and no path leads anywhere."""

from __future__ import annotations

import io
import struct
import zipfile

import openpyxl
import pytest

from samples.xrd.readers import read
from samples.xrd.sentences import PatternFileError
from screening import packed_files
from screening.packed_files import PackedFiles, is_hidden, is_packed_folder, safe_path
from tests.factories import pattern_text


def zipped(*files: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> io.BytesIO:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", method) as archive:
        for name, content in files:
            archive.writestr(name, content)
    packed.seek(0)
    return packed


def contents(packed: io.BytesIO) -> dict[str, bytes | str]:
    """By path, the bytes of each file, or the sentence with which it is refused."""
    assert is_packed_folder(packed)
    with PackedFiles(packed) as files:
        taken: dict[str, bytes | str] = {}
        for member in files.members:
            try:
                taken[files.path_of(member)] = files.read(member)
            except PatternFileError as error:
                taken[files.path_of(member)] = str(error)
        return taken


def test_files_come_with_their_folders_and_without_the_systems_own() -> None:
    packed = zipped(
        ("june/ASR-001.xy", b"1 2\n"),
        ("june/.DS_Store", b"x"),
        ("__MACOSX/june/._ASR-001.xy", b"x"),
        ("june/Thumbs.db", b"x"),
        ("june/empty/", b""),
    )
    assert contents(packed) == {"june/ASR-001.xy": b"1 2\n"}


@pytest.mark.parametrize(
    ("path", "label"),
    [
        ("../../etc/passwd", "etc/passwd"),
        ("/etc/passwd", "etc/passwd"),
        ("C:\\Users\\lab\\scan.ras", "Users/lab/scan.ras"),
        ("..\\..\\scan.ras", "scan.ras"),
        ("a/./b//c.ras", "a/b/c.ras"),
        ("a/\x00\x1b[2Jb.ras", "a/[2Jb.ras"),
        ("測定/試料１.ras", "測定/試料１.ras"),
        ("..", ""),
        ("x" * 1000 + "/scan.ras", "x" * (300 - 9) + "/scan.ras"),
    ],
)
def test_a_path_is_a_label_and_leads_nowhere(path: str, label: str) -> None:
    shown = safe_path(path)
    assert shown == label or (len(path) > 300 and shown.endswith("/scan.ras") and len(shown) <= 300)


def test_paths_in_an_archive_are_made_harmless() -> None:
    assert set(contents(zipped(("../../etc/cron.d/x", b"1"), ("/etc/y", b"2"), ("C:/z", b"3")))) == {
        "etc/cron.d/x",
        "etc/y",
        "z",
    }


def test_names_from_japanese_windows_are_read() -> None:
    name = "試料.ras"
    packed = zipped(("AAAAAAAA", b"1 2\n"))
    raw = packed.getvalue().replace(b"AAAAAAAA", name.encode("cp932"))
    assert list(contents(io.BytesIO(raw))) == [name]


def test_a_bomb_is_refused_unread() -> None:
    taken = contents(zipped(("bomb.xy", b"0" * 10_000_000), ("good.xy", b"1 2\n")))
    assert "packed far more tightly" in str(taken["bomb.xy"])
    assert taken["good.xy"] == b"1 2\n"


def test_a_file_that_says_it_is_small_and_is_not_is_refused() -> None:
    packed = bytearray(zipped(("bomb.xy", pattern_text(seed=1))).getvalue())
    entry = packed.index(b"PK\x01\x02")
    packed[entry + 24 : entry + 28] = struct.pack("<I", 100)
    assert "damaged" in str(contents(io.BytesIO(bytes(packed)))["bomb.xy"])


def test_too_large_a_file_is_refused(settings: object) -> None:
    settings.MAX_PATTERN_FILE_SIZE = 1000  # type: ignore[attr-defined]
    taken = contents(zipped(("large.xy", pattern_text(seed=1)), ("good.xy", b"1 2\n")))
    assert "larger than" in str(taken["large.xy"])
    assert taken["good.xy"] == b"1 2\n"


def test_ten_thousand_files_are_refused_by_the_table_of_contents() -> None:
    packed = zipped(*((f"{number}", b"") for number in range(10_000)), method=zipfile.ZIP_STORED)
    with pytest.raises(PatternFileError, match="more than 5000 files"):
        is_packed_folder(packed)


def test_a_table_of_contents_that_lies_about_its_length_is_refused() -> None:
    packed = bytearray(zipped(*((f"{n}", b"") for n in range(10)), method=zipfile.ZIP_STORED).getvalue())
    end = packed.rindex(b"PK\x05\x06")
    packed[end + 12 : end + 16] = struct.pack("<I", 0xFFFFFFF0)
    with pytest.raises(PatternFileError, match="more than 5000 files"):
        is_packed_folder(io.BytesIO(bytes(packed)))


def test_too_much_in_all_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(packed_files, "MOST_UNPACKED_BYTES", 10**4)
    with pytest.raises(PatternFileError, match="Unpacked"):
        PackedFiles(zipped(("a.xy", bytes(6000)), ("b.xy", bytes(6000))))


def test_a_locked_file_is_refused() -> None:
    packed = bytearray(zipped(("locked.xy", b"1 2\n")).getvalue())
    entry = packed.index(b"PK\x01\x02")
    packed[entry + 8] |= 1
    assert "password" in str(contents(io.BytesIO(bytes(packed)))["locked.xy"])


def test_an_archive_inside_is_not_opened() -> None:
    inner = zipped(("deep.xy", b"1 2\n"), method=zipfile.ZIP_STORED).getvalue()
    assert "inside an archive" in str(contents(zipped(("inner.zip", inner)))["inner.zip"])


def test_other_ways_of_packing_are_refused() -> None:
    assert "plain zip" in str(contents(zipped(("a.xy", b"1 2\n"), method=zipfile.ZIP_LZMA))["a.xy"])


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"PK\x03\x04" + bytes(100), b"1 2\n3 4\n"])
def test_what_is_no_archive_is_none(content: bytes) -> None:
    assert not is_packed_folder(io.BytesIO(content))


def test_one_without_files_is_said() -> None:
    with pytest.raises(PatternFileError, match="holds no files"):
        PackedFiles(zipped((".DS_Store", b"x")))


@pytest.mark.parametrize(
    "members", [("Data0/Profile0.txt", "Data0/MesurementConditions0.xml"), ("Experiment0/RawData0.xml",)]
)
def test_instrument_files_that_are_archives_inside_are_left_to_their_readers(members: tuple[str, ...]) -> None:
    assert not is_packed_folder(zipped(*((name, b"<x/>") for name in members)))


def test_cut_anywhere_it_is_refused_or_none() -> None:
    whole = zipped(("a.xy", pattern_text(seed=1)), ("b.xy", b"1 2\n")).getvalue()
    for end in range(0, len(whole), 97):
        assert not is_packed_folder(io.BytesIO(whole[:end]))


@pytest.mark.parametrize("path", [".DS_Store", "a/.git/config", "__MACOSX/x", "A/THUMBS.DB", "a\\desktop.ini"])
def test_hidden(path: str) -> None:
    assert is_hidden(path)
    assert not is_hidden("a/visible.ras")


def test_a_workbook_is_no_archive_of_files() -> None:
    """A folder of an instrument holds reports too; their insides are no measurements."""
    workbook = io.BytesIO()
    openpyxl.Workbook().save(workbook)
    assert not is_packed_folder(workbook)
    with pytest.raises(PatternFileError, match="spreadsheet"):
        read(workbook.getvalue())


def test_the_export_of_a_data_set_is_sent_where_it_is_taken_in() -> None:
    with pytest.raises(PatternFileError, match="Data sets → Import"):
        is_packed_folder(zipped(("set-v1/ro-crate-metadata.json", b"{}"), ("set-v1/data-set/patterns.h5", b"x")))
