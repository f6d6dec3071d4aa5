"""What a simulated pattern was simulated as, in the one line of its heading that says so and is read back for its label."""

from __future__ import annotations

import re
from dataclasses import dataclass

from mlmodels.net.grid import PHASE_CLASSES

_LINE = re.compile(
    r"simulated as (?P<phase_class>[a-z0-9_]+)(?:, a_R (?P<a_r>\d+(?:\.\d+)?) Å, (?P<lattice_type>[PF])-type)?"
)


@dataclass(frozen=True, slots=True)
class SimulatedAs:
    """phase_class: of PHASE_CLASSES; quasilattice_constant: a_R (Å), None with "none"; lattice_type: P, F or "" """

    phase_class: str
    quasilattice_constant: float | None = None
    lattice_type: str = ""

    def __str__(self) -> str:
        if self.quasilattice_constant is None:
            return self.phase_class
        return f"{self.phase_class}, a_R {self.quasilattice_constant:g} Å, {self.lattice_type}-type"

    @property
    def line(self) -> str:
        """Of a heading or a comment."""
        return f"simulated as {self}"

    @classmethod
    def said_in(cls, comment: str) -> SimulatedAs | None:
        """By the first such line of ``comment``; None where there is none, or its phase class is not known."""
        found = _LINE.search(comment)
        if found is None or found["phase_class"] not in PHASE_CLASSES:
            return None
        a_r = float(found["a_r"]) if found["a_r"] else None
        return cls(found["phase_class"], a_r, found["lattice_type"] or "")
