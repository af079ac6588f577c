"""Trees: what they say, what is free in them, and that their depth does no harm."""

from __future__ import annotations

from fractions import Fraction

from int_verl.maths.nodes import (
    Add,
    Call,
    Constant,
    Multiply,
    Number,
    Variable,
    features,
    replaced,
    same_tree,
    variables,
)
from int_verl.maths.parse_expression import parse


def test_parse() -> None:
    tree = parse(r"2\sin x + \pi")
    sine = Call("sin", (Variable("x"),))
    assert same_tree(tree, Add(Multiply(Number(Fraction(2)), sine), Constant("pi")))
    assert not same_tree(tree, parse(r"2\cos x + \pi"))
    assert features(tree) == {Add, Multiply, Number, Call, Variable, Constant, "sin", "pi"}


def test_bound_variables_are_not_free() -> None:
    assert variables(parse(r"k + \sum_{n=1}^{m} n a_{k-1}")) == {"k", "m", "a_"}
    assert variables(parse(r"\sum_{i=1}^{3} i")) == frozenset()


def test_depth_does_no_harm() -> None:
    deep = "x" + "+x" * 3_000
    tree = parse(deep)
    assert same_tree(tree, parse(deep))
    assert variables(replaced(tree, Variable("x"), Variable("y"))) == {"y"}
