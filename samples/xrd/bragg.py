"""Bragg's law and the radiations that laboratories use.

Wavelengths: Hölzer et al., Phys. Rev. A 56, 4554 (1997) for Cr to Cu, and the tables of Bearden, Rev. Mod. Phys. 39, 78 (1967)
rescaled to the modern ångström (NIST SRD 128) for Mo and Ag.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Radiation:
    """The Kα doublet of an anode: wavelengths in Å; the Kα2 line has about half the intensity of Kα1."""

    anode: str
    kalpha1: float
    kalpha2: float
    ratio: float = 0.5

    @property
    def name(self) -> str:
        return f"{self.anode} Kα1"


RADIATIONS: dict[str, Radiation] = {
    r.anode: r
    for r in (
        Radiation("Cu", 1.540593, 1.544427),
        Radiation("Co", 1.788996, 1.792900),
        Radiation("Mo", 0.709317, 0.713607),
        Radiation("Fe", 1.936042, 1.939980),
        Radiation("Cr", 2.289760, 2.293663),
        Radiation("Ag", 0.559422, 0.563813),
    )
}
CU_KALPHA1 = RADIATIONS["Cu"].kalpha1


def q_from_two_theta(two_theta: ArrayLike, wavelength: float) -> FloatArray:
    """Length of the scattering vector Q = 4π sinθ / λ (Å⁻¹) at ``two_theta`` (degree), any shape."""
    return np.asarray(4 * np.pi / wavelength * np.sin(np.radians(np.asarray(two_theta, dtype=np.float64)) / 2))


def two_theta_from_q(q: ArrayLike, wavelength: float) -> FloatArray:
    """Scattering angle 2θ (degree) of ``q`` (Å⁻¹); NaN where the wavelength cannot reach it."""
    sine = np.asarray(q, dtype=np.float64) * wavelength / (4 * np.pi)
    with np.errstate(invalid="ignore"):
        return np.asarray(2 * np.degrees(np.arcsin(np.where(np.abs(sine) <= 1, sine, np.nan))))


def d_from_two_theta(two_theta: ArrayLike, wavelength: float) -> FloatArray:
    """Lattice spacing d = 2π / Q (Å)."""
    return np.asarray(2 * np.pi / q_from_two_theta(two_theta, wavelength))


def radiation_of(wavelength: float, tolerance: float = 0.003) -> Radiation | None:
    """The anode whose Kα1, Kα2 or mean Kα lies within ``tolerance`` (Å) of ``wavelength``, else None."""
    for radiation in RADIATIONS.values():
        low = radiation.kalpha1 - tolerance
        if low <= wavelength <= radiation.kalpha2 + tolerance:
            return radiation
    return None
