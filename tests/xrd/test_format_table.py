"""docs/file-formats.md names every reader, and nothing that is none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from samples.xrd import readers
from samples.xrd.readers import zip_archive
from samples.xrd.readers.reader import MAX_POINTS, MAX_SCANS

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "file-formats.md").read_text(encoding="utf-8")
READ, REFUSED = PAGE.split("## What is refused")


def test_table_names_each_reader() -> None:
    named = re.findall(r"^\| `([\w-]+)` \|", READ, re.MULTILINE)
    assert sorted(named) == sorted(reader.name for reader in readers.READERS)


@pytest.mark.parametrize(
    "words", ["Bruker RAW version 1 and 2", "Stoe RAW", "Philips", "HDF5", "area", "time of flight"]
)
def test_table_names_what_is_refused(words: str) -> None:
    assert words in REFUSED


def test_limits_are_those_of_the_readers() -> None:
    for limit in (
        f"{readers.MAX_FILE_BYTES // 10**6} MB a file",
        f"{zip_archive.MAX_UNPACKED_BYTES // 10**6} MB for the parts",
        f"{zip_archive.MAX_MEMBERS:,} members",
        f"{zip_archive.MAX_RATIO} times",
        f"{MAX_POINTS:,} points",
        f"{MAX_SCANS:,} scans",
    ):
        assert limit in PAGE.replace("\n", " ")
