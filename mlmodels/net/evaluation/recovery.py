"""Lines added to measured crystalline patterns: of quasicrystals (are they found?) and of approximants (are they told apart?)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch

from mlmodels.net.evaluation.statistics import (
    Answers,
    Report,
    at_class_c,
    levels,
    probabilities,
    ratio_reaching,
    share,
    share_of,
)
from mlmodels.net.injection import (
    A_R_RANGE,
    APPROXIMANTS,
    LINE_LISTS,
    RATIOS,
    ApproximantList,
    LineList,
    Lines,
    approximant_lines_of,
    inject,
    lines_of,
    powder_lines,
    profile,
)
from mlmodels.net.predict import LoadedNetwork, Prediction, predict
from mlmodels.net.preprocess import NetworkInput, rebin
from mlmodels.net.simulation.draw import Draw
from mlmodels.net.simulation.structures import draw_approximants_1_1
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

BERGMAN = "1/1, real coordinates"
APPROXIMANT_RATIOS = (0.1, 0.3, 1.0, 3.0)
DOMINATING = 1.0
"""Ratio from which on an approximant's strongest line is the pattern's."""
ALONE_TWO_THETA = np.arange(20.0, 80.0, 0.02)
ALONE_COUNTS, ALONE_BACKGROUND = 5000.0, 100.0
ALONE_FWHM = (0.08, 0.30)


def recovery(loaded: LoadedNetwork, hosts: Sequence[PowderPattern], lines: LineList, seed: int) -> Report:
    """Recall at each level by ratio, one seeded injection a host and ratio; and the ratios of 50 and 90 % at C."""
    by_ratio: Report = {}
    for step, ratio in enumerate(RATIOS):
        rng = np.random.default_rng([seed, LINE_LISTS.index(lines), step])
        constants = rng.uniform(*A_R_RANGE, size=len(hosts))
        mixed = [inject(host, lines_of(lines, a), ratio, rng) for host, a in zip(hosts, constants, strict=True)]
        predictions = predict(loaded, [rebin(pattern) for pattern in mixed])
        detected = probabilities(predictions) > 0.5
        found = np.array([one.quasilattice_constant for one in predictions])
        error = np.abs(found / constants - 1)[detected]
        by_ratio[f"{ratio:g}"] = {
            "A": share(levels(predictions)["A"], len(hosts)),
            "C_or_better": share_of(at_class_c(predictions)),
            "over_half": share_of(detected),
            "a_R_right": share_of(error < 0.005),
            "a_R_median_relative_error": float(np.median(error)) if error.size else None,
        }
    at_c = [one["C_or_better"]["share"] for one in by_ratio.values()]
    return {
        "lines": lines.name,
        "hosts": len(hosts),
        "by_ratio": by_ratio,
        "ratio_of_50_percent": ratio_reaching(0.5, RATIOS, at_c),
        "ratio_of_90_percent": ratio_reaching(0.9, RATIOS, at_c),
    }


def approximants(
    loaded: LoadedNetwork,
    hosts: Sequence[PowderPattern],
    n_alone: int,
    seed: int,
    answers: Answers,
) -> list[Report]:
    """Approximants alone and added to ``hosts``: how often called icosahedral, and how often named rightly."""
    drawers = [(one.name, one.phase_class, _strained(one)) for one in APPROXIMANTS]
    drawers.append((BERGMAN, "approximant_1_1", _real))
    return [
        _told_apart(loaded, hosts, n_alone, name, phase_class, draw_lines, [seed, 100 + number], answers)
        for number, (name, phase_class, draw_lines) in enumerate(drawers)
    ]


DrawLines = Callable[[float, np.random.Generator], Lines]


def _strained(approximant: ApproximantList) -> DrawLines:
    return lambda quasilattice_constant, rng: approximant_lines_of(approximant, quasilattice_constant, rng)


def _real(quasilattice_constant: float, rng: np.random.Generator) -> Lines:
    """Lines of the Bergman phase Mg32(Al,Zn)49 at this a_R (Å), as the simulator has it, with random metals on its sites."""
    draw = Draw(torch.Generator().manual_seed(int(rng.integers(2**31))))
    drawn = draw_approximants_1_1(draw, torch.tensor([[quasilattice_constant]], dtype=torch.float32))
    inverse_d, intensity = (values[0].double().numpy() for values in (drawn.inverse_d, drawn.intensity))
    two_theta, heights, _ = powder_lines(inverse_d[intensity > 0], intensity[intensity > 0])
    return two_theta, heights


def _told_apart(
    loaded: LoadedNetwork,
    hosts: Sequence[PowderPattern],
    n_alone: int,
    name: str,
    phase_class: str,
    draw_lines: DrawLines,
    seed: list[int],
    answers: Answers,
) -> Report:
    def drawn(rng: np.random.Generator) -> Lines:
        return draw_lines(float(rng.uniform(*A_R_RANGE)), rng)

    rng = np.random.default_rng(seed)
    found = {"alone": predict(loaded, [rebin(alone(drawn(rng), rng)) for _ in range(n_alone)])}
    answers.negatives.append(probabilities(found["alone"]))
    for step, ratio in enumerate(APPROXIMANT_RATIOS if hosts else ()):
        rng = np.random.default_rng([*seed, step])
        mixed: list[NetworkInput] = [rebin(inject(host, drawn(rng), ratio, rng)) for host in hosts]
        found[f"{ratio:g}"] = predict(loaded, mixed)
    dominating = ["alone", *(f"{ratio:g}" for ratio in APPROXIMANT_RATIOS if ratio >= DOMINATING and hosts)]
    everything = [one for predictions in found.values() for one in predictions]
    return {
        "lines": name,
        "phase_class": phase_class,
        "hosts": len(hosts),
        "by_ratio": {ratio: _calls(predictions, phase_class) for ratio, predictions in found.items()},
        "all": _calls(everything, phase_class),
        "dominating": _calls([one for ratio in dominating for one in found[ratio]], phase_class),
    }


def _calls(predictions: Sequence[Prediction], phase_class: str) -> Report:
    named = [max(one.probabilities, key=lambda name: one.probabilities[name]) for one in predictions]
    return {
        "C_or_better": share_of(at_class_c(predictions)),
        "over_half": share_of(probabilities(predictions) > 0.5),
        "named": share_of([name == phase_class for name in named]),
    }


def alone(lines: Lines, rng: np.random.Generator) -> PowderPattern:
    """A counted pattern of nothing but ``lines`` and a flat background."""
    fwhm = float(np.exp(rng.uniform(*np.log(ALONE_FWHM))))
    expected = ALONE_BACKGROUND + ALONE_COUNTS * profile(ALONE_TWO_THETA, lines, fwhm)
    return PowderPattern(ALONE_TWO_THETA, rng.poisson(expected).astype(np.float64), CU_KALPHA1)
