"""How many patterns a second are screened: rebinning, the network in batches and one pattern alone (float32 and bf16); and, in
the same run, a network of the published layer shapes.

python -m benchmarks.screening [--checkpoint NAME] [--threads N] [--n 1024] [--batch 16 32 64 256] [--device cuda]
"""

from __future__ import annotations

import argparse
import os
import platform
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial

import numpy as np
import torch

from benchmarks.published_network import N_NETWORKS, PublishedNetwork
from benchmarks.published_network import patterns as published_patterns
from mlmodels.net import checkpoint
from mlmodels.net.predict import load_network, predict
from mlmodels.net.preprocess import rebin, why_not_screenable
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

REPEATS = 3
PUBLISHED_BATCH = 32


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


def published_seconds(n: int) -> tuple[float, float]:
    """Seconds that one pattern takes in one of the published networks, alone and in a batch of ``n``."""
    torch.manual_seed(1)
    network = PublishedNetwork().eval()
    given = published_patterns(n)
    with torch.inference_mode():
        network(given[:1])
        alone = rate(lambda: [network(one[None]) for one in given], n)
        in_batch = rate(lambda: network(given), n)
    return 1 / alone, 1 / in_batch


def main() -> None:
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--checkpoint", default=checkpoint.DEFAULT_CHECKPOINT)
    arguments.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    arguments.add_argument("--n", type=int, default=1024)
    arguments.add_argument("--device", default="cpu")
    arguments.add_argument(
        "--batch", type=int, nargs="+", default=[16, 32, 64, 256], help="patterns in one forward pass"
    )
    options = arguments.parse_args()
    torch.set_num_threads(options.threads)

    loaded_from = checkpoint.load(options.checkpoint)
    made = patterns(options.n)
    inputs = [rebin(pattern) for pattern in made]
    on_gpu = options.device != "cpu"
    machine = f"{platform.machine()}  {os.cpu_count()} cores, {options.threads} threads"
    machine += f", {torch.cuda.get_device_name()}" if on_gpu else ""
    print(f"{datetime.now(UTC):%Y-%m-%d}  {machine}  {loaded_from.name}")
    print(
        f"domain check         {rate(lambda: [why_not_screenable(one) for one in made], options.n):8.0f} patterns/s (one core)"
    )
    print(f"rebinning            {rate(lambda: [rebin(one) for one in made], options.n):8.0f} patterns/s (one core)")
    seconds: dict[tuple[str, str], float] = {}
    for bf16 in (False, True):
        loaded = load_network(loaded_from, options.device, bf16=bf16)
        name = "bf16" if bf16 else "float32"
        predict(loaded, inputs[:64])
        rates = {size: rate(partial(predict, loaded, inputs, size), options.n) for size in options.batch}
        for size, found in rates.items():
            print(f"{name:8} batches of {size:4} {found:6.0f} patterns/s")
        whole = rate(lambda loaded=loaded: predict(loaded, [rebin(one) for one in made]), options.n)  # type: ignore[misc]
        alone = rate(lambda loaded=loaded: [predict(loaded, [one]) for one in inputs[:64]], 64)  # type: ignore[misc]
        print(f"{name:8} with rebinning   {whole:6.0f} patterns/s")
        print(f"{name:8} one by one       {1000 / alone:6.1f} ms a pattern")
        seconds[name, "alone"], seconds[name, "in batches"] = 1 / alone, 1 / max(rates.values())
    if on_gpu:
        print(f"memory of the GPU: {torch.cuda.max_memory_allocated() / 1e9:.2f} GB at most")
        return

    millions = PublishedNetwork().n_parameters / 1e6
    print(
        f"published layer shapes, one network of {millions:.1f} million parameters, float32; times {N_NETWORKS} by multiplication"
    )
    for how, one in zip(("alone", "in batches"), published_seconds(PUBLISHED_BATCH), strict=True):
        ours = seconds["float32", how]
        print(
            f"{how:10}  one {1000 * one:.1f} ms, {N_NETWORKS}: {N_NETWORKS * one:.2f} s a pattern; "
            f"ours {1000 * ours:.2f} ms: {N_NETWORKS * one / ours:,.0f} times faster"
        )


if __name__ == "__main__":
    main()
