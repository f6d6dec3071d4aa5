"""Our own mix, that of the calibration: recall by share, classes by kind, a_R, lattice type, approximants, reliability."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import torch
from numpy.typing import NDArray

from mlmodels.net.calibration import expected_calibration_error
from mlmodels.net.evaluation.inputs import inputs_of
from mlmodels.net.evaluation.statistics import Answers, Report, at_class_c, quasilattice_errors, share_of
from mlmodels.net.finishing import calibration_mix
from mlmodels.net.predict import LoadedNetwork, Prediction, predict
from mlmodels.net.simulate import KINDS, SimulatedBatch, SimulationConfig, simulate
from mlmodels.net.simulation.config import ICOSAHEDRAL, NONE

BLOCK = 500
"""Patterns simulated at once."""
SHARE_EDGES = (0.0, 0.05, 0.1, 0.2, 0.4, 1.0)
DOMINATING = 0.5
"""Of the scattering."""


def own_mix(
    loaded: LoadedNetwork,
    simulation: SimulationConfig,
    n: int,
    generator: torch.Generator,
    answers: Answers,
) -> Report:
    """``n`` patterns of the mix on which networks are calibrated."""
    simulation = calibration_mix(simulation)
    batches: list[SimulatedBatch] = []
    predictions: list[Prediction] = []
    for start in range(0, n, BLOCK):
        batches.append(simulate(min(BLOCK, n - start), simulation, generator, torch.device("cpu")))
        predictions.extend(predict(loaded, inputs_of(batches[-1])))
    truth, kind, share, constant, lattice_type = (
        np.concatenate([getattr(batch, name).numpy() for batch in batches])
        for name in ("phase_class", "kind", "share", "quasilattice_constant", "lattice_type")
    )
    classes = loaded.network.config.phase_classes
    p = np.array([[one.probabilities[name] for name in classes] for one in predictions])
    right = p.argmax(axis=1) == truth
    icosahedral, approximant = truth == ICOSAHEDRAL, (truth != ICOSAHEDRAL) & (truth != NONE)
    detected, at_c = p[:, ICOSAHEDRAL] > 0.5, at_class_c(predictions)
    answers.positives.append(p[icosahedral, ICOSAHEDRAL])
    answers.negatives.append(p[~icosahedral, ICOSAHEDRAL])
    both = icosahedral & detected
    found = np.array([one.quasilattice_constant for one in predictions])
    sigma = np.array([one.quasilattice_constant_sigma for one in predictions])
    f_type = np.array([one.lattice_type == "F" for one in predictions])
    bands = {f"{low:g}–{high:g}": icosahedral & (share > low) & (share <= high) for low, high in pairwise(SHARE_EDGES)}
    return {
        "n": n,
        "prior": {name: float((truth == i).mean()) for i, name in enumerate(classes)},
        "recall": share_of(detected[icosahedral]),
        "precision": share_of(icosahedral[detected]),
        "by_share": {
            name: {"recall": share_of(detected[rows]), "C_or_better": share_of(at_c[rows])}
            for name, rows in bands.items()
        },
        "by_class": {
            name: {
                "named": share_of(right[truth == i]),
                "dominating_named": share_of(right[(truth == i) & (share > DOMINATING)]),
                "called_icosahedral": share_of(detected[truth == i]),
                "C_or_better": share_of(at_c[truth == i]),
            }
            for i, name in enumerate(classes)
        },
        "by_kind": {
            name: {"n": int((kind == i).sum()), "right": share_of(right[kind == i])} for i, name in enumerate(KINDS)
        },
        "expected_calibration_error": expected_calibration_error(p[:, ICOSAHEDRAL], icosahedral),
        "reliability": reliability(p[:, ICOSAHEDRAL], icosahedral),
        "approximants_called_icosahedral": share_of(detected[approximant]),
        "approximants_C_or_better": share_of(at_c[approximant]),
        "quasilattice_constant": quasilattice_errors(found[both], sigma[both], constant[both]),
        "lattice_type_right": share_of((f_type == (lattice_type == 1))[both]),
    }


def reliability(p: NDArray[np.float64], truth: NDArray[np.bool_]) -> list[Report]:
    """Share that was right among the patterns of each tenth of probability: the points of a reliability diagram."""
    which = np.minimum((p * 10).astype(np.int64), 9)
    return [
        {"mean_p": float(p[which == i].mean()), **share_of(truth[which == i])} for i in range(10) if (which == i).any()
    ]
