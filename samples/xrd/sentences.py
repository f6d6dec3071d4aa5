"""Sentences for people, made on the floors that know nothing of Django and translated on those that do.

A sentence keeps its English template apart from its values, so that the page can look the template up in the
catalogue and fill it in afterwards: ``gettext(s.template) % s.values``.  Every template is written as the first
argument of :func:`sentence`, which is also the keyword by which the message extraction finds it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Sentence:
    """One sentence: a %-template with named fields, and the values that fill it (already formatted, or int/str)."""

    template: str
    values: Mapping[str, str | int] = field(default_factory=dict)

    def __str__(self) -> str:
        return self.template % self.values if self.values else self.template

    def as_json(self) -> dict[str, object]:
        """The form that is stored with a reading or a result."""
        return {"template": self.template, "values": dict(self.values)}


def sentence(template: str, /, **values: str | int) -> Sentence:
    """Say ``template`` about ``values``: ``sentence("Line %(line)s has one column.", line=14)``."""
    return Sentence(template, values)


class PatternFileError(ValueError):
    """A file that cannot be read as a powder pattern; ``.sentence`` says what is wrong and what to do."""

    def __init__(self, template: str, /, **values: str | int) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(str(self.sentence))
