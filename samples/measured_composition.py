"""Compositions as a microprobe gives them: each amount with its uncertainty, and a sum that need not be 100."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from samples.composition import Composition, CompositionError, SumChoice, SumError, Unit, read_composition

_AMOUNT_WITH_DOUBT = re.compile(
    r"""(?P<symbol>[A-Z][a-z]?)
        (?P<between>\s*[:=]?\s*)
        (?P<amount>[0-9]+(?:\.[0-9]+)?)
        \s*(?:\((?P<digits>[0-9]+)\)|(?:±|\+/?-)\s*(?P<sigma>[0-9]+(?:\.[0-9]+)?))""",
    re.VERBOSE,
)


@dataclass(frozen=True, slots=True)
class MeasuredComposition:
    """composition: at.% · sigmas: of the elements for which one was given, in at.% · as_reported: it does not sum to 100"""

    composition: Composition
    sigmas: Mapping[str, Decimal]
    as_reported: bool = False

    def pretty(self) -> str:
        """Al 43.2 ± 0.5 Si 31.6 ± 0.4 Ru 25.2; with subscripts where no uncertainty was given."""
        if not self.sigmas:
            return self.composition.pretty(None)
        return " ".join(
            f"{symbol} {_with_sigma(amount, self.sigmas.get(symbol))}"
            for symbol, amount in self.composition.amounts.items()
        )


def read_measured(text: str, *, as_reported: bool = False) -> MeasuredComposition:
    """Read "Al43Si32Ru25", "Al43.2(5) Si31.6(4) Ru25.2(3)" or "Al 43.2 ± 0.5, …" as at.%; CompositionError says what is wrong.

    A sum that is not 100 is kept where it is said to be ``as_reported``; else SumError.
    """
    plain = unicodedata.normalize("NFKC", text).replace("−", "-")
    sigmas = {match["symbol"]: _sigma(match) for match in _AMOUNT_WITH_DOUBT.finditer(plain)}
    bare = _AMOUNT_WITH_DOUBT.sub(r"\g<symbol>\g<between>\g<amount> ", plain)
    choice = SumChoice.AS_REPORTED if as_reported else SumChoice.EXACT
    try:
        composition, held = read_composition(bare, Unit.ATOMIC, choice)
    except SumError as error:
        raise _off_sum(bare) from error
    return MeasuredComposition(composition, sigmas, as_reported=held == SumChoice.AS_REPORTED)


def _off_sum(text: str) -> SumError:
    written, _held = read_composition(text, Unit.ATOMIC, SumChoice.AS_REPORTED)
    return SumError(
        "%(written)s sums to %(total)s %%, not 100. Correct it, or mark it as reported to keep it as it is.",
        written=written.pretty(None),
        total=f"{written.total.normalize():f}",
    )


def _sigma(match: re.Match[str]) -> Decimal:
    """Digits in brackets count in the last place of the amount."""
    if match["sigma"]:
        return Decimal(match["sigma"])
    places = len(match["amount"].partition(".")[2])
    return Decimal(match["digits"]).scaleb(-places)


def _with_sigma(amount: Decimal, sigma: Decimal | None) -> str:
    if sigma is None:
        return f"{amount:f}"
    return f"{amount:f} ± {sigma:f}"


__all__ = ["CompositionError", "MeasuredComposition", "SumError", "read_measured"]
