"""What the network's scores are worth: calibrated probabilities, and an honest uncertainty of a_R.

Fitted after training on a held-out simulated mix whose prior is stated, kept in the checkpoint, applied at prediction.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """Acts on the log-probabilities of the phase classes: softmax(slope · log p + bias).

    slope: one over the temperature; above 1 where the network was too timid
    bias: one for each phase class, 0 for the last ("none")
    sigma_scale: one standard deviation of a_R in units of the spread of the evidence around its best candidate
    prior: share of each phase class in the mix on which this was fitted
    n_patterns: size of that mix
    """

    slope: float = 1.0
    bias: tuple[float, ...] = (0.0, 0.0, 0.0, 0.0)
    sigma_scale: float = 1.0
    prior: Mapping[str, float] = field(default_factory=dict)
    n_patterns: int = 0

    def __call__(self, log_probabilities: ArrayLike) -> FloatArray:
        """Calibrated probabilities, (n, n_classes) float64, each row sums to 1, of (n, n_classes) log-probabilities.

        Each is 1 / (1 + Σ odds of the others), so that a probability near 1 is as exact as one near 0.
        """
        scores = self.slope * np.asarray(log_probabilities, dtype=np.float64) + np.asarray(self.bias)
        with np.errstate(over="ignore"):
            odds = np.exp(scores[:, None, :] - scores[:, :, None])
        return np.asarray(1 / odds.sum(axis=2))

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, fields: Mapping[str, Any]) -> Calibration:
        return cls(**{**fields, "bias": tuple(fields["bias"])})


def fit(log_probabilities: ArrayLike, phase_class: ArrayLike, caution: float = 1.0) -> tuple[float, tuple[float, ...]]:
    """Slope and biases that maximise the likelihood of ``phase_class`` (n,) under ``log_probabilities`` (n, n_classes).

    caution: the part of that slope which is taken, 1 for all of it; the biases are the likeliest with what is left
    """
    scores = np.asarray(log_probabilities, dtype=np.float64)
    truth = np.asarray(phase_class, dtype=np.int64)
    rows = np.arange(len(truth))

    def loss(parameters: FloatArray) -> float:
        z = np.exp(parameters[0]) * scores + np.append(parameters[1:], 0.0)
        z = z - z.max(axis=1, keepdims=True)
        return float(np.mean(np.log(np.exp(z).sum(axis=1)) - z[rows, truth]))

    found = minimize(loss, np.zeros(scores.shape[1]), method="BFGS").x
    ln_slope = found[0] + np.log(caution)

    def loss_of_biases(bias: FloatArray) -> float:
        return loss(np.append(ln_slope, bias))

    biases = minimize(loss_of_biases, found[1:], method="BFGS").x if caution != 1 else found[1:]
    return float(np.exp(ln_slope)), (*(float(b) for b in biases), 0.0)


def expected_calibration_error(probability: ArrayLike, truth: ArrayLike, n_bins: int = 15) -> float:
    """Mean gap between ``probability`` (n,) and the share of ``truth`` (n,) among patterns of like probability.

    Over ``n_bins`` equal bins of probability, weighted by how many patterns each holds: Naeini, Cooper & Hauskrecht, AAAI (2015).
    """
    p = np.asarray(probability, dtype=np.float64)
    which = np.minimum((p * n_bins).astype(np.int64), n_bins - 1)
    gap = np.bincount(which, p - np.asarray(truth, dtype=np.float64), minlength=n_bins)
    return float(np.abs(gap).sum() / len(p))


def fit_sigma_scale(error: ArrayLike, spread: ArrayLike, within: float = 0.95) -> float:
    """The scale at which a share ``within`` of the errors of a_R lies inside ± 2 · scale · spread."""
    return float(np.quantile(np.abs(np.asarray(error)) / np.asarray(spread), within) / 2)
