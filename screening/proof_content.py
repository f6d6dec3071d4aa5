"""What a finished proof says: what two networks said of the same patterns, paired, and whether the candidate is worse.

Worse on false alarms is a candidate that calls class C or better
- more of the lab's measured patterns without a quasicrystal than production does, counted by sample: they are few, and each costs a
  day at the microscope, so that one more is enough; or
- more of the simulated ones, of which there are thousands, by so many that chance explains it in less than 5 % of cases (exact
  McNemar test, one-sided).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from mlmodels.net.classify import DETECTION_LEVELS
from mlmodels.net.evaluation.statistics import paired
from samples.models import THE_LAB
from screening.ledger import is_simulated, judged_calls
from screening.models import Outcome, Proof

SIGNIFICANT = 0.05
CLASS_C = dict(DETECTION_LEVELS)["C"]
SIGNIFICANT_DIGITS = 6
"""Of each figure that is kept."""


class Told(NamedTuple):
    """What two networks say of one pattern or sample whose truth is known; ``ours`` and ``theirs``: in class C or better."""

    positive: bool
    simulated: bool
    sample: int
    ours: bool
    theirs: bool


def at_class_c(p: NDArray[np.float64]) -> NDArray[np.bool_]:
    return np.asarray(p > CLASS_C)


def paired_answers(ours: list[NDArray[np.float64]], theirs: list[NDArray[np.float64]]) -> dict[str, Any] | None:
    """Class C or better of the same patterns by both; None where there were none."""
    return paired(at_class_c(np.concatenate(ours)), at_class_c(np.concatenate(theirs))) if ours else None


def by_truth(told: Iterable[Told]) -> dict[str, Any]:
    """Samples with and without a quasicrystal, measured and simulated: in class C or better by one of their patterns.

    alarms: of the measured ones without, by sample, what each network says
    """
    samples: dict[tuple[bool, bool, int], list[bool]] = defaultdict(lambda: [False, False])
    for one in told:
        said = samples[one.positive, one.simulated, one.sample]
        said[0], said[1] = said[0] or one.ours, said[1] or one.theirs
    found: dict[str, Any] = {}
    for kind, simulated in (("measured", False), ("simulated", True)):
        for truth, positive in (("with", True), ("without", False)):
            of_kind = [said for key, said in samples.items() if key[:2] == (positive, simulated)]
            found.setdefault(kind, {})[truth] = _paired_flags(of_kind)
    found["alarms"] = {str(key[2]): said for key, said in samples.items() if key[:2] == (False, False)}
    return found


def told_by_outcomes(proof: Proof) -> list[Told]:
    """Each call of either version that a signed outcome answers for, where both have called the pattern."""
    versions = [proof.candidate_id, proof.production_id]
    rows = judged_calls(THE_LAB).filter(model_version__in=versions).exclude(verdict=Outcome.Verdict.INCONCLUSIVE)  # type: ignore[misc]  # annotated
    calls: dict[int, dict[int, bool]] = defaultdict(dict)
    about: dict[int, tuple[bool, bool, int]] = {}
    told = rows.annotate(simulated=is_simulated()).values_list(
        "reading", "model_version", "level", "verdict", "simulated", "reading__pattern__sample"
    )
    for reading, version, level, verdict, simulated, sample in told:
        calls[reading][version] = level != "D"
        about[reading] = (verdict == Outcome.Verdict.CONFIRMED, simulated, sample)
    return [
        Told(*about[reading], said[proof.candidate_id], said[proof.production_id])
        for reading, said in calls.items()
        if len(said) == len(versions)
    ]


def content_of(proof: Proof, steps: Mapping[str, Any], *, n: int, seed: int) -> dict[str, Any]:
    """The finished proof from what its steps found."""
    chapters = {name: found for name, found in steps.items() if "candidate" in found and "production" in found}
    splits = [found for name, found in steps.items() if name.startswith("test-")]
    outcomes = steps["outcomes"]
    found: dict[str, Any] = plain(
        {
            "candidate": _named(proof.candidate),
            "production": _named(proof.production),
            "n": n,
            "seed": seed,
            "evaluation": {
                side: {"network": getattr(proof, side).name, "n": n, "seed": seed}
                | {name: found[side] for name, found in chapters.items()}
                for side in ("candidate", "production")
            },
            "paired": {
                name: {"with": found["with"], "without": found["without"]}
                for name, found in chapters.items()
                if found["with"] or found["without"]
            },
            "test_splits": [_without_alarms(split) for split in splits],
            "outcomes": _without_alarms(outcomes),
            "archive": steps["archive"],
            "false_alarms": _false_alarms(chapters, [outcomes, *splits]),
        }
    )
    return found


def _false_alarms(chapters: Mapping[str, Any], known: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """The judgement, and the counts that it rests on."""
    samples: dict[str, list[bool]] = defaultdict(lambda: [False, False])
    for found in known:
        for sample, (ours, theirs) in found["alarms"].items():
            samples[sample] = [samples[sample][0] or ours, samples[sample][1] or theirs]
    measured = _paired_flags(list(samples.values()))
    simulated = _pooled(
        found["without"] for name, found in chapters.items() if name != "negatives" and found["without"]
    )
    worse_measured = bool(measured and measured["only_these"] > measured["only_those"])
    worse_simulated = bool(simulated and simulated["p_more"] < SIGNIFICANT)
    return {
        "measured": measured,
        "simulated": simulated,
        "worse_measured": worse_measured,
        "worse_simulated": worse_simulated,
        "worse": worse_measured or worse_simulated,
    }


def _paired_flags(said: list[list[bool]]) -> dict[str, Any] | None:
    flags = np.array(said, dtype=np.bool_).reshape(-1, 2)
    return paired(flags[:, 0], flags[:, 1]) if said else None


def _pooled(pairs: Iterable[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Several sets of different patterns as one."""
    counts = np.zeros(4, dtype=np.int64)  # both, only these, only those, neither
    for one in pairs:
        both = one["these"]["k"] - one["only_these"]
        counts += (both, one["only_these"], one["only_those"], one["n"] - both - one["only_these"] - one["only_those"])
    if not counts.sum():
        return None
    return paired(np.repeat([True, True, False, False], counts), np.repeat([True, False, True, False], counts))


def _without_alarms(found: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "alarms"}


def _named(version: Any) -> dict[str, str]:
    return {"name": version.name, "sha256": version.sha256}


def plain(found: Any) -> Any:
    """As any database gives it back: built-in types, and figures of SIGNIFICANT_DIGITS digits."""
    if isinstance(found, Mapping):
        return {str(name): plain(value) for name, value in found.items()}
    if isinstance(found, list | tuple):
        return [plain(value) for value in found]
    if isinstance(found, float | np.floating):
        return float(f"{found:.{SIGNIFICANT_DIGITS}g}") + 0.0 if np.isfinite(found) else None
    if isinstance(found, bool | np.bool_):
        return bool(found)
    return int(found) if isinstance(found, np.integer) else found
