"""Numbers as people read them."""

from __future__ import annotations

import pytest

from screening.templatetags import printed


@pytest.mark.parametrize(
    ("p", "text"),
    [
        (0.9994, "0.9994"),
        (0.99996, "> 0.9999"),
        (0.00004, "< 0.0001"),
        (0.5, "0.5000"),
        (0.99904, "0.99904"),  # class A, which 0.9990 would not be
        (0.98999, "0.9900"),  # class C, as 0.9900 is
        (None, "–"),
    ],
)
def test_probability(p: float | None, text: str) -> None:
    assert printed.probability(p) == text


def test_a_probability_is_said_with_its_relation() -> None:
    assert printed.probability_relation(0.9994) == "= 0.9994"
    assert printed.probability_relation(0.99999) == "> 0.9999"


@pytest.mark.parametrize(
    ("value", "sigma", "text"),
    [
        (4.353, 0.004, "4.353(4)"),
        (4.353, 0.0014, "4.3530(14)"),
        (4.353, 0.0096, "4.353(10)"),
        (4.353, 0.12, "4.35(12)"),
        (4.353, 0.0, "4.353"),
        (4.353, None, "4.353"),
        (4.353, float("nan"), "4.353"),
        (None, None, "–"),
    ],
)
def test_uncertainty_counts_the_last_digit(value: float | None, sigma: float | None, text: str) -> None:
    assert printed.with_uncertainty(value, sigma) == text


def test_differences_have_their_sign() -> None:
    assert (printed.signed(0.0021), printed.signed(-0.01)) == ("+0.002", "−0.010")
