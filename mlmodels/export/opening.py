"""An export that came from elsewhere: nothing in it is believed before it was looked at, and nothing outside of it is followed."""

from __future__ import annotations

import json
import re
import shutil
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlmodels.export import hdf5
from mlmodels.export.columns import COLUMNS, Column, Kind
from mlmodels.export.contents import AT_ONCE, FORMAT, ExportedPattern, ExportRefused, SetFacts
from mlmodels.export.packing import CHUNK, FOLDER, MANIFEST, OriginalsWriter, sha256_of
from samples.xrd.readers.hdf5 import OWN_FILTERS
from samples.xrd.readers.reader import MAX_POINTS
from samples.xrd.readers.zip_archive import DAMAGED

if TYPE_CHECKING:
    import h5py

MOST_MEMBERS = 20
"""Files in an archive: the parts, and what makes it a crate."""
MOST_MANIFEST_BYTES = 1_000_000
MOST_LINE_BYTES = 4_000_000
MOST_PATTERNS = 5_000_000
MOST_TEXT = 100_000
"""Characters of one text in a column."""
MOST_IN_CHUNK = 64 * 1024 * 1024

BY_NAME = {column.name: column for column in COLUMNS}

_DAMAGED = tuple(kind for kind in DAMAGED if kind is not OSError)
"""What is wrong with the archive, and not with our disk."""

_SHA256 = re.compile("[0-9a-f]{64}")
_PART_NAME = re.compile(r"[a-z](?:[.-]?[a-z0-9]){1,40}")


