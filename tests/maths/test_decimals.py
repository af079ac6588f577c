# ruff: noqa: E501
"""Which decimals may be roundings."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.decimals import Decimals

ROUNDINGS_OF_THE_GOLD = [
    ("3.14", r"\pi"), ("0.333", r"\frac13"), ("2.236", r"\sqrt5"), ("12.35", "12.3456"), ("1.41", "1.414"), (r"33.3\%", r"\frac13"), ("1.23e8", "123456789"),
    ("12.350", "12.3499"), ("20.50", "20.4951"),
]  # fmt: skip
ROUNDINGS_OF_THE_ANSWER = [
    (r"\frac13", "0.333"),
    (r"\pi", "3.14159"),
    (r"\sqrt2", "1.41421356"),
    (r"\frac13", r"33.3\%"),
    ("1.414", "1.41"),
]
EXACT = [
    ("7.00", "7"), ("0.50", r"\frac12"), ("7.00", r"7\tan 45^\circ"), ("0.5", r"\sin 30^\circ"), (r"\frac18", "0.125"), ("0.125", r"\frac18"), ("1e-3", "0.001"),
]  # fmt: skip
NEVER = [
    ("7.00", "6.99999"), ("7.00", "7.004"), ("7", "6.999999999"), ("0.500", "0.4999"), ("2.50", "2.499"), ("120.0", "119.96"), ("1.50e8", "149900000"),
    (r"\frac13", "0.33"), ("0.33", r"\frac13"), ("3.1", r"\pi"), ("100", "99.9999999"), ("0.1", "0.10000001"), ("3.14", "3.15"), (r"\pi", "3.15"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("decimals", "right", "wrong"),
    [
        ("gold", ROUNDINGS_OF_THE_GOLD + EXACT, ROUNDINGS_OF_THE_ANSWER + NEVER),
        ("exact", EXACT, ROUNDINGS_OF_THE_GOLD + ROUNDINGS_OF_THE_ANSWER + NEVER),
        ("both", ROUNDINGS_OF_THE_GOLD + ROUNDINGS_OF_THE_ANSWER + EXACT, NEVER),
    ],
)
def test_rules(decimals: Decimals, right: list[tuple[str, str]], wrong: list[tuple[str, str]]) -> None:
    with Grader(workers=1, decimals=decimals) as grader:
        assert [pair for pair in right if not grader.grade(pair[1], pair[0]).correct] == []
        assert [pair for pair in wrong if grader.grade(pair[1], pair[0]).correct] == []


def test_worker_processes_keep_to_the_rule() -> None:
    gold, answer = r"[\frac13, \sum_{k=1}^{2} 1]", "[0.333, 2]"  # a sum is for a worker
    with Grader(workers=1, decimals="both") as grader:
        assert grader.grade(answer, gold).correct
    with Grader(workers=1) as grader:
        assert not grader.grade(answer, gold).correct


def test_a_rule_that_there_is_not() -> None:
    with pytest.raises(ValueError, match="decimals must be one of gold, exact, both"):
        Grader(decimals="loose")  # type: ignore[arg-type]
