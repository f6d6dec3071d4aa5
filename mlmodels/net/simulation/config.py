"""What is simulated, and in which shares."""

from __future__ import annotations

from dataclasses import dataclass

from mlmodels.net.grid import PHASE_CLASSES

ICOSAHEDRAL, APPROXIMANT_1_1, APPROXIMANT_2_1, NONE = range(len(PHASE_CLASSES))

KINDS = ("published", "pure", "crystals", "minerals", "decoys", "amorphous", "blank")
"""What a pattern holds beside the phase that names its class: the published recipe's random lines; nothing; one to three
crystalline phases; one many-line phase; random lines; halos and at most a few lines; only background and noise."""
PUBLISHED, PURE, CRYSTALS, MINERALS, DECOYS, AMORPHOUS, BLANK = range(len(KINDS))


@dataclass(frozen=True, slots=True)
class SimulationConfig:
    """Ranges and shares of what is simulated; the defaults are the mix that the network trains on.

    class_shares: of PHASE_CLASSES; published_share: patterns by the published recipe (half of them with a quasicrystal)
    free_structures: of the quasicrystals and approximants, those with intensities drawn freely
    f_type: of the quasicrystals, those with superlattice lines; quasilattice_constant: range of a_R (Å)
    share: smallest part of the diffracted area that a wanted phase is given; with_approximant: of the quasicrystals among
        crystals, those that stand beside their own approximant
    kinds_with, kinds_without: shares of KINDS (without "published") for patterns with and without a wanted phase
    prototypes: of the crystalline phases, those with a known structure (the others are random lattices)
    real_approximants: of the 1/1 approximants, those with published coordinates (the others come by phason strain)
    peak_counts: counts at the highest point, drawn evenly on a logarithmic scale
    significance: standard deviations by which each of a wanted phase's three highest lines must stand above the counts; a
        phase that the counts do not show is left out, and the pattern is not called by it
    n_lattices, library_seed: of the library of random lattices
    """

    class_shares: tuple[float, float, float, float] = (0.44, 0.07, 0.07, 0.42)
    published_share: float = 0.20
    free_structures: float = 0.45
    f_type: float = 0.5
    quasilattice_constant: tuple[float, float] = (3.99, 6.01)
    share: float = 0.03
    with_approximant: float = 0.12
    kinds_with: tuple[float, ...] = (0.15, 0.50, 0.17, 0.12, 0.06, 0.0)
    kinds_without: tuple[float, ...] = (0.0, 0.47, 0.25, 0.12, 0.14, 0.02)
    prototypes: float = 0.5
    real_approximants: float = 0.25
    peak_counts: tuple[float, float] = (150.0, 100_000.0)
    significance: float = 3.0
    n_lattices: int = 8000
    library_seed: int = 2023

    @classmethod
    def tiny(cls) -> SimulationConfig:
        """The same mix with a library that is made in a moment."""
        return cls(n_lattices=120)
