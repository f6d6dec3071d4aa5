"""What a network should reach, beside what it did: the first table of every report."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from mlmodels.report.words import Figures, interval, percent, points, ratio

Reached = Literal["aim", "yes", "no"]
Unit = Literal["", "%", "points"]

CO_MO_AG = ("Co, 2θ 23–97°", "Mo, 2θ 9–34°", "Ag, 2θ 7–27°")
OTHER_RANGES = ("2θ 20–70°", "2θ 30–80°", "0.05°")
"""Ways of measuring (mlmodels.net.evaluation.conditions) that should cost next to nothing."""
RATIO_GOALS = {"P": ((0.15, 0.06), (0.50, 0.15), (0.80, 0.95)), "F": ((0.12, 0.06), (0.40, 0.15), (0.85, 0.95))}
"""For a P-type and for an F-type line list: ratios of 50 % and of 90 % in class C, and the share in class A at r = 1; at least, aim."""


@dataclass(frozen=True, slots=True)
class Goal:
    """One figure with what it should be at least and what is aimed at, in which unit these are said, and whether the smaller
    is the better (``at_most``)."""

    question: str
    found: str
    value: float | None
    least: float
    aim: float
    at_most: bool = False
    unit: Unit = ""

    @property
    def wanted(self) -> str:
        return f"{'≤' if self.at_most else '≥'} {self.said(self.least)}"

    def said(self, value: float) -> str:
        if not self.unit:
            return f"{value:g}"
        return f"{100 * value:g} %" if self.unit == "%" else f"{100 * value:+g}"

    @property
    def reached(self) -> Reached:
        """By the figure itself, not by its interval."""
        if self.value is None:
            return "no"
        sign = -1 if self.at_most else 1
        if sign * self.value >= sign * self.aim:
            return "aim"
        return "yes" if sign * self.value >= sign * self.least else "no"


def goals(figures: Figures) -> list[Goal]:
    """Every goal that the parts of the report which were run answer."""
    found = [*_published(figures["published_recipe"]), *_constants(figures)]
    if "approximants" in figures:
        found += _approximants(figures["approximants"])
    if "ways_of_measuring" in figures:
        found += _ways(figures["ways_of_measuring"])
    if "negatives" in figures:
        found += [*_negatives(figures["negatives"]), *_injection(figures["injection"])]
    rate = figures["speed"]["patterns_per_second"]
    cores = f"{figures['speed']['threads']} threads on {figures['speed']['device']}"
    found.append(Goal(f"screening in batches, patterns/s ({cores})", f"{rate:.0f}", rate, 600, 1000))
    return found


def _published(part: Figures) -> Iterator[Goal]:
    at_once = ((0.990, 0.995), (0.988, 0.995))
    asked = [("all a_R at once, p as it is", part, at_once)]
    if "even_odds" in part:
        asked.append(("all a_R at once, even odds as in its test", part["even_odds"], at_once))
    in_bin = ((0.997, 0.999), (0.994, 0.998))
    if "in_bin" in part:
        asked.append(("asked in the bin, p as it is", part["in_bin"], in_bin))
        asked.append(("asked in the bin, even odds as in its test", part["in_bin_even_odds"], in_bin))
    for question, figures, wanted in asked:
        for name, (least, aim) in zip(("recall", "precision"), wanted, strict=True):
            yield _share(f"published recipe, {question}: {name}", figures[name], least, aim)


def _constants(figures: Figures) -> Iterator[Goal]:
    for name, part in (("published recipe", "published_recipe"), ("own mix", "own_mix")):
        if "quasilattice_constant" in figures[part]:
            error = figures[part]["quasilattice_constant"]["median_relative_error"]
            yield Goal(
                f"a_R, median relative error: {name}", percent(error), error, 0.0005, 0.0003, at_most=True, unit="%"
            )


def _approximants(parts: list[Figures]) -> Iterator[Goal]:
    for one in parts:
        called = one["all"]["C_or_better"]
        yield _share(f"{one['lines']}: called i-QC in class C or better", called, 0.005, 0.001, at_most=True)
        yield _share(f"{one['lines']}: named rightly where it dominates", one["dominating"]["named"], 0.90, 0.97)


def _ways(part: Figures) -> Iterator[Goal]:
    by_name = {way["name"]: way["recall_difference"] for way in part["ways"]}
    for names, least, aim in ((CO_MO_AG, -0.01, 0.0), (OTHER_RANGES, -0.03, -0.01)):
        for name in names:
            if name in by_name:
                question = f"recall at {name} less that at {part['compared_with']} (points)"
                yield Goal(question, points(by_name[name]), by_name[name]["difference"], least, aim, unit="points")


def _negatives(part: Figures) -> Iterator[Goal]:
    yield _share("measured, no quasicrystal: class C or better", part["all"]["C_or_better"], 0.0, 0.0, at_most=True)
    for name, least in (("crystalline", 0.01), ("amorphous", 0.02)):
        yield _share(f"measured, {name}: p > 0.5", part[name]["over_half"], least, 0.003, at_most=True)


def _injection(parts: list[Figures]) -> Iterator[Goal]:
    for one in parts:
        wanted = RATIO_GOALS["P" if "(P)" in one["lines"] else "F"]
        for share, (least, aim) in zip((50, 90), wanted, strict=False):
            value = one[f"ratio_of_{share}_percent"]
            yield Goal(
                f"{one['lines']}: r at which {share} % reach class C", ratio(value), value, least, aim, at_most=True
            )
        yield _share(f"{one['lines']}: class A at r = 1", one["by_ratio"]["1"]["A"], *wanted[2])


def _share(question: str, share: Figures, least: float, aim: float, *, at_most: bool = False) -> Goal:
    return Goal(question, interval(share), share["share"], least, aim, at_most)
