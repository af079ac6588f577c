"""Evaluation arithmetic against brute force and against what the numbers must mean."""

from __future__ import annotations

import json
import math
from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from int_verl.evaluate.figures import (
    bootstrap,
    conditioning_table,
    format_table,
    pass_at_k,
    skills_table,
    summarise,
    zero_advantage_at,
    zero_advantage_ratio,
)

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


@given(st.lists(st.floats(0, 1), min_size=1, max_size=40), st.integers(0, 3))
@settings(deadline=None, max_examples=50)
def test_bootstrap_holds_the_mean_and_repeats(values, seed):
    estimate = bootstrap(values, resamples=200, seed=seed)
    assert estimate["value"] == pytest.approx(np.mean(values), abs=1e-12)
    assert -1e-9 <= estimate["low"] <= estimate["high"] <= 1 + 1e-9
    assert estimate == bootstrap(values, resamples=200, seed=seed)


def test_bootstrap_covers_the_truth_as_often_as_it_says():
    rng = np.random.default_rng(1)
    skill_R_P = rng.beta(0.5, 1.5, size=(300, 80))  # mean .25, very uneven between problems
    rates_R_P = rng.binomial(8, skill_R_P) / 8
    estimates = [bootstrap(rates_P, resamples=400) for rates_P in rates_R_P]
    covered = np.mean([e["low"] <= 0.25 <= e["high"] for e in estimates])
    assert 0.90 <= covered <= 0.99


def test_bootstrap_has_a_width_where_nothing_or_everything_succeeded():
    z2 = 1.959964**2
    assert bootstrap(np.zeros(200))["high"] == pytest.approx(z2 / (200 + z2), rel=1e-4)
    assert bootstrap(np.ones(200)) == {"value": 1.0, "low": pytest.approx(1 - z2 / (200 + z2)), "high": 1.0}
    same = bootstrap(np.zeros(10), signed=True)
    assert same["low"] == -same["high"] < 0


def test_bootstrap_of_a_ratio_resamples_problems_not_rollouts():
    right, drawn = np.array([8, 0, 0, 0]), np.array([8, 8, 8, 2])
    estimate = bootstrap(right, drawn)
    assert estimate["value"] == pytest.approx(8 / 26)
    assert estimate["high"] - estimate["low"] > 0.5


def test_a_few_problems_with_many_resamples_go_in_chunks():
    assert bootstrap(np.linspace(0, 1, 1_500_000), resamples=3)["value"] == pytest.approx(0.5)


@pytest.mark.parametrize(
    ("numerator", "denominator"), [([], None), ([[1, 2]], None), ([1, 2], [1]), ([1], [0]), ([math.nan], None)]
)
def test_bootstrap_refuses_what_has_no_mean(numerator, denominator):
    with pytest.raises(ValueError, match=r"problem|finite"):
        bootstrap(numerator, denominator)


def scores(model, problem_set, corrects, samples=8, truncated=0):
    return [
        {
            "model": model,
            "problem_set": problem_set,
            "problem_id": f"{problem_set}-{i}",
            "samples": samples,
            "correct": correct,
            "truncated": truncated,
        }
        for i, correct in enumerate(corrects)
    ]


def test_summary_of_a_run():
    rows = [
        *scores("base", "heldout", [0, 0, 8, 0]),
        *scores("base", "hard", [0, 0, 0, 1]),
        *scores("base + RL", "heldout", [0, 4, 8, 0]),
        *scores("InT SFT + RL", "heldout", [8, 4, 8, 4], truncated=2),
        *scores("InT SFT + RL", "hard", [4, 4, 0, 8]),
    ]
    summary = summarise(rows)
    assert json.loads(json.dumps(summary)) == summary
    assert [entry["model"] for entry in summary["models"]] == ["base", "base + RL", "InT SFT + RL"]
    base, _, ours = (entry["sets"] for entry in summary["models"])
    assert summary["k"] == 8
    assert list(base["heldout"]["pass_at"]) == ["1", "2", "4", "8"]
    assert base["heldout"]["pass_at"]["1"]["value"] == 0.25
    assert base["hard"]["zero_advantage_ratio"]["value"] == 0.75
    assert ours["heldout"]["pass_at"]["8"]["value"] == 1.0
    assert ours["heldout"]["truncated"] == 0.25
    assert ours["hard"]["zero_advantage_ratio"]["value"] == 0.5
    gains = {(d["model"], d["against"]): d["pass_at_1"]["value"] for d in summary["differences"]}
    assert gains == {
        ("InT SFT + RL", "base + RL"): 0.375,
        ("InT SFT + RL", "base"): 0.5,
        ("base + RL", "base"): 0.125,
    }


def test_summary_takes_the_largest_power_of_two_and_a_smaller_group():
    summary = summarise(scores("base", "heldout", [1, 2], samples=6) + scores("base", "hard", [1, 3], samples=4))
    assert summary["k"] == 4
    assert summary["group"] == 4
    assert summary["models"][0]["sets"]["hard"]["zero_advantage_ratio"]["value"] == 0


@pytest.mark.parametrize(
    "rows",
    [
        [],
        scores("base", "heldout", [9]),
        scores("base", "heldout", [0], samples=0),
        scores("base", "heldout", [1]) * 2,
    ],
)
def test_summary_refuses_rows_that_cannot_be(rows):
    with pytest.raises(ValueError, match=r"no scores|cannot be|twice"):
        summarise(rows)


