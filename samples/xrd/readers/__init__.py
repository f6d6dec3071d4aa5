"""Reading what diffractometers and their programs write.

A new format is one new module with a :class:`Reader`, and one line in ``READERS``: docs/adding-a-file-format.md.
"""

from __future__ import annotations

from dataclasses import replace

from samples.xrd.pattern import PowderPattern
from samples.xrd.readers.brml import BRML
from samples.xrd.readers.bruker_raw3 import BRUKER_RAW3
from samples.xrd.readers.bruker_raw4 import BRUKER_RAW4
from samples.xrd.readers.decoding import unpack_gzip
from samples.xrd.readers.gsas import GSAS
from samples.xrd.readers.nexus import NEXUS
from samples.xrd.readers.pdcif import PDCIF
from samples.xrd.readers.ras import RAS
from samples.xrd.readers.rasx import RASX
from samples.xrd.readers.reader import MAX_POINTS, Reader
from samples.xrd.readers.refused import refuse_broken_archive, refuse_by_name
from samples.xrd.readers.rigaku_text import RIGAKU_TEXT
from samples.xrd.readers.text import TEXT
from samples.xrd.readers.uxd import UXD
from samples.xrd.readers.xrdml import XRDML
from samples.xrd.sentences import PatternFileError

__all__ = ["MAX_FILE_BYTES", "MAX_POINTS", "READERS", "Reader", "read"]

MAX_FILE_BYTES = 100 * 10**6
"""Larger files are refused unread. The largest measured powder patterns that we met have 1 MB."""

READERS: tuple[Reader, ...] = (
    XRDML,
    RAS,
    RASX,
    BRML,
    BRUKER_RAW3,
    BRUKER_RAW4,
    NEXUS,
    UXD,
    GSAS,
    PDCIF,
    RIGAKU_TEXT,
    TEXT,
)
"""Asked in this order; the text reader takes whatever the others leave, unless it is known as something else."""


def read(content: bytes, name: str = "") -> list[PowderPattern]:
    """The powder patterns in a file, one for each scan; the format is decided by ``content`` alone.

    ``name`` of the file is noted, and named where it promises what the content is not. Metadata of every pattern: ``reader`` and ``reader_version`` that read it,
    ``file_name``, ``scan_number`` (from 1) and ``n_scans``, beside what :class:`PowderPattern` lists.

    Raises PatternFileError, and nothing else, with a sentence that says what is wrong and what to do.
    """
    if len(content) > MAX_FILE_BYTES:
        raise PatternFileError(
            "The file has %(size)s MB; more than %(limit)s MB are not read. Export one powder scan.",
            size=len(content) // 10**6,
            limit=MAX_FILE_BYTES // 10**6,
        )
    content = unpack_gzip(content, limit=MAX_FILE_BYTES)
    reader = next(reader for reader in READERS if reader.recognises(content))
    try:
        if reader is TEXT:
            refuse_by_name(content)
        patterns = reader.read(content)
    except PatternFileError:
        if reader is TEXT:
            refuse_broken_archive(name)
        raise
    origin: dict[str, str | int] = {"reader": reader.name, "reader_version": reader.version, "n_scans": len(patterns)}
    if name:
        origin["file_name"] = name
    return [
        replace(pattern, metadata={**pattern.metadata, **origin, "scan_number": number})
        for number, pattern in enumerate(patterns, start=1)
    ]
