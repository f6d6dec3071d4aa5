"""A length in six conventions: what it gives, and when it was probably meant otherwise."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from samples.xrd.icosahedral import LatticeConvention
from samples.xrd.quoted_lattice import SYMBOLS, LengthUnit, QuotedLength


def quoted(value: str, unit: str = "nm", convention: str = "a_R") -> QuotedLength:
    return QuotedLength(Decimal(value), LengthUnit(unit), LatticeConvention(convention))


def doubt(length: QuotedLength, predicted: float | None = None) -> str:
    return str(length.doubt(predicted) or "")


@pytest.mark.parametrize(
    ("length", "a_r"),
    [
        (quoted("0.8706", convention="a_F"), 4.353),
        (quoted("8.045", "Å", "a_6D"), 5.689),
        (quoted("12.64", "Å", "a_6D_F"), 4.469),
        (quoted("15.66", "Å", "cubic_1_1"), 5.689),
        (quoted("25.34", "Å", "cubic_2_1"), 5.689),
    ],
    ids=str,
)
def test_published_lengths_give_their_a_r(length: QuotedLength, a_r: float) -> None:
    assert length.a_r == pytest.approx(a_r, abs=1e-3)
    assert length.doubt() is None


@settings(deadline=None)
@given(st.decimals("0.00001", "9999", places=5), st.sampled_from(LatticeConvention), st.sampled_from(LengthUnit))
def test_conversions_come_back_to_where_they_began(
    value: Decimal, convention: LatticeConvention, unit: LengthUnit
) -> None:
    length = QuotedLength(value, unit, convention)
    assert dict(length.conversions())[SYMBOLS[convention]] == pytest.approx(length.length)
    assert str(length.doubt(4.5) or length)


def test_the_formula_shows_the_way() -> None:
    assert quoted("0.8706", convention="a_F").formula == "a_R = a_F / 2 = 8.706 Å / 2 = 4.353 Å"
    assert quoted("4.353", "Å").formula == "a_R = 4.353 Å"


def test_a_length_that_fits_otherwise_is_told() -> None:
    assert doubt(quoted("0.8706")).startswith("0.8706 nm as a_R is outside 4–6 Å; as a_F it gives a_R = 4.353 Å.")
    assert "as a_R it gives a_R = 4.353 Å" in doubt(quoted("0.4353", convention="a_F"))
    assert "it fits as a_6D(F) (a_R = 4.4689 Å), a(1/1) (a_R = 4.5917 Å)" in doubt(quoted("12.64", "Å"))


def test_a_wrong_unit_is_told() -> None:
    assert "as a_R (4.353 Å) it gives a_R = 4.353 Å" in doubt(quoted("4.353", "nm"))
    assert "as a_R (0.4353 nm) it gives a_R = 4.353 Å" in doubt(quoted("0.4353", "Å"))


def test_what_fits_in_no_way_is_told() -> None:
    assert "no other convention or unit brings it there" in doubt(quoted("3.1", "Å"))


def test_a_length_that_agrees_with_the_call_only_otherwise_is_told() -> None:
    as_a_r = quoted("5.85", "Å")
    assert as_a_r.doubt() is None
    assert "as a_6D it agrees with it: a_R = 4.1366 Å" in doubt(as_a_r, predicted=4.14)
    assert as_a_r.doubt(predicted=5.8) is None, "within 1 %"
    assert as_a_r.doubt(predicted=4.5) is None, "agrees with it in no way"
