"""An evaluation that cannot flatter: every figure with its 95 % interval, on patterns that the training never saw.

(a) the published recipe over all a_R at once, (b) our own mix, (c) measured patterns without a quasicrystal, by source,
(d) icosahedral lines injected into measured crystalline patterns, (e) a_R, calibration and approximants, (f) speed.
"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from scipy.stats import binomtest

from mlmodels.net.calibration import expected_calibration_error
from mlmodels.net.classify import level
from mlmodels.net.finishing import calibration_mix
from mlmodels.net.injection import A_R_RANGE, LINE_LISTS, RATIOS, LineList, inject
from mlmodels.net.predict import LoadedNetwork, Prediction, predict
from mlmodels.net.preprocess import NetworkInput, rebin, why_not_screenable
from mlmodels.net.simulate import KINDS, SimulatedBatch, SimulationConfig, published_recipe, simulate
from mlmodels.net.simulation.config import ICOSAHEDRAL, NONE
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

Report = dict[str, Any]

BLOCK = 500
"""Patterns simulated at once."""
AMORPHOUS_PREFIX = "mg_"
"""Metallic glasses: sources of the negatives pack that begin so are mostly amorphous halos, and no hosts for injection."""
SHARE_EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Measured patterns that hold no quasicrystal: those that can be screened, with the source of each, and the refused count."""

    patterns: tuple[PowderPattern, ...]
    sources: tuple[str, ...]
    n_refused: int

    @classmethod
    def read(cls, path: Path) -> Negatives:
        """A pack is an .npz of ``two_theta`` (n_points,) at Cu Kα, ``intensity`` (n, n_points; NaN: unmeasured), ``source`` (n,)."""
        with np.load(path, allow_pickle=False) as pack:
            two_theta, rows, sources = pack["two_theta"].astype(np.float64), pack["intensity"], pack["source"]
        patterns = []
        for row in rows:
            finite = np.isfinite(row)
            patterns.append(PowderPattern(two_theta[finite], row[finite].astype(np.float64), CU_KALPHA1))
        kept = [i for i, pattern in enumerate(patterns) if why_not_screenable(pattern) is None]
        return cls(tuple(patterns[i] for i in kept), tuple(str(sources[i]) for i in kept), len(rows) - len(kept))

    def crystalline(self) -> list[PowderPattern]:
        pairs = zip(self.patterns, self.sources, strict=True)
        return [pattern for pattern, source in pairs if not source.startswith(AMORPHOUS_PREFIX)]

    def halves(self) -> NDArray[np.bool_]:
        """True for the half on which lengths of training are chosen; whole sources together, alternately by falling size."""
        names, sizes = np.unique(self.sources, return_counts=True)
        chosen = set(names[np.argsort(-sizes, kind="stable")][::2])
        return np.array([source in chosen for source in self.sources])


def evaluate(
    loaded: LoadedNetwork,
    simulation: SimulationConfig,
    *,
    n: int = 3000,
    seed: int = 1,
    negatives: Negatives | None = None,
) -> Report:
    """The whole report of one network; ``n`` patterns with and ``n`` without a quasicrystal of the published recipe."""
    generator = torch.Generator().manual_seed(1_000_003 * seed + 17)  # far from any seed of training
    report: Report = {"n": n, "seed": seed, "published_recipe": published(loaded, n, generator)}
    report["own_mix"] = own_mix(loaded, simulation, 2 * n, generator)
    if negatives is not None:
        report["negatives"] = false_alarms(loaded, negatives)
        report["injection"] = [recovery(loaded, negatives, lines, seed) for lines in LINE_LISTS]
    report["speed"] = speed(loaded)
    return report


def published(loaded: LoadedNetwork, n: int, generator: torch.Generator) -> Report:
    """Recall and precision on ``n`` + ``n`` patterns of the published recipe, a_R uniform over all bins at once."""
    positives = predict(loaded, _inputs(published_recipe(n, generator, icosahedral=1.0)))
    negatives = predict(loaded, _inputs(published_recipe(n, generator, icosahedral=0.0)))
    found = int((_p(positives) > 0.5).sum())
    false = int((_p(negatives) > 0.5).sum())
    return {
        "recall": _share(found, n),
        "precision": _share(found, found + false),
        "levels_with": _levels(positives),
        "levels_without": _levels(negatives),
    }


