"""Refining a_R on the peaks of a reading, for the pattern page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from django.utils.translation import gettext as _

from samples.models import Reading
from samples.sentences import translated
from samples.xrd.icosahedral import LatticeType
from samples.xrd.lattice_refinement import LatticeRefinement, RefinementError, refine_quasilattice_constant
from samples.xrd.pattern import FloatArray
from samples.xrd.peaks import Peaks, pick_peaks


@dataclass(frozen=True, slots=True, eq=False)
class PeakRefinement:
    """The picked peaks with the measured intensity at each, shape (n_peaks,); the lattice where it converged, else why not."""

    peaks: Peaks
    intensity: FloatArray
    lattice: LatticeRefinement | None = None
    failure: str = ""

    def as_json(self) -> dict[str, Any]:
        """What the figure shows of it."""
        positions = zip(self.peaks.two_theta, self.intensity, strict=True)
        return {
            "peaks": [{"two_theta": float(two_theta), "intensity": float(height)} for two_theta, height in positions],
            "quasilattice_constant": self.lattice.quasilattice_constant if self.lattice else None,
        }


def refine_on_peaks(reading: Reading, start: float, lattice_type: LatticeType) -> PeakRefinement:
    """Pick the peaks of ``reading`` and refine a_R (Å) and a zero shift on them, beginning at ``start`` (Å)."""
    pattern = reading.as_pattern()
    peaks = pick_peaks(pattern)
    intensity = np.interp(peaks.two_theta, pattern.two_theta, pattern.intensity)
    if pattern.wavelength is None:
        return PeakRefinement(peaks, intensity, failure=_("Give the wavelength first: a_R follows from it."))
    try:
        lattice = refine_quasilattice_constant(
            peaks.two_theta, pattern.wavelength, start, lattice_type, peaks.two_theta_sigma
        )
    except RefinementError as error:
        return PeakRefinement(peaks, intensity, failure=translated(error.sentence))
    return PeakRefinement(peaks, intensity, lattice)
