# ruff: noqa: E501
"""Notations of binomial coefficients and numbers of arrangements."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.combinations import as_binomials, with_calls

SAME = [
    (r"\binom{n}{3}", "C_n^3"), (r"\binom{n}{3}", "C_{n}^{3}"), (r"\binom{n}{3}", r"\mathrm{C}_n^3"), (r"\binom{n}{3}", "C^3_n"), (r"\binom{n}{3}", "{}_nC_3"), (r"\binom{n}{3}", "^{n}C_{3}"),
    (r"\binom{n}{3}", "C(n,3)"), (r"\binom{n}{3}", r"\dbinom n3"), (r"\binom{n}{3}", r"{n \choose 3}"), (r"\frac{n(n-1)(n-2)}{6}", r"\tbinom{n}{3}"), (r"\binom{2n}{n}", "C_{2n}^n"), (r"\binom{n+1}{2}", "C_{n+1}^2"),
    ("126", "C_9^4"), ("126", "C_9^5"), ("126", "{}_9C_4"), ("126", "_9C_4"), ("126", "C(9, 4)"), ("126", "9C4"), ("126", r"{}^9\mathrm{C}_4"), (r"\binom{9}{4}", r"\operatorname{C}(9,4)"), ("45", "C_{10}^2"),
    ("210", "P(7,3)"), ("210", "A_7^3"), ("210", "{}_7P_3"), ("210", "7P3"), ("210", r"\mathrm{A}_7^3"), (r"\frac{n!}{(n-3)!}", "A_n^3"), (r"\frac{n!}{(n-3)!}", "{}_nP_3"), ("5!", "A_5^5"),
    (r"\frac29", r"\frac{C_5^2}{C_{10}^2}"), (r"\frac29", r"\frac{{}_5C_2}{{}_{10}C_2}"), (r"2\binom{n}{3}+1", "2C(n,3)+1"), ("30", r"C_4^2\cdot C_5^1"), ("2^n-n-1", "2^n-C(n,1)-1"), ("240", "2{}_6C_3{}_4C_2"),
    ("C_1e^x+C_2", "C_2+C_1e^x"), ("C(1,2)", "C(1, 2)"), ("(1,2)", "P(1,2)"), ("P(3,2)", "(3,2)"), ("x^2+C", "C+x^2"), ("A_1^2", "A_1^2"), ("9C4_{16}", "9C4_{16}"),
]  # fmt: skip
DIFFERENT = [
    (r"\binom{n}{3}", "C_n^2"), (r"\binom{n}{3}", "C(n,2)"), (r"\binom{n}{3}", "C(3,n)"), (r"\binom{n}{3}", "C_3^n"), ("126", "C_9^3"), ("126", "9C3"), ("126", "{}_9P_4"), ("210", "A_7^2"), ("210", "C_7^3"),
    (r"\frac{n!}{(n-3)!}", "A_n^2"), ("6", "P(3,1)"), ("(3,2)", "P(2,3)"), ("1", "C_1^2"), ("C_1", "1"), ("(2,1)", "6"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize("text", ["C_1^2", "A^{-1}", "P_n^T", "C(x)", "9C4_{16}", "C_{max}^2", "2^nC_3"])
def test_other_things_stay(text: str) -> None:
    assert with_calls(as_binomials(text), "5") == text


def test_a_function_that_the_other_side_names_stays() -> None:
    assert with_calls("C(5,2)", "C(5,2) = 3") == "C(5,2)"
    assert with_calls("C(5,2)", "(5,2)") == "C(5,2)"
    assert with_calls("C(5,2)", "10") == r"\binom{5}{2}"
