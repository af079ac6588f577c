# ruff: noqa: E501
"""Parts are compared in their order, whatever labels they have; an option by its letter or by what it says."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.labels import option, parts

SAME = [
    ("3, 5", "(a) 3, (b) 5"), ("3, 5", r"\text{(a) }3,\ \text{(b) }5"), ("(a) 3, (b) 5", "3, 5"), ("3, 5", r"(i) 3 \quad (ii) 5"),
    ("3,5", "(1) 3; (2) 5"), ("(a) 3, (b) 5", r"(i)\ 3,\ (ii)\ 5"), ("(a) 3, (b) 5", r"(a) 3 \text{ and } (b) 5"),
    (r"(a) $\frac12$; (b) $(1,2)$", "(a) 0.5, (b) (1, 2)"), ("(a) 1, 2 (b) 3", "(a) 2, 1; (b) 3"),
    (r"\text{(A)}\ 8", "8"), (r"\textbf{(A)}\ 8", "A"), ("A", r"\text{(A)}\ 8"), ("8", r"\textbf{(C) } 8"), ("(C) 8", r"\text{(C)}\ 8"),
    ("C", "(C)"), ("C", r"\textbf{(C)}"), ("C", "C."), (r"1, 2", r"\text{(B)}\ 1, 2"), (r"\frac12", r"\text{B. } \frac{1}{2}"),
]  # fmt: skip
DIFFERENT = [
    ("3, 5", "(a) 5, (b) 3"), ("(a) 3, (b) 5", "5, 3"), ("(a) 3, (b) 5", "(a) 3"), ("(a) 3, (b) 5", "(a) 5, (b) 3"), ("3", "(a) 3, (b) 5"),
    ("8", r"\text{(a) } 8, \text{(b) } 9"), ("C", "D"), ("C", r"\text{(D)}\ 8"), ("8", r"\textbf{(C) } 9"), (r"\text{(A)}\ 8", "B"),
    (r"\text{(A)}\ 8", "9"), (r"\text{(A)}\ 8", r"\text{(B)}\ 8"), ("2", "(1), (3)"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(
    "text", ["(a) 3", "(1)(2)", "(1) 3 (2) 5", "(a) 3, (c) 5", "(a)(b)", "(a+1) 3, (b) 4", "3, (a) 4, (b) 5"]
)
def test_no_parts(text: str) -> None:
    assert parts(text) == []


@pytest.mark.parametrize("text", ["(A)", r"(A) \cup (B)", "(A)(B)", "(A) + 3", "A 8"])
def test_no_option(text: str) -> None:
    assert option(text) is None
