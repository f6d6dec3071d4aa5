"""Shares, their intervals, and recall from drawn calls."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import binomtest

from screening.proportions import effective_size, recall, share_of_calls, stratum, wilson

ONE_EACH = np.arange(10)


@pytest.mark.parametrize(("k", "n"), [(0, 2), (1, 1), (7, 10), (10, 10), (430, 500)])
def test_whole_numbers_give_the_interval_of_wilson(k: int, n: int) -> None:
    published = binomtest(k, n).proportion_ci(0.95, method="wilson")
    assert wilson(k / n, n) == pytest.approx((published.low, published.high), abs=1e-6)


def test_without_a_case_nothing_is_known() -> None:
    assert wilson(0.0, 0) == (0, 1)
    assert share_of_calls(np.zeros(0, np.bool_), np.zeros(0, np.int64)).value is None


def test_ten_patterns_of_one_sample_tell_as_much_as_one() -> None:
    right = np.ones(10, np.bool_)
    one_sample = share_of_calls(right, np.zeros(10, np.int64))
    assert (one_sample.n_right, one_sample.n, one_sample.n_samples) == (10, 10, 1)
    assert one_sample.low == pytest.approx(0.2065, abs=1e-4)
    assert share_of_calls(right, ONE_EACH).low == pytest.approx(0.7225, abs=1e-4)


def test_unequal_weights_tell_less_than_equal_ones() -> None:
    assert effective_size(np.full(8, 3.0)) == pytest.approx(8)
    assert 1 < effective_size(np.array([10.0, 1, 1, 1])) < 2


class TestRecall:
    def test_drawn_calls_stand_for_those_that_were_not(self) -> None:
        """80 of 100 in A; one in a hundred of D was drawn, and a tenth of those holds one: 100 more."""
        found = stratum(100, np.arange(100) < 80, np.ones(100))
        missed = stratum(1000, np.arange(10) < 1, np.full(10, 100.0))
        told = recall([found], [missed], np.random.default_rng(0))
        assert told
        assert told.value == pytest.approx(80 / 180)
        assert told.low < 0.35
        assert told.high > 0.6

    def test_calls_that_were_drawn_more_often_weigh_less(self) -> None:
        """Half were drawn at a rate of 1, half at 0.1: the ten of the latter stand for a hundred."""
        right, weights = np.arange(110) < 100, np.where(np.arange(110) < 100, 1.0, 10.0)
        assert stratum(200, right, weights).share == pytest.approx(0.5)

    def test_a_class_in_which_nothing_was_found_is_not_surely_empty(self) -> None:
        found = stratum(10, np.ones(10, np.bool_), np.ones(10))
        told = recall([found], [stratum(1000, np.zeros(20, np.bool_), np.full(20, 50.0))], np.random.default_rng(0))
        assert told
        assert told.value == told.high == 1
        assert told.low < 0.3

    def test_a_class_that_nobody_looked_into_leaves_it_unknown(self) -> None:
        found = stratum(10, np.ones(10, np.bool_), np.ones(10))
        unseen = stratum(1000, np.zeros(0, np.bool_), np.zeros(0))
        empty = stratum(0, np.zeros(0, np.bool_), np.zeros(0))
        assert recall([found], [unseen], np.random.default_rng(0)) is None
        assert recall([found], [empty], np.random.default_rng(0)) is not None
        assert recall([empty], [empty], np.random.default_rng(0)) is None

    def test_it_is_told_the_same_each_time(self) -> None:
        strata = [stratum(10, np.arange(10) < 7, np.ones(10))], [stratum(90, np.arange(9) < 1, np.full(9, 10.0))]
        assert recall(*strata, np.random.default_rng(0)) == recall(*strata, np.random.default_rng(0))
