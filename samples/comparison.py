"""What differs between two things that should be the same: two editions of a sample, three compositions of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from django.utils.encoding import force_str
from django.utils.translation import gettext as _

from samples.composition import Composition
from samples.models import AlloySystem, Sample, SynthesisStep, WeighedMass

COMPARED_FIELDS = (
    "code",
    "composition_text",
    "composition_unit",
    "composition_sum",
    "parent",
    "origin",
    "place",
    "used_up",
    "mass_after",
    "measured_text",
    "notes",
)


@dataclass(frozen=True, slots=True)
class Difference:
    """One fact that stands otherwise in two editions."""

    label: str
    stored: str
    typed: str


def differences(
    stored: Sample, typed: Sample, steps: Iterable[SynthesisStep], masses: Iterable[WeighedMass]
) -> list[Difference]:
    """How the stored edition differs from what was typed, row by row for people."""
    rows = [
        (force_str(Sample._meta.get_field(name).verbose_name), _shown(stored, name), _shown(typed, name))  # type: ignore[union-attr]
        for name in COMPARED_FIELDS
    ]
    rows.append((_("synthesis steps"), _steps(stored.steps.all()), _steps(steps)))
    rows.append((_("weighed masses"), _masses(stored.weighed_masses.all()), _masses(masses)))
    return [Difference(label, before, after) for label, before, after in rows if before != after]


def system_differences(stored: AlloySystem, typed: AlloySystem) -> list[Difference]:
    rows = [
        (_("order of the elements"), stored.name, typed.name),
        (_("notes"), stored.notes, typed.notes.replace("\r\n", "\n")),
    ]
    return [Difference(label, before, after) for label, before, after in rows if before.replace("\r\n", "\n") != after]


def _shown(sample: Sample, name: str) -> str:
    display = getattr(sample, f"get_{name}_display", None)
    value = display() if display else getattr(sample, name)
    if isinstance(value, bool):
        return _("yes") if value else _("no")
    if isinstance(value, Decimal):
        return f"{value.normalize():f}"
    return "" if value is None else str(value).replace("\r\n", "\n")


def _steps(steps: Iterable[SynthesisStep]) -> str:
    return "\n".join(
        f"{number}. "
        + ", ".join(
            part for part in (str(step), *step.facts(), str(step.done_on or ""), step.done_by, step.notes) if part
        )
        for number, step in enumerate(steps, start=1)
    )


def _masses(masses: Iterable[WeighedMass]) -> str:
    return "\n".join(
        " · ".join(
            part
            for part in (
                mass.substance,
                f"{mass.mass.normalize():f} g",
                f"{mass.purity.normalize():f} %" if mass.purity is not None else "",
                mass.lot,
            )
            if part
        )
        for mass in masses
    )


@dataclass(frozen=True, slots=True)
class ElementRow:
    """One element across the compositions of a sample, in at.%; None where a composition lacks it or is not known."""

    element: str
    nominal: Decimal | None
    nominal_weight: Decimal | None
    weighed: Decimal | None
    measured: Decimal | None


def compositions_by_element(sample: Sample) -> list[ElementRow]:
    """Nominal (at.% and wt.%), from the weighed masses and as measured, for the table of a sample's page."""
    nominal, weighed, measured = sample.nominal, sample.weighed, sample.edx
    weights = nominal.as_weight_percent()
    known: list[Composition] = [composition for composition in (nominal, weighed, measured) if composition]
    elements = dict.fromkeys(symbol for composition in known for symbol in composition.elements)
    return [
        ElementRow(
            symbol,
            nominal.amounts.get(symbol),
            weights.get(symbol),
            weighed.amounts.get(symbol) if weighed else None,
            measured.amounts.get(symbol) if measured else None,
        )
        for symbol in elements
    ]
