# ruff: noqa: E501
"""Which left-hand sides name a value, and which are part of a relation."""

from __future__ import annotations

import pytest

from int_verl.maths.definitions import is_name, relates_names
from tests.maths.engine import same_by_engine


@pytest.mark.parametrize(
    "left", ["xy", "ab", "abc", "pq", "a+b+c", "m+n", "u^2+v^2", "2a+3b", "ab+bc+ca", "a_1+a_2", r"\alpha+\beta", "m^2n", "V+E+F", "A+B", "f(x+y)", "g(a-b)"]
)  # fmt: skip
def test_relations(left: str) -> None:
    assert relates_names(left)


@pytest.mark.parametrize(
    "left", ["x", "x_1", "AB", "PQ^2", "|AB|", "f(x)", "f(x,y)", "f(n+1)", r"\text{area}", "area", "sum", "h/r", r"\frac{a}{b}", r"\sin A", r"\angle ABC", "S_n", "2x", "P(A)", r"\Delta p", r"\frac{dy}{dx}", "y'"]
)  # fmt: skip
def test_no_relations(left: str) -> None:
    assert not relates_names(left)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("xy=6", "6=xy"), ("xy=6", r"y=\frac{6}{x}"), ("xy=6", "x=6/y"), ("a+b+c=0", "a+b=-c"), (r"\frac{a}{c}+\frac{b}{d}=1", "ad+bc=cd"),
        ("u^2+v^2=w^2", "w^2=v^2+u^2"), ("7", "m+n=7"), ("4", "xy=4"), ("0", "a+b+c=0"), ("x=4", "4"), ("f(x)=3x", "3x"), ("S_n=n^2", "n^2"),
        ("|AB|=5", "5"), ("AB=5", "5"), (r"\frac{a}{b}=\frac23", r"\frac23"), ("m+n=5, mn=6", "mn=6, m+n=5"), ("5, 6", "m+n=5, mn=6"),
        (r"V=\frac13\pi r^2h", r"\frac13\pi r^2h"), (r"\frac{dy}{dx}=2x", "2x"), ("y=x+1", "x+1"),
    ],
)  # fmt: skip
def test_same(gold: str, answer: str) -> None:
    assert same_by_engine(gold, answer)


@pytest.mark.parametrize(
    ("gold", "answer"),
    [
        ("xy=4", "4"), ("A+B=C", "C"), ("f(x+y)=f(x)+f(y)", "f(x)+f(y)"), (r"A+B+C=\pi", r"\pi"), ("xy=4", "xy=5"), ("xy=4", "x+y=4"), ("a+b+c=0", "0"), ("u^2+v^2=w^2", "w^2"), ("w^2", "u^2+v^2=w^2"), ("3a^2-b^2=3", "3"),
        ("m+n=7", "7"), ("7", "m+n=8"), ("abc=1", "1"), ("m+n=5, mn=6", "5, 6"), ("xy=6", r"y=\frac{x}{6}"), ("x^2+y^2=1", "1"),
    ],
)  # fmt: skip
def test_different(gold: str, answer: str) -> None:
    assert not same_by_engine(gold, answer)


def test_what_names_a_value() -> None:
    assert is_name("V+E+F")
    assert not is_name("x^2+y^2")
