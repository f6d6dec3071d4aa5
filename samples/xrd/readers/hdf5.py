"""HDF5 files that strangers sent: nothing outside of the file is followed, and sizes are looked at before numbers are read."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from samples.xrd.pattern import FloatArray
from samples.xrd.readers.decoding import decode_header
from samples.xrd.readers.reader import MAX_POINTS, too_many_points
from samples.xrd.sentences import PatternFileError

if TYPE_CHECKING:
    import h5py

MAGIC = b"\x89HDF\r\n\x1a\n"
MAX_GROUPS = 5_000
MAX_LINKS = 20_000
"""Of one file, all groups together."""
MAX_DEPTH = 16
MAX_TEXT = 1_000
NUMBER_BYTES = 8
OWN_FILTERS = {1, 2, 3, 4, 5, 6, 32000}
"""Deflate, shuffle, Fletcher, szip, nbit, scale-offset and LZF; others would be loaded from a library of somebody's."""


class Hdf5File:
    """The groups and numbers of ``content``. What is odd in it raises PatternFileError, or whatever the library raises."""

    def __init__(self, content: bytes) -> None:
        import h5py  # not before a file needs it

        self.h5py = h5py
        self.root = h5py.File(io.BytesIO(content), "r")
        self.n_links = 0

    def close(self) -> None:
        self.root.close()

    def children(self, group: h5py.Group) -> dict[str, h5py.Group | h5py.Dataset]:
        """What ``group`` holds by name, soft links within the file included; links out of the file are not followed."""
        found = {}
        for name in self._names(group):
            child = self._follow(group, name)
            if child is not None:
                found[name] = child
        return found

    def groups_below(self, group: h5py.Group) -> Iterator[h5py.Group]:
        """``group`` and every group in it, each once."""
        waiting, seen = [(group, 0)], {address(group)}
        while waiting:
            group, depth = waiting.pop(0)
            yield group
            for child in self.children(group).values() if depth < MAX_DEPTH else ():
                if isinstance(child, self.h5py.Group) and address(child) not in seen:
                    seen.add(address(child))
                    waiting.append((child, depth + 1))
            if len(seen) > MAX_GROUPS:
                raise too_complex()

    def _names(self, group: h5py.Group) -> list[str]:
        self.n_links += len(group)
        if self.n_links > MAX_LINKS:
            raise too_complex()
        return list(group)

    def _follow(self, group: h5py.Group, name: str, n_steps: int = 0) -> h5py.Group | h5py.Dataset | None:
        link = group.get(name, getlink=True)
        if isinstance(link, self.h5py.HardLink):
            return group[name]
        if not isinstance(link, self.h5py.SoftLink) or n_steps > MAX_DEPTH:
            return None
        target: h5py.Group | h5py.Dataset | None = self.root if link.path.startswith("/") else group
        parts = [part for part in link.path.split("/") if part not in {"", "."}]
        for part in parts[: MAX_DEPTH + 1]:  # part by part: there may be a link out of the file on the way
            if not isinstance(target, self.h5py.Group) or target.get(part, getlink=True, default=None) is None:
                return None
            target = self._follow(target, part, n_steps + 1 + len(parts))
        return target


def address(thing: h5py.Group | h5py.Dataset) -> int:
    """Where it lies in the file: the same for two links to it."""
    import h5py

    return int(h5py.h5o.get_info(thing.id).addr)


def too_complex() -> PatternFileError:
    return PatternFileError(
        "The HDF5 file has more groups than a measurement has. Export the pattern as two columns of text (.xy)."
    )


def is_numbers(dataset: h5py.Dataset) -> bool:
    return bool(dataset.shape) and dataset.dtype.kind in "iuf" and dataset.dtype.itemsize <= NUMBER_BYTES


def numbers(dataset: h5py.Dataset) -> FloatArray:
    """All numbers of ``dataset`` as float64, in its shape, if they lie in the file itself."""
    if dataset.is_virtual or dataset.external or dataset.id.get_create_plist().get_external_count():
        raise PatternFileError(
            "The HDF5 file holds the numbers not itself: it names other files. "
            "Export the measurement into one file, or as two columns of text (.xy)."
        )
    n_in_chunk = int(np.prod(dataset.chunks, dtype=float)) if dataset.chunks else 0
    if dataset.size > MAX_POINTS or n_in_chunk > 4 * MAX_POINTS:
        raise too_many_points()
    properties = dataset.id.get_create_plist()
    filters = {properties.get_filter(number)[0] for number in range(properties.get_nfilters())}
    if not filters <= OWN_FILTERS:
        raise PatternFileError(
            "The HDF5 file is compressed in a way that this version does not read. Export it with gzip or uncompressed."
        )
    return np.asarray(dataset[()], dtype=np.float64)


def text(thing: h5py.Dataset | None) -> str:
    """The words of a dataset that is one text; "" where it is none."""
    if thing is None or not hasattr(thing, "dtype") or thing.size != 1 or thing.is_virtual or thing.external:
        return ""
    if thing.dtype.kind not in "OS" or thing.dtype.itemsize > MAX_TEXT:
        return ""
    return words(thing[()])


def number(thing: h5py.Dataset | None) -> float | None:
    """The one number of a dataset, or the first of the same ones; None where it has none."""
    if thing is None or not hasattr(thing, "dtype") or thing.size != 1 or thing.dtype.kind not in "iuf":
        return None
    return None if thing.is_virtual or thing.external else float(np.ravel(thing[()])[0])


def attribute(thing: h5py.Group | h5py.Dataset, name: str) -> list[str]:
    """The words of an attribute: one, or a short list of them; [] where there is none."""
    if name not in thing.attrs:
        return []
    kept = thing.attrs.get_id(name)
    if kept.dtype.kind not in "OSiuf" or kept.dtype.itemsize > MAX_TEXT or int(np.prod(kept.shape)) > 32:
        return []
    return [words(value) for value in np.ravel(thing.attrs[name])]


def words(value: object) -> str:
    while isinstance(value, np.ndarray) and value.size == 1:
        value = value.ravel()[0]
    said = decode_header(bytes(value)) if isinstance(value, bytes) else str(value)
    return said.strip().strip("\0")[:MAX_TEXT]
