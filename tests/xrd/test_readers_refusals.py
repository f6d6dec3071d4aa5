"""What is known and not read is refused by name, with what to export instead; limits hold."""

from __future__ import annotations

import gzip
import time

import pytest

from samples.xrd import readers
from samples.xrd.readers import MAX_POINTS, read
from samples.xrd.sentences import PatternFileError
from tests.xrd.files import table, zipped


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "The file is empty"),
        (b" \r\n\t\n", "The file is empty"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "picture"),
        (b"\xff\xd8\xff\xe0" + bytes(100), "picture"),
        (b"GIF89a" + bytes(100), "picture"),
        (b"%PDF-1.7\n%\xe2\xe3", "document"),
        (zipped({"[Content_Types].xml": b"0", "word/document.xml": b"0"}), "document"),
        (zipped({"[Content_Types].xml": b"0", "xl/workbook.xml": b"0"}), "spreadsheet.*csv"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(100), "spreadsheet"),
        (b"RAW2\x00\x01" + bytes(100), "old Bruker RAW.*export"),
        (b"RAW \x6c\x03" + bytes(100), "old Bruker RAW.*export"),
        (b"RAW_1.06Powdat\x00\x00" + bytes(100), "Stoe RAW.*Export"),
        (b"V5RD" + bytes(100), "Philips"),
        (zipped({"a.xy": b"0", "b.xy": b"0"}), "archive"),
        (bytes(range(256)) * 10, "binary file"),
        (table().encode() + b"\x00" * 50, "binary file"),
        (b"<!DOCTYPE html>\n<html><body>Sign in</body></html>", "web page"),
        (b'<?xml version="1.0"?>\n<svg xmlns="x"/>', "not a PANalytical"),
        (gzip.compress(table().encode())[:-20], "gzip file is cut off|gzip file is damaged"),
        (b"\x1f\x8b\x08" + bytes(30), "gzip file"),
    ],
)
def test_known_formats_are_refused_by_name(content: bytes, words: str) -> None:
    with pytest.raises(PatternFileError, match=words):
        read(content, "anything.xy")


def test_name_does_not_decide() -> None:
    assert read(table().encode(), "pattern.ras")[0].metadata["file_name"] == "pattern.ras"


def test_too_large_a_file_is_refused_unread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readers, "MAX_FILE_BYTES", 1_000_000)
    bomb = gzip.compress(bytes(50_000_000))
    started = time.perf_counter()
    with pytest.raises(PatternFileError, match="has 2 MB; more than 1 MB are not read"):
        read(b"1 2\n" * 500_000 + b"1")
    with pytest.raises(PatternFileError, match="over 1 MB"):
        read(bomb)
    assert time.perf_counter() - started < 1


@pytest.mark.parametrize("row", [b"%d 1\n", b"%d\n", b"\n", b"word %d\n"])
def test_too_many_lines_are_refused_in_time(row: bytes) -> None:
    content = b"20 1\n" + (row.replace(b"%d", b"7")) * (MAX_POINTS + 3000)
    started = time.perf_counter()
    with pytest.raises(PatternFileError):
        read(content)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize(
    "content",
    [
        b" #\n" * 40 + b"x",
        b"\n" * 4096 + b"x",
        b"*BEGIN\n" * 200 + b"\n*START=" * 300,
        b"*RAS_HEADER_START\n*K x" + b" " * 900_000 + b"x\n*RAS_INT_START\n1 2 3\n*RAS_INT_END\n",
        (b"lambda A" + b" " * 4000 + b"x\n") * 500 + b"20 1\n21 2\n",
        b"_FILEVERSION=2\n_SAMPLE= x" + b" " * 90_000 + b"x\n_WL1=1\n_COUNTS\n1 2 3\n",
        b"lambda A" + b" " * 90_000 + b"x\nBANK 1 10 1 CONST 1500 2 0 0 STD\n     609\n",
        b"BANK 1 10 1 CONST 1500 2 0 0 STD\n" + b"1\n" * 1_900_000,
        b"BANK 1 10 1 CONST 1500 2 0 0 FXY\n" + b"1 1\n" * 5_000_000,
    ],
)
def test_text_that_is_hard_to_search_is_refused_in_time(content: bytes) -> None:
    started = time.perf_counter()
    with pytest.raises(PatternFileError):
        read(content)
    assert time.perf_counter() - started < 2


@pytest.mark.parametrize("content", [b"half of it", b"\x00\x01\x02" * 50, b""])
def test_what_is_called_brml_and_is_no_archive_did_not_come_whole(content: bytes) -> None:
    with pytest.raises(PatternFileError, match=r"end in \.brml or \.rasx are zip archives"):
        read(content, "Scan 1.BRML")
    assert read(table().encode(), "misnamed.brml")[0].n_points > 0
