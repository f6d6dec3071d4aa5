"""Sentences that are kept: made once, read by each in their own language."""

from __future__ import annotations

import json

import pytest
from django.core.exceptions import ValidationError
from django.core.validators import MaxLengthValidator
from django.utils.translation import gettext_lazy, override

from samples.composition import CompositionError, parse_composition
from samples.sentences import listed, refusal, restored, sentences_of, translated, word
from samples.xrd.sentences import Sentence, counted, sentence

FURTHER = (
    "%(n)s further row that the lab has for this sample is taken out.",
    "%(n)s further rows that the lab has for this sample are taken out.",
)


def in_both(said: Sentence) -> tuple[str, str]:
    """After it was stored, in English and in Japanese."""
    kept = json.loads(json.dumps(said.as_json()))
    assert restored(kept) == said
    with override("en"):
        english = translated(kept)
    with override("ja"):
        return english, translated(kept)


def test_a_sentence_within_a_sentence_is_translated_too() -> None:
    reason = sentence("The archive is damaged.")
    aside = sentence(
        "Set aside after %(attempts)s attempts. The last one ended so: %(reason)s", attempts=3, reason=word("Synthesis")
    )
    assert str(reason) == "The archive is damaged."
    english, japanese = in_both(aside)
    assert english == str(aside) == "Set aside after 3 attempts. The last one ended so: Synthesis"
    assert "3回" in japanese
    assert "Synthesis" not in japanese


@pytest.mark.parametrize(("n", "begins"), [(1, "1 further row that"), (2, "2 further rows that")])
def test_what_is_counted_has_its_plural(n: int, begins: str) -> None:
    english, japanese = in_both(counted(*FURTHER, n=n))
    assert english.startswith(begins)
    assert str(counted(*FURTHER, n=n)) == english
    assert str(n) in japanese
    assert "further" not in japanese


def test_words_in_a_row() -> None:
    with override("ja"):  # whoever makes it
        said = listed([gettext_lazy("Samples"), gettext_lazy("Synthesis")], " / ")
    assert in_both(said)[0] == "Samples / Synthesis"
    assert in_both(said)[1] == "試料 / 合成工程"


def test_refusals_of_django_and_of_our_own_are_kept() -> None:
    with pytest.raises(ValidationError) as too_long:
        MaxLengthValidator(3)("abcd")
    with pytest.raises(CompositionError) as unknown, override("ja"):
        parse_composition("Al43Xx57")
    one, two = sentences_of([*too_long.value.error_list, *refusal(unknown.value.sentence).error_list])
    assert in_both(one)[0] == "Ensure this value has at most 3 characters (it has 4)."
    assert "3" in in_both(one)[1]
    assert in_both(two)[0].startswith("“Xx” is not an element")
    assert not in_both(two)[1].isascii()
    assert "element" not in in_both(two)[1]
