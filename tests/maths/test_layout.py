# ruff: noqa: E501
"""How an answer looks changes nothing of what it is."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader
from int_verl.maths.normal_form import normalise

EIGHT = [
    r"8\textnormal{ km}", r"\mbox{8}", r"\bbox{8}", r"\bbox[yellow,5px]{8}", r"\bbox[2px, border: 1px solid red]{8}", r"\fbox{$8$}",
    r"\mathbf{8}", r"\pmb{8}", r"\bm{8}", r"\color{red}{8}", r"{\color{red}8}", r"\textcolor{blue}{8}", r"\textcolor[rgb]{1,0,0}{8}",
    r"\colorbox{yellow}{$8$}", r"\fcolorbox{red}{yellow}{8}", r"\underline{\textbf{8}}", r"\displaystyle{8}", r"\Huge 8", r"\textup{8}",
    r"\begin{aligned}8\end{aligned}", r"\begin{equation*}8\end{equation*}", r"\begin{align*}&8\end{align*}", r"\begin{gather}8\end{gather}",
    r"\begin{aligned}x&=8\end{aligned}", r"\begin{split}x&=3+5\\&=8\end{split}", r"\begin{array}{c}8\end{array}", r"\begin{center}8\end{center}",
    r"8 \blacksquare", r"8\ \square", r"8 \quad \qed", "8 ∎", r"8\ \checkmark", "8 ✓", r"8\tag{1}", r"8\tag*{(1)}", r"8\label{eq:1}", r"8\notag",
    r"8\hspace{1cm}", r"\hspace*{2mm}8", r"8\phantom{0}", r"\vphantom{1}8", r"8\hfill", r"\ 8\ ", r"8\\", r"8 \\ ", r"\ensuremath{8}",
    r"\smash{8}", r"\framebox{8}", r"\underbrace{8}", r"\underbrace{5+3}_{\text{sum}}", r"\overbrace{2\cdot4}^{8}", r"\underset{\text{min}}{8}",
    r"\raisebox{1pt}{8}", r"\style{color:red}{8}", "*8*", "__8__", r"8\mspace{5mu}", r"8\hskip 1em", "✅ 8",
]  # fmt: skip
NOT_EIGHT = [
    r"\cancel{8}", r"\cancel{8}9", r"\phantom{8}", r"\bbox{9}", r"\color{red}{9}", r"\color{8}{9}", r"8\phantom{0}0", r"8\square 2", r"\tag{8}",
    r"9\tag{8}", r"\hspace{8}9", r"\underset{8}{9}", r"\underbrace{9}_{8}", r"\begin{aligned}8\\9\end{aligned}",
    r"\begin{aligned}x&=3+5\\&=9\end{aligned}", r"\fcolorbox{8}{8}{9}", r"\blacksquare",
]  # fmt: skip


@pytest.mark.parametrize("answer", EIGHT)
def test_wrapped(pair_grader: Grader, answer: str) -> None:
    assert pair_grader.grade(answer, "8").correct


@pytest.mark.parametrize("answer", NOT_EIGHT)
def test_not_merely_wrapped(pair_grader: Grader, answer: str) -> None:
    assert not pair_grader.grade(answer, "8").correct


def test_an_interval_after_a_command_is_no_option_of_it() -> None:
    assert normalise(r"\displaystyle [a, b]") == "[a, b]"


def test_lines_are_values_unless_they_go_on() -> None:
    assert normalise(r"\begin{aligned}x&=1\\[2pt]y&=2\end{aligned}") == "x =1 ; y =2"
    assert normalise(r"\begin{align*}x&=1\\&=2\end{align*}") == "x =1 =2"
    assert "aligned" in normalise(r"\left\{\begin{aligned}x&=1\\y&=2\end{aligned}\right.")
