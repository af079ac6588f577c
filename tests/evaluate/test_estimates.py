"""pass@k and the zero-advantage ratio against brute force and against what they must mean."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.evaluate import pass_at_k, zero_advantage_at, zero_advantage_ratio

small_counts = st.integers(1, 9).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))
large_counts = st.integers(1, 400).flatmap(lambda n: st.tuples(st.just(n), st.integers(0, n), st.integers(1, n)))


def subsets(n: int, c: int, k: int) -> list[tuple[int, ...]]:
    return list(combinations([1] * c + [0] * (n - c), k))


@given(small_counts)
def test_pass_at_k_is_the_share_of_subsets_with_a_right_sample(counts):
    drawn = subsets(*counts)
    assert pass_at_k(*counts) == float(Fraction(sum(any(draw) for draw in drawn), len(drawn)))


@given(small_counts)
def test_zero_advantage_is_the_share_of_subsets_with_equal_rewards(counts):
    drawn = subsets(*counts)
    assert zero_advantage_at(*counts) == float(Fraction(sum(len(set(draw)) == 1 for draw in drawn), len(drawn)))


@given(large_counts)
def test_pass_at_k_bounds_ends_and_order(counts):
    n, c, k = counts
    value = pass_at_k(n, c, k)
    assert 0 <= value <= 1
    assert pass_at_k(n, c, 1) == c / n
    assert pass_at_k(n, c, n) == (c > 0)
    assert (value == 0) == (c == 0)
    assert k == n or value <= pass_at_k(n, c, k + 1)
    assert c == n or value <= pass_at_k(n, c + 1, k)


def test_pass_at_k_is_exact_where_factorials_overflow_and_products_cancel():
    assert pass_at_k(10_000, 1, 1) == 1e-4
    assert pass_at_k(100_000, 1, 50_000) == 0.5
    product = 1 - np.prod(1 - 128 / np.arange(20_000 - 3 + 1, 20_001))  # the form of Chen et al.
    assert pass_at_k(20_000, 3, 128) == pytest.approx(product, rel=1e-9)
    assert isinstance(pass_at_k(np.int64(8), np.int32(2), 4), float)


@pytest.mark.parametrize(
    "counts", [(0, 0, 1), (4, 5, 1), (4, -1, 1), (4, 1, 0), (4, 1, 5), (-4, 0, 1), (4.0, 1, 1), (4, 1, None)]
)
def test_counts_that_cannot_be_are_named(counts):
    with pytest.raises(ValueError, match=r"samples|whole numbers"):
        pass_at_k(*counts)


def test_zero_advantage_ratio_counts_groups_whose_rewards_agree():
    assert zero_advantage_ratio([[0, 0], [1, 1], [0, 1], [1, 0]]) == 0.5
    assert zero_advantage_ratio([[0.0, 0.0, 0.0], [1.0]]) == 1.0
    assert zero_advantage_ratio(np.array([[0, 1], [1, 1]])) == 0.5


@pytest.mark.parametrize("rewards", [[], [[]], [[0, 1], []], [[0, float("nan")]]])
def test_zero_advantage_ratio_refuses_empty_groups(rewards):
    with pytest.raises(ValueError, match="group"):
        zero_advantage_ratio(rewards)
