# ruff: noqa: E501
"""Inequalities against the subsets of the line that they describe."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

SAME = [
    ("(-4,4)", "|x|<4"), (r"[-4,4]", r"|x|\le 4"), (r"(-\infty,1]\cup[3,\infty)", r"|x-2|\ge 1"), ("(1,3)", r"\lvert 2-x\rvert<1"),
    (r"\left(-1,2\right)", r"\left|2x-1\right|<3"), (r"[1-\sqrt2,1+\sqrt2]", r"|a-1|\le\sqrt{2}"), (r"(0,2)\cup(2,4)", "0<|x-2|<2"),
    (r"(-3,-1)\cup(1,3)", "1<|x|<3"), (r"(-\infty,0)\cup(0,\infty)", "|x|>0"), (r"\mathbb{R}", r"|x|\ge -1"), (r"\emptyset", "|x|<-1"),
    (r"|x|<3", "-3<x<3"), (r"|x-1|>2", r"x<-1 \text{ or } x>3"), ("(2,5)", "|7-2x|<3"),
    ("[1,5]", r"1\le f(x)\le5"), (r"[2,\infty)", r"f(x) \ge 2"), (r"(-\infty,0)", "g(t)<0"), ("[-2,2]", r"|f(x)|\le 2"), (r"1\le f(x)\le5", "[1,5]"),
    ("[1,5]", r"y\in[1,5]"), ("[1,5]", r"\text{Range}=[1,5]"), ("[1,5]", r"\operatorname{Range}(f)=[1,5]"), ("[1,5]", r"f(\mathbb{R})=[1,5]"),
    (r"(2,5)\cup(5,8)", r"2<x<8,\ x\ne 5"), (r"(2,5)\cup(5,8)", r"2<x<8 \text{ and } x\neq 5"), ("(1,2]", r"x>1 \text{ and } x\le 2"),
    (r"(-\infty,1)\cup(3,\infty)", r"x<1,\ x>3"), (r"\mathbb{R}\setminus\{-1,1\}", r"x\ne \pm 1"), (r"\mathbb{R}\setminus\{-1,1\}", r"x\ne 1,\ x\ne -1"),
    (r"\mathbb{R}\setminus\{-1,1\}", r"x\neq 1,-1"), (r"\mathbb{R}\setminus\{2\}", r"x\in\mathbb{R}, x\neq 2"), ("|x+y|<1", "|x+y|<1"), ("x^2<4", "4>x^2"),
]  # fmt: skip
DIFFERENT = [
    ("(-4,4)", r"|x|\le 4"), ("(-4,4)", "|x|>4"), ("(-4,4)", "|x|<5"), (r"(-\infty,1]\cup[3,\infty)", "|x-2|>1"), ("(1,3)", "|x-1|<2"), ("(-1,3)", "|2x-1|<3"),
    ("(0,4)", "0<|x-2|<2"), ("|x|<3", "x<3"), ("3", "|x|<3"), (r"\mathbb{R}", "|x|>0"), ("(-2,2)", "x^2<4 or x"),
    ("[1,5]", r"1<f(x)\le5"), ("[1,5]", r"1\le f(x)\le6"), (r"[2,\infty)", "f(x)>2"), ("[1,5]", "f(x)=5"), ("[1,5]", r"1\le f(x)"), ("[-2,2]", r"y\in(-2,2)"),
    ("[-1,1]", r"\text{Range}=[-1,2]"), (r"[0,1]", r"\text{Range}=(0,1)"),
    (r"(2,5)\cup(5,8)", "2<x<8"), (r"(2,5)\cup(5,8)", r"2<x<8, x\ne 6"), ("(2,8)", r"2<x<8, x\ne 5"), (r"\mathbb{R}\setminus\{-1,1\}", r"x\neq 1"),
    (r"\mathbb{R}\setminus\{-1,1\}", r"x\neq 1,2"), (r"(-\infty,1)\cup(3,\infty)", r"x\le1, x>3"), ("(1,2]", r"x>1 \text{ and } x<2"), ("0", r"x\ne0"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct
    assert not pair_grader.grade(gold, answer).correct
