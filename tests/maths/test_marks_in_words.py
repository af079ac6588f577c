# ruff: noqa: E501
"""Percent and degrees, in words and inside expressions."""

from __future__ import annotations

import pytest

from int_verl.maths.marks_in_words import with_signs
from tests.maths.engine import same_by_engine

SAME = [
    ("0.125", r"12.5\text{ percent}"), (r"\frac35", "60 percent"), (r"\frac35", "60 per cent"), (r"\frac35", "60 pct"), (r"60\%", "60 percent"),
    ("60 percent", "60"), ("60 percent", "0.6"), (r"33\frac13\text{ percent}", r"\frac13"), ("1.5", "150 percent"), ("x percent", r"x\%"),
    (r"\frac14", "25 Percent"), (r"\frac14", r"25\text{\%}"), (r"\frac14", r"25\text{ per cent.}"),
    (r"60^\circ", "60 degrees"), (r"60^\circ", r"60\deg"), ("60 degrees", r"\frac{\pi}{3}"), (r"90^\circ-2\beta", r"90-2\beta"),
    ("120-x", r"120^\circ-x"), (r"120^\circ-x", r"\frac{2\pi}{3}-x"), (r"\frac{180^\circ}{7}", r"\frac{180}{7}"), (r"2\alpha^\circ", r"2\alpha"),
    (r"\tan\left(\frac{90^\circ}{7}\right)", r"\tan\frac{\pi}{14}"), (r"\arcsin\frac12", r"30^\circ"), (r"90^\circ-\arctan 2", r"\arctan\frac12"),
    (r"\theta=30^\circ+360^\circ k", "30+360k"), (r"\angle A=60^\circ,\angle B=30^\circ", "A=60, B=30"), (r"60^\circ", r"\frac{\pi}{3}\text{ radians}"),
    (r"2\cos 20^\circ+x^\circ", r"x+2\cos\frac{\pi}{9}"),
]  # fmt: skip
DIFFERENT = [
    (r"\frac35", "61 percent"), ("0.125", "0.125 percent"), ("60 percent", "6 percent"), ("0.6", "60"), (r"7^\circ", r"7\text{ rad}"),
    (r"7\text{ rad}", r"7^\circ"), (r"3^\circ", "3 radians"), (r"60^\circ", r"60\text{ cm}"), (r"\sin 20^\circ", r"\sin 20"),
    (r"120^\circ-x", "120+x"), (r"\frac{\pi}{3}", r"\frac{\pi}{3}^\circ"), (r"\frac{\sin 40^\circ}{2}", r"\frac{\sin 40}{2}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(gold: str, answer: str) -> None:
    assert same_by_engine(gold, answer)


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(gold: str, answer: str) -> None:
    assert not same_by_engine(gold, answer)


def test_words_that_are_no_sign_stay() -> None:
    for text in ("3 degrees of freedom", "a percent", "percent", r"45\degree, x", r"\deg f", r"2\deg(f)"):
        assert with_signs(text) == text
