"""A test to copy along with `reward_fns/template.py`: what your function must do, and what verl expects of it."""

from __future__ import annotations

from pathlib import Path

import pytest

from int_verl.grading.function_calls import load_function
from int_verl.grading.reward_contract import check_contract

# Point this at your own file.
compute_score = load_function(str(Path(__file__).parents[2] / "reward_fns" / "template.py"), "compute_score")

# Rows as your training file has them.
ROWS = [
    {"data_source": "mine", "reward_model": {"ground_truth": "42"}, "extra_info": {"index": 0}},
    {"data_source": "mine", "reward_model": {"ground_truth": "yes"}, "extra_info": {"index": 1}},
]


@pytest.mark.parametrize(
    ("response", "gold", "score"),
    [
        ("Six sevens.\n42", "42", 1.0),
        ("42\nI think", "42", 0.0),
        ("", "42", 0.0),
    ],
)
def test_score(response: str, gold: str, score: float) -> None:
    assert compute_score(data_source="mine", solution_str=response, ground_truth=gold, extra_info={})["score"] == score


def test_settings() -> None:
    assert compute_score("mine", "YES", "yes")["score"] == 0.0
    assert compute_score("mine", "YES", "yes", ignore_case=True)["score"] == 1.0


def test_what_verl_expects() -> None:
    assert not [outcome for outcome in check_contract(compute_score, ROWS) if not outcome.passed]
