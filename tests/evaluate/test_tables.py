"""The final table, and skills by kind of problem."""

from __future__ import annotations

import json

import pytest

from int_verl.evaluate import skills_table, summarise
from tests.evaluate.rows import scores


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


def test_skills_by_kind_of_problem():
    rows = scores("base", "heldout", [8, 8, 0]) + scores("InT SFT", "heldout", [4, 8, 2])
    table = skills_table(rows, {"heldout-0": "known", "heldout-1": "known", "heldout-2": "misbelieved"})
    assert [entry["group"] for entry in table["groups"]] == ["known", "misbelieved"]
    assert table["groups"][0]["problems"] == 2
    assert table["groups"][0]["pass_at_1"]["InT SFT"]["value"] == 0.75
