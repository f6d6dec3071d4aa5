"""How long a fine-tuning on curated patterns takes on the cores of this machine, from a laid-out folder to the finished checkpoint.

    python -m benchmarks.retrain [--patterns 2000] [--steps 1000]

Measured patterns cannot be published, so simulated ones stand in for the curated ones: each is simulated by itself on an axis of 2θ,
and goes the way of a measured one from there on. Left out: reading the patterns from the database.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from mlmodels.net import checkpoint, retraining
from mlmodels.net.curated import LATTICE_TYPES, CuratedPattern, CuratedPatterns
from mlmodels.net.grid import PHASE_CLASSES
from mlmodels.net.retraining import FINE_TUNING_STEPS, Job
from mlmodels.net.simulate import simulate_pattern

ROOT = Path(__file__).resolve().parents[1]
LABELS = [PHASE_CLASSES[which] for which in (0, 0, 0, 1, 2, 3, 3, 3, 3, 3)]
"""Of ten stand-ins."""


def stand_ins(n: int, seed: int) -> list[CuratedPattern]:
    made = []
    for number in range(n):
        label, constant, lattice_type = LABELS[number % 10], 4.2 + 1.4 * (number % 97) / 97, LATTICE_TYPES[number % 2]
        pattern = simulate_pattern(label, constant, lattice_type, 0.4, seed=seed + number)
        if label == PHASE_CLASSES[0]:
            made.append(CuratedPattern(pattern, label, constant, lattice_type))
        else:
            made.append(CuratedPattern(pattern, label))
    return made


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--patterns", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=FINE_TUNING_STEPS)
    parser.add_argument("--calibration", type=int, default=16_000)
    parser.add_argument("--start", default=checkpoint.DEFAULT_CHECKPOINT)
    parser.add_argument("--preset", default="laptop")
    options = parser.parse_args()

    begun = time.monotonic()
    n_validation = max(1, options.patterns // 5)
    curated = stand_ins(options.patterns + n_validation, seed=1)
    print(f"{len(curated)} stand-ins simulated in {time.monotonic() - begun:.0f} s (not counted)")

    begun = time.monotonic()
    train = CuratedPatterns.of(curated[n_validation:])
    validation = CuratedPatterns.of(curated[:n_validation])
    on_grid = time.monotonic() - begun
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        job = Job("tuned", options.preset, 1, options.steps, curated_share=0.25, n_calibration=options.calibration)
        retraining.lay_out(folder, job, start=checkpoint.load(options.start), train=train, validation=validation)
        ran = subprocess.run(
            [sys.executable, "-m", "mlmodels.net.retraining", name],
            cwd=ROOT,
            capture_output=True,
            text=True,
            check=False,
        )
        taken = time.monotonic() - begun
        if ran.returncode:
            sys.exit(ran.stderr)
        print(ran.stdout.strip().splitlines()[-2])
        print(
            f"{len(train)} patterns to train on, {len(validation)} to calibrate on, {options.steps} steps from {options.start}: "
            f"{taken / 60:.1f} minutes in all, of which {on_grid:.0f} s to put the patterns onto the grid"
        )


if __name__ == "__main__":
    main()
