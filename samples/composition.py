"""Compositions: read from what people write, checked, converted and compared.

The parser is strict: what it cannot read in one way only is refused with a sentence that says what to write instead.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from enum import StrEnum
from types import MappingProxyType

from samples.elements import ELEMENTS
from samples.sentences import translated
from samples.xrd.sentences import Value, sentence

SUM_TOLERANCE = Decimal("0.2")
"""How far (in %) a sum may be from 100 and still count as 100: amounts rounded to one decimal, four elements."""

RATIO_LIMIT = Decimal(20)
"""A formula whose amounts sum to no more than this is read as a ratio of atoms (Al6Mn, Cd5.7Yb, Al13Fe4)."""

NORMALISED_STEP = Decimal("0.0001")
"""Worked-out amounts are rounded to this (in %), finer than any balance or microprobe tells."""

LARGEST_AMOUNT = Decimal(10_000)
"""More of an element than any way of writing a composition needs."""

_SYMBOL_AND_PLAIN_AMOUNT = re.compile(r"([A-Z][a-z]?)([0-9.]+)")
_SUBSCRIPTS = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_HUNDRED = Decimal(100)


class CompositionError(ValueError):
    """A composition that cannot be read; ``.sentence`` says what is wrong and what to write, ``str`` in the reader's language."""

    def __init__(self, template: str, /, **values: Value) -> None:
        self.sentence = sentence(template, **values)
        super().__init__(template)

    def __str__(self) -> str:
        return translated(self.sentence)


class SumError(CompositionError):
    """A readable composition that does not sum to 100 %, so that the writer has to choose what is meant."""


@dataclass(frozen=True, slots=True)
class Composition:
    """How much of each element, in the order that it was written.

    amounts: element symbol → amount, each above zero and at most LARGEST_AMOUNT; in at.% unless a name says otherwise, exact as entered
    """

    amounts: Mapping[str, Decimal]

    def __post_init__(self) -> None:
        if not self.amounts:
            raise CompositionError("The composition is empty. Write it like Al43Si32Ru25 or Al 43, Si 32, Ru 25.")
        for symbol, amount in self.amounts.items():
            if symbol not in ELEMENTS:
                raise _unknown_element(symbol)
            if not 0 < amount <= LARGEST_AMOUNT:
                raise CompositionError(
                    "The amount of %(element)s is %(amount)s. Write its at.%%, or leave the element out.",
                    element=symbol,
                    amount=_plain(amount),
                )
        object.__setattr__(self, "amounts", MappingProxyType(dict(self.amounts)))

    @property
    def elements(self) -> tuple[str, ...]:
        return tuple(self.amounts)

    @property
    def total(self) -> Decimal:
        return sum(self.amounts.values(), Decimal(0))

    @property
    def sums_to_100(self) -> bool:
        """Within SUM_TOLERANCE."""
        return abs(self.total - _HUNDRED) <= SUM_TOLERANCE

    def normalised(self) -> Composition:
        """The same proportions, summing to 100 % (each amount rounded to NORMALISED_STEP)."""
        return _percentages(self.amounts)

    def as_weight_percent(self) -> Mapping[str, Decimal]:
        """wt.% of each element, for amounts in at.% or any ratio of atoms."""
        return _percentages({s: amount * ELEMENTS[s].mass for s, amount in self.amounts.items()}).amounts

    @classmethod
    def from_weight_percent(cls, weights: Mapping[str, Decimal]) -> Composition:
        """at.% from wt.% (or from masses in any unit); Composition checks the weights as it checks amounts."""
        checked = cls(weights).amounts
        return _percentages({s: weight / ELEMENTS[s].mass for s, weight in checked.items()})

    def formula(self, places: int | None = None) -> str:
        """ASCII, e.g. Al43Si32Ru25; amounts exact, or rounded to so many decimal places."""
        return "".join(symbol + text for symbol, text in self.parts(places))

    def pretty(self, places: int | None = 2) -> str:
        """With subscripts, e.g. Al₄₃Si₃₂Ru₂₅."""
        return with_subscripts(self.formula(places))

    def parts(self, places: int | None = None) -> list[tuple[str, str]]:
        """(symbol, amount as text) in the written order, for those who set subscripts themselves."""
        return [(s, _plain(a if places is None else round(a, places))) for s, a in self.amounts.items()]

    def __str__(self) -> str:
        return self.formula()


