"""The argument for a call as the page says it: which reflections are seen, which are missing, what else would fit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast

from django.utils.translation import gettext as _

from mlmodels.net.argument import PLAUSIBLE, make_argument
from samples.xrd.icosahedral import APPROXIMANT_CUBIC_1_1, APPROXIMANT_CUBIC_2_1, LatticeType
from screening import pipeline
from screening.models import Argument, ScreeningResult

SEEN, MISSING = "seen", "missing"
DRAWN = {SEEN, MISSING, "hidden"}


@dataclass(frozen=True, slots=True)
class Why:
    """What was stored with a result, and the questions that its page asks of it."""

    result: ScreeningResult
    content: Mapping[str, Any]

    @property
    def seen(self) -> list[dict[str, Any]]:
        return self._lines({SEEN})

    @property
    def missing(self) -> list[dict[str, Any]]:
        return self._lines({MISSING})

    @property
    def undecided(self) -> list[dict[str, Any]]:
        """Lines of which nothing can be said: under a flank, too weak, or outside the range."""
        words = {
            "hidden": _("under the flank of another peak"),
            "weak": _("may be too weak to be seen"),
            "outside": _("outside the measured range"),
        }
        return [line | {"said": words[line["verdict"]]} for line in self._lines(set(words))]

    @property
    def n_strong_seen(self) -> int:
        return sum(line["strong"] for line in self.seen)

    @property
    def n_strong_covered(self) -> int:
        return sum(line["strong"] and line["verdict"] != "outside" for line in self.content["lines"])

    @property
    def missing_names(self) -> str:
        return ", ".join(f"{line['n']}/{line['m']}" for line in self.content["lines"] if line["verdict"] == MISSING)

    @property
    def is_weighed(self) -> bool:
        """The network was asked what each line weighs."""
        return "other_log_odds" in self.content

    @property
    def scaled(self) -> list[dict[str, Any]]:
        """The a_R with the same line positions that a quasicrystal could have."""
        return [one for one in self.content["alternatives"] if one["relation"] == "tau" and one["plausible"]]

    @property
    def implausible(self) -> str:
        """The others, in words; empty where there are none."""
        constants = [one["quasilattice_constant"] for one in self.content["alternatives"] if not one["plausible"]]
        return _(" and ").join(f"{constant:.2f} Å" for constant in constants)

    @property
    def plausible_range(self) -> str:
        return f"{PLAUSIBLE[0]:g}–{PLAUSIBLE[1]:g} Å"

    @property
    def confused(self) -> list[dict[str, Any]]:
        return [one for one in self.content["alternatives"] if one["relation"] == "18/29"]

    @property
    def approximants(self) -> list[tuple[str, float, float]]:
        """(which, its probability, its cubic lattice constant in Å)."""
        phases, a_r = self.result.phases or {}, self.result.quasilattice_constant or 0.0
        named = {
            "approximant_1_1": ("1/1", APPROXIMANT_CUBIC_1_1),
            "approximant_2_1": ("2/1", APPROXIMANT_CUBIC_2_1),
        }
        return [(name, phases[key], factor * a_r) for key, (name, factor) in named.items() if key in phases]

    def as_json(self) -> dict[str, Any]:
        """What the figure marks of it."""
        words = {
            "seen": _("seen"),
            "missing": _("expected and missing"),
            "hidden": _("under another peak"),
            "unexplained": _("of another phase"),
            "offset": _("measured − expected"),
            "weighs": _("log-odds"),
            "alternative": _("reflections of"),
        }
        return {
            "lines": [line for line in self.content["lines"] if line["verdict"] in DRAWN],
            "unexplained": self.content["unexplained"],
            "words": words,
        }

    def _lines(self, verdicts: set[str]) -> list[dict[str, Any]]:
        """Those that weigh most with the network first, or else those that are expected to be strongest."""
        lines = [line for line in self.content["lines"] if line["verdict"] in verdicts]
        return sorted(lines, key=lambda line: (-abs(line.get("log_odds", 0.0)), -line["expected"]))


def why_of(result: ScreeningResult | None) -> Why | None:
    """The argument for ``result``; None where it has none."""
    if result is None or not result.level:
        return None
    argument = Argument.objects.filter(result=result).first()
    content = argument.content if argument else argued_now(result)
    return Why(result, content) if content else None


def argued_now(result: ScreeningResult) -> dict[str, Any] | None:
    """What would have been kept with a call that the network is not asked to weigh: the same numbers, made when somebody asks.

    None for a call that it weighs, or that was made elsewhere.
    """
    evidence, p, a_r = result.evidence_values, result.probability, result.quasilattice_constant
    if evidence is None or p is None or a_r is None or pipeline.is_weighed(p):
        return None
    lattice_type = cast(LatticeType, result.lattice_type)
    return make_argument(result.reading.as_pattern(), a_r, lattice_type, p, evidence)
