"""The published recipe: over all a_R at once, as screening asks, and in the bin, as the published networks were tested."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from mlmodels.net.evaluation.inputs import inputs_of
from mlmodels.net.evaluation.statistics import Answers, Report, levels, probabilities, quasilattice_errors, share
from mlmodels.net.grid import CANDIDATES
from mlmodels.net.predict import LoadedNetwork, Prediction, predict
from mlmodels.net.simulate import SimulatedBatch, published_recipe
from mlmodels.net.simulation.published import A_R_RANGE

A_R_BIN = 0.025
"""Å; each of the 80 published networks answers for one such bin, and was tested on patterns of it and on ones without."""
N_BINS = 80


def published(loaded: LoadedNetwork, n: int, generator: torch.Generator, answers: Answers) -> Report:
    """Recall and precision on ``n`` + ``n`` patterns of the published recipe, a_R uniform over all bins."""
    batch, without = draw_published(n, generator)
    positives = predict(loaded, inputs_of(batch))
    negatives = predict(loaded, inputs_of(without))
    answers.positives.append(probabilities(positives))
    answers.negatives.append(probabilities(negatives))
    constants = batch.quasilattice_constant.numpy().astype(np.float64)
    asked = np.random.default_rng(generator.initial_seed()).uniform(*A_R_RANGE, size=n)
    odds, odds_in_bin = _even_odds(loaded, bins=1), _even_odds(loaded, bins=N_BINS)
    detected = probabilities(positives) > 0.5
    return {
        **_recall_and_precision(probabilities(positives), probabilities(negatives)),
        "levels_with": levels(positives),
        "levels_without": levels(negatives),
        "even_odds": _recall_and_precision(against_none(positives, odds), against_none(negatives, odds)),
        "in_bin": _recall_and_precision(in_bin(positives, constants), in_bin(negatives, asked)),
        "in_bin_even_odds": _recall_and_precision(
            in_bin(positives, constants, odds_in_bin), in_bin(negatives, asked, odds_in_bin)
        ),
        "quasilattice_constant": quasilattice_errors(
            np.array([one.quasilattice_constant for one in positives])[detected],
            np.array([one.quasilattice_constant_sigma for one in positives])[detected],
            constants[detected],
        ),
    }


def draw_published(n: int, generator: torch.Generator) -> tuple[SimulatedBatch, SimulatedBatch]:
    """``n`` patterns with a quasicrystal, and as many without."""
    return published_recipe(n, generator, icosahedral=1.0), published_recipe(n, generator, icosahedral=0.0)


def in_bin(predictions: Sequence[Prediction], constants: ArrayLike, odds: float = 1.0) -> NDArray[np.float64]:
    """Probability of a quasicrystal in the bin of each of ``constants`` (Å, (n,)), against none at all.

    The candidates of the bin and of half a bin on either side count, since they lie 0.4 to 0.6 bins apart; other candidates
    and the approximants are not asked.  odds: by which those of the network are multiplied
    """
    low = A_R_RANGE[0] + A_R_BIN * np.floor((np.asarray(constants) - A_R_RANGE[0]) / A_R_BIN)
    near = np.abs(CANDIDATES - (low + A_R_BIN / 2)[:, None]) < A_R_BIN
    evidence = np.array([one.evidence for one in predictions], dtype=np.float64)
    return against_none(predictions, odds * (evidence * near).sum(axis=1))


def against_none(predictions: Sequence[Prediction], odds: ArrayLike = 1.0) -> NDArray[np.float64]:
    """Probability of a quasicrystal where there is one or nothing; the approximants are not asked.

    odds: by which those of the network are multiplied, one number or one a pattern
    """
    there = np.asarray(odds) * probabilities(predictions)
    none = np.array([one.probabilities["none"] for one in predictions])
    return np.asarray(there / np.maximum(there + none, np.finfo(np.float64).tiny))


def _even_odds(loaded: LoadedNetwork, bins: int) -> float:
    """Half of the patterns of the published test hold a quasicrystal of the one of ``bins`` that is asked: its odds over those of
    the calibration mix."""
    prior = loaded.calibration.prior
    in_a_bin = prior.get("icosahedral", 0.0) / bins
    return prior["none"] / in_a_bin if in_a_bin else 1.0


def _recall_and_precision(positives: NDArray[np.float64], negatives: NDArray[np.float64]) -> Report:
    found, false = int((positives > 0.5).sum()), int((negatives > 0.5).sum())
    return {"recall": share(found, len(positives)), "precision": share(found, found + false)}
