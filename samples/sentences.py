"""Stored sentences: made in English on the floors below, kept as template and values, translated when they are shown."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from django.core.exceptions import ValidationError
from django.utils.functional import Promise
from django.utils.translation import gettext, gettext_lazy, ngettext, override

from samples.xrd.sentences import Sentence, Value


def translated(stored: Sentence | Mapping[str, Any] | None) -> str:
    """The sentence in the language of the reader; "" for none."""
    if stored is None:
        return ""
    known = stored if isinstance(stored, Sentence) else restored(stored)
    values = {name: translated(value) if isinstance(value, Sentence) else value for name, value in known.values.items()}
    if known.plural:
        template = ngettext(known.template, known.plural, int(str(values[known.counted])))
    else:
        template = gettext(known.template)
    return template % values if values else template


def restored(stored: Mapping[str, Any]) -> Sentence:
    """The sentence that ``Sentence.as_json`` stored."""
    values = {
        name: restored(value) if isinstance(value, Mapping) else value
        for name, value in stored.get("values", {}).items()
    }
    return Sentence(stored["template"], values, stored.get("plural", ""), stored.get("counted", ""))


def word(text: str | Promise) -> Sentence:
    """A word of the lab as its source has it, so that each reader gets it in their own language."""
    with override("en"):
        return Sentence(str(text))


def listed(words: Iterable[str | Promise], between: str = ", ") -> Sentence:
    """Words of the lab, one behind the other."""
    values: dict[str, Value] = {f"word_{n}": word(text) for n, text in enumerate(words)}
    return Sentence(between.join(f"%({name})s" for name in values), values)


def refusal(said: Sentence) -> ValidationError:
    """For forms and models, which say it in the language of whoever asks."""
    return ValidationError(gettext_lazy(said.template), params=dict(said.values))


def sentences_of(errors: Iterable[ValidationError]) -> list[Sentence]:
    """What forms and models refuse with, to be kept."""
    return [_sentence_of(error) for error in errors]


def _sentence_of(error: ValidationError) -> Sentence:
    template, plural, counted = word(error.message).template, "", ""
    made_of: Any = error.message.__reduce__()[1] if isinstance(error.message, Promise) else ()
    if made_of and isinstance(made_of[-1], dict):  # ngettext_lazy, which is decided once its number is known
        *_rest, counted, forms = made_of
        template, plural = forms["singular"], forms["plural"]
    used = {name: value for name, value in (error.params or {}).items() if f"%({name})" in template + plural}
    return Sentence(template, {name: _kept(value) for name, value in used.items()}, plural, counted)


def _kept(value: Any) -> Value:
    if isinstance(value, Promise):
        return word(value)
    return value if isinstance(value, Sentence | int) else str(value)
