"""The set as one HDF5 file: columns of facts, flat arrays with the place where each pattern begins, and the network's grid."""

from __future__ import annotations

import json
import zlib
from collections import deque
from concurrent.futures import Executor, Future
from dataclasses import asdict
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from mlmodels.export.columns import ARRAYS, COLUMNS, Kind
from mlmodels.export.contents import FORMAT, Batch, SetFacts
from mlmodels.net.grid import LN_Q_EDGES, N_BINS
from mlmodels.net.preprocess import INPUT_CONTRACT

if TYPE_CHECKING:
    import h5py

NAME = "patterns.h5"

POINTS_A_CHUNK = 65_536
ROWS_A_CHUNK = 4_096
"""Of the columns."""
GRIDS_A_CHUNK = 32
GZIP_LEVEL = 1
"""Higher ones gain 1 % on counts and cost half again of the time."""
MOST_PENDING = 16
"""Chunks of one array that wait for their compression."""


class Hdf5Writer:
    """Writes ``path``; the same patterns give the same bytes.

    An axis of angles that several patterns share is stored once.  Compression runs in the threads of ``pool``.
    """

    def __init__(self, path: Path, facts: SetFacts, pool: Executor) -> None:
        import h5py  # not before a file needs it

        self.file = h5py.File(path, "w", libver="earliest", track_order=False)
        self.file.attrs.update(
            {
                "format": FORMAT,
                "title": facts.title,
                "sha256": facts.sha256,
                "n_entries": facts.n_entries,
                "n_simulated": facts.n_simulated,
                "licence": facts.licence_said,
                "facts": json.dumps(asdict(facts), sort_keys=True, ensure_ascii=False),
            }
        )
        patterns, arrays, grid = (self.file.create_group(name) for name in ("patterns", "arrays", "grid"))
        grid.attrs["contract"] = INPUT_CONTRACT
        edges = grid.create_dataset("ln_q_edges", data=LN_Q_EDGES.astype("<f8"), track_times=False)
        edges.attrs["says"] = "edges of the bins in ln Q, Q in 1/Å"
        self.columns = {column: _column(patterns, column, facts.n_entries) for column in COLUMNS}
        self.starts = {
            name: _numbers_column(patterns, name, says, facts.n_entries)
            for name, says in {
                "two_theta_start": "where the pattern begins in arrays/two_theta; several patterns may share an axis",
                "intensity_start": "where the pattern begins in arrays/intensity",
                "n_points": "number of points, in both",
            }.items()
        }
        self.two_theta = _Growing(arrays, "two_theta", "<f8", (POINTS_A_CHUNK,), ARRAYS["two_theta"], pool)
        self.intensity = _Growing(arrays, "intensity", "<f4", (POINTS_A_CHUNK,), ARRAYS["intensity"], pool)
        grids = (GRIDS_A_CHUNK, N_BINS)
        self.grid_intensity = _Growing(grid, "intensity", "<f4", grids, ARRAYS["grid_intensity"], pool)
        self.grid_measured = _Growing(grid, "measured", "|b1", grids, ARRAYS["grid_measured"], pool)
        self.axes: dict[bytes, int] = {}
        self.axis_before: tuple[NDArray[np.float64], int] = np.empty(0), 0
        self.n_written = 0

    def add(self, batch: Batch) -> None:
        patterns = batch.patterns
        rows = slice(self.n_written, self.n_written + len(patterns))
        for column, dataset in self.columns.items():
            dataset[rows] = column.array(patterns)
        axis_starts = [self._axis(pattern.two_theta) for pattern in patterns]
        n_points = np.array([pattern.n_points for pattern in patterns])
        self.starts["two_theta_start"][rows] = axis_starts
        self.starts["intensity_start"][rows] = self.intensity.length + np.cumsum(n_points) - n_points
        self.starts["n_points"][rows] = n_points
        self.intensity.append(np.concatenate([pattern.intensity for pattern in patterns]))
        self.grid_intensity.append(batch.grid_intensity)
        self.grid_measured.append(batch.grid_measured)
        self.n_written += len(patterns)

    def close(self) -> None:
        for array in (self.two_theta, self.intensity, self.grid_intensity, self.grid_measured):
            array.finish()
        self.file.close()

    def _axis(self, two_theta: NDArray[np.float64]) -> int:
        """Where this axis begins; it is written where it is a new one."""
        before, start = self.axis_before
        if np.array_equal(before, two_theta):
            return start
        numbers = np.ascontiguousarray(two_theta, dtype="<f8")
        start = self.axes.setdefault(sha256(numbers.data).digest(), self.two_theta.length)
        if start == self.two_theta.length:
            self.two_theta.append(numbers)
        self.axis_before = numbers, start
        return start


