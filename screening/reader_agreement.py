"""How far two readers agree beyond chance: Cohen's kappa with its interval."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import groupby
from typing import NamedTuple

import numpy as np

from samples.models import Viewer
from screening.models import Review
from screening.proportions import NORMAL_95

FEWEST = 5
"""Pairs below which no kappa is told."""


class Agreement(NamedTuple):
    """kappa and its 95 % interval over ``n_pairs`` calls that two people judged; ``share`` of them alike."""

    n_pairs: int
    share: float
    kappa: float
    low: float
    high: float


def cohens_kappa(pairs: Iterable[tuple[str, str]]) -> Agreement | None:
    """Agreement of two readers who each put every case into one category; None for too few cases.

    Cohen, Educ. Psychol. Meas. 20, 37 (1960); the variance is that of Fleiss, Cohen & Everitt, Psychol. Bull. 72, 323 (1969).
    Where chance alone would agree always (one category), kappa is 1.
    """
    pairs = list(pairs)
    n_pairs = len(pairs)
    if n_pairs < FEWEST:
        return None
    categories = {name: n for n, name in enumerate(sorted({name for pair in pairs for name in pair}))}
    table = np.zeros((len(categories), len(categories)))
    for first, second in pairs:
        table[categories[first], categories[second]] += 1
    table /= n_pairs
    rows, columns = table.sum(axis=1), table.sum(axis=0)
    observed, chance = float(np.trace(table)), float(rows @ columns)
    if chance == 1:
        return Agreement(n_pairs, 1.0, 1.0, 1.0, 1.0)
    kappa = (observed - chance) / (1 - chance)
    diagonal = float(np.diag(table) @ (1 - (rows + columns) * (1 - kappa)) ** 2)
    cross = table * (columns[:, None] + rows[None, :]) ** 2
    beside = (1 - kappa) ** 2 * float(cross.sum() - np.trace(cross))
    variance = max(diagonal + beside - (kappa - chance * (1 - kappa)) ** 2, 0.0) / (n_pairs * (1 - chance) ** 2)
    half = NORMAL_95 * float(np.sqrt(variance))
    return Agreement(n_pairs, observed, kappa, max(kappa - half, -1.0), min(kappa + half, 1.0))


def agreement_of_readers(person: Viewer) -> Agreement | None:
    """Over all calls that ``person`` may see and that two people judged, each by their standing verdict, in the order in which they signed."""
    rows = Review.objects.visible_to(person).standing().order_by("result", "number").values_list("result", "verdict")
    verdicts = ([verdict for _result, verdict in group] for _result, group in groupby(rows, key=lambda row: row[0]))
    return cohens_kappa((said[0], said[1]) for said in verdicts if len(said) >= 2)
