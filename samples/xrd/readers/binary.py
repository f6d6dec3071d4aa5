"""Binary files with fields at known places, little-endian."""

from __future__ import annotations

import struct

import numpy as np

from samples.xrd.pattern import FloatArray
from samples.xrd.readers.decoding import decode_header
from samples.xrd.readers.reader import MAX_POINTS, cut_off, too_many_points


class BinaryFile:
    """``content`` of a ``kind`` file. A place beyond its end raises PatternFileError: the file is cut off."""

    def __init__(self, content: bytes, kind: str) -> None:
        self.content = content
        self.kind = kind

    def __len__(self) -> int:
        return len(self.content)

    def integer(self, at: int) -> int:
        """The unsigned integer of four bytes."""
        return int(self._field("<I", at))

    def single(self, at: int) -> float:
        return float(self._field("<f", at))

    def double(self, at: int) -> float:
        return float(self._field("<d", at))

    def text(self, at: int, length: int) -> str:
        """The text in ``length`` bytes, up to the first NUL."""
        return decode_header(self._part(at, length).partition(b"\0")[0]).strip()

    def singles(self, at: int, n: int) -> FloatArray:
        """``n`` numbers of four bytes as float64, shape (n,)."""
        if n > MAX_POINTS:
            raise too_many_points()
        with np.errstate(invalid="ignore"):  # a damaged file may hold signalling NaN
            return np.frombuffer(self._part(at, 4 * n), dtype="<f4").astype(np.float64)

    def _field(self, form: str, at: int) -> int | float:
        field: int | float = struct.unpack(form, self._part(at, struct.calcsize(form)))[0]
        return field

    def _part(self, at: int, length: int) -> bytes:
        part = self.content[at : at + length]
        if len(part) < length:
            raise cut_off(self.kind)
        return part
