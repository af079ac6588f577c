# ruff: noqa: E501
"""Sets of numbers in words."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.regions_in_words import from_words, with_holes

SAME = [
    (r"(0,\infty)", r"\text{all positive real numbers}"), (r"(0,\infty)", "all positive reals"), (r"[0,\infty)", "All non-negative real numbers."), (r"(0,\infty)", r"\text{positive numbers}"),
    (r"(-\infty,0]", r"\text{the set of nonpositive real numbers}"), (r"\mathbb{R}", r"\text{any real number}"), (r"\mathbb{R}", r"x \text{ is any real number}"), (r"\mathbb{R}", r"\text{all real } x"),
    (r"\mathbb{R}\setminus\{0\}", "all nonzero reals"), (r"\mathbb{R}\setminus\{0\}", r"\text{all real numbers except zero}"), (r"\mathbb{R}\setminus\{0\}", r"\text{all real numbers } x \neq 0"),
    (r"\mathbb{R}\setminus\{-1,1\}", r"\text{all real numbers except } 1 \text{ and } -1"), (r"\mathbb{R}\setminus\{2\}", r"\text{All reals except } x=2"),
    (r"(2,\infty)", r"\text{all real numbers greater than } 2"), (r"(-\infty,2]", r"\text{all real numbers less than or equal to } 2"), (r"[2,\infty)", r"\text{all real } x \ge 2"), (r"(2,\infty)", r"\text{all } x > 2"),
    (r"(0,1)\cup(1,\infty)", r"\text{all positive real } x \text{ such that } x\ne1"),
    (r"(1,5)\cup(5,9)", r"1<x<9 \text{ except } x = 5"), (r"(1,5)\cup(5,9)", r"1<x<9 \quad (x \neq 5)"), (r"(1,5)\cup(5,9)", r"(1,9) \text{ with } x\neq5"), (r"(1,5)\cup(5,9)", r"1 < t < 9 \text{ where } t \ne 5"),
    (r"\mathbb{Z}", r"\text{all integers}"), (r"n\in\mathbb{Z}", r"\text{Every integer } n"), (r"\mathbb Q", "the set of all rational numbers"), ("all integers", r"n \text{ is any integer}"),
]  # fmt: skip
DIFFERENT = [
    (r"(0,\infty)", "all nonnegative reals"), (r"(0,\infty)", "all real numbers"), (r"\mathbb{R}\setminus\{1,-1\}", "all real numbers except 1"), (r"\mathbb{R}", "real"), (r"\mathbb{R}", r"\text{two real roots}"),
    (r"(2,\infty)", r"\text{all } x \geq 2"), (r"(2,\infty)", r"\text{all real numbers less than } 2"), (r"(1,5)\cup(5,9)", r"1<x<9 \text{ except } x = 6"), ("(1,9)", r"1<x<9 \quad (x \neq 5)"), (r"\mathbb{R}", r"\text{all integers}"),
    (r"\mathbb{Z}", r"\text{all positive integers}"), (r"\mathbb{Z}", r"\text{all even integers}"), (r"\mathbb{R}", r"\text{all integers}"), (r"\mathbb{Z}", r"\text{an integer}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(
    "text", ["the roots are real", "all of them", r"3 \text{ real numbers}", r"\text{every student}", "for all x"]
)
def test_other_words_stay(text: str) -> None:
    assert from_words(text) == text


@pytest.mark.parametrize(
    "text", [r"\frac{x}{2} (x \ne 0)", "f(x) = 5", r"x^2 \text{ with } x = 3", r"1 < x < 9 \text{ with } x = 5"]
)
def test_conditions_beside_other_things_stay(text: str) -> None:
    assert with_holes(text) == text
