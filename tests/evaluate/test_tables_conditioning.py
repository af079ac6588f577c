"""The same attempts and as many rollouts in every row of Table 1."""

from __future__ import annotations

import json

import numpy as np

from int_verl.evaluate import conditioning_table
from tests.evaluate.rows import guided


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


def test_rollouts_of_the_problem_alone_count_for_the_problems_of_the_attempts() -> None:
    """a has two attempts, b one, c none that was continued from everywhere, d no hint."""
    right, wrong = ["correct", "incorrect"], ["incorrect", "incorrect"]
    rows = [
        row
        for problem, attempt in (("a", 0), ("a", 1), ("b", 0), ("d", 0))
        for row in (*guided("intervention", problem, attempt, right), *guided("prefix", problem, attempt, wrong))
    ]
    rows += guided("intervention", "c", 0, right)
    for problem in "abcd":
        rows += guided("problem", problem, None, right if problem == "b" else wrong)
    for problem in "abc":
        rows += guided("hint", problem, None, ["correct", "correct"])
    table = conditioning_table(rows)
    assert (table["attempts"], table["problems"], table["left_out"]) == (3, 2, 2)
    found = {entry["condition"]: entry for entry in table["conditions"]}
    assert list(found) == ["problem", "hint", "prefix", "intervention"]
    assert {name: entry["rollouts"] for name, entry in found.items()} == {
        "problem": 4,
        "hint": 4,
        "prefix": 6,
        "intervention": 6,
    }
    assert found["problem"]["accuracy"]["value"] == 1 / 4
    assert (found["hint"]["solved"], found["problem"]["solved"]) == (2, 1)
