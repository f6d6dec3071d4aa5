"""What the formats of Bruker's programs share: the radiation of the tube, stated in one way by all of them."""

from __future__ import annotations

from dataclasses import dataclass

from samples.xrd.readers.reader import Metadata, choose_wavelength, describe_doublet
from samples.xrd.sentences import Sentence

SAME_LINE = 1e-4
"""Wavelengths that differ by less (Å) are of one line."""


@dataclass(frozen=True, slots=True)
class Tube:
    """The lines of a tube as a header lists them: wavelengths in Å, the ratio of the intensities Kα2/Kα1."""

    anode: str
    kalpha1: float | None
    kalpha2: float | None
    kbeta: float | None
    ratio: float | None

    def radiation(self, used: float | None) -> tuple[float | None, Metadata, tuple[Sentence, ...]]:
        """Wavelength (Å), metadata of the tube, warnings, for a scan of which the header says that it ``used`` a line.

        That is Kα1 or the mean of the doublet in most files, and both mean that the doublet is there; Kβ is alone.
        """
        anode = self.anode.capitalize()
        if used is not None and self.kbeta is not None and abs(used - self.kbeta) < SAME_LINE:
            wavelength, warnings = choose_wavelength(self.kbeta, None)
            return wavelength, {"anode": anode}, warnings
        wavelength, warnings = choose_wavelength(self.kalpha1, anode)
        return wavelength, {"anode": anode, **describe_doublet(self.kalpha2, self.ratio)}, warnings
