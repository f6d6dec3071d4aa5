"""The path of a pattern through the network, on one page: read → check → preprocess → predict → classify → argue.

The worker, the upload and `manage.py screen` all go this way; formats, devices and HTTP live with their owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from numpy.typing import NDArray

from mlmodels.net import argument, classify, preprocess
from mlmodels.net.preprocess import NetworkInput
from mlmodels.registry import ScreeningNetwork
from samples.radiation import measured_with, with_lab_wavelength
from samples.xrd import readers
from samples.xrd.icosahedral import LatticeType
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Sentence

if TYPE_CHECKING:
    from mlmodels.net.predict import Prediction


WEIGHED_FROM = 0.01
"""Probability of a quasicrystal from which the network is asked for the weight of each line: below, there is nothing to weigh,
and it would cost as much again as the call."""


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The class of one pattern, taken from the unrounded probability, and the prediction behind it.

    log_odds: what each of the lines of `argument.line_groups` weighs with the network, where it was asked
    """

    level: classify.Level
    prediction: Prediction
    log_odds: NDArray[np.float64] | None = None


def read(content: bytes, name: str, wavelength: float | None = None) -> list[PowderPattern]:
    """The scans in a file, at ``wavelength`` (Å) or else the one that the file names or the lab's default.

    Raises PatternFileError with a sentence that says what to do.
    """
    scans = readers.read(content, name)
    return [with_lab_wavelength(scan) if wavelength is None else measured_with(wavelength, scan) for scan in scans]


def check(pattern: PowderPattern) -> Sentence | None:
    """Why the network cannot judge this pattern, or None."""
    return preprocess.why_not_screenable(pattern)


def prepare(pattern: PowderPattern) -> NetworkInput:
    """What the network sees of a pattern that passed the check."""
    return preprocess.rebin(pattern)


def call(network: ScreeningNetwork, inputs: Sequence[NetworkInput]) -> list[Call]:
    """The network's call on each of ``inputs``."""
    return [Call(classify.level(answer.probability), answer) for answer in network.predict(inputs)]


def is_weighed(probability: float) -> bool:
    """Whether the network is asked for the weight of each line: below, an argument needs no network and can be made at any time."""
    return probability >= WEIGHED_FROM


def screen(network: ScreeningNetwork, inputs: Sequence[NetworkInput]) -> list[Call]:
    """The network's call on each of ``inputs``, to be argued."""

    def groups_of(said: Prediction) -> list[list[int]] | None:
        if not is_weighed(said.probability):
            return None
        lattice_type = cast(LatticeType, said.lattice_type)
        return argument.line_groups(lattice_type, said.quasilattice_constant, network.line_constants)

    answers = network.predict_and_weigh(inputs, groups_of)
    return [Call(classify.level(said.probability), said, log_odds) for said, log_odds in answers]


def argue(pattern: PowderPattern, call: Call) -> dict[str, Any]:
    """Why ``pattern`` is called so: the reflections for and against, and what each weighs with the network, as plain JSON."""
    said = call.prediction
    lattice_type = cast(LatticeType, said.lattice_type)
    return argument.make_argument(
        pattern, said.quasilattice_constant, lattice_type, said.probability, said.evidence, call.log_odds
    )
