from __future__ import annotations

import math

import pytest

from mlmodels.net.classify import level


@pytest.mark.parametrize(
    ("probability", "expected"),
    [
        (1.0, "A"),
        (0.99900001, "A"),
        (0.999, "B"),
        (0.9900001, "B"),
        (0.990, "C"),
        (0.9500001, "C"),
        (0.950, "D"),
        (0.0, "D"),
    ],
)
def test_a_threshold_itself_belongs_to_the_lower_level(probability: float, expected: str) -> None:
    assert level(probability) == expected


def test_the_probability_is_not_rounded_first() -> None:
    just_above = math.nextafter(0.999, 1)
    assert round(just_above, 5) == 0.999
    assert level(just_above) == "A"


@pytest.mark.parametrize("value", [-0.01, 1.01, math.nan, math.inf])
def test_what_is_no_probability_has_no_level(value: float) -> None:
    with pytest.raises(ValueError, match="not a probability"):
        level(value)
