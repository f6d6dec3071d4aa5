"""Parts with their hashes, the manifest that lists them, and the archive that holds them: zip without a clock in it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from mlmodels.export.contents import FORMAT, SetFacts

MANIFEST = "manifest.json"
FOLDER = "data-set"
"""In the archive: where the parts lie, below the one folder that the ELN format asks for."""

CHUNK = 1024 * 1024
DEFLATE_LEVEL = 1
_BEGINNING_OF_ZIP_TIME = (1980, 1, 1, 0, 0, 0)
_PLAIN_FILE = 0o100644 << 16


@dataclass(frozen=True, slots=True)
class Part:
    """One file of an export. path: below FOLDER · size: bytes · media_type: as other programs name it"""

    path: str
    size: int
    sha256: str
    media_type: str
    says: str


def part_of(file: Path, media_type: str, says: str) -> Part:
    return Part(file.name, file.stat().st_size, sha256_of(file), media_type, says)


def sha256_of(file: Path) -> str:
    with file.open("rb") as opened:
        return hashlib.file_digest(opened, "sha256").hexdigest()


def manifest_of(facts: SetFacts, parts: Sequence[Part]) -> bytes:
    """What the archive holds; `sha256` is the hash under which the set was frozen."""
    said = {
        "format": FORMAT,
        "title": facts.title,
        "sha256": facts.sha256,
        "n_entries": facts.n_entries,
        "n_simulated": facts.n_simulated,
        "parts": [{"path": part.path, "bytes": part.size, "sha256": part.sha256, "says": part.says} for part in parts],
    }
    return (json.dumps(said, indent=1, ensure_ascii=False) + "\n").encode()


@contextmanager
def whole(path: Path) -> Iterator[Path]:
    """A side name to write to: renamed to ``path`` when all is written and on disk, removed when it is not."""
    side = path.with_name(f".{uuid4().hex}.part")
    try:
        yield side
        with side.open("rb") as written:
            os.fsync(written.fileno())
        side.rename(path)
    finally:
        side.unlink(missing_ok=True)


def pack(path: Path, folder: str, metadata: bytes, files: Sequence[Path]) -> None:
    """Write the archive: one folder with the crate's metadata, and FOLDER in it with ``files``, which are packed already."""
    with whole(path) as side, zipfile.ZipFile(side, "w", allowZip64=True) as archive:
        archive.writestr(member(f"{folder}/ro-crate-metadata.json"), metadata)
        for file in files:
            info = member(f"{folder}/{FOLDER}/{file.name}")
            info.file_size = file.stat().st_size
            with file.open("rb") as source, archive.open(info, "w", force_zip64=True) as target:
                shutil.copyfileobj(source, target, CHUNK)


def member(name: str, compression: int = zipfile.ZIP_STORED) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name, _BEGINNING_OF_ZIP_TIME)
    info.create_system, info.external_attr, info.compress_type = 3, _PLAIN_FILE, compression
    return info


class OriginalsWriter:
    """Writes the files that the instruments wrote into a zip archive of their own, each once."""

    NAME = "originals.zip"

    def __init__(self, path: Path) -> None:
        self.archive = zipfile.ZipFile(path, "w", allowZip64=True)
        self.written: set[str] = set()

    def lacks(self, path: str) -> bool:
        return path not in self.written

    def add(self, path: str, content: bytes) -> None:
        self.written.add(path)
        self.archive.writestr(member(path, zipfile.ZIP_DEFLATED), content, compresslevel=DEFLATE_LEVEL)

    def close(self) -> None:
        self.archive.close()