class OpenedExport:
    """The parts of an archive, each of which is what the manifest says.  ExportRefused where anything is not.

    with OpenedExport(path) as export:
        for patterns in export.patterns(): …

    The parts are taken out into a folder of their own below ``work``, which goes with it.
    """

    def __init__(self, path: Path, work: Path | None = None) -> None:
        self.closing = ExitStack()
        try:
            self.folder = Path(self.closing.enter_context(TemporaryDirectory(dir=work)))
            self.manifest = self._take_out(path)
            self.table = self.closing.enter_context(_opened_table(self._part(hdf5.NAME)))
            self.facts = self._facts()
            self.checked: dict[str, h5py.Dataset] = {}
            self.axis_before: tuple[int, int, NDArray[np.float64]] = (-1, 0, np.empty(0))
        except BaseException:
            self.closing.close()
            raise

    def __enter__(self) -> OpenedExport:
        return self

    def __exit__(self, *_raised: object) -> None:
        self.closing.close()

    @property
    def has_originals(self) -> bool:
        return (self.folder / OriginalsWriter.NAME).exists()

    def patterns(self) -> Iterator[list[ExportedPattern]]:
        """In the order of the set, some at a time."""
        for rows in self._rows():
            yield self._some(rows)

    def lines(self, name: str) -> Iterator[bytes]:
        """Of SAMPLES or LABELS, each a JSON object."""
        with self._part(name).open("rb") as file:
            while line := file.readline(MOST_LINE_BYTES):
                yield line

    def objects(self, name: str) -> Iterator[dict[str, Any]]:
        for line in self.lines(name):
            try:
                said = json.loads(line)
            except (ValueError, RecursionError) as error:
                raise _odd() from error
            if not isinstance(said, dict):
                raise _odd()
            yield said

    def originals(self, most_bytes: int) -> Originals:
        return Originals(self._part(OriginalsWriter.NAME), most_bytes)

    def _take_out(self, path: Path) -> dict[str, Any]:
        """Take the parts out, and check each against the manifest."""
        try:
            archive = self.closing.enter_context(zipfile.ZipFile(path))
        except DAMAGED as error:
            raise ExportRefused("This is no export of a data set: it is no .eln archive, or it was cut off.") from error
        members = _members(archive)
        if MANIFEST not in members or members[MANIFEST].file_size > MOST_MANIFEST_BYTES:
            raise ExportRefused("This is no export of a data set: the archive has no manifest of one.")
        try:
            listing = archive.read(members[MANIFEST])
        except _DAMAGED as error:
            raise _damaged(MANIFEST) from error
        manifest = _read_manifest(listing)
        room = shutil.disk_usage(self.folder).free
        if sum(member.file_size for member in members.values()) > 0.9 * room:
            raise ExportRefused("There is not enough room on the disk to unpack this export. Free some and try again.")
        for part in manifest["parts"]:
            name = part["path"]
            if name not in members:
                raise ExportRefused("The export lacks its part %(name)s. Ask for it once more.", name=name[:100])
            target = self.folder / name
            _copy(archive, members[name], target, int(part["bytes"]))
            if sha256_of(target) != part["sha256"]:
                raise ExportRefused(
                    "%(name)s is not as it was exported: its SHA-256 is another than the manifest's. Nothing was taken in. "
                    "Ask for the export once more.",
                    name=name,
                )
        return manifest

    def _part(self, name: str) -> Path:
        part = self.folder / name
        if not part.exists():
            raise ExportRefused("The export lacks its part %(name)s. Ask for it once more.", name=name)
        return part

    def _facts(self) -> SetFacts:
        try:
            said = json.loads(_text(self.table.attrs["facts"]))
            facts = SetFacts(**{field.name: said[field.name] for field in fields(SetFacts)})
            right = (
                isinstance(facts.name, str)
                and bool(_SHA256.fullmatch(facts.sha256))
                and facts.sha256 == self.manifest["sha256"]
                and 0 < facts.n_entries <= MOST_PATTERNS
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise _odd() from error
        if not right:
            raise _odd()
        return facts

    def scans(self) -> Iterator[tuple[int, str, int]]:
        """Position, hash of the file and number of the scan of each, without the numbers of the patterns."""
        names = ("position", "file_sha256", "scan_number")
        for rows in self._rows():
            yield from zip(*(self._column(BY_NAME[name], rows) for name in names), strict=True)

    def _rows(self) -> Iterator[slice]:
        n = self.facts.n_entries
        return (slice(first, min(first + AT_ONCE, n)) for first in range(0, n, AT_ONCE))

    def _some(self, rows: slice) -> list[ExportedPattern]:
        try:
            columns = {column.name: self._column(column, rows) for column in COLUMNS}
            axes, lengths = (self._numbers(f"patterns/{name}", rows) for name in ("two_theta_start", "n_points"))
            if not ((lengths > 0) & (lengths <= MAX_POINTS)).all():
                raise _odd()
            ends = np.cumsum(lengths)
            first = int(self._numbers("patterns/intensity_start", rows)[0])
            intensities = self._stretch("arrays/intensity", first, int(ends[-1]))
            found = []
            for row, (start, length, end) in enumerate(
                zip(axes.tolist(), lengths.tolist(), ends.tolist(), strict=True)
            ):
                if self.axis_before[:2] != (start, length):
                    self.axis_before = start, length, self._stretch("arrays/two_theta", start, length)
                said = {name: values[row] for name, values in columns.items()}
                intensity = intensities[end - length : end]
                found.append(ExportedPattern(**said, two_theta=self.axis_before[2], intensity=intensity))
            return found
        except ExportRefused:
            raise
        except Exception as error:  # whatever the library makes of a file that was spoilt on purpose
            raise _odd() from error

    def _column(self, column: Column, rows: slice) -> list[Any]:
        dataset = self._dataset(f"patterns/{column.name}")
        if dataset.shape != (self.facts.n_entries,):
            raise _odd()
        values = dataset[rows]
        match column.kind:
            case Kind.TEXT | Kind.CODE:
                return [_text(value) for value in values]
            case Kind.NUMBER:
                return [None if np.isnan(value) else float(value) for value in values]
            case Kind.FLAG:
                return [bool(value) for value in values]
            case _:
                return [int(value) for value in values]

    def _dataset(self, name: str) -> h5py.Dataset:
        if name not in self.checked:
            self.checked[name] = _checked(self.table, name)
        return self.checked[name]

    def _numbers(self, name: str, rows: slice) -> NDArray[Any]:
        return np.asarray(self._dataset(name)[rows])

    def _stretch(self, name: str, start: int, length: int) -> NDArray[Any]:
        dataset = self._dataset(name)
        if not 0 <= start <= dataset.shape[0] - length:
            raise _odd()
        return np.asarray(dataset[start : start + length])


class Originals:
    """The original files of an export; none of more than ``most_bytes``."""

    def __init__(self, path: Path, most_bytes: int) -> None:
        self.most_bytes = most_bytes
        try:
            self.archive = zipfile.ZipFile(path)
        except DAMAGED as error:
            raise _odd() from error

    def read(self, pattern: ExportedPattern) -> bytes:
        try:
            member = self.archive.getinfo(pattern.original_path)
            if member.file_size > self.most_bytes:
                raise _odd()
            with self.archive.open(member) as opened:
                return opened.read(member.file_size + 1)
        except _DAMAGED as error:
            raise ExportRefused(
                "The export lacks the original file of %(name)s, or it is damaged.", name=pattern.file_name
            ) from error

    def close(self) -> None:
        self.archive.close()


def _members(archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """The files below `<one folder>/FOLDER/`, by their bare names; a name is never used as a path before it was checked."""
    found: dict[str, zipfile.ZipInfo] = {}
    if len(archive.infolist()) > MOST_MEMBERS:
        raise ExportRefused("The archive holds more files than an export of a data set has.")
    for member in archive.infolist():
        parts = member.filename.split("/")
        if len(parts) != 3 or parts[1] != FOLDER:
            continue
        name = parts[2]
        if not _PART_NAME.fullmatch(name) or name in found:
            raise ExportRefused("The archive holds a file with a name that no export has.")
        if member.flag_bits & 1 or member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise ExportRefused(
                "The archive is locked or packed in a way that is not read. Pack it as a plain zip archive."
            )
        found[name] = member
    return found


def _read_manifest(content: bytes) -> dict[str, Any]:
    try:
        manifest = json.loads(content)
        kind, parts = str(manifest["format"]), manifest["parts"]
        right = all(
            _PART_NAME.fullmatch(part["path"]) and _SHA256.fullmatch(part["sha256"]) and part["bytes"] >= 0
            for part in parts
        )
    except (KeyError, TypeError, ValueError, RecursionError) as error:
        raise _odd() from error
    if kind != FORMAT:
        raise ExportRefused(
            "The export has the format %(format)s; this version reads %(ours)s.", format=kind[:40], ours=FORMAT
        )
    if not right:
        raise _odd()
    return dict(manifest)


def _copy(archive: zipfile.ZipFile, member: zipfile.ZipInfo, target: Path, size: int) -> None:
    """Take one part out: never more bytes than the manifest says."""
    left = size
    try:
        with archive.open(member) as source, target.open("xb") as file:
            while chunk := source.read(CHUNK):
                left -= len(chunk)
                if left < 0:
                    break
                file.write(chunk)
    except _DAMAGED as error:
        raise _damaged(target.name) from error
    if left:
        raise ExportRefused(
            "%(name)s is not as long as the manifest says. Ask for the export once more.", name=target.name
        )


def _damaged(name: str) -> ExportRefused:
    return ExportRefused("%(name)s is damaged in the archive. Ask for the export once more.", name=name)


def _opened_table(path: Path) -> h5py.File:
    import h5py

    try:
        return h5py.File(path, "r")
    except OSError as error:
        raise _odd() from error


def _checked(table: h5py.File, name: str) -> h5py.Dataset:
    """The dataset, which lies in the file itself and is compressed by what comes with HDF5."""
    import h5py

    place: Any = table
    for step in name.split("/"):
        if not isinstance(place, h5py.Group) or not isinstance(place.get(step, getlink=True), h5py.HardLink):
            raise _odd()
        place = place[step]
    if not isinstance(place, h5py.Dataset) or place.is_virtual or place.external or place.ndim != 1:
        raise _odd()
    properties = place.id.get_create_plist()
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    in_chunk = int(np.prod(place.chunks, dtype=float)) * place.dtype.itemsize if place.chunks else 0
    if properties.get_external_count() or not filters <= OWN_FILTERS or in_chunk > MOST_IN_CHUNK:
        raise _odd()
    return place


def _text(value: Any) -> str:
    said = value.decode() if isinstance(value, bytes) else str(value)
    if len(said) > MOST_TEXT or "\x00" in said:
        raise _odd()
    return said


def _odd() -> ExportRefused:
    return ExportRefused("This is no export that Icosa wrote, or it was changed since. Nothing was taken in.")
