"""Measured patterns that hold no quasicrystal, and the calls that the network makes on them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.evaluation.statistics import Answers, Report, at_class_c, levels, probabilities, share_of
from mlmodels.net.predict import LoadedNetwork, predict
from mlmodels.net.preprocess import rebin, why_not_screenable
from samples.xrd.bragg import CU_KALPHA1
from samples.xrd.pattern import PowderPattern

AMORPHOUS_PREFIX = "mg_"
"""Metallic glasses: sources of the negatives pack that begin so are mostly amorphous halos, and no hosts for injection."""


@dataclass(frozen=True, slots=True, eq=False)
class Negatives:
    """Measured patterns that hold no quasicrystal: those that can be screened, with the source of each, and the refused count.

    origin: where they come from, for the report
    """

    patterns: tuple[PowderPattern, ...]
    sources: tuple[str, ...]
    n_refused: int
    origin: str = ""

    @classmethod
    def of(cls, patterns: Iterable[tuple[PowderPattern, str]], origin: str) -> Negatives:
        """From pairs of a pattern and its source."""
        pairs = list(patterns)
        kept = [(pattern, source) for pattern, source in pairs if why_not_screenable(pattern) is None]
        return cls(
            tuple(pattern for pattern, _source in kept),
            tuple(source for _pattern, source in kept),
            len(pairs) - len(kept),
            origin,
        )

    @classmethod
    def read(cls, path: Path) -> Negatives:
        """A pack is an .npz of ``two_theta`` (n_points,) at Cu Kα, ``intensity`` (n, n_points; NaN: unmeasured), ``source`` (n,)."""
        with np.load(path, allow_pickle=False) as pack:
            two_theta, rows, sources = pack["two_theta"].astype(np.float64), pack["intensity"], pack["source"]
        measured = []
        for row, source in zip(rows, sources, strict=True):
            finite = np.isfinite(row)
            pattern = PowderPattern(two_theta[finite], row[finite].astype(np.float64), CU_KALPHA1)
            measured.append((pattern, str(source)))
        return cls.of(measured, path.name)

    def crystalline(self) -> list[PowderPattern]:
        pairs = zip(self.patterns, self.sources, strict=True)
        return [pattern for pattern, source in pairs if not source.startswith(AMORPHOUS_PREFIX)]

    def halves(self) -> NDArray[np.bool_]:
        """True for the half on which lengths of training are chosen; whole sources together, alternately by falling size."""
        names, sizes = np.unique(self.sources, return_counts=True)
        chosen = set(names[np.argsort(-sizes, kind="stable")][::2])
        return np.array([source in chosen for source in self.sources])


def false_alarms(loaded: LoadedNetwork, negatives: Negatives, answers: Answers) -> Report:
    """Calls on measured patterns that hold no quasicrystal: all, by source, and by the two fixed halves."""
    predictions = predict(loaded, [rebin(pattern) for pattern in negatives.patterns])
    p, at_c = probabilities(predictions), at_class_c(predictions)
    answers.negatives.append(p)
    sources, chosen = np.array(negatives.sources), negatives.halves()

    def counts(rows: NDArray[np.bool_]) -> Report:
        return {
            "n": int(rows.sum()),
            "levels": levels([predictions[i] for i in np.flatnonzero(rows)]),
            "C_or_better": share_of(at_c[rows]),
            "over_half": share_of(p[rows] > 0.5),
            "highest": float(p[rows].max()) if rows.any() else None,
        }

    amorphous = np.array([source.startswith(AMORPHOUS_PREFIX) for source in negatives.sources])
    return {
        "from": negatives.origin,
        "refused": negatives.n_refused,
        "all": counts(np.ones(len(p), dtype=np.bool_)),
        "crystalline": counts(~amorphous),
        "amorphous": counts(amorphous),
        "choosing_half": counts(chosen),
        "other_half": counts(~chosen),
        "by_source": {str(source): counts(sources == source) for source in np.unique(sources)},
    }
