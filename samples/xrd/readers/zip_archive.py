"""Files that are zip archives inside (.rasx, .brml): opened in memory, member by member, within limits.

Nothing is written to disk, so the names of members are never paths; they are only compared with the ones a reader wants.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib

from samples.xrd.readers.reader import cut_off
from samples.xrd.sentences import PatternFileError

ZIP_MARK = b"PK\x03\x04"
DIRECTORY_ENTRY = b"PK\x01\x02"

MAX_MEMBERS = 4_000
"""Members of one archive: a .rasx series of 1,000 scans has 2,001."""
MAX_UNPACKED_BYTES = 32 * 10**6
"""Bytes of all members that are read. The XML of a scan of 10,000 points has 0.7 MB."""
MAX_RATIO = 200
"""Unpacked over packed size of a member. XML of an instrument is packed to a tenth, a zip bomb to a thousandth."""

DAMAGED = (  # what zipfile raises where bytes of an archive are wrong, or call for a password
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    ValueError,
)


class ZipArchive:
    """The members of a ``kind`` file (".rasx"), which is a zip archive."""

    def __init__(self, content: bytes, kind: str) -> None:
        self.kind = kind
        self._left = MAX_UNPACKED_BYTES
        if content.count(DIRECTORY_ENTRY) > MAX_MEMBERS:
            raise self._too_large()
        try:
            self._archive = zipfile.ZipFile(io.BytesIO(content))
        except DAMAGED:
            raise cut_off(kind) from None

    @property
    def names(self) -> list[str]:
        return self._archive.namelist()

    def __contains__(self, name: str) -> bool:
        return name in self._archive.NameToInfo

    def read(self, name: str) -> bytes:
        """The bytes of the member ``name``; PatternFileError where it is missing, damaged or too large."""
        try:
            member = self._archive.getinfo(name)
        except KeyError:
            raise cut_off(self.kind) from None
        if member.file_size > self._left or member.file_size > MAX_RATIO * max(member.compress_size, 1000):
            raise self._too_large()
        if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise cut_off(self.kind)
        try:
            with self._archive.open(member) as opened:
                content = opened.read(self._left + 1)
        except DAMAGED:
            raise cut_off(self.kind) from None
        self._left -= len(content)
        if self._left < 0:
            raise self._too_large()
        return content

    def _too_large(self) -> PatternFileError:
        return PatternFileError(
            "Unpacked, the %(kind)s file is too large to be a powder pattern. Export one powder scan.", kind=self.kind
        )
