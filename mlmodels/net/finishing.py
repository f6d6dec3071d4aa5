"""From trained weights to a checkpoint: calibrate on a held-out mix, and say how the weights were made."""

from __future__ import annotations

import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from mlmodels.net import calibration
from mlmodels.net.calibration import Calibration
from mlmodels.net.checkpoint import Checkpoint
from mlmodels.net.curated import CuratedPatterns
from mlmodels.net.mixing import CuratedSource
from mlmodels.net.network import Network
from mlmodels.net.predict import LoadedNetwork, best_constants, forward, load_network
from mlmodels.net.seen import N_SEEN, seen_in_training
from mlmodels.net.simulate import SimulationConfig, simulate
from mlmodels.net.training import TrainingConfig

N_CALIBRATION = 32_000
CALIBRATION_SEED = 7_000_000_000
"""Added to the training seed: a stream of patterns that training never draws from."""
CALIBRATION_SHARES = (0.185, 0.055, 0.055, 0.705)
CALIBRATION_PUBLISHED_SHARE = 0.05
"""The prior: one pattern in five holds a quasicrystal (of the published recipe's, half do).  Training learns best near to half and half."""
CAUTION = 0.75
"""Part of the fitted slope that is taken.  The fit speaks for simulated patterns; measured ones lie further from what training showed, and
a follow-up costs a day: so the classes A to C start at longer odds, while p = 1/2 stays where it is.  Chosen on the choosing half of measured patterns."""
MOST_DRAWS = 4
BLOCK = 500
DETECTED = 0.5


def make_checkpoint(
    name: str,
    config: TrainingConfig,
    network: Network,
    command: str,
    n_calibration: int = N_CALIBRATION,
    validation: CuratedPatterns | None = None,
) -> Checkpoint:
    """Calibrate the trained ``network`` and gather what belongs with its weights; metrics are added by an evaluation.

    validation: measured patterns that training did not see; in the calibration they stand among the simulated ones
    """
    calibrated = calibrate(network, config, n_calibration, validation)
    return Checkpoint(
        name=name,
        arrays={key: tensor.detach().cpu().numpy() for key, tensor in network.state_dict().items()},
        network=config.network.as_json(),
        calibration=calibrated.as_json(),
        seen=seen_by(network, calibrated, config.simulation, min(N_SEEN, n_calibration)),
        training=config.as_json(),
        command=command,
        git_revision=git_revision(),
        made_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def seen_by(network: Network, calibrated: Calibration, simulation: SimulationConfig, n: int = N_SEEN) -> dict[str, Any]:
    """What ``network`` saw in training, and what it says of the mix that it is calibrated for."""
    loaded = LoadedNetwork("seeing", network, calibrated, next(network.parameters()).device)
    return seen_in_training(loaded, simulation, calibration_mix(simulation), n)


def calibration_mix(simulation: SimulationConfig) -> SimulationConfig:
    """What training shows, with the shares of the classes that a laboratory meets."""
    return replace(simulation, class_shares=CALIBRATION_SHARES, published_share=CALIBRATION_PUBLISHED_SHARE)


def calibrate(
    network: Network, config: TrainingConfig, n: int = N_CALIBRATION, validation: CuratedPatterns | None = None
) -> Calibration:
    """Fit the calibration of ``network`` on ``n`` patterns of ``calibration_mix``.

    Patterns of ``validation`` take the places of the share that measured ones had in training, of their own phase classes, so
    that the prior stays; each is drawn MOST_DRAWS times at most on average, so that a few do not decide.
    """
    simulation = calibration_mix(config.simulation)
    device = next(network.parameters()).device
    loaded = LoadedNetwork("calibrating", network.eval(), Calibration(), device)
    generator = torch.Generator(device).manual_seed(CALIBRATION_SEED + config.seed)
    measured = None
    if validation:
        measured = CuratedSource(validation, min(config.curated_share, MOST_DRAWS * len(validation) / n), device)
    scores, classes, icosahedral, constants = [], [], [], []
    index = network.config.phase_classes.index("icosahedral")
    for start in range(0, n, BLOCK):
        batch = simulate(min(BLOCK, n - start), simulation, generator, device)
        if measured:
            batch = measured.mixed_into(batch, generator)
        output = forward(loaded, batch.intensity, batch.measured)
        scores.append(output.class_log_probabilities().cpu().numpy())
        icosahedral.append(output.lattice[:, :, index].double().cpu().numpy())
        classes.append(batch.phase_class.cpu().numpy())
        constants.append(batch.quasilattice_constant.cpu().numpy())
    score, truth = np.concatenate(scores), np.concatenate(classes)
    slope, bias = calibration.fit(score, truth, CAUTION)
    prior = {name: float(np.mean(truth == i)) for i, name in enumerate(network.config.phase_classes)}
    fitted = Calibration(slope, bias, 1.0, prior, n)

    constant = np.concatenate(constants)
    detected = (truth == index) & (fitted(score)[:, index] > DETECTED) & np.isfinite(constant)
    if not detected.any():
        return fitted
    found, spread, _ = best_constants(np.concatenate(icosahedral)[detected])
    error = found - constant[detected]
    return replace(fitted, sigma_scale=calibration.fit_sigma_scale(error, spread))


def calibrated_anew(
    trained: Checkpoint, config: TrainingConfig, command: str, n_calibration: int = N_CALIBRATION
) -> Checkpoint:
    """``trained`` with today's calibration; what an evaluation found of the former one is gone."""
    network = load_network(trained).network
    calibrated = calibrate(network, config, n_calibration)
    return replace(
        trained,
        calibration=calibrated.as_json(),
        seen=seen_by(network, calibrated, config.simulation, min(N_SEEN, n_calibration)),
        command=f"{trained.command}; then {command} at {git_revision() or 'an unknown revision'}",
        metrics={},
    )


def git_revision() -> str:
    """The commit that made this, with "+" where files differ from it; empty outside a repository."""
    here = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--abbrev=40", "--dirty=+"],  # noqa: S607
            cwd=here,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return ""
    return described.stdout.strip()
