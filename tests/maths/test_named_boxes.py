"""Boxes that hold values of several names."""

from __future__ import annotations

import time

import pytest

from int_verl.grading import Grader, extract_answer

TOGETHER = [
    (r"So $p=\boxed{9}$ and $q=\boxed{4}$.", "p=9, q=4"),
    (r"a=\boxed{3} and b=\boxed{2}", "a=3, b=2"),
    (r"We get $a = \boxed{3}$, $b = \boxed{2}$, and $c=\boxed{\frac12}$.", r"a=3, b=2, c=\frac12"),
    (r"$x=\boxed{1}$ as well as $y=\boxed{4}$", "x=1, y=4"),
    (r"$$x=\boxed{1}\quad\text{and}\quad y=\boxed{4}$$", "x=1, y=4"),
    ("\\[x=\\boxed{1},\\]\n\\[y=\\boxed{4}.\\]", "x=1, y=4"),
    ("- $x = \\boxed{1}$\n- $y = \\boxed{4}$", "x=1, y=4"),
    ("1. $x = \\boxed{1}$\n2. $y = \\boxed{4}$", "x=1, y=4"),
    (r"\begin{aligned} x &= \boxed{1} \\ y &= \boxed{4} \end{aligned}", "x=1, y=4"),
    (r"$x_1=\boxed{1}$ while $x_{2}=\boxed{4}$", "x_1=1, x_{2}=4"),
    (r"$\alpha=\boxed{1}$. Also $\beta=\boxed{4}$.", r"\alpha=1, \beta=4"),
    (r"$f(2)=\boxed{1}$ and $\angle A=\boxed{4}$", r"f(2)=1, \angle A=4"),
    (r"$\text{Area}=\boxed{1}$ and $\text{Perimeter}=\boxed{4}$", r"\text{Area}=1, \text{Perimeter}=4"),
    (r"x=\boxed{1} or x=\boxed{5}", "x=1, x=5"),
    (r"$x=\boxed{x=1}$ and $y=\boxed{y=4}$", "x=1, y=4"),
]
APART = [
    (r"Thus $p=\boxed{9}$. With that we finally get $n=\boxed{4}$.", "4"),
    (r"First $x=\boxed{2}$, so $y=\boxed{4}$", "4"),
    (r"$x=\boxed{2}$, then $y=\boxed{4}$", "4"),
    (r"$x=\boxed{2}$? Wait, $x=\boxed{4}$", "4"),
    (r"$x=\boxed{2}$ which means $n=\boxed{4}$", "4"),
    (r"First $x=\boxed{2}$ is found. $x^2=\boxed{4}$.", "4"),
    (r"$x=\boxed{2}$ and the area is \boxed{4}", "4"),
    (r"$x+y=\boxed{2}$ and $n=\boxed{4}$", "4"),
    (r"$k=\boxed{\tfrac12}$", r"\tfrac12"),
    (r"$x=\boxed{4}$ and $x=\boxed{4}$", "x=4"),
]


@pytest.mark.parametrize(("response", "answer"), TOGETHER + APART)
def test_boxes(response: str, answer: str) -> None:
    assert extract_answer(response) == answer


@pytest.mark.parametrize("gold", ["9", "4", "13", "p=4,q=9", "p=9", "q=4"])
def test_no_box_of_several_pays_alone(pair_grader: Grader, gold: str) -> None:
    assert not pair_grader.grade_response(r"So $p=\boxed{9}$ and $q=\boxed{4}$.", gold).correct


@pytest.mark.parametrize("gold", ["p=9,q=4", "q=4,p=9", "(p,q)=(9,4)", "9,4", r"\begin{cases}p=9\\q=4\end{cases}"])
def test_all_of_them_do(pair_grader: Grader, gold: str) -> None:
    assert pair_grader.grade_response(r"So $p=\boxed{9}$ and $q=\boxed{4}$.", gold).correct


def test_guesses_of_one_name_are_a_list(pair_grader: Grader) -> None:
    guesses = r"$x=\boxed{1}$ or $x=\boxed{2}$ or maybe $x=\boxed{5}$"
    assert not pair_grader.grade_response(guesses, "5").correct
    assert pair_grader.grade_response(guesses, "1,2,5").correct


def test_long_words_take_no_time() -> None:
    start = time.monotonic()
    extract_answer(r"$x=\boxed{1}$ " + "a" * 60 + r" = $y=\boxed{2}$" + r"$x=\boxed{1}$ a = b = c = \boxed{3}" * 500)
    assert time.monotonic() - start < 0.5
