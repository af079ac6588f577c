# ruff: noqa: E501
"""What is said about the domain of an answer, and what belongs to the answer."""

from __future__ import annotations

import time

import pytest

from int_verl.maths.domains import without_domain
from int_verl.maths.normal_form import normalise
from tests.maths.engine import same_by_engine

TAILS = [
    r"\text{ for all } x", r", \forall x \in \mathbb{R}", r"\quad \forall x\in\mathbb R", " for all real numbers x", " for every x in R", r"\text{ (for all } x)",
    r"\text{ for all } x \in \mathbb{R}", r"\ (x\in\mathbb{R})", r",\ x \in \mathbb{R}", r"\quad x \in \mathbb{R}", r"\text{ for any real number } x", r", x\neq 0",
    r"\quad (x > 0)", r"\text{ for } x\ge 1", r", \text{ where } x \in \mathbb{R}\setminus\{0\}", r"\text{ where } x \text{ is any positive integer}",
    r"\quad(x=0,1,2,\ldots)", r"\text{ for all } x>0 \text{ and } x \ne 1", r"\text{, valid for all } x \in [0,1]", r"\text{ for some constant } c", r", x \in \mathbb{N}^*",
    r"\text{ where } x \text{ is a constant}", r"\; (0<x<1)", r"\text{ with } x\ne 0", r"\text{ for all nonzero reals } x",
    r"\ (x \text{ is a positive integer})", r", |x|<1", r"\text{ (} x \text{ real)}", r"\text{ whenever } x\neq 0", r"\text{ provided that } x\ne 0",
    r", \text{ where } x \in \mathbb{R} \text{ is a constant}",
]  # fmt: skip
LEADS = [
    r"\forall x\in\mathbb{R}: ",
    r"\text{For all } x,\ ",
    "for all real x: ",
    r"\text{For every } x \in \mathbb{R},\; ",
]
NO_TAILS = [
    "x, x>3", "3, n>4", r"x=5, x>0", r"x=\pm 3, x>0", r"1<x<9, x\ne 5", "ab, b", "ab, a", "a, b, c", "5 for 3", "-1 for x<0", "x for x>0, -x for x<0",
    r"3\frac12, a>4", r"\{x : x>0\}", r"x\in\{1,2\}, y\in\mathbb{R}", "a=1, b=2", r"n, n\in\mathbb{Z}", "x=k, k=0,1,2", r"\text{for all } x \in \mathbb{R}", "x = a, b > 0",
    "7 with probability 1/2", "y = x, x = 2", "east", "x^2 for odd x",
]  # fmt: skip


@pytest.mark.parametrize("tail", TAILS)
def test_tails(tail: str) -> None:
    assert without_domain(normalise("f(x)=3x" + tail)) == "f(x)=3x"
    assert same_by_engine("f(x)=3x", "f(x)=3x" + tail)
    assert same_by_engine("f(x)=3x" + tail, "3x")
    assert not same_by_engine("f(x)=3x" + tail, "f(x)=4x")


@pytest.mark.parametrize("lead", LEADS)
def test_leads(lead: str) -> None:
    assert same_by_engine("f(x)=3x", lead + "f(x)=3x")
    assert not same_by_engine("f(x)=4x", lead + "f(x)=3x")


@pytest.mark.parametrize("text", NO_TAILS)
def test_what_belongs_to_the_answer_stays(text: str) -> None:
    assert without_domain(text) == text


@pytest.mark.parametrize(
    ("gold", "answer", "same"),
    [
        (r"x=2k\pi, k\in\mathbb{Z}", r"x=2k\pi", True), (r"x=2k\pi, k\in\mathbb{Z}", r"2k\pi \text{ where } k \text{ is an integer}", True),
        (r"x=2k\pi, k\in\mathbb{Z}", r"x=2k\pi, k\in\mathbb{N}", False), (r"x=2k\pi, k\in\mathbb{Z}", r"x=k\pi, k\in\mathbb{Z}", False),
        (r"f(n)=n, n\in\mathbb{N}", r"f(n)=n, n\in\mathbb{Z}^+", True), (r"x\equiv 2\pmod 5", r"x=5k+2, k\in\mathbb{Z}", True),
        (r"n\equiv 2\pmod 5", r"\text{all integers } n\equiv 2\pmod 5", True), (r"f(x)=cx \text{ for some real constant } c", "f(x)=cx", True),
        ("f(x)=x, f(x)=0", r"f(x)=x \text{ and } f(x)=0 \text{ for all } x", True), (r"\frac1x, x\ne 0", r"\frac1x", True), (r"(t,2t), t\in\mathbb{R}", "(t,2t)", True),
        (r"\ln|x|+C", r"\ln|x|+C, \text{ where } C \text{ is the constant of integration}", True), (r"\{n^2 : n\in\mathbb{N}\}", "n^2", True),
        (r"\{n^2 : n\in\mathbb{N}\}", r"\{n^3 : n\in\mathbb{N}\}", False),
        ("x>3", r"x>3, x\ne 5", False), ("x>3", "3", False), ("f(x)=3x", r"\text{for all } x\in\mathbb{R}", False), ("3", r"3, n\ge 4", False), ("ab", "ab, b", False),
    ],
)  # fmt: skip
def test_pairs(gold: str, answer: str, same: bool) -> None:
    assert same_by_engine(gold, answer) is same


@pytest.mark.parametrize(
    "text",
    [
        "for " * 900,
        "a " * 1900,
        ", where a" * 400,
        "for all a and " * 270,
        "x, " * 1200 + "x > 0",
        "(" * 40 + "for all x" * 300,
    ],
)
def test_time_is_bounded(text: str) -> None:
    start = time.process_time()
    without_domain(text)
    assert time.process_time() - start < 0.5
