"""The report as tables of text, and these as aligned text and as Markdown."""

from __future__ import annotations

from dataclasses import dataclass

from mlmodels.report.goals import goals
from mlmodels.report.words import Figures, interval, levels, percent, points, ratio


@dataclass(frozen=True, slots=True)
class Table:
    title: str
    header: list[str]
    rows: list[list[str]]

    def as_text(self) -> str:
        rows = [self.header, *self.rows]
        widths = [max(len(row[i]) for row in rows) for i in range(len(self.header))]
        lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
        return "\n".join([self.title, "-" * len(self.title), *(line for line in lines if line)])

    def as_markdown(self) -> str:
        rows = [self.header, ["---"] * len(self.header), *self.rows]
        return "\n".join([f"### {self.title}", "", *("| " + " | ".join(row) + " |" for row in rows)])


def tables(figures: Figures) -> list[Table]:
    """Every part of the report that was run."""
    mix = figures["own_mix"]
    made = [_goals(figures), _published(figures["published_recipe"]), _own_mix(mix), _reliability(mix), *_by(mix)]
    if "ways_of_measuring" in figures:
        made.append(_ways(figures["ways_of_measuring"]))
    made += [_approximants(one) for one in figures.get("approximants", ())]
    if "negatives" in figures:
        made.append(_negatives(figures["negatives"]))
    made += [_injection(one) for one in figures.get("injection", ())]
    return [*made, _speed(figures["speed"])]


def as_text(figures: Figures) -> str:
    return "\n\n".join(table.as_text() for table in tables(figures))


def as_markdown(figures: Figures) -> str:
    return "\n\n".join(table.as_markdown() for table in tables(figures))


def _goals(figures: Figures) -> Table:
    rows = [[goal.question, goal.reached, goal.found, goal.wanted, goal.said(goal.aim)] for goal in goals(figures)]
    return Table("What it should reach", ["", "reached", "found", "wanted", "aim"], rows)


def _published(part: Figures) -> Table:
    rows = [[f"all a_R at once: {name}", interval(part[name])] for name in ("recall", "precision")]
    questions = {
        "even_odds": "all a_R at once, even odds",
        "in_bin": "in the bin, p as it is",
        "in_bin_even_odds": "in the bin, even odds",
    }
    for key, question in questions.items():
        rows += [[f"{question}: {name}", interval(one)] for name, one in part.get(key, {}).items()]
    rows += [[f"levels {which} a quasicrystal", levels(part[f"levels_{which}"])] for which in ("with", "without")]
    if "quasilattice_constant" in part:
        rows += _constant(part["quasilattice_constant"])
    return Table("Published recipe, p > 0.5", ["", ""], rows)


def _constant(part: Figures) -> list[list[str]]:
    return [
        ["a_R, median relative error", percent(part["median_relative_error"])],
        ["a_R within 0.5 %", interval(part["within_0.5_percent"])],
        ["a_R within ± 2 σ", interval(part["within_2_sigma"])],
    ]


def _own_mix(part: Figures) -> Table:
    rows = [
        ["recall, p > 0.5", interval(part["recall"])],
        ["precision, p > 0.5", interval(part["precision"])],
        ["expected calibration error", f"{part['expected_calibration_error']:.4f}"],
        ["approximants called icosahedral, p > 0.5", interval(part["approximants_called_icosahedral"])],
        ["approximants called icosahedral, class C or better", interval(part["approximants_C_or_better"])],
        *_constant(part["quasilattice_constant"]),
        ["P or F right", interval(part["lattice_type_right"])],
    ]
    prior = ", ".join(f"{name} {share:.2f}" for name, share in part["prior"].items())
    return Table(f"Our own mix ({prior})", ["", ""], rows)


def _reliability(part: Figures) -> Table:
    rows = [[f"{one['mean_p']:.3f}", interval(one)] for one in part["reliability"]]
    return Table("What its probability means, on our own mix", ["mean p said", "share that was right"], rows)


def _by(part: Figures) -> list[Table]:
    by_share = [[name, interval(one["recall"]), interval(one["C_or_better"])] for name, one in part["by_share"].items()]
    by_class = [
        [name, *(interval(one[key]) for key in ("named", "dominating_named", "called_icosahedral", "C_or_better"))]
        for name, one in part.get("by_class", {}).items()
    ]
    by_kind = [[name, str(one["n"]), interval(one["right"])] for name, one in part["by_kind"].items()]
    header = [
        "phase class",
        "named so",
        "named so, over half of the scattering",
        "i-QC p > 0.5",
        "i-QC class C or better",
    ]
    return [
        Table("Recall by share of the scattering", ["share", "p > 0.5", "class C or better"], by_share),
        Table("By phase class", header, by_class),
        Table("Phase class rightly named, by what else is there", ["kind", "n", "right"], by_kind),
    ]


def _ways(part: Figures) -> Table:
    rows = [
        [
            way["group"],
            way["name"],
            interval(way["recall"]),
            points(way["recall_difference"]),
            interval(way["C_or_better"]),
            points(way["C_difference"]),
        ]
        for way in part["ways"]
    ]
    title = f"The same {part['n']} mixtures measured in different ways; differences are to {part['compared_with']}"
    return Table(title, ["", "", "p > 0.5", "points", "class C or better", "points"], rows)


def _approximants(part: Figures) -> Table:
    rows = [
        [name, *(interval(one[key]) for key in ("named", "over_half", "C_or_better"))]
        for name, one in (*part["by_ratio"].items(), ("all", part["all"]))
    ]
    title = f"Approximants ({part['lines']}), alone and in {part['hosts']} measured hosts"
    return Table(title, ["r", "named rightly", "called i-QC, p > 0.5", "called i-QC, class C or better"], rows)


def _negatives(part: Figures) -> Table:
    names = {"all": part["all"], "crystalline": part["crystalline"], "amorphous": part["amorphous"]}
    names |= {"choosing half": part["choosing_half"], "other half": part["other_half"]} | part["by_source"]
    rows = [
        [
            name,
            str(one["n"]),
            levels(one["levels"]),
            interval(one["C_or_better"]),
            interval(one["over_half"]),
            f"{one['highest']:.4f}",
        ]
        for name, one in names.items()
        if one["n"]
    ]
    header = ["source", "n", "levels", "class C or better", "p > 0.5", "highest p"]
    where = f"from {part['from']}; " if part.get("from") else ""
    title = f"Measured patterns without a quasicrystal ({where}{part['refused']} refused as not screenable)"
    return Table(title, header, rows)


def _injection(part: Figures) -> Table:
    rows = [
        [r, *(interval(one[name]) for name in ("A", "C_or_better", "over_half", "a_R_right"))]
        for r, one in part["by_ratio"].items()
    ]
    reached = (
        f"50 % in class C at r = {ratio(part['ratio_of_50_percent'])}, 90 % at {ratio(part['ratio_of_90_percent'])}"
    )
    title = f"Injected lines of {part['lines']} in {part['hosts']} hosts: {reached}"
    return Table(title, ["r", "class A", "class C or better", "p > 0.5", "a_R within 0.5 %"], rows)


def _speed(part: Figures) -> Table:
    row = [f"{part['patterns_per_second']:.0f}", f"{part['milliseconds_alone']:.1f}", part["device"]]
    header = ["patterns/s in batches", "ms alone", "device", "threads", "cores"]
    return Table("Speed", header, [[*row, str(part["threads"]), str(part["cores"])]])
