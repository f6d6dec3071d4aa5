"""Stored sentences: made in English on the floors below, kept as template and values, translated when they are shown."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from django.utils.translation import gettext

from samples.xrd.sentences import Sentence


def translated(stored: Sentence | Mapping[str, Any] | None) -> str:
    """The sentence in the language of the reader; "" for none."""
    if stored is None:
        return ""
    known = stored if isinstance(stored, Sentence) else restored(stored)
    return str(Sentence(gettext(known.template), known.values))


def restored(stored: Mapping[str, Any]) -> Sentence:
    """The sentence that ``Sentence.as_json`` stored."""
    return Sentence(stored["template"], stored.get("values", {}))
