"""Shares with their 95 % intervals, where cases weigh unequally or come in clusters; and recall from a drawn part of the calls."""

from __future__ import annotations

from collections.abc import Sequence
from math import sqrt
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

NORMAL_95 = 1.959964
DRAWS = 20_000
"""For the interval of recall."""


class Share(NamedTuple):
    """``n_right`` of ``n`` calls, on ``n_samples`` samples, with the 95 % interval of the share."""

    n_right: int
    n: int
    n_samples: int
    low: float
    high: float

    @property
    def value(self) -> float | None:
        return self.n_right / self.n if self.n else None


class Stratum(NamedTuple):
    """One class: all its calls, and the share that is right among those that were drawn and answered."""

    n_calls: int
    share: float
    effective_size: float


class Recall(NamedTuple):
    value: float
    low: float
    high: float


def effective_size(weights: NDArray[np.float64]) -> float:
    """How many equal cases tell as much as these: (Σw)² / Σw², Kish, Survey Sampling (1965)."""
    return float(weights.sum() ** 2 / (weights**2).sum()) if weights.size else 0.0


def wilson(share: float, size: float) -> tuple[float, float]:
    """The 95 % interval of a share of ``size`` cases, a whole number or not: Wilson, J. Am. Stat. Assoc. 22, 209 (1927)."""
    if size <= 0:
        return 0.0, 1.0
    spread = NORMAL_95**2 / size
    middle = (share + spread / 2) / (1 + spread)
    half = NORMAL_95 / (1 + spread) * sqrt(share * (1 - share) / size + spread / (4 * size))
    return max(middle - half, 0.0), min(middle + half, 1.0)


def share_of_calls(right: NDArray[np.bool_], samples: NDArray[np.int64]) -> Share:
    """The share of calls that are right; ``samples`` says of which sample each is, shape (n,) both.

    Calls on one sample share one outcome, so they are no independent cases: the interval is that of as many as
    `effective_size` says.
    """
    n, n_right = int(right.size), int(right.sum())
    _names, calls_a_sample = np.unique(samples, return_counts=True)
    low, high = wilson(n_right / n if n else 0.0, effective_size(calls_a_sample.astype(np.float64)))
    return Share(n_right, n, int(calls_a_sample.size), low, high)


def stratum(n_calls: int, right: NDArray[np.bool_], weights: NDArray[np.float64]) -> Stratum:
    """``weights``: one over the probability with which each call was drawn, shape (n,)."""
    share = float((weights * right).sum() / weights.sum()) if weights.size else 0.0
    return Stratum(n_calls, share, effective_size(weights))


def recall(found: Sequence[Stratum], missed: Sequence[Stratum], rng: np.random.Generator) -> Recall | None:
    """What part of all that is there lies in the classes ``found``; None where a class was never looked into.

    The share of each class is drawn from its posterior, Beta(right + ½, wrong + ½) of the effective numbers, so that a class in which
    nothing was found does not count as surely empty.
    """
    in_found = sum(one.n_calls * one.share for one in found)
    total = in_found + sum(one.n_calls * one.share for one in missed)
    if not total or any(one.n_calls and not one.effective_size for one in (*found, *missed)):
        return None
    drawn_found = sum((_drawn(one, rng) for one in found), np.zeros(DRAWS))
    drawn_missed = sum((_drawn(one, rng) for one in missed), np.zeros(DRAWS))
    low, high = np.quantile(drawn_found / (drawn_found + drawn_missed), [0.025, 0.975])
    value = in_found / total
    return Recall(value, min(float(low), value), max(float(high), value))


def _drawn(one: Stratum, rng: np.random.Generator) -> NDArray[np.float64]:
    """How many may be right among the calls of a class, shape (DRAWS,)."""
    right = one.share * one.effective_size
    return one.n_calls * rng.beta(right + 0.5, one.effective_size - right + 0.5, DRAWS)
