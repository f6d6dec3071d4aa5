"""A lattice length as somebody quotes it, the a_R that it gives, and whether it can have been meant so."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum

from samples.xrd.icosahedral import LatticeConvention
from samples.xrd.sentences import Sentence, sentence

A_R_LEAST, A_R_MOST = 4.0, 6.0
"""Å; every icosahedral quasicrystal that is known lies between."""

AGREEMENT = 0.01
"""A measured and a predicted a_R that differ by no more than this part of it agree."""

SYMBOLS = {
    LatticeConvention.A_R: "a_R",
    LatticeConvention.A_F: "a_F",
    LatticeConvention.A_6D: "a_6D",
    LatticeConvention.A_6D_F: "a_6D(F)",
    LatticeConvention.CUBIC_1_1: "a(1/1)",
    LatticeConvention.CUBIC_2_1: "a(2/1)",
}
FACTORS = {
    LatticeConvention.A_F: "2",
    LatticeConvention.A_6D: "√2",
    LatticeConvention.A_6D_F: "2√2",
    LatticeConvention.CUBIC_1_1: "2.7528",
    LatticeConvention.CUBIC_2_1: "4.4541",
}
"""What a length is divided by to give a_R, as formulas say it."""


class LengthUnit(StrEnum):
    NANOMETRE = "nm"
    ANGSTROM = "Å"

    @property
    def in_angstrom(self) -> int:
        return 10 if self is LengthUnit.NANOMETRE else 1


@dataclass(frozen=True, slots=True)
class QuotedLength:
    """value: above zero, in ``unit``, of the length that ``convention`` names"""

    value: Decimal
    unit: LengthUnit
    convention: LatticeConvention

    @property
    def length(self) -> float:
        """Å"""
        return float(self.value) * self.unit.in_angstrom

    @property
    def a_r(self) -> float:
        """Å"""
        return self.convention.to_a_r(self.length)

    @property
    def fits(self) -> bool:
        return A_R_LEAST <= self.a_r <= A_R_MOST

    @property
    def formula(self) -> str:
        """a_R = a_F / 2 = 8.706 Å / 2 = 4.353 Å"""
        if self.convention is LatticeConvention.A_R:
            return f"a_R = {_shown(self.length)} Å"
        factor = FACTORS[self.convention]
        return (
            f"a_R = {SYMBOLS[self.convention]} / {factor} = {_shown(self.length)} Å / {factor} = {_shown(self.a_r)} Å"
        )

    def conversions(self) -> list[tuple[str, float]]:
        """The same quasicrystal in each of the six conventions: (symbol, Å)."""
        return [(SYMBOLS[convention], convention.from_a_r(self.a_r)) for convention in LatticeConvention]

    def doubt(self, predicted: float | None = None) -> Sentence | None:
        """Why this may be meant otherwise; ``predicted``: the a_R (Å) that the network gives, if it gives one."""
        if not self.fits:
            return self._misfit(list(self._otherwise()) or list(self._in_the_other_unit()))
        if predicted is None or self._agrees(predicted):
            return None
        nearer = next((other for other in self._otherwise() if other._agrees(predicted)), None)
        if nearer is None:
            return None
        return sentence(
            "%(quoted)s is %(percent)s %% from the predicted a_R = %(predicted)s Å; as %(other)s it agrees with it:"
            " a_R = %(a_r)s Å. Correct it, or confirm that it is right as typed.",
            quoted=str(self),
            percent=f"{abs(self.a_r / predicted - 1) * 100:.0f}",
            predicted=_shown(predicted),
            other=SYMBOLS[nearer.convention],
            a_r=_shown(nearer.a_r),
        )

    def __str__(self) -> str:
        """0.8706 nm as a_R"""
        return f"{self.value.normalize():f} {self.unit} as {SYMBOLS[self.convention]}"

    def _agrees(self, predicted: float) -> bool:
        return abs(self.a_r / predicted - 1) <= AGREEMENT

    def _otherwise(self) -> Iterator[QuotedLength]:
        """The same number in the other conventions, where that fits."""
        others = (QuotedLength(self.value, self.unit, convention) for convention in LatticeConvention)
        return (other for other in others if other.convention != self.convention and other.fits)

    def _in_the_other_unit(self) -> Iterator[QuotedLength]:
        unit = next(unit for unit in LengthUnit if unit != self.unit)
        others = (QuotedLength(self.value, unit, convention) for convention in LatticeConvention)
        return (other for other in others if other.fits)

    def _misfit(self, others: list[QuotedLength]) -> Sentence:
        if not others:
            return sentence(
                "%(quoted)s is outside 4–6 Å (a_R = %(a_r)s Å), and no other convention or unit brings it there."
                " Correct it, or confirm that it is right as typed.",
                quoted=str(self),
                a_r=_shown(self.a_r),
            )
        first, *more = others
        if not more:
            return sentence(
                "%(quoted)s is outside 4–6 Å; as %(other)s it gives a_R = %(a_r)s Å. Correct it, or confirm that it is"
                " right as typed.",
                quoted=str(self),
                other=self._told_apart(first),
                a_r=_shown(first.a_r),
            )
        fit = ", ".join(f"{self._told_apart(other)} (a_R = {_shown(other.a_r)} Å)" for other in others)
        return sentence(
            "%(quoted)s is outside 4–6 Å; it fits as %(others)s. Correct it, or confirm that it is right as typed.",
            quoted=str(self),
            others=fit,
        )

    def _told_apart(self, other: QuotedLength) -> str:
        symbol = SYMBOLS[other.convention]
        return symbol if other.unit == self.unit else f"{symbol} ({other.value.normalize():f} {other.unit})"


def _shown(length: float) -> str:
    """Å, with four digits after the point at most and three at least."""
    text = f"{length:.4f}"
    return text[:-1] if text.endswith("0") else text
