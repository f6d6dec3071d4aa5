"""What the evaluation that travels with a model version found, in the few figures by which versions are compared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from django.utils.translation import gettext_lazy as _

from mlmodels.models import ModelVersion
from screening.models import Proof


class Figure(NamedTuple):
    """One figure: what it answers and on which patterns, its value in words, and its 95 % interval with its counts, where it has one."""

    question: Any
    where: Any
    value: str
    interval: str = ""


class ModelRow(NamedTuple):
    """A version, one figure for each of `headings`, and its newest proof."""

    version: ModelVersion
    figures: list[Figure | None]
    proof: Proof | None


QUESTIONS = (
    (_("Recall"), _("published recipe, p > 0.5"), ("published_recipe", "recall")),
    (_("Precision"), _("published recipe, p > 0.5"), ("published_recipe", "precision")),
    (_("Recall"), _("our own mix, p > 0.5"), ("own_mix", "recall")),
    (_("False alarms"), _("measured, class C or better"), ("negatives", "all", "C_or_better")),
)
"""Of what, on which patterns, and where it stands in a report."""

CONSTANT_ERROR = ("published_recipe", "quasilattice_constant", "median_relative_error")
CALIBRATION_ERROR = ("own_mix", "expected_calibration_error")


def headings() -> list[tuple[Any, Any]]:
    """Of a table with a row for each version: what, and on which patterns."""
    return [
        *((what, where) for what, where, _path in QUESTIONS),
        (_("Error of a_R"), _("median, published recipe")),
        (_("Calibration error"), _("our own mix")),
    ]


def figures_of(version: ModelVersion, proof: Proof | None = None) -> list[Figure | None]:
    """One for each of `headings`; None where the evaluation of this version did not ask.

    A network that was trained here travels without one: then that of its finished ``proof`` speaks.
    """
    report = version.config.get("metrics") or {}
    if not report and proof and proof.content:
        report = proof.content["evaluation"]["candidate"]
    found: list[Figure | None] = [_share(what, where, _at(report, path)) for what, where, path in QUESTIONS]
    error, calibration = _at(report, CONSTANT_ERROR), _at(report, CALIBRATION_ERROR)
    found.append(
        None if error is None else Figure(_("Error of a_R"), _("median, published recipe"), f"{100 * error:.3f} %")
    )
    found.append(
        None if calibration is None else Figure(_("Calibration error"), _("our own mix"), f"{calibration:.4f}")
    )
    return found


def _share(question: Any, where: Any, share: Mapping[str, Any] | None) -> Figure | None:
    if not share or share["share"] is None:
        return None
    interval = f"{share['low']:.4f}–{share['high']:.4f}"
    if share["share"] < 0.02:  # of a rare thing the counts say more
        return Figure(question, where, f"{share['k']} / {share['n']}", interval)
    return Figure(question, where, f"{share['share']:.4f}", f"{interval} · {share['k']} / {share['n']}")


def _at(report: Any, path: tuple[str, ...]) -> Any:
    for name in path:
        report = report.get(name) if isinstance(report, Mapping) else None
    return report


def described(version: ModelVersion) -> Iterator[tuple[Any, str]]:
    """How a version was made, as its checkpoint says: name of the fact, and the fact."""
    config = version.config
    training = config.get("training") or {}
    facts = (
        (_("Trained by"), config.get("command")),
        (_("From the source"), config.get("git_revision")),
        (_("Weights made"), config.get("made_at")),
        (_("Seed"), training.get("seed")),
        (_("Steps"), training.get("steps")),
        (_("Input contract"), config.get("input_contract")),
        (_("Thresholds of the classes"), version.thresholds_version),
        (_("SHA-256 of the weights"), version.sha256),
    )
    return ((name, str(fact)) for name, fact in facts if fact not in (None, ""))
