# ruff: noqa: E501
"""Commands with too many backslashes are read, and the breaks of a matrix's rows stay."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.backslashes import undoubled, unswallowed

MATRIX = r"\begin{pmatrix}1&2\\3&4\end{pmatrix}"
SAME = [
    (r"\\frac{5}{6}", r"\frac56"), (r"\frac{5}{6}", r"\\frac{5}{6}"), (r"\\\\frac{5}{6}", "5/6"), (r"[2,\\sqrt{7}]", r"[2,\sqrt7]"),
    (r"2\\pi", r"2\pi"), (r"\\left(3,\\frac{1}{2}\\right)", "(3,1/2)"), (r"\\{1,2\\}", r"\{1,2\}"), (r"50\\%", r"50\%"),
    (r"\\$5", r"\$5"), (r"90^\\circ", r"90^\circ"), (r"3\\text{ cm}", r"3\text{ cm}"), (r"x \\in (1, \\infty)", r"(1,\infty)"),
    (r"\frac{3}{4}", r"\\boxed{\\frac{3}{4}}"), (MATRIX.replace("\\", "\\\\"), MATRIX), (MATRIX.replace("\\", 4 * "\\"), MATRIX),
    (r"\begin{pmatrix}1\\\frac12\end{pmatrix}", r"\begin{pmatrix}1\\0.5\end{pmatrix}"),
    ("\x0crac{7}{12}", r"\frac{7}{12}"), ("2\x09imes 3", "6"), ("\x08eta+1", r"1+\beta"), ("\\left(1,2\x0dight)", "(1,2)"),
    (r"12\\,000", "12000"), (r"5\\ \\text{cm}", "5 cm"), (r"\\(\\frac{1}{2}\\)", "1/2"), (r"(1,\\ 2)", "(1,2)"), (r"x=1 \\ x=2", "x=1,x=2"),
]  # fmt: skip
DIFFERENT = [
    (r"\\frac{5}{6}", r"\frac65"), (r"[2,\\sqrt{7}]", r"[2,\sqrt6]"), (r"\\pi", r"\phi"), (r"\\{1,2\\}", r"\{1,3\}"),
    (MATRIX.replace("\\", "\\\\"), r"\begin{pmatrix}1&2\\3&5\end{pmatrix}"),
    (r"\begin{pmatrix}1\\\frac12\end{pmatrix}", r"\begin{pmatrix}1\\0.25\end{pmatrix}"),
    (r"x=1 \\ x=2", "1"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.gold_fault(gold) is None
    assert pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct


@pytest.mark.parametrize(
    "text", [MATRIX, r"\begin{cases}ab\\cd\end{cases}", r"\begin{array}{c}x\\\pi\end{array}", "x\\\\y", r"\frac{1}{2}"]
)
def test_what_is_not_doubled_stays(text: str) -> None:
    assert undoubled(text) == text


@pytest.mark.parametrize("text", ["a\x09tand b", "1\n2", "x\x0dright", "5\x09eq", "x\nequals"])
def test_white_space_stays(text: str) -> None:
    assert unswallowed(text) == text
