"""Measured patterns whose content is known, as training and calibration take them: on the ln Q grid, with their noise.

NumPy only, so that a worker without torch can lay them out for the process that trains.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.grid import LN_Q_EDGES, PHASE_CLASSES
from mlmodels.net.preprocess import rebin
from samples.xrd.bragg import FloatArray, two_theta_from_q
from samples.xrd.icosahedral import LatticeType
from samples.xrd.pattern import PowderPattern
from samples.xrd.peaks import estimate_noise

LATTICE_TYPES: tuple[LatticeType, ...] = ("P", "F")


@dataclass(frozen=True, slots=True)
class CuratedPattern:
    """One measured pattern and what is known of it.

    label: of PHASE_CLASSES; quasilattice_constant: a_R (Å), None where nobody measured it; lattice_type: "P", "F", or "" where
    unknown; weight: how often it is drawn beside the others of its class, > 0
    """

    pattern: PowderPattern
    label: str
    quasilattice_constant: float | None = None
    lattice_type: str = ""
    weight: float = 1.0


@dataclass(frozen=True, slots=True, eq=False)
class CuratedPatterns:
    """n measured patterns with their labels.

    intensity: mean intensity in each bin, highest 1, float32, shape (n, N_BINS); 0 where not measured
    noise: standard deviation of each, float32, shape (n, N_BINS)
    measured: bool, shape (n, N_BINS)
    wavelength: Å, float32, shape (n,)
    phase_class: index into PHASE_CLASSES, int64, shape (n,)
    quasilattice_constant: a_R (Å), float32, shape (n,); NaN where unknown, and for "none"
    lattice_type: 0 P, 1 F, −1 unknown or not icosahedral, int64, shape (n,)
    weight: float32, shape (n,)
    """

    intensity: NDArray[np.float32]
    noise: NDArray[np.float32]
    measured: NDArray[np.bool_]
    wavelength: NDArray[np.float32]
    phase_class: NDArray[np.int64]
    quasilattice_constant: NDArray[np.float32]
    lattice_type: NDArray[np.int64]
    weight: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.phase_class)

    @classmethod
    def of(cls, curated: Iterable[CuratedPattern]) -> CuratedPatterns:
        """``curated`` on the grid.  ValueError where a pattern has no wavelength, or where there is none at all."""
        rows = [_row(one) for one in curated]
        if not rows:
            raise ValueError("there are no patterns to train on")
        return cls(**{name: np.stack([row[name] for row in rows]) for name in cls.__slots__})

    def save(self, path: Path) -> str:
        """Write them to ``path`` (.npz); returns their SHA-256."""
        np.savez(path, **{name: getattr(self, name) for name in self.__slots__})
        return self.sha256()

    @classmethod
    def load(cls, path: Path) -> CuratedPatterns:
        with np.load(path, allow_pickle=False) as file:
            return cls(**{name: file[name] for name in cls.__slots__})

    def sha256(self) -> str:
        """Of all that training sees of them, in their order."""
        digest = hashlib.sha256()
        for name in self.__slots__:
            digest.update(np.ascontiguousarray(getattr(self, name)).tobytes())
        return digest.hexdigest()

    def n_by_class(self) -> dict[str, int]:
        counts = np.bincount(self.phase_class, minlength=len(PHASE_CLASSES))
        return dict(zip(PHASE_CLASSES, counts.tolist(), strict=True))


def _row(one: CuratedPattern) -> dict[str, Any]:
    seen = rebin(one.pattern)
    highest = float(seen.intensity.max(initial=0.0)) or 1.0
    lattice_type = LATTICE_TYPES.index(one.lattice_type) if one.lattice_type and one.label == PHASE_CLASSES[0] else -1
    return {
        "intensity": seen.intensity / np.float32(highest),
        "noise": (_noise_on_the_grid(one.pattern) / highest).astype(np.float32),
        "measured": seen.measured,
        "wavelength": np.float32(one.pattern.wavelength),
        "phase_class": np.int64(PHASE_CLASSES.index(one.label)),
        "quasilattice_constant": np.float32(one.quasilattice_constant or np.nan),
        "lattice_type": np.int64(lattice_type),
        "weight": np.float32(one.weight),
    }


def _noise_on_the_grid(pattern: PowderPattern) -> FloatArray:
    """Standard deviation of the mean intensity in each bin, shape (N_BINS,), in the unit of the pattern; 0 where not measured.

    A bin that takes in several points averages their noise; one that is narrower than a step has the noise of its point.
    """
    variance = rebin(replace(pattern, intensity=estimate_noise(pattern) ** 2)).intensity.astype(np.float64)
    assert pattern.wavelength is not None  # rebin has asked
    edges = two_theta_from_q(np.exp(LN_Q_EDGES), pattern.wavelength)
    n_points = np.nan_to_num(np.diff(edges) / pattern.step, nan=1.0)
    return np.asarray(np.sqrt(variance / np.maximum(n_points, 1.0)))
