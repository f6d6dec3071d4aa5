"""Where the lab's files lie: a folder of one host or one that hosts share, or a bucket that speaks S3 (`samples/bucket.py`).

Django's Storage, and what a record of evidence needs beyond it: files come whole, under names that say their hash, and stay.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn, cast
from uuid import uuid4

from django.core.exceptions import SuspiciousOperation
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage, Storage, default_storage

CHUNK = 1024 * 1024

MARKER = "icosa-files"
"""Made once in a folder that hosts share: where it is absent, the share is not mounted, and nobody may write below it."""


class StoreAwayError(OSError):
    """All of the lab's files are out of reach for now; nothing is said of any one of them."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """Why the store cannot be used, in a sentence. may_pass: it may go by itself, and most of the lab works without"""

    said: str
    may_pass: bool


@dataclass(frozen=True, slots=True)
class StoredAs:
    """size: in bytes · changed: when it was written (ns)"""

    name: str
    size: int
    changed: int


class Store(Storage):
    """What folder and bucket have in common. A name is a path below the store, as rows keep it; errors are OSErrors."""

    def arriving(self, below: str) -> AbstractContextManager[Path]:
        """A path to write to, on a disk of this host; what was not taken over by the end is gone."""
        raise NotImplementedError

    def take_over(self, arrived: Path, name: str) -> None:
        """Give a file that was written to a path of `arriving` its name, whole or not at all."""
        raise NotImplementedError

    def making(self, name: str) -> AbstractContextManager[Path]:
        """A path that ends as the name does, for those who write whole or not at all; taken over at the end."""
        raise NotImplementedError

    def at_hand(self, name: str) -> AbstractContextManager[Path]:
        """The file on a disk of this host, to be read; FileNotFoundError where there is none."""
        raise NotImplementedError

    def reserve(self, below: str) -> None:
        """Mark the place, so that `is_reserved` tells hosts that have these files from those that do not."""
        raise NotImplementedError

    def is_reserved(self, below: str) -> bool:
        raise NotImplementedError

    def remove_all(self, below: str) -> None:
        """For what can be made again: evidence is never removed."""
        raise NotImplementedError

    def put_aside(self, name: str) -> None:
        """Give what lies under this name another one."""
        raise NotImplementedError

    def said_of(self, name: str) -> StoredAs:
        raise NotImplementedError

    def all_files(self) -> Iterator[StoredAs]:
        raise NotImplementedError

    def is_there(self) -> bool:
        """Whether this host has the lab's files at all: one that only screens does not."""
        raise NotImplementedError

    is_afar = False
    """Whether `trouble` asks another host, which takes time, and much time where that one does not answer."""

    def trouble(self) -> Trouble | None:
        """Why it cannot be used, asked now."""
        raise NotImplementedError

    def close_connections(self) -> None:
        """Of this thread, before its process is copied."""

    @property
    def work_folder(self) -> Path:
        """On a disk with room for what is large and passing."""
        raise NotImplementedError

    @property
    def disk(self) -> Path | None:
        """A folder on the disk that fills as files come in; None where that is not ours to watch."""
        return None

    def read(self, name: str) -> bytes:
        with self.open(name) as file:
            content: bytes = file.read()
        return content

    def sha256_of(self, name: str) -> str:
        with self.open(name) as file:
            return hashlib.file_digest(cast("Any", file), "sha256").hexdigest()

    def take_in(self, content: File[bytes], name: str) -> None:
        """Keep a file that was sent, in chunks, under a name that nobody else uses."""
        with self.arriving(name.rpartition("/")[0]) as path:
            with path.open("xb") as file:
                for chunk in content.chunks(CHUNK):
                    file.write(chunk)
                file.flush()
                os.fsync(file.fileno())
            self.take_over(path, name)

    def holds_name(self, name: str) -> bool:
        """Whether a name from elsewhere lies below the store."""
        try:
            self.path_of(name)
        except SuspiciousOperation:
            return False
        return True

    def path_of(self, name: str) -> str:
        """The name as the store's own world calls it; SuspiciousOperation where it leads out of it."""
        raise NotImplementedError

    def url(self, name: str | None) -> NoReturn:
        """None: each file goes through a view that asks for permission."""
        raise NotImplementedError("Files have no addresses of their own.")


class Folder(Store, FileSystemStorage):
    """MEDIA_ROOT. is_shared: it comes from elsewhere, and holds MARKER"""

    def __init__(self, *, is_shared: bool = False, **options: Any) -> None:
        super().__init__(**options)
        self.is_shared = is_shared

    @property
    def root(self) -> Path:
        return Path(self.location)

    @contextmanager
    def arriving(self, below: str) -> Iterator[Path]:
        self._refuse_unless_mounted()
        path = self.root / below / f".{uuid4().hex}.part"
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield path
        finally:
            path.unlink(missing_ok=True)

    def take_over(self, arrived: Path, name: str) -> None:
        target = Path(self.path(name))
        target.parent.mkdir(parents=True, exist_ok=True)
        arrived.rename(target)

    @contextmanager
    def making(self, name: str) -> Iterator[Path]:
        self._refuse_unless_mounted()
        path = Path(self.path(name))
        path.parent.mkdir(parents=True, exist_ok=True)
        yield path

    @contextmanager
    def at_hand(self, name: str) -> Iterator[Path]:
        path = Path(self.path(name))
        if not path.is_file():
            self._refuse_unless_mounted()
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), name)
        yield path

    def reserve(self, below: str) -> None:
        self._refuse_unless_mounted()
        (self.root / below).mkdir(parents=True, exist_ok=True)

    def is_reserved(self, below: str) -> bool:
        return (self.root / below).is_dir()

    def remove_all(self, below: str) -> None:
        shutil.rmtree(self.path(below), ignore_errors=True)

    def put_aside(self, name: str) -> None:
        path = Path(self.path(name))
        path.rename(path.with_name(f"{path.name}.before-restore-{uuid4().hex[:8]}"))

    def said_of(self, name: str) -> StoredAs:
        said = Path(self.path(name)).stat()
        return StoredAs(name, said.st_size, said.st_mtime_ns)

    def all_files(self) -> Iterator[StoredAs]:
        for path in sorted(self.root.rglob("*")):
            if path.is_file() and path != self.root / MARKER:
                said = path.stat()
                yield StoredAs(str(path.relative_to(self.root)), said.st_size, said.st_mtime_ns)

    def is_there(self) -> bool:
        return (self.root / MARKER).is_file() if self.is_shared else self.root.is_dir()

    def trouble(self) -> Trouble | None:
        if self.is_shared and not self.is_there():
            return Trouble(f"The folder {self.root} is not what it was: is the share mounted?", may_pass=True)
        return None

    @property
    def work_folder(self) -> Path:
        self._refuse_unless_mounted()
        folder = self.root / "exports"
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    @property
    def disk(self) -> Path | None:
        return self.root if self.root.is_dir() else None

    def _open(self, name: str, mode: str = "rb") -> File[bytes]:
        try:
            return cast("File[bytes]", super()._open(name, mode))  # type: ignore[misc]  # django-stubs leaves it out
        except FileNotFoundError:
            self._refuse_unless_mounted()
            raise

    def _refuse_unless_mounted(self) -> None:
        if self.is_shared and not self.is_there():
            raise StoreAwayError(errno.ENODEV, "the shared folder is not mounted on this host", str(self.root))

    def path_of(self, name: str) -> str:
        return self.path(name)


store = cast("Store", default_storage)
"""The lab's own, as STORAGES names it."""