def own_mix(loaded: LoadedNetwork, simulation: SimulationConfig, n: int, generator: torch.Generator) -> Report:
    """``n`` patterns of the mix of the calibration: recall by share, classes by kind, a_R, lattice type, approximants."""
    simulation = calibration_mix(simulation)
    batches: list[SimulatedBatch] = []
    predictions: list[Prediction] = []
    for start in range(0, n, BLOCK):
        batches.append(simulate(min(BLOCK, n - start), simulation, generator, torch.device("cpu")))
        predictions.extend(predict(loaded, _inputs(batches[-1])))
    truth, kind, share, constant, lattice_type = (
        np.concatenate([getattr(batch, name).numpy() for batch in batches])
        for name in ("phase_class", "kind", "share", "quasilattice_constant", "lattice_type")
    )
    classes = loaded.network.config.phase_classes
    p = np.array([[one.probabilities[name] for name in classes] for one in predictions])
    right = p.argmax(axis=1) == truth
    icosahedral, approximant = truth == ICOSAHEDRAL, (truth != ICOSAHEDRAL) & (truth != NONE)
    detected, at_c = p[:, ICOSAHEDRAL] > 0.5, np.array([level(one.probability) != "D" for one in predictions])

    both = icosahedral & detected
    found = np.array([one.quasilattice_constant for one in predictions])
    sigma = np.array([one.quasilattice_constant_sigma for one in predictions])
    error = (found - constant)[both]
    f_type = np.array([one.lattice_type == "F" for one in predictions])
    bands = {f"{low:g}–{high:g}": icosahedral & (share > low) & (share <= high) for low, high in pairwise(SHARE_EDGES)}
    return {
        "n": n,
        "prior": {name: float((truth == i).mean()) for i, name in enumerate(classes)},
        "recall": _share_of(detected[icosahedral]),
        "precision": _share_of(icosahedral[detected]),
        "by_share": {
            name: {"recall": _share_of(detected[rows]), "C_or_better": _share_of(at_c[rows])}
            for name, rows in bands.items()
        },
        "by_kind": {
            name: {"n": int((kind == i).sum()), "right": _share_of(right[kind == i])} for i, name in enumerate(KINDS)
        },
        "expected_calibration_error": expected_calibration_error(p[:, ICOSAHEDRAL], icosahedral),
        "reliability": _reliability(p[:, ICOSAHEDRAL], icosahedral),
        "approximants_called_icosahedral": _share_of(detected[approximant]),
        "approximants_C_or_better": _share_of(at_c[approximant]),
        "approximants_dominating_named": {
            name: _share_of(right[(truth == i) & (share > 0.5)])
            for i, name in enumerate(classes)
            if name.startswith("approximant")
        },
        "quasilattice_constant": {
            "median_relative_error": float(np.median(np.abs(error) / found[both])) if both.any() else None,
            "within_0.5_percent": _share_of(np.abs(error) < 0.005 * found[both]),
            "within_2_sigma": _share_of(np.abs(error) < 2 * sigma[both]),
        },
        "lattice_type_right": _share_of((f_type == (lattice_type == 1))[both]),
    }


def false_alarms(loaded: LoadedNetwork, negatives: Negatives) -> Report:
    """Calls on measured patterns that hold no quasicrystal: all, by source, and by the two fixed halves."""
    predictions = predict(loaded, [rebin(pattern) for pattern in negatives.patterns])
    p = _p(predictions)
    at_c = np.array([level(float(one)) != "D" for one in p])
    sources, chosen = np.array(negatives.sources), negatives.halves()

    def counts(rows: NDArray[np.bool_]) -> Report:
        return {
            "n": int(rows.sum()),
            "levels": _levels([predictions[i] for i in np.flatnonzero(rows)]),
            "C_or_better": _share_of(at_c[rows]),
            "over_half": _share_of(p[rows] > 0.5),
            "highest": float(p[rows].max()),
        }

    amorphous = np.array([source.startswith(AMORPHOUS_PREFIX) for source in negatives.sources])
    return {
        "refused": negatives.n_refused,
        "all": counts(np.ones(len(p), dtype=np.bool_)),
        "crystalline": counts(~amorphous),
        "amorphous": counts(amorphous),
        "choosing_half": counts(chosen),
        "other_half": counts(~chosen),
        "by_source": {str(source): counts(sources == source) for source in np.unique(sources)},
    }


