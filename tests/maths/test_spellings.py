"""One thing under several names: numbers, functions, indices, vectors, options, arbitrary integers."""

from __future__ import annotations

import pytest

from int_verl.grading import Grader

SAME = [
    # powers of ten
    (r"\max(\pi, 12E2, 84)", "1200"),
    (r"3.5e-2 + 1", "1.035"),
    (r"\gcd(1E6, 1500)", "500"),
    (r"2.5E+3x", "2500x"),
    # inverse functions
    (r"\operatorname{asinh}(a)", r"\sinh^{-1}(a)"),
    (r"\operatorname{arcosh} t", r"\operatorname{arccosh}(t)"),
    (r"\tanh^{-1} x", r"\mathrm{artanh}\, x"),
    (r"\arctan 2", r"\operatorname{atan}(2)"),
    # indices
    ("x_{i}", "x_i"),
    (r"\lambda_{i}+1", r"1+\lambda_i"),
    ("a_{i+1}-a_i", "-a_{i}+a_{1+i}"),
    ("x_{e}", "x_e"),
    ("x_i^2", "x^2_i"),
    (r"\alpha_{n+1}^{2}", r"\alpha^2_{n+1}"),
    (r"\sqrt{a_{n}}+1", "1+√(a_{n})"),
    # vectors
    (r"\langle 1,2\rangle", "(1,2)"),
    ("(3,4,5)", r"\left\langle 3,4,5\right\rangle"),
    # options
    ("ACD", "A, C, D"),
    ("BD", r"\text{(D), (B)}"),
    ("AB", "A and B"),
    # any integer, under any name
    (r"k\pi, k\in\mathbb{Z}", r"n\pi, n\in\mathbb{Z}"),
    (r"x=\frac{\pi}{4}+k\pi,\ k\in\mathbb{Z}", r"x = \frac{\pi}{4}+n\pi"),
    (r"2m+1", r"2k+1 \text{ for } k \in \mathbb{Z}"),
]
OTHER = [
    (r"12E2", "12"),
    ("2E3", "2E4"),
    ("2e^{3}", "2000"),
    (r"\operatorname{asinh}(a)", r"\operatorname{acosh}(a)"),
    (r"\operatorname{asinh}(a)", r"\frac{1}{\sinh(a)}"),
    ("x_i", "x_j"),
    ("a_{i+1}", "a_{i}"),
    ("x_i", "xi"),
    (r"\langle 1,2\rangle", "[1,2]"),
    (r"\langle 1,2\rangle", "(2,1)"),
    ("ACD", "A, C"),
    ("ACD", "A, C, E"),
    ("ACD", "A"),
    ("n^2", "k^2"),
    (r"k\pi, k\in\mathbb{Z}", r"2n\pi, n\in\mathbb{Z}"),
    (r"k\pi, k\in\mathbb{Z}", r"n\pi, n\in\mathbb{N}"),
    (r"kx, k\in\mathbb{Z}", r"ky, k\in\mathbb{Z}"),
    (r"k\pi+n, k\in\mathbb{Z}", r"n\pi+k, n\in\mathbb{Z}"),
]


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_the_same(gold: str, answer: str, pair_grader: Grader) -> None:
    assert pair_grader.grade(answer, gold).correct
    assert pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize(("gold", "answer"), OTHER)
def test_others(gold: str, answer: str, pair_grader: Grader) -> None:
    assert not pair_grader.grade(answer, gold).correct
    assert not pair_grader.grade(gold, answer).correct


@pytest.mark.parametrize("text", ["1E999999999", "1e-99999", "3E123456789012345", r"\frac1e2", "1E", "e1", "2E3!"])
def test_powers_of_ten_are_bounded(text: str, pair_grader: Grader) -> None:
    assert pair_grader.grade("7", text).verdict in ("incorrect", "too_large", "gold_unparsable")