def with_subscripts(formula: str) -> str:
    """Al₄₃Si₃₂Ru₂₅"""
    return formula.translate(_SUBSCRIPTS)


def amounts_of(formula: str) -> dict[str, float]:
    """Amounts of a formula that was checked when it was stored; quick, for maps and searches of thousands."""
    return {symbol: float(amount) for symbol, amount in _SYMBOL_AND_PLAIN_AMOUNT.findall(formula)}


def _percentages(parts: Mapping[str, Decimal]) -> Composition:
    total = sum(parts.values(), Decimal(0))
    shares = {symbol: (part * 100 / total).quantize(NORMALISED_STEP).normalize() for symbol, part in parts.items()}
    # A trace below the step stays there as the least amount that can be written, so that its element is not lost.
    return Composition({symbol: max(share, NORMALISED_STEP) for symbol, share in shares.items()})


def _plain(number: Decimal) -> str:
    """Without exponent and without trailing zeros after the point."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


# Reading ------------------------------------------------------------------------------------------------------------

_SYMBOL_AND_AMOUNT = re.compile(
    r"""\s*(?P<symbol>[A-Z][a-z]?)
        \s*[:=,]?\s*
        (?P<amount>[0-9]+(?:[.,][0-9]+)?|\.[0-9]+)?
        (?:\s*(?:at\.?\s*)?%)?
        [\s,;/|]*""",
    re.VERBOSE,
)
_DASHES = str.maketrans(dict.fromkeys("‐‑‒–—−", "-"))
_NEGATIVE = re.compile(r"([A-Z][a-z]?)\s*[:=]?\s*(-\s*[0-9]+(?:[.,][0-9]+)?)")


def parse_composition(text: str) -> Composition:
    """Read a formula (Al43Si32Ru25) or a table (Al 43, Si 32, Ru 25; one line each or with tabs).

    Full-width and subscript characters, spaces and decimal commas are understood.  An element without an amount
    counts as 1 where the sum shows that a ratio of atoms is meant (Al6Mn).  Raises CompositionError.
    """
    plain = unicodedata.normalize("NFKC", text).translate(_DASHES).replace("、", ",").strip(" \t\r\n,;")
    amounts: dict[str, Decimal] = {}
    without_amount: list[str] = []
    position = 0
    while position < len(plain):
        match = _SYMBOL_AND_AMOUNT.match(plain, position)
        if match is None:
            raise _unreadable(plain, position)
        symbol = match["symbol"]
        if symbol not in ELEMENTS:
            raise _unknown_element(symbol)
        if symbol in amounts:
            raise CompositionError(
                "%(element)s stands there twice. Write each element once, with its whole amount.", element=symbol
            )
        if match["amount"] is None:
            without_amount.append(symbol)
        amounts[symbol] = Decimal((match["amount"] or "1").replace(",", "."))
        position = match.end()
    composition = Composition(amounts)
    if without_amount and len(without_amount) == len(amounts) > 1:
        raise CompositionError(
            "The elements have no amounts. Write how much there is of each, like Al43Si32Ru25 or Al 43, Si 32, Ru 25."
        )
    if without_amount and composition.total > RATIO_LIMIT:
        raise CompositionError(
            "%(element)s has no amount. Write its at.%% behind it, like Ru25 (symbols are written like Si, not SI).",
            element=without_amount[0],
        )
    return composition


def _unreadable(text: str, position: int) -> CompositionError:
    """Why the parser stopped at `position`."""
    rest = text[position:]
    before = text[:position]
    if rest[0] in "([{":
        return CompositionError("Brackets are not read. Write the amount of each element, like Al65Cu20Fe15.")
    if rest[0] == "-":
        last = re.search(r"[A-Z][a-z]?\s*[:=]?\s*$", before)
        negative = _NEGATIVE.match(text, last.start()) if last else None
        if negative:
            return CompositionError(
                "The amount of %(element)s is negative (%(amount)s). Amounts are above zero.",
                element=negative[1],
                amount=negative[2].replace(" ", ""),
            )
        return CompositionError("A dash is not read. Write the elements one behind the other, like Al43Si32Ru25.")
    word = re.match(r"[^\W\d_]+|[\d.,]+|.", rest)
    found = word[0] if word else rest
    if found.lower().startswith(("wt", "mass")):
        return CompositionError(
            "The amounts are percent by weight. Leave the unit out here and choose it beside the composition."
        )
    capital = found[:2].capitalize()
    guess = capital if capital in ELEMENTS else found[:1].upper()
    if found[0].islower() and guess in ELEMENTS:
        return CompositionError(
            "“%(found)s” is not an element: symbols begin with a capital letter. Did you mean %(guess)s?",
            found=found,
            guess=guess,
        )
    return CompositionError(
        "“%(found)s” cannot be read. Write each element with its amount behind it, like Al43Si32Ru25.", found=found
    )


def _unknown_element(symbol: str) -> CompositionError:
    return CompositionError(
        "“%(symbol)s” is not an element. Check the symbol: elements are written like Al, Si, Ru.", symbol=symbol
    )


# What a sample was meant to be ---------------------------------------------------------------------------------------


class Unit(StrEnum):
    """What the amounts of a written composition count."""

    ATOMIC = "at"
    WEIGHT = "wt"


class SumChoice(StrEnum):
    """What the writer of a composition that does not sum to 100 % decided."""

    EXACT = "exact"
    NORMALISED = "normalised"
    AS_REPORTED = "reported"


def read_composition(
    text: str, unit: Unit = Unit.ATOMIC, choice: SumChoice = SumChoice.EXACT
) -> tuple[Composition, SumChoice]:
    """Read `text` as at.%, and what holds of its sum; a sum that is off raises SumError until `choice` says what is meant.

    A ratio of atoms is normalised without a question.  wt.% that do not sum to 100 can only be normalised, because
    at.% follow from proportions.
    """
    written = parse_composition(text)
    atomic = Composition.from_weight_percent(written.amounts) if unit == Unit.WEIGHT else written.normalised()
    if written.sums_to_100:
        return (atomic if unit == Unit.WEIGHT else written), SumChoice.EXACT
    if written.total <= RATIO_LIMIT or choice == SumChoice.NORMALISED:
        return atomic, SumChoice.NORMALISED
    if choice == SumChoice.AS_REPORTED and unit == Unit.ATOMIC:
        return written, SumChoice.AS_REPORTED
    values = {"written": written.pretty(None), "total": _plain(written.total), "composition": atomic.pretty()}
    if unit == Unit.WEIGHT:
        raise SumError(
            "%(written)s sums to %(total)s wt.%%, not 100. Correct it, or choose “normalise”: at.%% can only be worked"
            " out from proportions (%(composition)s).",
            **values,
        )
    raise SumError(
        "%(written)s sums to %(total)s %%, not 100. Correct it, or choose: normalise it to %(composition)s, or keep"
        " it as reported.",
        **values,
    )


def weighed_composition(masses: Iterable[tuple[Composition, Decimal, Decimal | None]]) -> Composition:
    """The at.% composition that weighed substances give.

    masses: (substance as a ratio of atoms, mass in g, purity in % or None for pure); what is not the substance is
    left out of the sum, because its elements are not known
    """
    grams: dict[str, Decimal] = {}
    for substance, mass, purity in masses:
        content = mass * (purity if purity is not None else _HUNDRED) / _HUNDRED
        for symbol, percent in substance.as_weight_percent().items():
            grams[symbol] = grams.get(symbol, Decimal(0)) + content * percent / _HUNDRED
    return Composition.from_weight_percent(grams)
