# ruff: noqa: E501
"""Lists and sums with an ellipsis."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

ODD = ",".join(map(str, range(1, 100, 2)))
SAME = [
    (r"\{1,2,\ldots,n\}", r"\{1,2,3,4,\dots,n\}"), (r"\{1,2,\ldots,n\}", r"\{1,\cdots,n\}"), (r"\{1,2,\ldots,n\}", "{1, 2, ..., n}"), (r"\{1,2,\ldots,n\}", r"\{1,2,\ldots,n-1,n\}"),
    (r"\{0,1,\ldots,n-1\}", r"\{0,1,2,\ldots,n-2,n-1\}"), (r"\{1,4,9,\ldots,n^2\}", r"\{1,4,9,16,\ldots,n^2\}"), (r"2,4,\ldots,2n", r"2,4,6,8,\ldots,2n-2,2n"), (r"1,2,4,\ldots,2^n", r"1,2,4,8,\ldots,2^n"),
    (r"\{1,2,\ldots,6\}", r"\{1,2,3,4,5,6\}"), ("1,2,3,4,5,6", "1, 2, ..., 6"), (r"1,3,5,\dots,99", r"1,3,\ldots,97,99"), (r"1,3,5,\dots,99", ODD), (r"\{10,20,\ldots,50\}", r"\{50,40,\ldots,10\}"), (r"5,4,\ldots,1", "1,2,3,4,5"),
    (r"2,4,8,\ldots,64", r"\{2,4,8,16,32,64\}"), (r"\frac12,1,\ldots,3", r"0.5,1,1.5,2,\frac52,3"), (r"1,2,\ldots,1000", r"1,2,3,\ldots,1000"), (r"x=1,2,\ldots,5", "1,2,3,4,5"), (r"(1,2,\ldots,5)", "(1,2,3,4,5)"),
    (r"2,4,6,\ldots", r"2,4,6,8,\ldots"), (r"2,4,6,\ldots", "2,4,6,..."), (r"2,4,6,\ldots", "2, 4, 6..."), (r"\{1,3,9,\ldots\}", r"\{1,3,9,27,\ldots\}"), (r"-1,-3,-5,\ldots", r"-1,-3,\ldots"),
    (r"a_1,a_2,\ldots,a_n", r"a_1,a_2,a_3,\ldots,a_n"), (r"x_1,x_2,\ldots,x_4", "x_1,x_2,x_3,x_4"), (r"(x_1,\ldots,x_n)", r"(x_1,x_2,\ldots,x_n)"),
    (r"1+2+\cdots+n", r"\frac{n(n+1)}{2}"), (r"1+2+\cdots+n", r"1+2+3+\dots+n"), ("5050", r"1+2+\cdots+100"), (r"1+3+5+\cdots+(2n-1)", "n^2"), (r"1^2+2^2+\cdots+n^2", r"\frac{n(n+1)(2n+1)}{6}"), (r"1+2+4+\cdots+2^n", "2^{n+1}-1"),
    (r"\frac{x^{n+1}-1}{x-1}", r"1+x+x^2+\cdots+x^n"), (r"1+x+\cdots+x^{n-1}", r"x^{n-1}+x^{n-2}+\cdots+x+1"), (r"1+\frac12+\cdots+\frac1n", r"\sum_{k=1}^n\frac1k"),
    (r"\sum_{k=1}^n x_k", r"x_1+x_2+\cdots+x_n"), ("1+2+...+10", "55"), ("1+2+4+...+64", "127"), (r"1\cdot2\cdot\ldots\cdot n", "n!"), (r"a_1,a_3,\ldots", r"a_1,a_3,\ldots"), (r"0,\pm1,\pm2,\ldots", r"0,\pm1,\pm2,\ldots"),
]  # fmt: skip
DIFFERENT = [
    (r"\{1,2,\ldots,n\}", r"\{1,2,\ldots,n-1\}"), (r"\{1,2,\ldots,n\}", r"\{0,1,2,\ldots,n\}"), (r"\{1,2,\ldots,n\}", r"\{1,3,\ldots,n\}"), (r"\{1,2,\ldots,n\}", r"\{1,2,n\}"), (r"\{1,2,\ldots,n\}", r"\{1,2,\ldots\}"), (r"\{1,2,\ldots,n\}", r"\{1,2,\ldots,m\}"),
    (r"\{1,2,\ldots,6\}", r"\{1,2,6\}"), (r"\{1,2,\ldots,6\}", r"\{1,2,3,4,5\}"), (r"\{1,2,\ldots,6\}", r"\{1,2,\ldots,7\}"), (r"1,3,5,\dots,99", r"1,2,3,\ldots,99"), (r"1,3,5,\dots,99", r"1,5,\ldots,99"), (r"1,3,5,\dots,99", "1,3,5,99"), (r"1,2,\ldots,1000", r"1,2,\ldots,1001"),
    (r"2,4,6,\ldots", "2,4,6"), (r"2,4,6,\ldots", r"2,4,8,\ldots"), (r"2,4,6,\ldots", r"4,6,8,\ldots"), (r"2,4,8,\ldots,64", r"2,4,6,\ldots,64"), (r"(1,2,\ldots,5)", "(1,2,3,5,4)"), ("2,4,6", "2, 4, 6..."), (r"1,4,9,\ldots,n^2", r"1,4,7,\ldots,n^2"),
    (r"1+2+\cdots+n", r"\frac{n(n-1)}{2}"), (r"1+2+\cdots+n", r"1+2+\cdots+(n-1)"), (r"1+3+\cdots+(2n-1)", "n^2+1"), (r"x_1+x_2+\cdots+x_n", "x_1+x_n"), (r"x_1+x_2+\cdots+x_n", r"x_1+x_2+\cdots+x_m"), ("55", "1+2+...+11"), (r"1+2+\cdots+n", "n"), ("7", r"7,\ldots,7"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct
    assert not pair_grader.grade(gold, answer).correct