def guided(condition, problem, attempt, outcomes):
    return [
        {
            "problem_id": problem,
            "attempt": attempt,
            "proposal": 0,
            "condition": condition,
            "correct": outcome == "correct",
            "outcome": outcome,
        }
        for outcome in outcomes
    ]


def test_rollouts_whose_prompt_did_not_fit_are_none():
    rows = [
        *guided("intervention", "a", 0, ["correct", "incorrect"]),
        *guided("prefix", "a", 0, ["incorrect", "incorrect"]),
        *guided("intervention", "b", 0, ["prompt_too_long", "prompt_too_long"]),
        *guided("prefix", "b", 0, ["incorrect", "incorrect"]),
    ]
    table = conditioning_table(rows)
    assert (table["attempts"], table["left_out"]) == (1, 1)
    assert [entry["rollouts"] for entry in table["conditions"]] == [2, 2]


def test_conditioning_uses_the_same_attempts_in_every_row():
    rows = [
        *guided("intervention", "a", 0, ["correct", "incorrect", "correct", "truncated"]),
        *guided("wrong_step", "a", 0, ["correct", "incorrect", "incorrect", "incorrect"]),
        *guided("intervention", "b", 1, ["correct", "correct", "incorrect", "incorrect"]),
        *guided("wrong_step", "b", 1, ["incorrect", "incorrect", "incorrect", "truncated"]),
        *guided("intervention", "b", 2, ["correct"] * 4),  # no control: in no row
    ]
    table = conditioning_table(rows)
    assert json.loads(json.dumps(table)) == table
    wrong_step, intervention = table["conditions"]
    assert (table["attempts"], table["problems"], table["left_out"]) == (2, 2, 1)
    assert (wrong_step["condition"], intervention["condition"]) == ("wrong_step", "intervention")
    assert intervention["accuracy"]["value"] == 0.5
    assert intervention["coverage"]["value"] == 1.0
    assert (intervention["correct"], intervention["wrong"], intervention["truncated"]) == (4, 3, 1)
    assert wrong_step["accuracy"]["value"] == 0.125
    assert wrong_step["solved"] == 1
    assert table["times"] == 4
    assert table["equal_rollouts"]


def test_more_rollouts_do_not_buy_coverage():
    rows = guided("intervention", "a", 0, ["correct", "incorrect"] * 2) + guided("wrong_step", "a", 0, ["incorrect"])
    table = conditioning_table(rows)
    assert table["conditions"][1]["coverage"]["value"] == 0.5
    assert not table["equal_rollouts"]
    assert table["times"] is None


def test_stopping_at_the_first_success_buys_nothing():
    """The same success rate under both conditions; interventions are drawn in waves of 4 and 28 that stop."""
    generator = np.random.default_rng(0)
    rows = []
    for problem in range(300):
        right_R = generator.random((2, 32)) < generator.beta(0.5, 4)
        stopped = right_R[0, : 4 if right_R[0, :4].any() else 32]
        for condition, drawn in (("intervention", stopped), ("wrong_step", right_R[1])):
            rows += guided(condition, str(problem), 0, ["correct" if right else "incorrect" for right in drawn])
    table = conditioning_table(rows)
    wrong_step, intervention = table["conditions"]
    assert intervention["rollouts"] == 4 * 300
    assert table["uncounted"] == len(rows) - (4 + 32) * 300
    for what in ("accuracy", "coverage"):
        assert abs(intervention[what]["value"] - wrong_step[what]["value"]) < 0.03


def test_conditioning_without_a_common_attempt_is_empty():
    assert conditioning_table([])["conditions"] == []
    rows = guided("intervention", "a", 0, ["correct"]) + guided("wrong_step", "a", 1, ["correct"])
    assert conditioning_table(rows)["conditions"] == []


def test_skills_by_kind_of_problem():
    rows = scores("base", "heldout", [8, 8, 0]) + scores("InT SFT", "heldout", [4, 8, 2])
    table = skills_table(rows, {"heldout-0": "known", "heldout-1": "known", "heldout-2": "misbelieved"})
    assert [entry["group"] for entry in table["groups"]] == ["known", "misbelieved"]
    assert table["groups"][0]["problems"] == 2
    assert table["groups"][0]["pass_at_1"]["InT SFT"]["value"] == 0.75


def test_tables_as_markdown_and_on_a_terminal():
    rows = scores("base", "heldout", [0, 8]) + scores("a|b", "heldout", [0, 8]) + scores("base", "hard", [0, 1])
    guided_rows = guided("intervention", "a", 0, ["correct"]) + guided("wrong_step", "a", 0, ["incorrect"])
    tables = [summarise(rows), conditioning_table(guided_rows), skills_table(rows, {"heldout-0": "known"})]
    console = Console(width=160, record=True)
    for table in tables:
        lines = format_table(table).splitlines()
        assert lines[1].count("---") == lines[0].replace("\\|", "").count("|") - 1
        console.print(format_table(table, "rich"))
    assert "a\\|b" in format_table(tables[0])
    assert "| base | 50.0 % [" in format_table(tables[0])
    assert "zero-advantage ratio" in console.export_text()
    with pytest.raises(ValueError, match="style"):
        format_table(tables[0], "html")
    with pytest.raises(ValueError, match="not a table"):
        format_table({})
