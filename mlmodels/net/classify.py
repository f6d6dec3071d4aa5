"""From the probability of an icosahedral quasicrystal to the detection level A–D.

The one place where the thresholds stand: Uryu et al., Adv. Sci. (2023), applied to the unrounded probability.
"""

from __future__ import annotations

import math
from typing import Literal

Level = Literal["A", "B", "C", "D"]

THRESHOLDS_VERSION = "uryu-2023"

DETECTION_LEVELS: tuple[tuple[Level, float], ...] = (("A", 0.999), ("B", 0.990), ("C", 0.950))
"""A pattern has the first level whose threshold its probability exceeds; D where it exceeds none."""


def level(probability: float) -> Level:
    """Detection level of an unrounded ``probability``.  Raises ValueError where that is no probability."""
    if not 0 <= probability <= 1 or math.isnan(probability):
        raise ValueError(f"{probability!r} is not a probability")
    return next((name for name, threshold in DETECTION_LEVELS if probability > threshold), "D")
