# ruff: noqa: E501
"""Where math-verify sees other numbers in an answer than we do."""

from __future__ import annotations

import pytest

from int_verl.maths import ask_math_verify
from int_verl.maths.normal_form import normalise
from int_verl.maths.two_readings import difference


@pytest.fixture(scope="module", autouse=True)
def _imported() -> None:
    ask_math_verify.warm_up()


@pytest.mark.parametrize(
    "gold",
    [
        "12", r"\frac{3}{4}", r"x = \sqrt{2}", r"\{1, 2\}", "(1, 2)", "[0, 3)", r"(-\infty, 5]", "2x + 3y", r"R - 2r", r"a_1 + b", r"\log 2",
        r"\frac{-11-4i}{3}", "1,234", r"\binom{10}{3}", "y = 2x + 1", r"e^{i\pi}", "50",
    ],
)  # fmt: skip
def test_read_alike(gold: str) -> None:
    assert difference(normalise(gold)) is None


@pytest.mark.parametrize("gold", [r"\text{even}", r"\frac{1}{2^{20}", "F_{n+1}", r"\int_0^1 f"])
def test_not_compared(gold: str) -> None:
    assert difference(normalise(gold)) is None


def test_both_readings_are_shown() -> None:
    # math-verify drops the m as a unit, and takes the last binomial for a factor of the first
    assert difference("2-2m") is not None
    said = difference(normalise(r"2 \binom{10}{5} + 2 \binom{10}{4} + 1"))
    assert said is not None
    assert said.startswith("read as 925, by math-verify as ")


def test_what_simplification_imports_is_there_before_eval_goes() -> None:
    import sympy

    x = sympy.Symbol("x")
    assert sympy.simplify(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1) == 0