def recovery(loaded: LoadedNetwork, negatives: Negatives, lines: LineList, seed: int) -> Report:
    """Recall at each level by ratio, one seeded injection a crystalline host and ratio; and the ratios of 50 and 90 % at C."""
    hosts = negatives.crystalline()
    by_ratio: Report = {}
    at_c: list[float] = []
    for step, ratio in enumerate(RATIOS):
        rng = np.random.default_rng([seed, LINE_LISTS.index(lines), step])
        constants = rng.uniform(*A_R_RANGE, size=len(hosts))
        mixed = [inject(host, lines, a, ratio, rng) for host, a in zip(hosts, constants, strict=True)]
        predictions = predict(loaded, [rebin(pattern) for pattern in mixed])
        levels = _levels(predictions)
        n_c = sum(levels[name] for name in "ABC")
        detected = _p(predictions) > 0.5
        found = np.array([one.quasilattice_constant for one in predictions])
        at_c.append(n_c / len(hosts))
        by_ratio[f"{ratio:g}"] = {
            "A": _share(levels["A"], len(hosts)),
            "C_or_better": _share(n_c, len(hosts)),
            "over_half": _share_of(detected),
            "a_R_right": _share_of(np.abs(found / constants - 1)[detected] < 0.005),
        }
    return {
        "lines": lines.name,
        "hosts": len(hosts),
        "by_ratio": by_ratio,
        "ratio_of_50_percent": _ratio_reaching(0.5, at_c),
        "ratio_of_90_percent": _ratio_reaching(0.9, at_c),
    }


def speed(loaded: LoadedNetwork, n: int = 512) -> Report:
    """Patterns per second through ``predict`` in batches of 64 and alone; rebinning is not in it (benchmarks/screening.py)."""
    batch = published_recipe(n, torch.Generator().manual_seed(0), icosahedral=0.0)
    inputs = _inputs(batch)
    predict(loaded, inputs[:64])
    started = time.perf_counter()
    predict(loaded, inputs)
    in_batches = n / (time.perf_counter() - started)
    started = time.perf_counter()
    for one in inputs[:32]:
        predict(loaded, [one])
    return {
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "patterns_per_second": in_batches,
        "milliseconds_alone": (time.perf_counter() - started) / 32 * 1000,
    }


def _inputs(batch: SimulatedBatch) -> list[NetworkInput]:
    return [
        NetworkInput(y, m) for y, m in zip(batch.intensity.cpu().numpy(), batch.measured.cpu().numpy(), strict=True)
    ]


def _p(predictions: Sequence[Prediction]) -> NDArray[np.float64]:
    return np.array([one.probability for one in predictions])


def _reliability(p: NDArray[np.float64], truth: NDArray[np.bool_]) -> list[Report]:
    """Share that was right among the patterns of each tenth of probability: the points of a reliability diagram."""
    which = np.minimum((p * 10).astype(np.int64), 9)
    return [
        {"mean_p": float(p[which == i].mean()), **_share_of(truth[which == i])} for i in range(10) if (which == i).any()
    ]


def _levels(predictions: Sequence[Prediction]) -> dict[str, int]:
    levels = [level(one.probability) for one in predictions]
    return {name: levels.count(name) for name in ("A", "B", "C", "D")}


def _share(k: int, n: int) -> Report:
    """k of n as a share with its 95 % Wilson interval; nulls where n is 0."""
    if n == 0:
        return {"k": 0, "n": 0, "share": None, "low": None, "high": None}
    interval = binomtest(k, n).proportion_ci(0.95, method="wilson")
    return {"k": k, "n": n, "share": k / n, "low": float(interval.low), "high": float(interval.high)}


def _share_of(truths: ArrayLike) -> Report:
    flags = np.asarray(truths, dtype=np.bool_)
    return _share(int(flags.sum()), int(flags.size))


def _ratio_reaching(share: float, shares: Sequence[float]) -> float | None:
    """The ratio (log-interpolated) from which on ``shares`` stay at or above ``share``; None where they never do."""
    reached = np.asarray(shares) >= share
    if not reached[-1]:
        return None
    first = len(reached) - int(np.argmin(reached[::-1])) if not reached.all() else 0
    if first == 0:
        return RATIOS[0]
    log_ratio = np.interp(share, [shares[first - 1], shares[first]], np.log([RATIOS[first - 1], RATIOS[first]]))
    return float(np.exp(log_ratio))
