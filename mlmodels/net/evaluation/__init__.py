"""An evaluation that cannot flatter: every figure with its 95 % interval, on patterns that the training never saw.

(a) the published recipe over all a_R at once and in the bin, (b) our own mix and the same mixtures measured in many ways,
(c) measured patterns without a quasicrystal, by source, (d) icosahedral lines injected into measured crystalline patterns,
(e) approximants alone and injected, (f) a_R and calibration, (g) speed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch

from mlmodels.net.evaluation.conditions import by_way_of_measuring
from mlmodels.net.evaluation.mix import own_mix
from mlmodels.net.evaluation.negatives import Negatives, false_alarms
from mlmodels.net.evaluation.published import draw_published, published
from mlmodels.net.evaluation.recovery import approximants, recovery
from mlmodels.net.evaluation.speed import speed
from mlmodels.net.evaluation.statistics import Answers, Report
from mlmodels.net.injection import LINE_LISTS
from mlmodels.net.predict import LoadedNetwork
from mlmodels.net.simulate import SimulationConfig

__all__ = ["Answers", "Evaluation", "Negatives", "Report", "evaluate"]


Part = Callable[[LoadedNetwork, Answers], Any]
"""One chapter of the report for a network; p of each of its patterns goes into the answers."""


@dataclass(frozen=True, slots=True, eq=False)
class Evaluation:
    """What a network is asked.

    n: patterns of the published recipe with a quasicrystal, and as many without; four times as many of our own mix; half as many
        mixtures for each way of measuring, and a quarter as many of each approximant alone (and in every second host)
    """

    simulation: SimulationConfig
    n: int = 3000
    seed: int = 1
    negatives: Negatives | None = None

    def parts(self) -> dict[str, Part]:
        """The chapters by name.  Each stands for itself: whichever others are asked, it finds the same."""
        n, seed, simulation = self.n, self.seed, self.simulation
        start = 1_000_003 * seed + 17  # far from any seed of training
        hosts = self.negatives.crystalline() if self.negatives else []

        def generator() -> torch.Generator:
            return torch.Generator().manual_seed(start)

        def mixed(loaded: LoadedNetwork, answers: Answers) -> Report:
            after_published = generator()
            draw_published(n, after_published)
            return own_mix(loaded, simulation, 4 * n, after_published, answers)

        parts: dict[str, Part] = {
            "published_recipe": lambda loaded, answers: published(loaded, n, generator(), answers),
            "own_mix": mixed,
            "ways_of_measuring": lambda loaded, _answers: by_way_of_measuring(loaded, simulation, n // 2, start),
            "approximants": lambda loaded, answers: approximants(loaded, hosts[::2], n // 4, seed, answers),
        }
        if negatives := self.negatives:
            parts["negatives"] = lambda loaded, answers: false_alarms(loaded, negatives, answers)
            parts["injection"] = lambda loaded, _answers: [recovery(loaded, hosts, lines, seed) for lines in LINE_LISTS]
        return parts | {"speed": lambda loaded, _answers: speed(loaded)}


def evaluate(
    loaded: LoadedNetwork,
    simulation: SimulationConfig,
    *,
    n: int = 3000,
    seed: int = 1,
    negatives: Negatives | None = None,
) -> Report:
    """The whole report of one network."""
    parts = Evaluation(simulation, n, seed, negatives).parts()
    found = {name: part(loaded, Answers()) for name, part in parts.items()}
    return {"network": loaded.name, "n": n, "seed": seed, **found}
