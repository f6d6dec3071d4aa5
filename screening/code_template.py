"""Templates that say where a sample's code stands in a text: ``{code}_*`` in "ASR-001_annealed".

A small language in place of regular expressions, which can take a server hours: ``*`` is any text, also none, ``?`` one
character, ``{code}`` the code, and all else stands for itself.  A text of n characters takes some n × m steps.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from samples.xrd.sentences import PatternFileError

MOST_CHARACTERS = 200
"""Of a text that are looked at."""
LONGEST_CODE = 40
MOST_WORDS = 6
"""Runs of letters and digits in a code: AlSiRu-2026-01-annealed-2 has five."""

_CODE = "{code}"
_WORD = re.compile(r"[^\W_]+")
_LIKE_A_CODE = re.compile(r"[^\W_][\w.()+-]*")


@dataclass(frozen=True, slots=True)
class CodeTemplate:
    """before, after: what stands around the code"""

    before: str
    after: str

    @classmethod
    def of(cls, text: str) -> CodeTemplate:
        """Read a template; PatternFileError with what to write instead."""
        if text.count(_CODE) != 1:
            raise PatternFileError("A template has {code} once, where the code of the sample stands, like {code}_*.")
        before, after = text.split(_CODE)
        if set("{}") & set(before + after):
            raise PatternFileError("Only {code} stands in braces. Write * for any text and ? for one character.")
        return cls(before, after)

    @property
    def marks_the_code(self) -> bool:
        """Whether it says where a code begins and ends, so that one can be read off that no sample has yet."""
        return not self.before.endswith("*") and not self.after.startswith("*")

    def spans_in(self, text: str) -> list[tuple[int, int]]:
        """Where the code may stand: whole words of ``text``, shortest first."""
        text = _lower(text[:MOST_CHARACTERS])
        starts = _reached(_lower(self.before), text)
        ends = {len(text) - end for end in _reached(_lower(self.after)[::-1], text[::-1])}
        words = [match.span() for match in _WORD.finditer(text)]
        spans = [
            (first, last + more)
            for number, (first, _end) in enumerate(words)
            if first in starts
            for _start, last in words[number : number + MOST_WORDS]
            for more in (0, 1)
            if last + more in ends and (not more or text[last] in ")+")
        ]
        return sorted(spans, key=lambda span: span[1] - span[0])

    def proposal_in(self, text: str) -> str:
        """The shortest text at the code's place that could be the code of a new sample: it has a letter and a digit."""
        if not self.marks_the_code:
            return ""
        for first, end in self.spans_in(text):
            code = text[first:end]
            has_both = any(c.isalpha() for c in code) and any(c.isdigit() for c in code)
            if has_both and looks_like_a_code(code):
                return code
        return ""


def looks_like_a_code(text: str) -> bool:
    return len(text) <= LONGEST_CODE and _LIKE_A_CODE.fullmatch(text) is not None


def _lower(text: str) -> str:
    """In lower case, letter by letter: each stays where it is."""
    return "".join(letter.lower() if len(letter.lower()) == 1 else letter for letter in text)


def _reached(glob: str, text: str) -> set[int]:
    """How many characters from the beginning of ``text`` may ``glob`` stand for?"""
    places = {0}
    for sign in glob:
        if sign == "*":
            places = set(range(min(places), len(text) + 1))
        else:
            places = {place + 1 for place in places if place < len(text) and sign in ("?", text[place])}
        if not places:
            break
    return places
