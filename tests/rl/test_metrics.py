"""Metrics of a step's groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.evaluate import zero_advantage_ratio
from int_verl.rl.metrics import group_metrics


def test_shares_and_sources() -> None:
    groups = [("a", [0.0, 0.0]), ("a", [1.0, 0.0]), ("b", [1.0, 1.0]), ("b", [0.0, 0.0])]
    assert group_metrics(groups) == {
        "int/zero_advantage_ratio": 0.75,
        "int/never_solved": 0.5,
        "int/sometimes_solved": 0.25,
        "int/always_solved": 0.25,
        "int/reward/a": 0.25,
        "int/reward/b": 0.5,
    }


def test_rewards_that_are_not_0_or_1() -> None:
    """A solved group with unequal rewards has an advantage; a reward below 0 is no success."""
    measured = group_metrics([("a", [1.0, 0.5]), ("a", [-1.0, 0.0])])
    assert measured["int/zero_advantage_ratio"] == 0
    assert (measured["int/always_solved"], measured["int/never_solved"]) == (0.5, 0.5)


def test_nothing_of_nothing() -> None:
    assert group_metrics([]) == {}


@given(st.lists(st.lists(st.sampled_from([0.0, 1.0]), min_size=1, max_size=4), min_size=1, max_size=6))
def test_as_the_evaluation_counts(rewards_P_G: list[list[float]]) -> None:
    measured = group_metrics([("a", rewards_G) for rewards_G in rewards_P_G])
    assert measured["int/zero_advantage_ratio"] == pytest.approx(zero_advantage_ratio(rewards_P_G))
    shares = [measured[f"int/{name}_solved"] for name in ("never", "sometimes", "always")]
    assert sum(shares) == pytest.approx(1)
