"""The one object that readers hand over and everything else trusts: a checked powder pattern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from samples.xrd.sentences import PatternFileError, Sentence

FloatArray = NDArray[np.float64]

MIN_POINTS = 10
WAVELENGTH_RANGE = (0.1, 3.0)
"""Wavelengths (Å) that powder diffraction is done with: hard synchrotron radiation to Cr Kα, with a margin."""


@dataclass(frozen=True, slots=True, eq=False)
class PowderPattern:
    """One measured powder pattern, checked when it is made and trusted afterwards.

    two_theta: scattering angle (degree), float64, shape (n_points,), strictly ascending, within 0–180, finite
    intensity: counts or counts per second, float64, shape (n_points,), finite; negative values (a background removed
        elsewhere) are kept, and the reader adds a warning
    wavelength: Kα1 or monochromatic wavelength (Å); None where the file does not say
    metadata: what the file says of itself. Keys that readers use, all optional: ``anode`` ("Cu"), ``wavelength_2`` (Kα2, Å),
        ``ratio_kalpha2`` (Kα2/Kα1 intensity), ``monochromator``, ``measured_at`` (ISO 8601 text), ``instrument``, ``sample_name``,
        ``operator``, ``comment``, ``counting_time`` (s a step), ``scan_axis``, ``scan_number`` (from 1), ``n_scans``,
        ``intensity_unit`` ("counts", "cps"), ``file_name``, and which reader read it: ``reader``, ``reader_version``;
        values are str, int or float, never bytes
    warnings: what was assumed, cut or mended on the way, for the person who judges the pattern
    step: median step of 2θ (degree), taken from the angles

    Raises PatternFileError, with a sentence that says what to do, where an array breaks these rules.
    """

    two_theta: FloatArray
    intensity: FloatArray
    wavelength: float | None = None
    metadata: Mapping[str, str | int | float] = field(default_factory=dict)
    warnings: tuple[Sentence, ...] = ()
    step: float = field(init=False)

    def __post_init__(self) -> None:
        two_theta = np.array(self.two_theta, dtype=np.float64)
        intensity = np.array(self.intensity, dtype=np.float64)
        if two_theta.ndim != 1 or two_theta.shape != intensity.shape:
            raise PatternFileError(
                "The pattern has %(n)s angles and %(m)s intensities. It needs one intensity for each angle.",
                n=two_theta.size,
                m=intensity.size,
            )
        if two_theta.size < MIN_POINTS:
            raise PatternFileError(
                "The file has %(n)s points. A pattern needs at least %(least)s.", n=two_theta.size, least=MIN_POINTS
            )
        if not np.isfinite(two_theta).all() or not np.isfinite(intensity).all():
            first = int(np.argmin(np.isfinite(two_theta) & np.isfinite(intensity)))
            raise PatternFileError(
                "Point %(n)s is not a number (NaN or infinite). Remove such points, or export the file again.",
                n=first + 1,
            )
        if not (two_theta[0] >= 0 and two_theta[-1] <= 180):
            raise PatternFileError(
                "The angles run from %(first)s to %(last)s. 2θ must be in degrees, between 0 and 180.",
                first=f"{two_theta[0]:g}",
                last=f"{two_theta[-1]:g}",
            )
        steps = np.diff(two_theta)
        if not (steps > 0).all():
            worst = int(np.argmax(steps <= 0))
            raise PatternFileError(
                "The angles do not ascend: %(this)s° is followed by %(next)s°. Export one scan, in ascending 2θ.",
                this=f"{two_theta[worst]:g}",
                next=f"{two_theta[worst + 1]:g}",
            )
        if self.wavelength is not None:
            check_wavelength(self.wavelength)
        two_theta.flags.writeable = False
        intensity.flags.writeable = False
        object.__setattr__(self, "two_theta", two_theta)
        object.__setattr__(self, "intensity", intensity)
        object.__setattr__(self, "metadata", MappingProxyType(dict(self.metadata)))
        object.__setattr__(self, "step", float(np.median(steps)))

    @property
    def n_points(self) -> int:
        return int(self.two_theta.size)


def check_wavelength(wavelength: float) -> float:
    """Return ``wavelength`` (Å), or raise PatternFileError where no powder measurement uses it."""
    low, high = WAVELENGTH_RANGE
    if not low <= wavelength <= high:
        raise PatternFileError(
            "A wavelength of %(wavelength)s Å is not one that powder patterns are measured with. "
            "Give it in Å, between %(low)s and %(high)s (Cu Kα1 is 1.540593).",
            wavelength=f"{wavelength:g}",
            low=f"{low:g}",
            high=f"{high:g}",
        )
    return wavelength
