"""What a network saw in training, in the measures by which arriving patterns are compared with it.

Drawn from the simulator that trained it, by a seed; kept with the checkpoint.  Measured patterns that were mixed into a training are not
in it: their share stands in the training's config.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike

from mlmodels.net.classify import level
from mlmodels.net.measures import coverage, noise
from mlmodels.net.predict import LoadedNetwork, predict
from mlmodels.net.preprocess import NetworkInput
from mlmodels.net.simulate import SimulatedBatch, SimulationConfig, simulate
from mlmodels.net.simulation import published
from mlmodels.net.simulation.conditions import draw_instrument
from mlmodels.net.simulation.draw import Draw
from samples.xrd.bragg import radiation_of

SEED = 9_000_000_000
"""A stream of patterns that neither training nor calibration draws from."""
N_SEEN = 4_000
BLOCK = 500
QUANTILES = (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)
OTHER = "other"
"""The radiation of a wavelength that no laboratory anode has."""


def seen_in_training(
    loaded: LoadedNetwork, simulation: SimulationConfig, calibrated: SimulationConfig, n: int = N_SEEN
) -> dict[str, Any]:
    """Shares of the radiations and of the classes; quantiles of the step (degree), coverage and noise; as plain JSON.

    The classes are of ``n`` patterns of ``calibrated``, the mix that p is calibrated for; all else of ``n`` of ``simulation``, which
    training shows.
    """
    generator = torch.Generator(loaded.device).manual_seed(SEED)
    n_published = round(n * simulation.published_share)
    wavelengths, steps = [published.WAVELENGTH] * n_published, [published.STEP] * n_published
    if n > n_published:
        instrument = draw_instrument(Draw(generator), n - n_published)
        wavelengths += instrument.wavelength.tolist()
        steps += instrument.step.tolist()
    inputs = _inputs(simulation, n, generator)
    answers = predict(loaded, _inputs(calibrated, n, generator), BLOCK)
    levels = [level(answer.probability) for answer in answers]
    names = [radiation.name if (radiation := radiation_of(one)) else OTHER for one in wavelengths]
    return {
        "n": n,
        "seed": SEED,
        "radiation": _shares(names),
        "step": _quantiles(steps),
        "coverage": _quantiles([coverage(one) for one in inputs]),
        "noise": _quantiles([noise(one) for one in inputs]),
        "level": _shares(levels),
    }


def _inputs(simulation: SimulationConfig, n: int, generator: torch.Generator) -> list[NetworkInput]:
    inputs: list[NetworkInput] = []
    for start in range(0, n, BLOCK):
        batch: SimulatedBatch = simulate(min(BLOCK, n - start), simulation, generator, generator.device)
        rows = zip(batch.intensity.cpu().numpy(), batch.measured.cpu().numpy(), strict=True)
        inputs += [NetworkInput(intensity, measured) for intensity, measured in rows]
    return inputs


def _shares(names: list[Any]) -> dict[str, float]:
    found, counts = np.unique(names, return_counts=True)
    return {str(name): round(int(count) / len(names), 5) for name, count in zip(found, counts, strict=True)}


def _quantiles(values: ArrayLike) -> dict[str, float]:
    """By their names: "0.01" to "0.99"."""
    found = np.quantile(np.asarray(values, dtype=np.float64), QUANTILES)
    return {str(q): float(f"{value:.4g}") for q, value in zip(QUANTILES, found, strict=True)}
