"""The path of a pattern through the network, on one page: read → check → preprocess → predict → classify.

The worker, the upload and `manage.py screen` all go this way; formats, devices and HTTP live with their owners.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from mlmodels.net import classify, preprocess
from mlmodels.net.preprocess import NetworkInput
from mlmodels.registry import ScreeningNetwork
from samples.radiation import measured_with, with_lab_wavelength
from samples.xrd import readers
from samples.xrd.pattern import PowderPattern
from samples.xrd.sentences import Sentence

if TYPE_CHECKING:
    from mlmodels.net.predict import Prediction


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """The class of one pattern, taken from the unrounded probability, and the prediction behind it."""

    level: classify.Level
    prediction: Prediction


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


def screen(network: ScreeningNetwork, patterns: Sequence[PowderPattern]) -> list[Call]:
    """Calls on ``patterns`` that passed the check."""
    return call(network, [prepare(pattern) for pattern in patterns])
