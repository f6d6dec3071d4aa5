"""The things of the lab: samples and how they were made, measured patterns and what was read from them."""

from samples.models.patterns import Pattern, PatternFile, Reading, ReadingArrays
from samples.models.samples import AlloySystem, Sample, SynthesisStep, WeighedMass

__all__ = [
    "AlloySystem",
    "Pattern",
    "PatternFile",
    "Reading",
    "ReadingArrays",
    "Sample",
    "SynthesisStep",
    "WeighedMass",
]
