"""The folder that backups lie in.

    icosa-backup.json       what this folder is, and the public half of the key where it is encrypted
    pieces/ab/ab12….gz      up to 256 KiB of a file under its SHA-256, so that what did not change is kept once (`zcat` reads it)
    backups/20261127T023000Z.json.gz    what belonged to the lab at that moment: the list of a backup, written last

Encrypted, each of these ends with `.age`, as the tool `age` writes it, and a piece's name is a keyed hash. New pieces arrive
in `arriving/` and are taken over in one go, so that a run that was killed leaves the backups from before as they were.
"""

from __future__ import annotations

import fcntl
import gzip
import hashlib
import hmac
import json
import os
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

import pyrage

from samples.xrd.sentences import sentence

FORMAT = 1
PIECE = 256 * 1024
"""bytes"""


class BackupError(Exception):
    """What could not be backed up or restored; ``.sentence`` says why and what to do."""

    def __init__(self, template: str, /, **values: str | int) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))


class DamagedPieceError(BackupError):
    """A piece that is missing, or not what its name says."""


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a backup. name: its path; size: in bytes; pieces: the SHA-256 of each; changed: modification time (ns)."""

    name: str
    sha256: str
    size: int
    pieces: list[str]
    changed: int = 0


@dataclass(frozen=True, slots=True)
class Backup:
    """The list of one backup; `rows` counts those of each table, `missing` names files that were not on disk."""

    name: str
    version: str
    database: str
    migrations: list[str]
    rows: dict[str, int]
    dump: list[StoredFile]
    files: list[StoredFile]
    missing: list[str] = field(default_factory=list)

    @property
    def pieces(self) -> Iterator[str]:
        for stored in (*self.dump, *self.files):
            yield from stored.pieces


class Vault:
    """Pieces and lists, checked whenever they are read."""

    def __init__(self, folder: Path, key: str = "") -> None:
        self.folder = folder
        self._key = pyrage.x25519.Identity.from_str(key) if key else None
        self._ending = ".gz.age" if key else ".gz"
        self._arrived: set[str] = set()

    @classmethod
    def begin(cls, folder: Path, key: str = "") -> Vault:
        """The vault in ``folder``, made where there is none yet."""
        marker = folder / "icosa-backup.json"
        if not marker.exists():
            try:
                folder.mkdir(parents=True, exist_ok=True)
                if any(path.name != "lost+found" for path in folder.iterdir()):
                    raise BackupError(
                        "%(folder)s holds other things. Name an empty folder for backups.", folder=str(folder)
                    )
                vault = cls(folder, key)
                write_whole(marker, json.dumps({"format": FORMAT, "key": vault._public_key}).encode())
            except OSError as error:
                raise BackupError(
                    "No backup can be written to %(folder)s: %(error)s.", folder=str(folder), error=str(error.strerror)
                ) from error
        return cls.open(folder, key)

    @classmethod
    def open(cls, folder: Path, key: str = "") -> Vault:
        try:
            said = json.loads((folder / "icosa-backup.json").read_bytes())
        except (OSError, ValueError):
            raise BackupError("%(folder)s is no folder of backups.", folder=str(folder)) from None
        if said["format"] > FORMAT:
            raise BackupError("%(folder)s was written by a newer Icosa. Install that one.", folder=str(folder))
        vault = cls(folder, key)
        if said["key"] and not key:
            raise BackupError("The backups in %(folder)s are encrypted. Set ICOSA_BACKUP_KEY.", folder=str(folder))
        if key and not said["key"]:
            raise BackupError(
                "The backups in %(folder)s are not encrypted, and ICOSA_BACKUP_KEY is set. Name another folder, or unset it.",
                folder=str(folder),
            )
        if said["key"] != vault._public_key:
            raise BackupError(
                "ICOSA_BACKUP_KEY is not the key of the backups in %(folder)s: theirs belongs to %(key)s.",
                folder=str(folder),
                key=said["key"],
            )
        return vault

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Alone; what a killed run left is swept away first."""
        with (self.folder / "lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BackupError("Another backup to %(folder)s is running.", folder=str(self.folder)) from None
            shutil.rmtree(self.folder / "arriving", ignore_errors=True)
            self._arrived.clear()
            yield

    def store(self, name: str, content: BinaryIO, changed: int = 0) -> StoredFile:
        """Keep a file in pieces; those that are here already are not written again."""
        digest, size, pieces = hashlib.sha256(), 0, []
        while piece := content.read(PIECE):
            digest.update(piece)
            size += len(piece)
            pieces.append(self._put(piece))
        return StoredFile(name, digest.hexdigest(), size, pieces, changed)

    def read(self, stored: StoredFile) -> Iterator[bytes]:
        """The pieces of a file one by one; DamagedPieceError at the first that is not what it was, or at the end."""
        digest = hashlib.sha256()
        for sha256 in stored.pieces:
            piece = self._get(sha256)
            digest.update(piece)
            yield piece
        if digest.hexdigest() != stored.sha256:
            raise DamagedPieceError("The backup is damaged: %(name)s is not what it was.", name=stored.name)

    def take_over(self, backup: Backup) -> int:
        """Make what arrived, and the list of this backup, part of the vault; the bytes that it grew by."""
        os.sync()  # a name must not stand for bytes that a power cut takes away
        grown = 0
        for name in sorted(self._arrived):
            arrived, place = self.folder / "arriving" / name, self._place(name)
            grown += arrived.stat().st_size
            place.parent.mkdir(parents=True, exist_ok=True)
            arrived.rename(place)
        shutil.rmtree(self.folder / "arriving", ignore_errors=True)
        content = self._seal(json.dumps(as_json(backup), ensure_ascii=False).encode())
        write_whole(self._list_of(backup.name), content)
        self._arrived.clear()
        return grown + len(content)

    def names(self) -> list[str]:
        """Of the backups here, the oldest first."""
        ending = f".json{self._ending}"
        return sorted(path.name.removesuffix(ending) for path in (self.folder / "backups").glob(f"[0-9]*{ending}"))

    def backup(self, name: str) -> Backup:
        path = self._list_of(name)
        try:
            return from_json(json.loads(self._unseal(path.read_bytes())))
        except FileNotFoundError:
            raise BackupError(
                "There is no backup %(name)s in %(folder)s; `restore --list` lists them.",
                name=name,
                folder=str(self.folder),
            ) from None
        except (OSError, EOFError, ValueError, zlib.error, pyrage.DecryptError):
            raise BackupError(
                "The list of the backup %(name)s is damaged. Take another: `restore --list`.", name=name
            ) from None

    def forget(self, names: Iterable[str]) -> int:
        """Take these backups out, and then each piece that no other backup holds; the bytes set free.

        Nothing is taken out where the list of one that stays cannot be read.
        """
        leaving = set(names)
        kept = {
            self._name_of(piece) for name in self.names() if name not in leaving for piece in self.backup(name).pieces
        }
        for name in leaving:
            self._list_of(name).unlink()
        freed = 0
        for path in (self.folder / "pieces").glob(f"??/*{self._ending}"):
            if path.name.removesuffix(self._ending) not in kept:
                freed += path.stat().st_size
                path.unlink()
        return freed

    def set_aside_if_damaged(self, sha256: str) -> None:
        """Out of the way with a damaged piece, so that the next backup writes it anew; nothing is deleted."""
        path = self._place(self._name_of(sha256))
        try:
            self._get(sha256)
        except DamagedPieceError:
            if path.exists():
                path.rename(path.with_name(f"{path.name}.damaged"))

    def holds(self, stored: StoredFile) -> bool:
        return all(self._place(self._name_of(piece)).exists() for piece in stored.pieces)

    def _put(self, piece: bytes) -> str:
        sha256 = hashlib.sha256(piece).hexdigest()
        name = self._name_of(sha256)
        if name not in self._arrived and not self._place(name).exists():
            arriving = self.folder / "arriving"
            arriving.mkdir(exist_ok=True)
            (arriving / name).write_bytes(self._seal(piece))
            self._arrived.add(name)
        return sha256

    def _get(self, sha256: str) -> bytes:
        try:
            piece = self._unseal(self._place(self._name_of(sha256)).read_bytes())
        except FileNotFoundError:
            raise DamagedPieceError("The backup is damaged: its piece %(sha256)s is missing.", sha256=sha256) from None
        except (OSError, EOFError, zlib.error, pyrage.DecryptError):
            piece = b""
        if hashlib.sha256(piece).hexdigest() != sha256:
            raise DamagedPieceError(
                "The backup is damaged: its piece %(sha256)s was cut off or altered.", sha256=sha256
            )
        return piece

    def _seal(self, content: bytes) -> bytes:
        packed = gzip.compress(content, compresslevel=1, mtime=0)
        return pyrage.encrypt(packed, [self._key.to_public()]) if self._key else packed

    def _unseal(self, sealed: bytes) -> bytes:
        return gzip.decompress(pyrage.decrypt(sealed, [self._key]) if self._key else sealed)

    def _name_of(self, sha256: str) -> str:
        """Of the piece; keyed where it is encrypted, so that nobody can ask this folder which files the lab has."""
        return hmac.new(self._secret, sha256.encode(), hashlib.sha256).hexdigest() if self._key else sha256

    @cached_property
    def _secret(self) -> bytes:
        return hashlib.sha256(f"names of pieces {self._key}".encode()).digest()

    @property
    def _public_key(self) -> str:
        return str(self._key.to_public()) if self._key else ""

    def _place(self, name: str) -> Path:
        return self.folder / "pieces" / name[:2] / f"{name}{self._ending}"

    def _list_of(self, name: str) -> Path:
        return self.folder / "backups" / f"{name}.json{self._ending}"


def write_whole(path: Path, content: bytes) -> None:
    """To a side name, then renamed."""
    path.parent.mkdir(parents=True, exist_ok=True)
    side_name = path.with_name(f".{path.name}.part")
    with side_name.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    side_name.rename(path)


def as_json(backup: Backup) -> dict[str, Any]:
    return {"format": FORMAT, **asdict(backup)}


def from_json(said: dict[str, Any]) -> Backup:
    files = {name: [StoredFile(**stored) for stored in said[name]] for name in ("dump", "files")}
    return Backup(**{name: value for name, value in {**said, **files}.items() if name != "format"})
