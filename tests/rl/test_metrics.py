"""Metrics of a step's groups."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from int_verl.errors import UserError
from int_verl.evaluate import zero_advantage_ratio
from int_verl.rl.metrics import check_that_some_are_rewarded, group_metrics, verdict_metrics


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


def test_verdicts_and_faults_are_shares_of_the_rollouts() -> None:
    results = [
        {"verdict": "correct", "fault": ""},
        {"verdict": "timeout", "fault": "timeout: no result after 2 s"},
        {"verdict": "error", "fault": "raised: it raised KeyError: 'a'"},
        {"verdict": "error", "fault": "raised: it raised ValueError"},
    ]
    measured = verdict_metrics(results)
    assert {name: share for name, share in measured.items() if share} == {
        "int/verdict/correct": 0.25,
        "int/verdict/timeout": 0.25,
        "int/verdict/error": 0.5,
        "int/fault/timeout": 0.25,
        "int/fault/raised": 0.5,
    }
    assert verdict_metrics([{"score": 1.0}, {}]) == verdict_metrics([]) == {}


def test_a_step_without_any_reward_is_refused_by_its_first_row() -> None:
    failed, wrong = {"verdict": "error", "fault": "died: its process died"}, {"verdict": "incorrect", "fault": ""}
    rows = [{"index": 7, "id": "p"}, {"index": 8}]
    with pytest.raises(UserError, match=r"all 2 calls .* failed; row index=7, id=p: died: its process died"):
        check_that_some_are_rewarded([failed, failed], rows)
    for results in ([failed, wrong], [{"score": 0.0}] * 2, []):
        check_that_some_are_rewarded(results, rows)
