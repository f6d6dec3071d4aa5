"""The words that a sample is found by: as people type them, in any case and width, Japanese in pairs of characters."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator

WORD_LENGTH = 40
"""Characters of a word that are kept and compared; a longer one is found by its beginning."""
MOST_WORDS = 400
"""Of one sample; what a very long note says after them is not found by."""

_TOKEN = re.compile(r"\S+")
_EDGES = " \t\r\n.,;:!?()[]{}<>\"'“”‘’「」『』。、・…"
_PART = re.compile(r"[^\W_]+")
_UNSPACED = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+")
"""Kana and kanji: written without spaces between words."""
_ELEMENT = re.compile(r"[A-Z][a-z]?[0-9.]*")


def folded(text: str) -> str:
    """As words are compared: full-width like half-width, upper case like lower case."""
    return unicodedata.normalize("NFKC", text).casefold()


def words_of(*texts: str) -> list[str]:
    """The words of ``texts``, each once: whole ones (asr-001) and their parts (asr, 001)."""
    words = dict.fromkeys(word[:WORD_LENGTH] for text in texts for word in _words(folded(text)) if word)
    return list(words)[:MOST_WORDS]


def element_words(composition: str) -> list[str]:
    """al43, si32 and ru25 of Al43Si32Ru25."""
    return [word.casefold() for word in _ELEMENT.findall(composition)]


def asked_words(text: str) -> list[str]:
    """The words that a sample must have where ``text`` is looked for, each the beginning of one of its own."""
    return list(dict.fromkeys(word[:WORD_LENGTH] for word in _asked(folded(text)) if word))


def _words(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match[0].strip(_EDGES)
        parts = _PART.findall(token)
        yield token
        yield from parts
        yield from (pair for part in parts for run in _UNSPACED.findall(part) for pair in _endings(run))


def _asked(text: str) -> Iterator[str]:
    for match in _TOKEN.finditer(text):
        token = match[0].strip(_EDGES)
        if not _UNSPACED.search(token):
            yield token
            continue
        for run in _UNSPACED.findall(token):
            yield from _pairs(run) if len(run) > 1 else [run]
        yield from _PART.findall(_UNSPACED.sub(" ", token))


def _pairs(run: str) -> Iterable[str]:
    return [run[n : n + 2] for n in range(len(run) - 1)]


def _endings(run: str) -> Iterable[str]:
    """The pairs, and the last character alone, which begins no pair; 焼鈍後 gives 焼鈍, 鈍後 and 後."""
    return [*_pairs(run), run[-1]]
