"""Templates find codes where they say, refuse what they cannot mean, and take no text's time."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from samples.xrd.sentences import PatternFileError
from screening.code_template import CodeTemplate


@pytest.mark.parametrize(
    ("template", "text", "code"),
    [
        ("{code}", "ASR-041", "ASR-041"),
        ("{code}", "ASR-041(b)", "ASR-041(b)"),
        ("{code}", "ASR-041 annealed", ""),
        ("{code}", "scan", ""),
        ("{code}", "2026-01-05", ""),
        ("{code}_*", "ASR-041_annealed_900", "ASR-041"),
        ("*_{code}", "2026_XRD_ASR-041", "ASR-041"),
        ("XRD {code} ??°", "xrd ASR-041 90°", "ASR-041"),
        ("*{code}*", "ASR-041_annealed", ""),
        ("{code}_*", "_", ""),
    ],
)
def test_a_new_code_is_read_off_where_its_place_is_marked(template: str, text: str, code: str) -> None:
    assert CodeTemplate.of(template).proposal_in(text) == code


@pytest.mark.parametrize(
    ("template", "sentence"),
    [
        ("", "has {code} once"),
        ("*", "has {code} once"),
        ("{code}{code}", "has {code} once"),
        ("{system}_{code}", "Only {code} stands in braces"),
        ("{{code}}", "Only {code} stands in braces"),
    ],
)
def test_what_is_no_template_is_said(template: str, sentence: str) -> None:
    with pytest.raises(PatternFileError, match=sentence):
        CodeTemplate.of(template)


def test_what_would_take_a_regular_expression_for_ever_is_done_at_once() -> None:
    template = CodeTemplate.of("*a" * 40 + "{code}" + "*a" * 40)
    begun = time.monotonic()
    assert template.spans_in("a" * 10_000 + "!") == []
    assert time.monotonic() - begun < 5  # a regular expression of this kind takes years


@given(st.text(max_size=60), st.text(max_size=300))
def test_any_text_is_taken(around: str, text: str) -> None:
    around = around.replace("{", "").replace("}", "")
    template = CodeTemplate.of(f"{around}{{code}}{around[::-1]}")
    for first, end in template.spans_in(text):
        assert 0 <= first < end <= len(text)
    template.proposal_in(text)
