"""Original bytes: kept under their SHA-256, written to a side name and taken over whole, never changed."""

from __future__ import annotations

import hashlib
import os
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from django.conf import settings
from django.core.files.base import File

from samples.store import CHUNK, StoreAwayError, store
from samples.xrd.sentences import PatternFileError

NAME_LENGTH = 200
PATTERNS = "patterns"
"""The folder of what instruments wrote, in the store."""


class MissingOriginalError(PatternFileError):
    """The bytes that a row names are not in the lab's store."""


@dataclass(frozen=True, slots=True)
class Original:
    """Bytes in the lab's store. name: given by the hash alone; size: in bytes."""

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
            return cast("BinaryIO", store.open(self.name))
        except StoreAwayError:
            raise
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
    """Put ``content`` into the store, in chunks, and say where; PatternFileError where it is too large to be a pattern.

    ``largest`` (bytes): of what is no pattern.

    The name is the hash, so that two people who send the same bytes at once write the same file.
    """
    digest, size = hashlib.sha256(), 0
    with store.arriving(folder) as path:
        with path.open("xb") as file:
            for chunk in _chunks(content, largest):
                size += len(chunk)
                check_size(size, largest)
                digest.update(chunk)
                file.write(chunk)
            file.flush()
            os.fsync(file.fileno())
        sha256 = digest.hexdigest()
        name = f"{folder}/{sha256[:2]}/{sha256[2:4]}/{sha256}"
        if not store.exists(name):
            store.take_over(path, name)
    return Original(sha256, name, size)


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
