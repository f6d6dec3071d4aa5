"""Sentences for people, made on the floors that know nothing of Django and translated on those that do.

A sentence keeps its English template apart from its values, so that the page can look the template up in the
catalogue and fill it in afterwards: ``gettext(s.template) % s.values``.  Every template is written as the first
argument of :func:`sentence`, which is also the keyword by which the message extraction finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

Value: TypeAlias = "str | int | Sentence"


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: a %-template with named fields, and what fills it: formatted text, a number, or words looked up in their turn.

    plural: the template where the value named by ``counted`` is not 1
    """

    template: str
    values: Mapping[str, Value] = field(default_factory=dict)
    plural: str = ""
    counted: str = ""

    def __str__(self) -> str:
        template = self.plural if self.plural and self.values[self.counted] != 1 else self.template
        return template % self.values if self.values else template

    def as_json(self) -> dict[str, object]:
        """The form that is stored with a reading or a result."""
        values = {
            name: value.as_json() if isinstance(value, Sentence) else value for name, value in self.values.items()
        }
        counted = {"plural": self.plural, "counted": self.counted} if self.plural else {}
        return {"template": self.template, "values": values, **counted}


def sentence(template: str, /, **values: Value) -> Sentence:
    """Say ``template`` about ``values``: ``sentence("Line %(line)s has one column.", line=14)``."""
    return Sentence(template, values)


def counted(one: str, more: str, /, *, n: int) -> Sentence:
    """Say ``one`` of a single thing, which its template may name ``%(n)s``, and ``more`` of any other number."""
    return Sentence(one, {"n": n}, more, "n")


class PatternFileError(ValueError):
    """A file that cannot be read as a powder pattern; ``.sentence`` says what is wrong and what to do."""

    def __init__(self, template: str, /, **values: Value) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))
