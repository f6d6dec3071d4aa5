"""The lab's default radiation, for files that name none."""

from __future__ import annotations

from dataclasses import replace

from django.conf import settings

from samples.xrd.bragg import radiation_of
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Sentence, sentence

SAME_WAVELENGTH = 5e-4
"""Å within which two wavelengths are the same line, written with fewer digits."""


def with_lab_wavelength(scan: PowderPattern) -> PowderPattern:
    """``scan`` at the lab's default wavelength, with a warning that it was assumed; unchanged where the file names one."""
    if scan.wavelength is not None:
        return scan
    wavelength = settings.DEFAULT_WAVELENGTH
    return replace(scan, wavelength=wavelength, warnings=(*scan.warnings, _assumption(wavelength)))


def measured_with(wavelength: float, scan: PowderPattern) -> PowderPattern:
    """``scan`` at this wavelength (Å), with a warning where its file names another one."""
    named = scan.wavelength
    if named is None or abs(named - wavelength) < SAME_WAVELENGTH:
        return replace(scan, wavelength=wavelength)
    warning = sentence(
        "The file names %(named)s Å; %(used)s Å was used, as asked.", named=f"{named:g}", used=f"{wavelength:g}"
    )
    return replace(scan, wavelength=wavelength, warnings=(*scan.warnings, warning))


def without_assumption(scan: PowderPattern) -> PowderPattern:
    """``scan`` without that warning: somebody has looked at its wavelength since."""
    template = _assumption(settings.DEFAULT_WAVELENGTH).template
    return replace(scan, warnings=tuple(warning for warning in scan.warnings if warning.template != template))


def _assumption(wavelength: float) -> Sentence:
    radiation = radiation_of(wavelength)
    return sentence(
        "The file names no wavelength. The lab's default was assumed: %(radiation)s. Correct it if that is wrong.",
        radiation=f"{radiation.name}, {wavelength:g} Å" if radiation else f"{wavelength:g} Å",
    )
