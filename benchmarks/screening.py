"""How many patterns a second are screened: rebinning, the network in batches (float32 and bf16), and one pattern alone.

python -m benchmarks.screening [--checkpoint NAME] [--threads N] [--n 1024]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime

import numpy as np
import torch

from mlmodels.net import checkpoint
from mlmodels.net.predict import load_network, predict
from mlmodels.net.preprocess import rebin, why_not_screenable
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

REPEATS = 3


def patterns(n: int) -> list[PowderPattern]:
    """Patterns of 3,000 points as a laboratory measures them: ten lines on a background, counted."""
    rng = np.random.default_rng(1)
    two_theta = np.arange(20.0, 80.0, 0.02)
    made = []
    for _ in range(n):
        counts = np.full(two_theta.size, 60.0)
        for position in rng.uniform(21, 79, 10):
            counts += rng.uniform(50, 1000) * np.exp(-0.5 * ((two_theta - position) / 0.07) ** 2)
        made.append(PowderPattern(two_theta, rng.poisson(counts).astype(float), CU_KALPHA1))
    return made


def rate(work: Callable[[], object], n: int) -> float:
    """Best of a few runs, patterns a second."""
    best = float("inf")
    for _ in range(REPEATS):
        started = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - started)
    return n / best


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--checkpoint", default=checkpoint.DEFAULT_CHECKPOINT)
    arguments.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--n", type=int, default=1024)
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)

    loaded_from = checkpoint.load(options.checkpoint)
    made = patterns(options.n)
    inputs = [rebin(pattern) for pattern in made]
    print(
        f"{datetime.now(UTC):%Y-%m-%d}  {platform.machine()}  {os.cpu_count()} cores, {options.threads} threads  {loaded_from.name}"
    )
    print(
        f"domain check          {rate(lambda: [why_not_screenable(one) for one in made], options.n):8.0f} patterns/s (one core)"
    )
    print(f"rebinning             {rate(lambda: [rebin(one) for one in made], options.n):8.0f} patterns/s (one core)")
    for bf16 in (False, True):
        name = "bf16" if bf16 else "float32"
        loaded = load_network(loaded_from, bf16=bf16)
        predict(loaded, inputs[:64])
        in_batches = rate(lambda loaded=loaded: predict(loaded, inputs), options.n)  # type: ignore[misc]
        whole = rate(lambda loaded=loaded: predict(loaded, [rebin(one) for one in made]), options.n)  # type: ignore[misc]
        alone = rate(lambda loaded=loaded: [predict(loaded, [one]) for one in inputs[:64]], 64)  # type: ignore[misc]
        print(f"{name:8} in batches   {in_batches:8.0f} patterns/s on {loaded.device}; with rebinning {whole:.0f}/s")
        print(f"{name:8} one by one   {1000 / alone:8.1f} ms a pattern")


if __name__ == "__main__":
    main()
