"""Original bytes on disk: kept under their SHA-256, written to a side name and renamed, never changed."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from django.conf import settings
from django.core.files.base import File

from samples.xrd.sentences import PatternFileError

CHUNK = 1024 * 1024
NAME_LENGTH = 200
PATTERNS = "patterns"
"""The folder of what instruments wrote, below MEDIA_ROOT."""


class MissingOriginalError(PatternFileError):
    """The bytes that a row names are not in the lab's folder."""


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes that are on disk. name: the path below MEDIA_ROOT, given by the hash alone; size: in bytes."""

    sha256: str
    name: str
    size: int

    def open(self) -> BinaryIO:
        """For reading; MissingOriginalError says why it is not here."""
        if not self.name:
            raise MissingOriginalError(
                "The original file stayed in the lab that this pattern came from. If you get it from there, upload it: it"
                " takes its place here. Its SHA-256 is %(sha256)s.",
                sha256=self.sha256,
            )
        try:
            return (Path(settings.MEDIA_ROOT) / self.name).open("rb")
        except OSError as error:
            raise MissingOriginalError(
                "The original file cannot be read from the lab's folder: %(error)s. Tell an administrator: manage.py"
                " check_files names it, and a backup brings it back.",
                error=str(error.strerror),
            ) from error

    def read(self) -> bytes:
        with self.open() as file:
            return file.read()


def keep(content: bytes | File[bytes], *, folder: str = PATTERNS, largest: int | None = None) -> Original:
    """Put ``content`` on disk, in chunks, and say where; PatternFileError where it is too large to be a pattern.

    ``largest`` (bytes): of what is no pattern.

    The name is the hash, so that two people who send the same bytes at once write the same file.
    """
    root = Path(settings.MEDIA_ROOT)
    (root / folder).mkdir(parents=True, exist_ok=True)
    side_name = root / folder / f".{uuid4().hex}.part"
    digest, size = hashlib.sha256(), 0
    try:
        with side_name.open("xb") as file:
            for chunk in _chunks(content, largest):
                size += len(chunk)
                check_size(size, largest)
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        sha256 = digest.hexdigest()
        name = Path(folder) / sha256[:2] / sha256[2:4] / sha256
        target = root / name
        if not target.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            side_name.rename(target)
    finally:
        side_name.unlink(missing_ok=True)
    return Original(sha256, str(name), size)


def safe_name(name: str) -> str:
    """A file name to show and to download by: no folders, no control characters, not too long."""
    last = re.split(r"[/\\]", unicodedata.normalize("NFC", name))[-1]
    shown = "".join(c for c in last if unicodedata.category(c) not in {"Cc", "Cf", "Cs"}).strip(" .")
    stem, dot, ending = shown.rpartition(".")
    if len(shown) > NAME_LENGTH and dot and len(ending) < 10:
        return f"{stem[: NAME_LENGTH - len(ending) - 1]}.{ending}"
    return shown[:NAME_LENGTH] or "unnamed"


def _chunks(content: bytes | File[bytes], largest: int | None) -> Iterator[bytes]:
    if isinstance(content, bytes):
        check_size(len(content), largest)
        yield content
        return
    check_size(content.size, largest)
    yield from content.chunks(CHUNK)


def check_size(size: int, largest: int | None = None) -> None:
    """Raise PatternFileError where ``size`` (bytes) is more than ``largest``, or than any powder pattern has."""
    if largest is not None:
        if size > largest:
            raise PatternFileError(
                "The file is larger than %(limit)s MB. Send a smaller one.", limit=largest // 1_000_000
            )
    elif size > settings.MAX_PATTERN_FILE_SIZE:
        raise PatternFileError(
            "The file is larger than %(limit)s MB. A powder pattern is far smaller: export a single scan, or text.",
            limit=settings.MAX_PATTERN_FILE_SIZE // 1_000_000,
        )
