"""How fast the network answers on this machine."""

from __future__ import annotations

import os
import time

import torch

from mlmodels.net.evaluation.inputs import inputs_of
from mlmodels.net.evaluation.statistics import Report
from mlmodels.net.predict import LoadedNetwork, predict
from mlmodels.net.simulate import published_recipe

REPEATS = 3


def speed(loaded: LoadedNetwork, n: int = 512) -> Report:
    """Patterns per second through ``predict`` in batches of 64 and alone; rebinning is not in it (benchmarks/screening.py)."""
    given = inputs_of(published_recipe(n, torch.Generator().manual_seed(0), icosahedral=0.0))
    predict(loaded, given[:64])
    in_batches, one_by_one = float("inf"), float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        predict(loaded, given)
        in_batches = min(in_batches, (time.perf_counter() - started) / n)
        started = time.perf_counter()
        for one in given[:32]:
            predict(loaded, [one])
        one_by_one = min(one_by_one, (time.perf_counter() - started) / len(given[:32]))
    return {
        "device": str(loaded.device),
        "threads": torch.get_num_threads(),
        "cores": os.cpu_count(),
        "patterns_per_second": 1 / in_batches,
        "milliseconds_alone": 1000 * one_by_one,
    }
