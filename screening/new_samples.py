"""The samples that the files of an upload name and that are not logged yet: one line each, with its composition."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy as _

from samples.composition import CompositionError, SumChoice, Unit, parse_composition, read_composition
from samples.fields import StyledBoundField
from samples.models import Sample
from samples.models.samples import plain_text
from screening.models import ReceivedPattern

MOST_SAMPLES = 300
"""Lines of the form; the rest follows once these are logged."""

_FORMULA = re.compile(r"(?:[A-Z][a-z]?\d+(?:\.\d+)?){2,}")


@dataclass
class NewSample:
    """A code that no sample has, and what is known of it.

    paths: of the files that name it
    """

    code: str
    paths: list[str] = field(default_factory=list)

    @property
    def n_more_files(self) -> int:
        return len(self.paths) - 1

    @property
    def composition(self) -> str:
        """As one of the file names has it: Al43Si32Ru25_900C.ras."""
        for path in self.paths:
            for formula in _FORMULA.findall(plain_text(path)):
                try:
                    if parse_composition(formula).sums_to_100:
                        return str(formula)
                except CompositionError:
                    continue
        return ""


class NewSamplesForm(forms.Form):
    """Which of them to log, and the composition of each; one composition for all that have none of their own."""

    bound_field_class = StyledBoundField

    everywhere = forms.CharField(
        label=_("Composition of those left empty"),
        required=False,
        max_length=200,
        widget=forms.TextInput(attrs={"placeholder": "Al43Si32Ru25", "autocomplete": "off"}),
    )
    normalise = forms.BooleanField(label=_("Normalise what does not sum to 100 %"), required=False)

    def __init__(self, typed: Any = None, *, rows: Iterable[ReceivedPattern]) -> None:
        super().__init__(typed, prefix="new")
        self.new: dict[str, NewSample] = {}
        for row in rows:
            new = self.new.setdefault(row.proposed_code.lower(), NewSample(row.proposed_code))
            new.paths.append(row.path or row.pattern.name)
        self.n_more = max(0, len(self.new) - MOST_SAMPLES)
        self.new = dict(list(self.new.items())[:MOST_SAMPLES])
        self.fields["take"] = forms.MultipleChoiceField(
            choices=[(code, new.code) for code, new in self.new.items()],
            error_messages={"required": _("Mark the samples that are to be logged.")},
        )
        for code, new in self.new.items():
            self.fields[f"composition-{code}"] = forms.CharField(
                label=_("Nominal composition"),
                required=False,
                max_length=200,
                initial=new.composition,
                widget=forms.TextInput(attrs={"autocomplete": "off"}),
            )

    @property
    def lines(self) -> list[tuple[str, NewSample, bool, forms.BoundField]]:
        """Of each: its value, what it is, whether it is marked, and the field of its composition."""
        marked = self["take"].value() or []
        return [(code, new, code in marked, self[f"composition-{code}"]) for code, new in self.new.items()]

    def clean(self) -> dict[str, Any]:
        for code in self.cleaned_data.get("take", []):
            try:
                read_composition(self._composition(code), Unit.ATOMIC, self._choice)
            except CompositionError as error:
                self.add_error(f"composition-{code}", str(error))
        return self.cleaned_data

    def samples(self) -> list[Sample]:
        """The marked ones, not yet logged."""
        return [
            Sample(
                code=self.new[code].code, composition_text=self._composition(code), composition_sum=self._choice.value
            )
            for code in self.cleaned_data["take"]
        ]

    def _composition(self, code: str) -> str:
        return str(self.cleaned_data.get(f"composition-{code}") or self.cleaned_data.get("everywhere") or "")

    @property
    def _choice(self) -> SumChoice:
        return SumChoice.NORMALISED if self.cleaned_data.get("normalise") else SumChoice.EXACT
