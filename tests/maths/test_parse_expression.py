# ruff: noqa: E501
"""Which part of an expression a function takes, and which a power."""

from __future__ import annotations

import pytest

from int_verl.maths.nodes import same_tree
from int_verl.maths.normal_form import normalise
from int_verl.maths.parse_expression import parse

SAME = [
    (r"\ln(2)^2", r"(\ln 2)^2"), (r"\cos\left(t\right)^2", r"\cos^2 t"), (r"\sin(x)^{-1}", r"(\sin x)^{-1}"), ("f(x)^2", "(f(x))^2"),
    (r"\log_2(8)^2", r"(\log_2 8)^2"), (r"\tan[x]^3", r"(\tan x)^3"), (r"\sin(x)!", r"(\sin x)!"), ("ln(3)^2", r"(\ln 3)^2"),
    (r"3\ln(x+1)^2y", r"3(\ln(x+1))^2 y"), (r"\Gamma(x)^2", r"(\Gamma(x))^2"), (r"\ln x^2", r"\ln(x^2)"), (r"\sin x^2", r"\sin(x^2)"),
    (r"\ln|x|^2", r"\ln(|x|^2)"), (r"\ln{x}^2", r"\ln(x^2)"), (r"\sin(30)^\circ", r"\sin 30^\circ"), (r"\exp\ln(2)^2", r"\exp((\ln 2)^2)"),
    (r"\max\{1,x\}", r"\max(1,x)"), (r"\tan(\frac{90^\circ}{7})", r"\tan(\frac{{90}^{\circ}}{7})"),
]  # fmt: skip


@pytest.mark.parametrize(("text", "other"), SAME)
def test_one_tree(text: str, other: str) -> None:
    assert same_tree(parse(normalise(text)), parse(normalise(other)))


@pytest.mark.parametrize(
    ("text", "other"), [(r"\ln(2)^2", r"\ln(2^2)"), (r"\cos(t)^2", r"\cos t^2"), (r"f(x)^2", "f(x^2)")]
)
def test_two_trees(text: str, other: str) -> None:
    assert not same_tree(parse(normalise(text)), parse(normalise(other)))
