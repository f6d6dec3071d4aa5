"""The columns of an export: said once, and written into HDF5, Parquet, the CSV index and the data sheet alike."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmodels.export.contents import ExportedPattern


class Kind(Enum):
    """How the values of a column are stored."""

    TEXT = "text"
    CODE = "text of few letters"
    NUMBER = "number"
    WHOLE = "whole number"
    FLAG = "yes or no"


@dataclass(frozen=True, slots=True)
class Column:
    """name: of the attribute of ExportedPattern too · length: most bytes of a CODE · says: what it is, with its unit"""

    name: str
    kind: Kind
    says: str
    length: int = 0

    def values(self, patterns: Sequence[ExportedPattern]) -> list[Any]:
        return [getattr(pattern, self.name) for pattern in patterns]

    def array(self, patterns: Sequence[ExportedPattern]) -> NDArray[Any]:
        """The values as an array; a number that is not known is NaN, and text is UTF-8 in bytes."""
        values = self.values(patterns)
        match self.kind:
            case Kind.NUMBER:
                return np.array([np.nan if value is None else value for value in values], dtype="<f8")
            case Kind.WHOLE:
                return np.array(values, dtype="<i8")
            case Kind.FLAG:
                return np.array(values, dtype=np.bool_)
            case Kind.CODE:
                return np.array([self._encoded(value) for value in values], dtype=f"S{self.length}")
            case _:
                return np.array([value.encode() for value in values], dtype=object)

    def _encoded(self, value: str) -> bytes:
        encoded = value.encode()
        if len(encoded) > self.length:
            raise ValueError(f"{self.name} has more than {self.length} bytes: {value!r}")
        return encoded


COLUMNS = (
    Column("position", Kind.WHOLE, "place in the set, from 1"),
    Column("label", Kind.CODE, "what the pattern holds: icosahedral, approximant_1_1, approximant_2_1 or none", 20),
    Column("a_r", Kind.NUMBER, "quasilattice constant a_R that belongs to the label (Å); NaN where it is not known"),
    Column("a_r_sigma", Kind.NUMBER, "uncertainty of a_r (Å)"),
    Column("lattice_type", Kind.CODE, "P or F; empty where it is not known", 4),
    Column("label_origin", Kind.CODE, "where the label comes from: outcome, review, simulated or by_hand", 20),
    Column("label_words", Kind.TEXT, "the same in words"),
    Column("weight", Kind.NUMBER, "how much the label counts in training, above 0 to 1"),
    Column("split", Kind.CODE, "train, validation or test", 12),
    Column("lineage", Kind.WHOLE, "patterns of one number come from one ingot or are duplicates: never split them"),
    Column("simulated", Kind.FLAG, "calculated, not measured"),
    Column("sample", Kind.TEXT, "code of the sample in the lab; empty where none was known"),
    Column("composition", Kind.TEXT, "nominal composition of the sample (at.%)"),
    Column("system", Kind.TEXT, "alloy system"),
    Column("file_name", Kind.TEXT, "name of the original file"),
    Column("file_sha256", Kind.CODE, "SHA-256 of the original file", 64),
    Column("file_size", Kind.WHOLE, "bytes of the original file"),
    Column("scan_number", Kind.WHOLE, "which scan of the file, from 1"),
    Column("arrays_sha256", Kind.CODE, "SHA-256 of the numbers", 64),
    Column("wavelength", Kind.NUMBER, "of the radiation (Å); NaN where it is not known"),
    Column("wavelength_assumed", Kind.FLAG, "the file did not say it, and the lab's usual one was taken"),
    Column("radiation", Kind.TEXT, "name of the radiation"),
    Column("measured_at", Kind.TEXT, "as the file says, ISO 8601 in UTC; empty where it does not"),
    Column("instrument", Kind.TEXT, "as the file says"),
    Column("reader", Kind.TEXT, "what read the file"),
    Column("reader_version", Kind.TEXT, "version of the reader"),
    Column("correction", Kind.TEXT, "why a person corrected the reading; empty where it is as the file says"),
    Column("metadata", Kind.TEXT, "what else the file says, as JSON"),
    Column("warnings", Kind.TEXT, "what was assumed, cut or mended when the file was read, as JSON"),
)

ARRAYS = {
    "two_theta": "scattering angle 2θ in the steps of the measurement (degree), float64",
    "intensity": "counts or counts per second, as measured, float32",
    "grid_intensity": "mean intensity in each bin of the network's grid of ln Q, float32; 0 where nothing was measured",
    "grid_measured": "whether the bin was measured",
}
"""What the arrays are, by their names in Parquet."""

LONG_TEXTS = frozenset({"metadata", "warnings"})
"""Left out of the CSV index."""
