"""How many training patterns a second the simulator makes.  Run: python -m benchmarks.simulate [--device cuda] [--seconds 5]

One process with one thread; on a CPU, training runs as many as there are cores.  Seconds on a CPU are those of the process, so
that other work on the machine does not count.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial

import torch

from mlmodels.net.simulate import SimulationConfig, published_recipe, simulate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--seconds", type=float, default=5.0)
    options = parser.parse_args()
    torch.set_num_threads(1)
    config = SimulationConfig()
    generator = torch.Generator(options.device).manual_seed(1)

    began = time.process_time()
    simulate(64, config, generator, options.device)
    spent = time.process_time() - began
    print(f"first batch, with the library of {config.n_lattices} lattices: {spent:.1f} s")
    for n in (64, 128, 256, 512) if options.device == "cpu" else (1024, 8192, 65_536):
        rate = patterns_per_second(partial(simulate, n, config, generator, options.device), n, options)
        print(f"training mix, batches of {n}: {rate:,.0f} patterns/s")
    n = 256 if options.device == "cpu" else 8192
    rate = patterns_per_second(partial(published_recipe, n, generator), n, options)
    print(f"published recipe, batches of {n}: {rate:,.0f} patterns/s")
    if options.device != "cpu":
        print(f"{torch.cuda.get_device_name()}: {torch.cuda.max_memory_allocated() / 1e9:.1f} GB at most")


def patterns_per_second(make: Callable[[], object], n: int, options: argparse.Namespace) -> float:
    clock = time.process_time if options.device == "cpu" else time.perf_counter
    make()
    began, made = clock(), 0
    while clock() - began < options.seconds:
        make()
        if options.device != "cpu":
            torch.cuda.synchronize()
        made += n
    return made / (clock() - began)


if __name__ == "__main__":
    main()
