"""A pattern minus the measured pattern of its empty holder."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import PatternFileError, sentence

SAME_WAVELENGTH = 0.001
"""Wavelengths (Å) that differ by less are the same radiation, quoted with other digits."""


def subtract_blank(pattern: PowderPattern, blank: PowderPattern, scale: float = 1.0) -> PowderPattern:
    """``pattern`` minus ``scale`` × ``blank``, which is interpolated linearly to the angles of ``pattern``.

    scale: of the blank, above 0; the ratio of the counting times where both are counts

    Negative intensities are kept, with a warning. Raises PatternFileError where the blank does not cover the range of
    the pattern or was measured with another wavelength, and where ``scale`` is not a positive number.
    """
    if not 0 < scale < float("inf"):
        raise PatternFileError("The scale of a blank must be a positive number, not %(scale)s.", scale=f"{scale:g}")
    if (
        blank.two_theta[0] > pattern.two_theta[0] + blank.step
        or blank.two_theta[-1] < pattern.two_theta[-1] - blank.step
    ):
        raise PatternFileError(
            "The blank runs from %(first)s° to %(last)s° and the pattern from %(pattern_first)s° to %(pattern_last)s°. "
            "Choose a blank that covers the pattern.",
            first=f"{blank.two_theta[0]:g}",
            last=f"{blank.two_theta[-1]:g}",
            pattern_first=f"{pattern.two_theta[0]:g}",
            pattern_last=f"{pattern.two_theta[-1]:g}",
        )
    warnings = [*pattern.warnings, sentence("A blank was subtracted, scaled by %(scale)s.", scale=f"{scale:g}")]
    if pattern.wavelength is None or blank.wavelength is None:
        warnings.append(sentence("It is not known whether the blank was measured with the same wavelength."))
    elif abs(pattern.wavelength - blank.wavelength) > SAME_WAVELENGTH:
        raise PatternFileError(
            "The blank was measured at %(blank)s Å and the pattern at %(pattern)s Å. "
            "Choose a blank of the same radiation.",
            blank=f"{blank.wavelength:g}",
            pattern=f"{pattern.wavelength:g}",
        )
    intensity = pattern.intensity - scale * np.interp(pattern.two_theta, blank.two_theta, blank.intensity)
    n_negative = int(np.count_nonzero(intensity < 0))
    if n_negative:
        warnings.append(sentence("Less than the blank was measured at %(n)s points (kept, negative).", n=n_negative))
    return replace(pattern, intensity=intensity, warnings=tuple(warnings))
