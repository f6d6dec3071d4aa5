"""Compositions: what people write is read in one way or refused with a sentence."""

from __future__ import annotations

from contextlib import suppress
from decimal import Decimal

import pytest
import xraydb
from hypothesis import given
from hypothesis import strategies as st

from samples.composition import (
    NORMALISED_STEP,
    SUM_TOLERANCE,
    Composition,
    CompositionError,
    SumChoice,
    SumError,
    Unit,
    parse_composition,
    read_composition,
    weighed_composition,
)
from samples.elements import ELEMENTS

ASR = {"Al": Decimal(43), "Si": Decimal(32), "Ru": Decimal(25)}


@pytest.mark.parametrize(
    "text",
    [
        "Al43Si32Ru25",
        "Al43 Si32 Ru25",
        " Al 43  Si 32  Ru 25 ",
        "Al43.0Si32.00Ru25",
        "Ａｌ４３Ｓｉ３２Ｒｕ２５",
        "Al₄₃Si₃₂Ru₂₅",
        "Al 43, Si 32, Ru 25",
        "Al 43、Si 32、Ru 25",
        "Al: 43; Si: 32; Ru: 25",
        "Al\t43\nSi\t32\r\nRu\t25\n",
        "Al 43 at.%, Si 32 at.%, Ru 25 %",
        "Al,43\nSi,32\nRu,25",
    ],
)
def test_ways_of_writing_the_same(text: str) -> None:
    assert dict(parse_composition(text).amounts) == ASR


@pytest.mark.parametrize(
    "text", ["Al43.5Si31.5Ru25", "Al43,5Si31,5Ru25", "Al 43,5, Si 31,5, Ru 25", "Al４３，５Si31.5Ru25"]
)
def test_decimal_points_and_commas(text: str) -> None:
    assert parse_composition(text).amounts["Al"] == Decimal("43.5")


def test_the_written_order_is_kept() -> None:
    assert parse_composition("Ru25Al43Si32").elements == ("Ru", "Al", "Si")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("  \n", "is empty"),
        ("Al43Xx57", "“Xx” is not an element"),
        ("al43si57", "Did you mean Al?"),
        ("Al43Al57", "stands there twice"),
        ("Al-43Si57", "negative (-43)"),
        ("Al −43 Si 57", "negative (-43)"),
        ("Al0Si100", "The amount of Al is 0"),
        ("Al-Si-Ru", "A dash is not read"),
        ("AlSiRu", "have no amounts"),
        ("Al65Cu20Fe", "Fe has no amount"),
        ("SI32Al68", "S has no amount"),
        ("Mg32(Al,Zn)49", "Brackets"),
        ("Al43 wt%, Si57 wt%", "by weight"),
        ("43Al57Si", "“43” cannot be read"),
        ("Al43..5Si57", "“..5” cannot be read"),
        ("Al99999999999999999999Si1", "The amount of Al"),
        ("試料1", "cannot be read"),
    ],
)
def test_what_cannot_be_read_says_why(text: str, said: str) -> None:
    with pytest.raises(CompositionError) as caught:
        parse_composition(text)
    assert said in str(caught.value)


@given(st.text(max_size=40))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """Anything else than a composition or a CompositionError would be a traceback on a page."""
    with suppress(CompositionError):
        assert all(amount > 0 for amount in parse_composition(text).amounts.values())


amounts = st.dictionaries(
    st.sampled_from(sorted(ELEMENTS)),
    st.decimals(min_value="0.01", max_value="100", places=2),
    min_size=1,
    max_size=6,
)


@given(amounts)
def test_a_formula_is_read_back_as_it_was(written: dict[str, Decimal]) -> None:
    composition = Composition(written)
    again = parse_composition(composition.formula())
    assert list(again.amounts.items()) == list(composition.amounts.items())
    assert parse_composition(composition.pretty(None)) == composition


@given(amounts)
def test_normalising_keeps_proportions_and_sums_to_100(written: dict[str, Decimal]) -> None:
    composition = Composition(written)
    normalised = composition.normalised()
    assert abs(normalised.total - 100) <= NORMALISED_STEP * len(written)
    for symbol, amount in normalised.amounts.items():
        assert abs(amount - written[symbol] * 100 / composition.total) <= NORMALISED_STEP