def _column(group: h5py.Group, column: Any, n: int) -> h5py.Dataset:
    import h5py

    kinds = {Kind.TEXT: h5py.string_dtype(), Kind.CODE: f"S{column.length}", Kind.NUMBER: "<f8", Kind.FLAG: "|b1"}
    if column.kind is Kind.TEXT:  # the words of varying length lie apart, where compression does not reach
        dataset = group.create_dataset(column.name, (n,), kinds[Kind.TEXT], track_times=False)
    else:
        return _numbers_column(group, column.name, column.says, n, kinds.get(column.kind, "<i8"))
    dataset.attrs["says"] = column.says
    return dataset


def _numbers_column(group: h5py.Group, name: str, says: str, n: int, dtype: Any = "<i8") -> h5py.Dataset:
    dataset = group.create_dataset(
        name,
        (n,),
        dtype,
        chunks=(min(max(n, 1), ROWS_A_CHUNK),),
        shuffle=True,
        compression="gzip",
        compression_opts=GZIP_LEVEL,
        track_times=False,
    )
    dataset.attrs["says"] = says
    return dataset


class _Growing:
    """An array of unknown length, written chunk by chunk in order, while threads compress the next ones."""

    def __init__(
        self, group: h5py.Group, name: str, dtype: str, chunk: tuple[int, ...], says: str, pool: Executor
    ) -> None:
        self.dataset = group.create_dataset(
            name,
            (0, *chunk[1:]),
            dtype,
            maxshape=(None, *chunk[1:]),
            chunks=chunk,
            shuffle=True,
            compression="gzip",
            compression_opts=GZIP_LEVEL,
            track_times=False,
        )
        self.dataset.attrs["says"] = says
        self.chunk, self.pool, self.length = chunk, pool, 0
        self.rest: list[NDArray[Any]] = []
        self.n_rest = 0
        self.n_chunks = 0
        self.pending: deque[Future[bytes]] = deque()

    def append(self, values: NDArray[Any]) -> None:
        self.rest.append(values)
        self.n_rest += len(values)
        self.length += len(values)
        if self.n_rest >= self.chunk[0]:
            whole = np.concatenate(self.rest) if len(self.rest) > 1 else self.rest[0]
            n_whole = len(whole) // self.chunk[0] * self.chunk[0]
            for start in range(0, n_whole, self.chunk[0]):
                self._send(whole[start : start + self.chunk[0]])
            self.rest = [whole[n_whole:].copy()]
            self.n_rest = len(whole) - n_whole

    def finish(self) -> None:
        if self.n_rest:
            last = np.zeros(self.chunk, self.dataset.dtype)
            last[: self.n_rest] = np.concatenate(self.rest)
            self._send(last)
        while self.pending:
            self._write_next()
        self.dataset.resize(self.length, axis=0)

    def _send(self, chunk: NDArray[Any]) -> None:
        self.pending.append(self.pool.submit(_compressed, np.ascontiguousarray(chunk, self.dataset.dtype)))
        if len(self.pending) > MOST_PENDING:  # not when one is ready: the places in the file must not hang on threads
            self._write_next()

    def _write_next(self) -> None:
        compressed = self.pending.popleft().result()
        start = self.n_chunks * self.chunk[0]
        self.n_chunks += 1
        self.dataset.resize(start + self.chunk[0], axis=0)
        self.dataset.id.write_direct_chunk((start, *(0 for _ in self.chunk[1:])), compressed)


def _compressed(chunk: NDArray[Any]) -> bytes:
    """As HDF5's own shuffle and deflate would do it, which hold a lock that threads cannot share."""
    shuffled = chunk.reshape(-1).view(np.uint8).reshape(-1, chunk.itemsize).T
    return zlib.compress(np.ascontiguousarray(shuffled).data, GZIP_LEVEL)
