# ruff: noqa: E501
"""Subsets of the line in symbols and in words."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

SAME = [
    (r"(0,\infty)", r"\mathbb{R}^+"), (r"(0,\infty)", r"\mathbb{R}_{+}"), (r"(0,\infty)", r"\mathbb{R}_{>0}"), (r"[0,\infty)", r"\mathbb R_{\geq 0}"),
    (r"(-\infty,0)", r"\mathbb{R}^{-}"), (r"(0,\infty)", r"\mathbb{R}_+^*"), (r"[0,\infty)", r"\mathbb{R}^+\cup\{0\}"), (r"(0,\infty)", r"x\in\mathbb{R}^{+}"),
    (r"x>0", r"\mathbb{R}^+"), (r"\mathbb{R}\setminus\{0\}", r"\mathbb{R}^*"), (r"(-\infty,2)\cup(2,\infty)", r"\mathbb{R}-\{2\}"),
    (r"(2,5)\cup(5,8)", r"(2,8)\setminus\{5\}"), (r"[1,3]\setminus\{1\}", "(1,3]"), (r"\mathbb{R}^+\setminus\{1\}", r"(0,1)\cup(1,\infty)"),
    (r"(2,\infty)", r"\{x \mid x>2\}"), (r"(2,\infty)", r"\{x\in\mathbb{R} : 2<x\}"), (r"(1,2)", r"\{x\mid 1<x<2\}"), (r"(-3,3)", r"\{x : |x|<3\}"),
    (r"\mathbb{R}\setminus\{2\}", r"\{x\in\mathbb{R} \mid x\neq 2\}"), ("[1,5]", r"\{f(x)\mid 1\le f(x)\le 5\}"), ("(0,2)", r"\{t\in(0,5)\mid t<2\}"),
    (r"(-\infty,1)\cup(1,2)\cup(2,\infty)", r"x \notin \{1,2\}"), (r"(-\infty,1)\cup(2,\infty)", r"\mathbb{R}\setminus[1,2]"), (r"(-\infty,0]\cup[1,\infty)", r"x\notin(0,1)"),
    (r"\mathbb{R}\setminus\{-2,2\}", r"\mathbb{R}\setminus\{\pm2\}"), (r"(1,5)\cup(5,9)", r"(1,9)-\{5\}"), (r"(1,5)\cup(5,9)", r"(1,9),\ x\ne 5"), ("(-2,2)", r"x > -2 \land x < 2"),
]  # fmt: skip
DIFFERENT = [
    (r"[0,\infty)", r"\mathbb{R}^+"), (r"(0,\infty)", r"\mathbb{R}^-"), (r"\mathbb{R}", r"\mathbb{R}^2"), (r"\mathbb{R}", r"\mathbb{R}^+"), (r"(0,\infty)", r"\mathbb{Z}^+"),
    (r"\mathbb{R}\setminus\{2\}", r"\mathbb{R}"), (r"\mathbb{R}\setminus\{2\}", r"\mathbb{R}-\{3\}"), (r"(2,8)", r"(2,8)\setminus\{5\}"),
    (r"(2,\infty)", r"\{x | x \ge 2\}"), (r"(2,\infty)", r"\{x\in\mathbb{Z} : x>2\}"), ("(2,3)", r"\{(x,y) : 2<x<3\}"), (r"(2,\infty)", r"\{y \mid x>2\}"),
    (r"(-\infty,1)\cup(2,\infty)", r"\mathbb{R}\setminus(1,2)"), (r"(1,5)\cup(5,9)", r"(1,9),\ x\ne 6"), (r"x\notin\{1\}", r"x\in\{1\}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct
