"""An evaluation that cannot flatter: every figure with its 95 % interval, on patterns that the training never saw.

(a) the published recipe over all a_R at once and in the bin, (b) our own mix and the same mixtures measured in many ways,
(c) measured patterns without a quasicrystal, by source, (d) icosahedral lines injected into measured crystalline patterns,
(e) approximants alone and injected, (f) a_R and calibration, (g) speed.
"""

from __future__ import annotations

import torch

from mlmodels.net.evaluation.conditions import by_way_of_measuring
from mlmodels.net.evaluation.mix import own_mix
from mlmodels.net.evaluation.negatives import Negatives, false_alarms
from mlmodels.net.evaluation.published import published
from mlmodels.net.evaluation.recovery import approximants, recovery
from mlmodels.net.evaluation.speed import speed
from mlmodels.net.evaluation.statistics import Report
from mlmodels.net.injection import LINE_LISTS
from mlmodels.net.predict import LoadedNetwork
from mlmodels.net.simulate import SimulationConfig

__all__ = ["Negatives", "Report", "evaluate"]


def evaluate(
    loaded: LoadedNetwork,
    simulation: SimulationConfig,
    *,
    n: int = 3000,
    seed: int = 1,
    negatives: Negatives | None = None,
) -> Report:
    """The whole report of one network.

    n: patterns of the published recipe with a quasicrystal, and as many without; four times as many of our own mix; half as many
        mixtures for each way of measuring, and a quarter as many of each approximant alone (and in every second host)
    """
    generator = torch.Generator().manual_seed(1_000_003 * seed + 17)  # far from any seed of training
    hosts = negatives.crystalline() if negatives else []
    report: Report = {"network": loaded.name, "n": n, "seed": seed}
    report["published_recipe"] = published(loaded, n, generator)
    report["own_mix"] = own_mix(loaded, simulation, 4 * n, generator)
    report["ways_of_measuring"] = by_way_of_measuring(loaded, simulation, n // 2, generator.initial_seed())
    report["approximants"] = approximants(loaded, hosts[::2], n // 4, seed)
    if negatives:
        report["negatives"] = false_alarms(loaded, negatives)
        report["injection"] = [recovery(loaded, hosts, lines, seed) for lines in LINE_LISTS]
    report["speed"] = speed(loaded)
    return report
