"""The things of the lab: samples and how they were made, measured patterns and what was read from them."""

from samples.models.patterns import Pattern, PatternFile, Receipt
from samples.models.readings import Reading, ReadingArrays
from samples.models.samples import EditionConflict, Sample, SampleElement
from samples.models.signed import ChainHead, SignedEntry
from samples.models.synthesis import SynthesisStep, WeighedMass
from samples.models.systems import AlloySystem

__all__ = [
    "AlloySystem",
    "ChainHead",
    "EditionConflict",
    "Pattern",
    "PatternFile",
    "Reading",
    "ReadingArrays",
    "Receipt",
    "Sample",
    "SampleElement",
    "SignedEntry",
    "SynthesisStep",
    "WeighedMass",
]
