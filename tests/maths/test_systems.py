# ruff: noqa: E501
"""Rows under a brace: systems and piecewise definitions."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

ABS = r"\begin{cases}x^2 & x>0\\ -x & x\le 0\end{cases}"
PARITY = r"\begin{cases}1, & n \text{ even}\\ 0, & n \text{ odd}\end{cases}"
STEPS = r"f(x)=\left\{\begin{array}{ll} -1, & x<0 \\ 0, & x=0 \\ 1, & x>0 \end{array}\right."
SAME = [
    ("x=1,y=4", r"\begin{cases}x=1\\y=4\end{cases}"), ("x=1,y=4", r"\begin{cases} y = 4, \\ x = 1. \end{cases}"), ("x=1,y=4", r"\left\{\begin{array}{l} x=1, \\ y=4 \end{array}\right."),
    ("x=1,y=4", r"\left\{ \begin{aligned} x&=1\\ y&=4 \end{aligned} \right."), ("x=1,y=4", r"\left\{\begin{gathered}x=1\\y=4\end{gathered}\right."), ("x=1,y=4", r"\left\{\begin{matrix}x=1\\y=4\end{matrix}\right."),
    ("x=1,y=4", r"\left\{\begin{array}{rcl}x&=&1\\y&=&4\end{array}\right."), ("x=1,y=4", r"\begin{dcases}x=1\\[2pt] y=4\end{dcases}"), ("x=1,y=4", r"\begin{array}{l}x=1\\y=4\end{array}"),
    ("(1,4)", r"\begin{cases}x=1\\y=4\end{cases}"), ("x=1, y=4, z=0", r"\begin{cases}x=1\\y=4\\z=0\end{cases}"), (r"a=\frac12,b=\sqrt3", r"\begin{cases}a=0.5\\b=\sqrt{3}\end{cases}"),
    ("x=1,y=4,x=4,y=1", r"\begin{cases}x=4\\y=1\end{cases} \text{ or } \begin{cases}x=1\\y=4\end{cases}"),
    (r"\begin{cases}x+y=5\\x-y=1\end{cases}", r"\begin{cases}x-y=1\\2x+2y=10\end{cases}"), ("(1,3)", r"\begin{cases}x>1\\x<3\end{cases}"),
    (ABS, r"\begin{cases}-x & x\le0\\ x^2 & x>0\end{cases}"), (ABS, r"\begin{cases} x^2, & \text{if } x>0, \\ -x, & \text{if } x\leq 0. \end{cases}"),
    (ABS, r"f(x)=\begin{cases} x^2 & \text{if } x>0 \\ -x & \text{otherwise} \end{cases}"), (ABS, r"f(x) = \begin{cases} x\cdot x & \text{for } 0<x \\ -x & \text{else} \end{cases}"),
    (ABS, r"\left\{\begin{array}{ll} x^2, & x>0 \\ -x, & x \leqslant 0 \end{array}\right."), (ABS, r"\begin{cases} x^2 & (x>0) \\ -x & (x\le 0)\end{cases}"), (ABS, r"\begin{cases}x^2, x>0\\ -x, x\le0\end{cases}"),
    (ABS, r"\begin{cases} x^2 & \text{if} & x>0 \\ -x & \text{if} & x\le 0\end{cases}"), (ABS, r"\begin{cases} -x, \text{ when } x\le 0 \\ x^2, \text{ when } x>0 \end{cases}"),
    (PARITY, r"a_n=\begin{cases}0 & \text{if } n \text{ is odd}\\ 1 & \text{if } n \text{ is even}\end{cases}"), (PARITY, r"\begin{cases}0 & \text{for odd } n\\ 1 & \text{for even } n\end{cases}"),
    (PARITY, r"\begin{cases}0 & n \text{ odd}\\ 1 & \text{otherwise}\end{cases}"), (STEPS, r"\begin{cases}1 & 0<x \\ 0 & x=0\\ -1 & \text{otherwise}\end{cases}"),
]  # fmt: skip
DIFFERENT = [
    ("x=1,y=4", r"\begin{cases}x=1\\y=5\end{cases}"), ("x=1,y=4", r"\begin{cases}x=1\end{cases}"), ("x=1,y=4", r"\begin{cases}x=4\\y=1\end{cases}"), ("(4,1)", r"\begin{cases}x=1\\y=4\end{cases}"), ("4", r"\begin{cases}x=1\\y=4\end{cases}"),
    (r"\begin{cases}x+y=5\\x-y=1\end{cases}", r"\begin{cases}x-y=2\\x+y=5\end{cases}"),
    (ABS, r"\begin{cases} x^2 & x>0 \\ x & x\leq 0 \end{cases}"), (ABS, r"\begin{cases} x^2 & x>1 \\ -x & x\leq 1 \end{cases}"), (ABS, r"\begin{cases}-x & x>0\\ x^2 & x\le 0\end{cases}"), (ABS, "x^2"), ("x^2", ABS),
    (ABS, r"\begin{cases}x^2 & x>0\\ -x & x<0\end{cases}"), (ABS, r"\begin{cases}x^2 & x>0\\ x & \text{otherwise}\end{cases}"), (r"\begin{cases}x^2 & x>0\\ -x & \text{otherwise}\end{cases}", r"\begin{cases}x^2 & x>0\\ -x & x<-5\end{cases}"),
    (PARITY, r"\begin{cases}0 & \text{if } n \text{ is even}\\ 1 & \text{if } n \text{ is odd}\end{cases}"), (PARITY, "1"), (STEPS, r"\begin{cases}1 & x>0\\ -1 & \text{otherwise}\end{cases}"), (STEPS, r"\begin{cases}1 & x>0\\ 0 & x=1\\ -1 & x<0\end{cases}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(pair_grader: Grader, gold: str, answer: str) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(pair_grader: Grader, gold: str, answer: str) -> None:
    assert not pair_grader.grade(answer, gold).correct
    assert not pair_grader.grade(gold, answer).correct
