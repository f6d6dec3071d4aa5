"""What an export is made of: the facts of the set, and one pattern after the other."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.grid import N_BINS
from mlmodels.net.preprocess import rebin
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Value, sentence

FORMAT = "icosa-data-set/1"
"""Stands in each part. A part of another format is refused at import."""

AT_ONCE = 256
"""Patterns that are held in memory together."""

LICENCE_NOT_STATED = "not stated: ask the lab that exported it before you pass it on"


class ExportRefused(ValueError):  # noqa: N818 - nobody did anything wrong
    """An export that cannot be made, or is not taken in; ``.sentence`` says why and what to do."""

    def __init__(self, template: str, /, **values: Value) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))


@dataclass(frozen=True, slots=True)
class SetFacts:
    """What is said of the set as a whole; nothing here depends on the day of the export.

    sha256: hash of the content that was frozen · frozen_at: ISO 8601, UTC
    question: what was asked of the record · left_out: `reason` and `n`, how many were not taken for it
    based_on: name, version and hash of the version before; empty where there is none · changes: against it, in numbers
    lab: where it comes from, as the lab calls itself
    """

    name: str
    version: int
    sha256: str
    frozen_at: str
    n_entries: int
    n_simulated: int
    seed: int
    validation_percent: int
    test_percent: int
    licence: str = ""
    notes: str = ""
    lab: str = "a lab that uses Icosa"
    question: Mapping[str, Any] = field(default_factory=dict)
    left_out: Sequence[Mapping[str, Any]] = ()
    based_on: Mapping[str, Any] = field(default_factory=dict)
    changes: Mapping[str, Any] = field(default_factory=dict)

    @property
    def title(self) -> str:
        return f"{self.name} v{self.version}"

    @property
    def licence_said(self) -> str:
        return self.licence or LICENCE_NOT_STATED


@dataclass(frozen=True, slots=True, eq=False)
class ExportedPattern:
    """One entry of the set. The attributes but the arrays are the columns of `columns.COLUMNS`, where each is explained.

    two_theta: degree, float64, shape (n_points,) · intensity: float32, the same shape
    """

    position: int
    label: str
    a_r: float | None
    a_r_sigma: float | None
    lattice_type: str
    label_origin: str
    label_words: str
    weight: float
    split: str
    lineage: int
    simulated: bool
    sample: str
    composition: str
    system: str
    file_name: str
    file_sha256: str
    file_size: int
    scan_number: int
    arrays_sha256: str
    wavelength: float | None
    wavelength_assumed: bool
    radiation: str
    measured_at: str
    instrument: str
    reader: str
    reader_version: str
    correction: str
    metadata: str
    warnings: str
    two_theta: NDArray[np.float64]
    intensity: NDArray[np.float32]

    @property
    def n_points(self) -> int:
        return int(self.two_theta.size)

    def as_pattern(self) -> PowderPattern:
        """As every calculation takes it."""
        return PowderPattern(self.two_theta, self.intensity.astype(np.float64), self.wavelength)

    @property
    def original_path(self) -> str:
        """Where its original file lies in originals.zip, if the export has one."""
        return original_path(self.file_sha256, self.file_name, simulated=self.simulated)


@dataclass(frozen=True, slots=True, eq=False)
class Batch:
    """Some patterns in the order of the set, and how the network sees them.

    grid_intensity: float32, shape (n_patterns, N_BINS) · grid_measured: bool, the same shape; nothing is measured where the
        wavelength is not known
    """

    patterns: Sequence[ExportedPattern]
    grid_intensity: NDArray[np.float32]
    grid_measured: NDArray[np.bool_]

    @classmethod
    def of(cls, patterns: Sequence[ExportedPattern]) -> Batch:
        intensity = np.zeros((len(patterns), N_BINS), np.float32)
        measured = np.zeros((len(patterns), N_BINS), np.bool_)
        for row, pattern in enumerate(patterns):
            if pattern.wavelength is not None:
                grid = rebin(pattern.as_pattern())
                intensity[row], measured[row] = grid.intensity, grid.measured
        return cls(patterns, intensity, measured)


def original_path(sha256: str, file_name: str, *, simulated: bool) -> str:
    """The hash, and the ending that the file came with if it is a plain one."""
    ending = file_name.rpartition(".")[2].lower()
    plain = "." + ending if ending.isascii() and ending.isalnum() and len(ending) <= 8 and "." in file_name else ""
    return f"{'simulated' if simulated else 'measured'}/{sha256}{plain}"
