"""What a network saw in training, in the measures by which arriving patterns are compared with it.

Drawn from the simulator that trained it, by a seed; kept with the checkpoint.  Measured patterns that were mixed into a training are not
in it: their share stands in the training's config.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mlmodels.net.classify import level
from mlmodels.net.grid import PHASE_CLASSES
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

    The classes are of ``n`` patterns of ``calibrated``, each weighed so that the phases have the shares that p of this network is
    calibrated for; all else is of ``n`` of ``simulation``, which training shows.
    """
    generator = torch.Generator(loaded.device).manual_seed(SEED)
    n_published = round(n * simulation.published_share)
    wavelengths, steps = [published.WAVELENGTH] * n_published, [published.STEP] * n_published
    if n > n_published:
        instrument = draw_instrument(Draw(generator), n - n_published)
        wavelengths += instrument.wavelength.tolist()
        steps += instrument.step.tolist()
    inputs, _classes = _inputs(simulation, n, generator)
    asked, classes = _inputs(calibrated, n, generator)
    levels = [level(answer.probability) for answer in predict(loaded, asked, BLOCK)]
    names = [radiation.name if (radiation := radiation_of(one)) else OTHER for one in wavelengths]
    return {
        "n": n,
        "seed": SEED,
        "radiation": _shares(names),
        "step": _quantiles(steps),
        "coverage": _quantiles([coverage(one) for one in inputs]),
        "noise": _quantiles([noise(one) for one in inputs]),
        "level": _shares(levels, _weights(classes, loaded)),
    }


def _inputs(
    simulation: SimulationConfig, n: int, generator: torch.Generator
) -> tuple[list[NetworkInput], NDArray[np.int64]]:
    """``n`` patterns on the grid, and the phase class of each, shape (n,)."""
    inputs: list[NetworkInput] = []
    classes = []
    for start in range(0, n, BLOCK):
        batch: SimulatedBatch = simulate(min(BLOCK, n - start), simulation, generator, generator.device)
        rows = zip(batch.intensity.cpu().numpy(), batch.measured.cpu().numpy(), strict=True)
        inputs += [NetworkInput(intensity, measured) for intensity, measured in rows]
        classes.append(batch.phase_class.cpu().numpy())
    return inputs, np.concatenate(classes)


def _weights(classes: NDArray[np.int64], loaded: LoadedNetwork) -> NDArray[np.float64]:
    """Of each pattern, so that the phase classes have the shares of the prior."""
    drawn = np.bincount(classes, minlength=len(PHASE_CLASSES)) / len(classes)
    prior = np.array(
        [loaded.calibration.prior.get(name, share) for name, share in zip(PHASE_CLASSES, drawn, strict=True)]
    )
    return np.asarray((prior / np.maximum(drawn, 1e-9))[classes])


def _shares(names: list[Any], weights: NDArray[np.float64] | None = None) -> dict[str, float]:
    weights = np.ones(len(names)) if weights is None else weights
    every = np.array(names)
    return {
        str(name): round(float(weights[every == name].sum() / weights.sum()), 5) for name in sorted(set(every.tolist()))
    }


def _quantiles(values: ArrayLike) -> dict[str, float]:
    """By their names: "0.01" to "0.99"."""
    found = np.quantile(np.asarray(values, dtype=np.float64), QUANTILES)
    return {str(q): float(f"{value:.4g}") for q, value in zip(QUANTILES, found, strict=True)}
