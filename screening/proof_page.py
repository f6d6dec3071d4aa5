"""A finished proof as its page says it: the judgement, the paired table, the classes that change, the evaluation side by side."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy

from mlmodels.report.goals import goals
from screening.models import Proof, ScreeningResult

STEP_WORDS = {
    "published_recipe": gettext_lazy("published recipe"),
    "own_mix": gettext_lazy("our own mix"),
    "ways_of_measuring": gettext_lazy("other ways of measuring"),
    "approximants": gettext_lazy("approximants"),
    "negatives": gettext_lazy("measured patterns that follow-ups refuted"),
    "injection": gettext_lazy("lines added to measured patterns"),
    "speed": gettext_lazy("speed"),
    "outcomes": gettext_lazy("signed outcomes"),
    "archive": gettext_lazy("changes of class"),
}
LEVELS = ("", *ScreeningResult.Level.values)


class PairedRow(NamedTuple):
    """One question: how many in class C or better by each version; `better_when_more` says which of two is the better."""

    question: str
    where: str
    found: Mapping[str, Any]
    better_when_more: bool

    @property
    def standing(self) -> str:
        """Of the candidate, where the difference is more than chance makes of two that are equally good."""
        found = self.found
        if found["p"] >= 0.05:
            return "same"
        return "better" if (found["only_these"] > found["only_those"]) == self.better_when_more else "worse"

    @property
    def points(self) -> str:
        """The difference in percentage points with its interval."""
        difference = self.found["difference"]
        low, value, high = (100 * difference[key] for key in ("low", "difference", "high"))
        return f"{value:+.1f} ({low:+.1f} … {high:+.1f})".replace("-", "−")


class Change(NamedTuple):
    """``n`` patterns of class ``was`` that the candidate gives class ``now``; "" is no call."""

    was: str
    now: str
    n: int

    @property
    def is_change(self) -> bool:
        return bool(self.was) and self.was != self.now


class GoalRow(NamedTuple):
    question: str
    candidate: str
    production: str


@dataclass(frozen=True, slots=True)
class ProofPage:
    """The content of one finished proof, in the reader's language."""

    proof: Proof
    content: Mapping[str, Any]

    @property
    def false_alarms(self) -> Mapping[str, Any]:
        return self.content["false_alarms"]  # type: ignore[no-any-return]

    @property
    def false_alarm_rows(self) -> list[PairedRow]:
        """Patterns without a quasicrystal, of those that the judgement rests on."""
        named = (("measured", _("measured, by sample")), ("simulated", _("simulated")))
        found = ((where, self.false_alarms[key]) for key, where in named)
        return [PairedRow(_("False alarms"), where, one, better_when_more=False) for where, one in found if one]

    @property
    def rows(self) -> list[PairedRow]:
        return list(self._rows())

    def _rows(self) -> Iterator[PairedRow]:
        for name, found in self.content["paired"].items():
            yield from _both(str(STEP_WORDS.get(name, name)), found)
        for split in self.content["test_splits"]:
            for kind, words in (("measured", _("measured")), ("simulated", _("simulated"))):
                where = _("test split of %(name)s, %(kind)s") % {"name": split["name"], "kind": words}
                yield from _both(where, split[kind])
        for kind, words in (
            ("measured", _("samples with a signed outcome")),
            ("simulated", _("simulated samples with a signed outcome")),
        ):
            yield from _both(words, self.content["outcomes"][kind])

    @property
    def changes(self) -> list[Change]:
        """Of class, the most frequent first."""
        every = (Change(one["was"], one["is"], one["n"]) for one in self.content["archive"]["changes"])
        return sorted((one for one in every if one.is_change), key=lambda one: (-one.n, one))

    @property
    def n_not_called(self) -> int:
        """By production, which a rescreen would ask."""
        return sum(one["n"] for one in self.content["archive"]["changes"] if not one["was"])

    @property
    def matrix(self) -> list[tuple[str, list[Change]]]:
        """Rows: the class by production; columns: by the candidate."""
        counted = {(one["was"], one["is"]): one["n"] for one in self.content["archive"]["changes"]}
        used = [was for was in LEVELS if was or self.n_not_called]
        return [
            (was, [Change(was, now, counted.get((was, now), 0)) for now in ScreeningResult.Level.values])
            for was in used
        ]

    @property
    def levels(self) -> list[str]:
        return list(ScreeningResult.Level.values)

    @property
    def negatives_from(self) -> str:
        part = self.content["evaluation"]["candidate"].get("negatives")
        return str(part.get("from", "")) if part else ""

    @property
    def goals(self) -> list[GoalRow]:
        """Every figure of the evaluation with what each version reached."""
        ours, theirs = (goals(dict(self.content["evaluation"][side])) for side in ("candidate", "production"))
        found = {goal.question: goal.found for goal in theirs}
        return [GoalRow(goal.question, goal.found, found.get(goal.question, "–")) for goal in ours]


def _both(where: str, found: Mapping[str, Any]) -> Iterator[PairedRow]:
    if found["with"]:
        yield PairedRow(_("Found"), where, found["with"], better_when_more=True)
    if found["without"]:
        yield PairedRow(_("False alarms"), where, found["without"], better_when_more=False)


def step_words(proof: Proof) -> str:
    """What is being done, for people."""
    if proof.step.startswith("test-"):
        return _("test splits of data sets")
    return str(STEP_WORDS.get(proof.step, proof.step))
