# ruff: noqa: E501
r"""``\pm`` inside of tuples and before them."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.read_answer import read
from int_verl.maths.size_limits import TooLarge

SAME = [
    (r"(\pm1,\pm5)", "(-1,-5),(1,-5),(-1,5),(1,5)"), (r"(\pm1,\pm5)", r"\{(1,5),(1,-5),(-1,5),(-1,-5)\}"), (r"(\pm1,\pm5)", r"(\pm1,5),(\pm1,-5)"),
    (r"\pm(1,5)", "(-1,-5),(1,5)"), (r"\pm(1,-5)", "(1,-5),(-1,5)"), (r"(\pm1,5)", "(1,5),(-1,5)"), (r"(5,\pm1)", "(5,-1),(5,1)"), (r"(\pm1,\mp1)", "(1,-1),(-1,1)"),
    (r"(1\pm\sqrt2,1\mp\sqrt2)", r"(1+\sqrt2,1-\sqrt2),(1-\sqrt2,1+\sqrt2)"), (r"(1\pm\sqrt2,3)", r"(1+\sqrt2,3),(1-\sqrt2,3)"), (r"(0,0),\pm(1,1)", "(0,0),(1,1),(-1,-1)"),
    (r"(\pm1,0),(0,\pm1)", "(1,0),(0,1),(-1,0),(0,-1)"), (r"(x,y)=(\pm1,\pm5)", "(1,5),(1,-5),(-1,5),(-1,-5)"), (r"\pm\langle 1,2,3\rangle", "(1,2,3),(-1,-2,-3)"),
    (r"\pm(a,b)", "(a,b),(-a,-b)"), (r"(\pm1,\pm2,\mp3)", "(1,2,-3),(-1,-2,3)"),
]  # fmt: skip
DIFFERENT = [
    (r"(\pm1,\pm5)", "(1,5),(-1,-5)"), (r"(\pm1,\pm5)", "(1,5)"), (r"(\pm1,\pm5)", r"(\pm1,\mp5)"), (r"\pm(1,5)", "(1,5)"), (r"\pm(1,5)", "(1,-5),(-1,5)"), (r"(\pm1,5)", "(1,5),(1,-5)"),
    (r"(\pm1,\mp1)", "(1,1),(-1,-1)"), (r"(\pm1,\mp1)", "(1,-1),(-1,1),(1,1),(-1,-1)"), (r"(\pm1,0),(0,\pm1)", "(1,0),(0,1)"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct
    assert not pair_grader.grade(gold, answer).correct


def test_a_thousand_points_are_too_many() -> None:
    with pytest.raises(TooLarge):
        read("(" + ",".join([r"\pm 1"] * 10) + ")")
