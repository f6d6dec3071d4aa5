"""Shares with their 95 % intervals, and differences of shares of the same patterns."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import log, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from mlmodels.net.classify import level
from mlmodels.net.predict import Prediction

Report = dict[str, Any]
"""Figures as they stand in the JSON of a report."""


def share(k: int, n: int) -> Report:
    """k of n as a share with its 95 % Wilson interval; nulls where n is 0."""
    if n == 0:
        return {"k": 0, "n": 0, "share": None, "low": None, "high": None}
    interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
    return {"k": k, "n": n, "share": k / n, "low": float(interval.low), "high": float(interval.high)}


def share_of(truths: ArrayLike) -> Report:
    flags = np.asarray(truths, dtype=np.bool_)
    return share(int(flags.sum()), int(flags.size))


def difference(these: NDArray[np.bool_], those: NDArray[np.bool_]) -> Report:
    """Share of ``these`` minus share of ``those``, of the same patterns, (n,) each, with its 95 % interval.

    For paired proportions: method 10 of Newcombe, Statist. Med. 17, 2635 (1998).
    """
    n, one, other = len(these), share_of(these), share_of(those)
    if n == 0:
        return {"difference": None, "low": None, "high": None}
    both, neither = int((these & those).sum()), int((~these & ~those).sum())
    only_these, only_those = int((these & ~those).sum()), int((~these & those).sum())
    product = both * neither - only_these * only_those
    margins = one["k"] * (n - one["k"]) * other["k"] * (n - other["k"])
    phi = (max(product - n / 2, 0) if product > 0 else product) / sqrt(margins) if margins else 0.0
    found = one["share"] - other["share"]
    down, up = one["share"] - one["low"], one["high"] - one["share"]
    other_down, other_up = other["share"] - other["low"], other["high"] - other["share"]
    return {
        "difference": found,
        "low": found - sqrt(max(0.0, down**2 - 2 * phi * down * other_up + other_up**2)),
        "high": found + sqrt(max(0.0, up**2 - 2 * phi * up * other_down + other_down**2)),
    }


@dataclass(slots=True)
class Answers:
    """p of patterns with a quasicrystal and of ones without, one array a question, in an order that the seed fixes: any two networks
    are asked about the same patterns, so that what they say can be paired."""

    positives: list[NDArray[np.float64]] = field(default_factory=list)
    negatives: list[NDArray[np.float64]] = field(default_factory=list)


def paired(these: NDArray[np.bool_], those: NDArray[np.bool_]) -> Report:
    """Shares of the same patterns, (n,) each, with their difference and the exact test of McNemar, Psychometrika 12, 153 (1947).

    p: of as unequal numbers of patterns that only one of the two has, if both were equally good; two-sided
    p_more: of as many more that only ``these`` have; one-sided
    """
    only_these, only_those = int((these & ~those).sum()), int((~these & those).sum())
    return {
        "n": len(these),
        "these": share_of(these),
        "those": share_of(those),
        "only_these": only_these,
        "only_those": only_those,
        "difference": difference(these, those),
        **mcnemar(only_these, only_those),
    }


def mcnemar(only_these: int, only_those: int) -> Report:
    n = only_these + only_those
    if not n:
        return {"p": 1.0, "p_more": 1.0}
    return {
        "p": float(binomtest(only_these, n).pvalue),
        "p_more": float(binomtest(only_these, n, alternative="greater").pvalue),
    }


def probabilities(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    """p of an icosahedral quasicrystal, shape (n,)."""
    return np.array([one.probability for one in predictions], dtype=np.float64)


def at_class_c(predictions: Sequence[Prediction]) -> NDArray[np.bool_]:
    """Which reach class C or better, shape (n,)."""
    return np.array([level(one.probability) != "D" for one in predictions], dtype=np.bool_)


def levels(predictions: Sequence[Prediction]) -> dict[str, int]:
    found = [level(one.probability) for one in predictions]
    return {name: found.count(name) for name in ("A", "B", "C", "D")}


def ratio_reaching(wanted: float, ratios: Sequence[float], shares: Sequence[float]) -> float | None:
    """The ratio (log-interpolated) from which on ``shares`` stay at or above ``wanted``; None where they never do."""
    below = np.flatnonzero(np.asarray(shares) < wanted)
    if below.size == 0:
        return ratios[0]
    last = int(below[-1])
    if last == len(ratios) - 1:
        return None
    between = np.interp(wanted, shares[last : last + 2], [log(ratio) for ratio in ratios[last : last + 2]])
    return float(np.exp(between))


def quasilattice_errors(found: ArrayLike, sigma: ArrayLike, true: ArrayLike) -> Report:
    """How far a_R (Å) of detections lies from the truth, whether ± 2σ holds it, and a histogram of the relative errors (%)."""
    found, true = np.asarray(found, dtype=np.float64), np.asarray(true, dtype=np.float64)
    relative = np.abs(found / true - 1)
    edges = np.linspace(-HISTOGRAM_END, HISTOGRAM_END, HISTOGRAM_BINS + 1)
    inside = np.clip(100 * (found / true - 1), edges[0], edges[-1])
    return {
        "median_relative_error": float(np.median(relative)) if relative.size else None,
        "within_0.5_percent": share_of(relative < 0.005),
        "within_2_sigma": share_of(np.abs(found - true) < 2 * np.asarray(sigma, dtype=np.float64)),
        "histogram": {"edges": edges.round(6).tolist(), "counts": np.histogram(inside, edges)[0].tolist()},
    }


HISTOGRAM_END = 0.2
"""Percent of a_R; what lies beyond counts in the outermost bins."""
HISTOGRAM_BINS = 40
