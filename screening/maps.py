"""Alloy maps: where the samples of a system lie by composition, what they were called, and the phases found in them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from django.urls import reverse

from samples.composition import amounts_of
from samples.models import AlloySystem, Sample, Viewer
from screening.calls import best_level
from screening.models import ObservedPhase, Outcome

REST = "rest"
"""In the address: the axis on which all elements without an axis of their own are summed."""

N_CORNERS = 3

Position = tuple[float, ...]
"""Share of each corner (%), summing to 100."""


@dataclass(frozen=True, slots=True)
class MappedSample:
    """A sample at its nominal composition; level and verdict are empty where there is none."""

    code: str
    formula: str
    position: Position
    level: str
    verdict: str
    simulated: bool

    @property
    def address(self) -> str:
        return reverse("screening:sample", args=[self.code])


@dataclass(frozen=True, slots=True)
class MappedPhase:
    """An observed phase at its measured composition, and where its sample lies."""

    phase: ObservedPhase
    position: Position
    sample: MappedSample

    @property
    def address(self) -> str:
        return reverse("screening:follow-up", args=[self.phase.follow_up_id])


class AlloyMap:
    """One system, as ``person`` may see it, between its corners: two elements on a line, three in a triangle; of four and more, `axes` names three.

    What is on no axis is left out, and the rest is normalised to 100 %.
    """

    def __init__(self, system: AlloySystem, person: Viewer, axes: Sequence[str] = ()) -> None:
        self.system, self.person = system, person
        self.corners = _corners(system.elements, axes)

    @property
    def names(self) -> list[str]:
        return [" + ".join(corner) for corner in self.corners]

    @property
    def left_out(self) -> list[str]:
        """Elements that are on no axis."""
        return [symbol for symbol in self.system.elements if not any(symbol in corner for corner in self.corners)]

    @property
    def wants_axes(self) -> bool:
        """Whether there are more elements than corners."""
        return len(self.system.elements) > N_CORNERS

    @property
    def chosen(self) -> list[str]:
        """The axes as they stand in the address."""
        return [corner[0] if len(corner) == 1 else REST for corner in self.corners]

    @cached_property
    def samples(self) -> list[MappedSample]:
        """Current samples that lie on the map."""
        return list(self._samples_by_id.values())

    @cached_property
    def phases(self) -> list[MappedPhase]:
        """Phases with a composition that were observed in these samples."""
        rows = (
            ObservedPhase.objects.filter(follow_up__sample__system=self.system, follow_up__sample__archived_at=None)
            .exclude(composition="")
            .select_related("follow_up")
            .order_by("follow_up_id", "position")
        )
        mapped = []
        for phase in rows:
            position, sample = self._position(phase.composition), self._samples_by_id.get(phase.follow_up.sample_id)
            if position and sample:
                mapped.append(MappedPhase(phase, position, sample))
        return mapped

    @cached_property
    def _samples_by_id(self) -> Mapping[int, MappedSample]:
        verdicts = dict(Outcome.objects.answering().filter(sample__system=self.system).values_list("sample", "verdict"))
        rows = (
            Sample.objects.visible_to(self.person)
            .current()
            .for_system(self.system)
            .annotate(level=best_level())
            .order_by("code")
        )
        mapped = {}
        for pk, code, formula, simulated, level in rows.values_list("pk", "code", "composition", "simulated", "level"):
            position = self._position(formula)
            if position:
                mapped[pk] = MappedSample(code, formula, position, level or "", verdicts.get(pk, ""), simulated)
        return mapped

    def _position(self, formula: str) -> Position | None:
        """None where nothing of the corners is in it."""
        amounts = amounts_of(formula)
        parts = [sum(amounts.get(symbol, 0.0) for symbol in corner) for corner in self.corners]
        total = sum(parts)
        return tuple(100 * part / total for part in parts) if total else None


def _corners(elements: Sequence[str], axes: Sequence[str]) -> list[tuple[str, ...]]:
    """The elements of each corner: as asked for where that makes three different ones, else the first two and the rest."""
    if len(elements) <= N_CORNERS:
        return [(symbol,) for symbol in elements]
    asked = [axis for axis in dict.fromkeys(axes) if axis in elements or axis == REST]
    if len(asked) != N_CORNERS:
        asked = [*elements[: N_CORNERS - 1], REST]
    rest = tuple(symbol for symbol in elements if symbol not in asked)
    return [rest if axis == REST else (axis,) for axis in asked]
