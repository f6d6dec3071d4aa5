"""Zip archives of many pattern files: opened within limits, and the paths in them made harmless.

Nothing is unpacked to disk: a file is read in memory and received like one that was sent by itself.
"""

from __future__ import annotations

import re
import struct
import zipfile
from pathlib import Path
from typing import IO

from samples.originals import check_size, safe_name
from samples.xrd.readers.zip_archive import DAMAGED, MAX_RATIO, ZIP_MARK
from samples.xrd.sentences import PatternFileError
from screening.models.received import PATH_LENGTH

MOST_FILES = 5_000
"""Files of one archive."""
MOST_UNPACKED_BYTES = 2 * 10**9
"""Bytes of all files of one archive."""
MOST_DIRECTORY_BYTES = MOST_FILES * 400
"""Of the table of contents, which is read whole; a file takes 46 bytes and its path there, perhaps twice."""

_DIRECTORY_END = b"PK\x05\x06"
_LARGE_DIRECTORY_END = b"PK\x06\x07"
_END_LENGTH = 22
_INSTRUMENT_MEMBER = re.compile(r"MesurementConditions\d*\.xml$|(^|/)Experiment\d+/.*RawData\d*\.xml$")
_OFFICE_MEMBERS = {"[Content_Types].xml", "mimetype"}
"""In each workbook and text document: the readers refuse them by name."""
_DATA_SET_MEMBER = re.compile(r"[^/]+/ro-crate-metadata\.json")
_LEFT_OUT = re.compile(r"(^|/)(\.[^./][^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(/|$)", re.IGNORECASE)


def safe_path(path: str) -> str:
    """A path as a label: no drive, no root, no ``..``, each part a harmless name; the end of it where it is too long."""
    parts = [part for part in re.split(r"[/\\]+", path) if part.strip(" .") and not re.fullmatch(r"[A-Za-z]:", part)]
    return "/".join(safe_name(part) for part in parts)[-PATH_LENGTH:].lstrip("/")


def is_hidden(path: str) -> bool:
    """What an operating system puts beside people's files: .DS_Store, __MACOSX, Thumbs.db."""
    return bool(_LEFT_OUT.search(path.replace("\\", "/")))


def is_packed_folder(file: IO[bytes]) -> bool:
    """Whether this is a zip archive of many files, and not an instrument file or document that is a zip archive inside.

    PatternFileError where it is the export of a data set, or holds too many files.
    """
    file.seek(0)
    mark = file.read(4)
    file.seek(0)
    if mark not in (ZIP_MARK, _DIRECTORY_END):
        return False
    _check_directory(file)
    try:
        with zipfile.ZipFile(file) as archive:
            names = archive.namelist()
    except DAMAGED:
        return False  # the readers say what is wrong with it
    finally:
        file.seek(0)
    if any(_DATA_SET_MEMBER.fullmatch(name) for name in names):
        raise PatternFileError(
            "This is the export of a data set (.eln). A curator takes it in as a whole: Data sets → Import a data set."
        )
    return not (_OFFICE_MEMBERS.intersection(names) or any(_INSTRUMENT_MEMBER.search(name) for name in names))


class PackedFiles:
    """The files of a zip archive in their order; PatternFileError where it breaks a limit."""

    def __init__(self, source: Path | IO[bytes]) -> None:
        try:
            self._archive = zipfile.ZipFile(source)
        except DAMAGED:
            raise PatternFileError(
                "The zip archive is damaged. Pack the files again, or drop the folder itself."
            ) from None
        self.members = [
            member for member in self._archive.infolist() if not member.is_dir() and not is_hidden(_name(member))
        ]
        if not self.members:
            raise PatternFileError("The zip archive holds no files.")
        if len(self.members) > MOST_FILES:
            raise _too_many()
        if sum(member.file_size for member in self.members) > MOST_UNPACKED_BYTES:
            raise PatternFileError(
                "Unpacked, the zip archive has over %(limit)s GB. Split it, one month or project in each.",
                limit=MOST_UNPACKED_BYTES // 10**9,
            )

    def __enter__(self) -> PackedFiles:
        return self

    def __exit__(self, *_error: object) -> None:
        self._archive.close()

    @staticmethod
    def path_of(member: zipfile.ZipInfo) -> str:
        return safe_path(_name(member))

    def read(self, member: zipfile.ZipInfo) -> bytes:
        """The bytes of one file; PatternFileError where it is locked, damaged, or packed beyond what a pattern can be."""
        if member.flag_bits & 0x1:
            raise PatternFileError("The file is locked with a password. Pack it again without one.")
        check_size(member.file_size)
        if member.file_size > MAX_RATIO * max(member.compress_size, 1000):
            raise PatternFileError("The file is packed far more tightly than a pattern can be. Send it by itself.")
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise PatternFileError("The file is packed in a way that is not read. Pack it as a plain zip archive.")
        try:
            with self._archive.open(member) as opened:
                content = opened.read(member.file_size + 1)
        except DAMAGED:
            raise PatternFileError("The file is damaged in the zip archive. Send it by itself.") from None
        if content[:4] == ZIP_MARK and _path_ends(member, ".zip"):
            raise PatternFileError("An archive inside an archive is not opened. Send it by itself.")
        return content


def _check_directory(file: IO[bytes]) -> None:
    """Refuse a table of contents that is too long before anything reads it."""
    file.seek(0, 2)
    size = file.tell()
    file.seek(max(0, size - 0xFFFF - _END_LENGTH - 20))
    end = file.read()
    place = end.rfind(_DIRECTORY_END)
    file.seek(0)
    if place < 0 or len(end) < place + _END_LENGTH:
        return
    n_members, directory_bytes = struct.unpack("<HI", end[place + 10 : place + 16])
    if _LARGE_DIRECTORY_END in end[:place][-20:] or directory_bytes > MOST_DIRECTORY_BYTES or n_members > MOST_FILES:
        raise _too_many()


def _too_many() -> PatternFileError:
    return PatternFileError(
        "The zip archive holds more than %(limit)s files. Split it, one month or project in each.", limit=MOST_FILES
    )


def _path_ends(member: zipfile.ZipInfo, ending: str) -> bool:
    return member.filename.lower().endswith(ending)


def _name(member: zipfile.ZipInfo) -> str:
    """The path as it was packed: old programs leave open in which code, and Japanese Windows writes its own."""
    if member.flag_bits & 0x800 or member.filename.isascii():
        return member.filename
    for code in ("utf-8", "cp932"):
        try:
            return member.filename.encode("cp437").decode(code)
        except UnicodeError:
            continue
    return member.filename
