"""Which sample a file belongs to: the lab's rules, asked of its name, its folder, and the sample named in it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

from django.db.models.functions import Lower

from samples.models import Sample, Viewer
from samples.models.samples import plain_text
from screening.code_template import CodeTemplate

if TYPE_CHECKING:
    from screening.models.rules import MatchingRule

SEPARATORS = "-_. "
"""What people write for each other between the words of a code: "ASR_001" and "asr 001" are ASR-001."""

ASKED_AT_ONCE = 500
"""Codes of one query."""


@dataclass(frozen=True, slots=True)
class Named:
    """What a pattern is called: its path in the folder that was sent, and the sample that the file names, if it does."""

    path: str
    in_file: str = ""

    def text(self, where: str) -> str:
        """What a rule for ``where`` reads: the file's name without its ending, its folder, or the sample named in it."""
        *folders, name = self.path.split("/")
        stem, dot, ending = name.rpartition(".")
        texts = {
            "name": stem if dot and len(ending) <= 5 else name,
            "folder": folders[-1] if folders else "",
            "header": self.in_file,
        }
        return plain_text(texts[where])


@dataclass(frozen=True, slots=True)
class Finding:
    """What the rules say: a sample, or the code of one that is not logged; and which rule said it."""

    sample: Sample | None = None
    proposed_code: str = ""
    how: str = ""
    template: str = ""


class SampleMatcher:
    """The rules of the lab, or those that somebody is trying; asks only for codes that could stand in the names.

    It finds samples that ``person`` may see, and tells nothing of others.
    """

    def __init__(self, person: Viewer, rules: Sequence[MatchingRule] | None = None) -> None:
        self._person, self._given = person, rules

    @cached_property
    def _rules(self) -> list[tuple[str, str, CodeTemplate]]:
        from screening.models.rules import MatchingRule

        rules = MatchingRule.objects.in_force() if self._given is None else self._given
        return [(rule.where, rule.template, CodeTemplate.of(rule.template)) for rule in rules]

    def find_all(self, named: Sequence[Named]) -> list[Finding]:
        """What the rules find for each of ``named``; a sample that is logged before one that is not."""
        read = [
            [(*rule, one.text(rule[0]), rule[2].spans_in(one.text(rule[0]))) for rule in self._rules] for one in named
        ]
        wanted = {
            code for asked in read for *_rule, text, spans in asked for span in spans for code in _codes(text, span)
        }
        wanted |= {rule.proposal_in(text).lower() for asked in read for _where, _t, rule, text, _spans in asked}
        samples = samples_by_code(wanted - {""}, self._person)
        return [self._finding(asked, samples) for asked in read]

    def _finding(
        self, asked: list[tuple[str, str, CodeTemplate, str, list[tuple[int, int]]]], samples: dict[str, Sample]
    ) -> Finding:
        for where, template, _rule, text, spans in asked:
            sample = _longest(text, spans, samples)
            if sample:
                return Finding(sample, how=where, template=template)
        for where, template, rule, text, _spans in asked:
            code = rule.proposal_in(text)
            if code and code.lower() not in samples:  # else it is archived, or two are meant
                return Finding(proposed_code=code, how=where, template=template)
        return Finding()


def _longest(text: str, spans: list[tuple[int, int]], samples: dict[str, Sample]) -> Sample | None:
    """The sample with the longest code; None where two are as long, or none is.

    "ASR_001 annealed" is of ASR-001, and of ASR-001-1 only if that is what it says.
    """
    found = {
        (end - first, sample)
        for first, end in spans
        for code in _codes(text, (first, end))
        if (sample := samples.get(code)) and not sample.archived_at
    }
    longest = max((length for length, _sample in found), default=0)
    candidates = [sample for length, sample in found if length == longest]
    return candidates[0] if len(candidates) == 1 else None


def _codes(text: str, span: tuple[int, int]) -> set[str]:
    """How the code of the sample may be written that ``text`` has at ``span``."""
    written = text[slice(*span)].lower()
    words = written
    for separator in SEPARATORS:
        words = words.replace(separator, " ")
    return {written, *(separator.join(words.split()) for separator in "-_.")}


def samples_by_code(codes: Iterable[str], person: Viewer) -> dict[str, Sample]:
    """The samples with these codes (lower case) that ``person`` may see, archived ones too."""
    asked = sorted(codes)
    samples = Sample.objects.visible_to(person).annotate(asked=Lower("code")).only("code", "archived_at", "simulated")
    return {
        sample.code.lower(): sample
        for start in range(0, len(asked), ASKED_AT_ONCE)
        for sample in samples.filter(asked__in=asked[start : start + ASKED_AT_ONCE])
    }