@given(st.dictionaries(st.sampled_from(sorted(ELEMENTS)), st.decimals("1", "100", places=2), min_size=1, max_size=5))
def test_weight_percent_and_back(written: dict[str, Decimal]) -> None:
    atomic = Composition(written).normalised()
    again = Composition.from_weight_percent(atomic.as_weight_percent())
    for symbol, amount in again.amounts.items():
        assert abs(amount - atomic.amounts[symbol]) < Decimal("0.02")


def test_weight_percent_of_a_known_alloy() -> None:
    """AB with masses m_A and m_B is m_A/(m_A + m_B) by weight."""
    share = Decimal(100) * ELEMENTS["Cd"].mass / (ELEMENTS["Cd"].mass + ELEMENTS["Yb"].mass)
    assert abs(parse_composition("Cd1Yb1").as_weight_percent()["Cd"] - share) <= NORMALISED_STEP


def test_atomic_masses_agree_with_xraydb() -> None:
    for symbol, element in ELEMENTS.items():
        if element.number <= 92:
            assert xraydb.atomic_number(symbol) == element.number
            assert float(element.mass) == pytest.approx(xraydb.atomic_mass(symbol), rel=0.01), symbol


class TestSum:
    def test_100_within_the_tolerance_is_exact_and_kept_as_written(self) -> None:
        composition, held = read_composition("Al33.3Si33.3Ru33.3")
        assert held == SumChoice.EXACT
        assert composition.amounts["Al"] == Decimal("33.3")
        assert abs(composition.total - 100) <= SUM_TOLERANCE

    def test_80_needs_a_choice(self) -> None:
        with pytest.raises(SumError, match=r"sums to 80 %.*Al₃₂.₅Si₄₂.₅Ru₂₅"):
            read_composition("Al26Si34Ru20")

    def test_normalised(self) -> None:
        composition, held = read_composition("Al26Si34Ru20", choice=SumChoice.NORMALISED)
        assert (composition.formula(), held) == ("Al32.5Si42.5Ru25", SumChoice.NORMALISED)

    def test_kept_as_reported(self) -> None:
        composition, held = read_composition("Al26Si34Ru20", choice=SumChoice.AS_REPORTED)
        assert (composition.formula(), held) == ("Al26Si34Ru20", SumChoice.AS_REPORTED)

    def test_a_choice_that_is_not_needed_is_dropped(self) -> None:
        assert read_composition("Al43Si32Ru25", choice=SumChoice.AS_REPORTED)[1] == SumChoice.EXACT

    @pytest.mark.parametrize(
        ("ratio", "percent"), [("Al6Mn", "Al85.7143Mn14.2857"), ("Cd5.7Yb", "Cd85.0746Yb14.9254"), ("Al", "Al100")]
    )
    def test_a_ratio_is_normalised_without_asking(self, ratio: str, percent: str) -> None:
        composition, held = read_composition(ratio)
        assert (composition.formula(), held) == (percent, SumChoice.NORMALISED)

    def test_weight_percent_becomes_at_percent(self) -> None:
        composition, held = read_composition("Al25.301Si19.598Ru55.101", Unit.WEIGHT)
        assert held == SumChoice.EXACT
        assert composition.pretty(1) == "Al₄₃Si₃₂Ru₂₅"

    def test_weight_percent_that_is_off_can_only_be_normalised(self) -> None:
        with pytest.raises(SumError, match="choose “normalise”"):
            read_composition("Al26Si34Ru20", Unit.WEIGHT, SumChoice.AS_REPORTED)


class TestWeighed:
    def test_masses_in_proportion_give_the_nominal_composition(self) -> None:
        masses = [(parse_composition(s), ASR[s] * ELEMENTS[s].mass, None) for s in ASR]
        assert weighed_composition(masses).formula(3) == "Al43Si32Ru25"

    def test_impurity_takes_its_part_out(self) -> None:
        pure = (parse_composition("Al"), Decimal(1), None)
        half = (parse_composition("Si"), Decimal(2), Decimal(50))
        whole = (parse_composition("Si"), Decimal(1), Decimal(100))
        assert weighed_composition([pure, half]) == weighed_composition([pure, whole])

    def test_a_pre_alloy_brings_each_of_its_elements(self) -> None:
        """1 mol Al2Cu and 1 mol Cu are Al50Cu50."""
        pre_alloy = 2 * ELEMENTS["Al"].mass + ELEMENTS["Cu"].mass
        masses = [
            (parse_composition("Al2Cu"), pre_alloy, None),
            (parse_composition("Cu"), ELEMENTS["Cu"].mass, None),
        ]
        assert weighed_composition(masses).formula(2) == "Al50Cu50"
