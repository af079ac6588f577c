# ruff: noqa: E501
"""Minima, maxima, divisors and rounding of numbers of all kinds and of names."""

from __future__ import annotations

import pytest

from tests.maths.engine import same_by_engine

SAME = [
    ("2", r"\max\{2,\sqrt{3}\}"), (r"\frac12", r"\min\left\{\frac12,\frac{\pi}{4}\right\}"), ("e", r"\max(1, e, 0.5)"),
    (r"\infty", r"\max(1,\infty)"), ("5", r"\min(5,\infty)"), (r"-\infty", r"\min(-\infty,\sqrt2)"), (r"2\pi", r"\max(6, 2\pi)"),
    (r"\max(a,b)", r"\max\{b,a\}"), (r"\max(a,b,c)", r"\max(a,\max(b,c))"), (r"\max(a,b)", r"\frac{a+b+|a-b|}{2}"),
    ("7", "x-x+7"), ("7", r"\min(7,\max(7,x))"), ("0", r"\min(0,x^2)"), ("ab", r"\gcd(a,b)\operatorname{lcm}(a,b)"),
    (r"\gcd(m,n)", r"\gcd(n,m)"), (r"n \bmod 2", r"\frac{1-(-1)^n}{2}"), (r"\sum_{k=1}^{6} \gcd(k,6)", "15"),
    (r"\lfloor\frac{n+1}{2}\rfloor", r"\lceil\frac n2\rceil"), (r"\frac{2n-1+(-1)^n}{4}", r"\lfloor\frac n2\rfloor"),
    (r"\lfloor 2x\rfloor", r"\lfloor x\rfloor+\lfloor x+\frac12\rfloor"), ("7", r"\lfloor\sqrt{50}\rfloor"),
    (r"\max(\sqrt x,1)", r"\max(1,\sqrt x)"),
]  # fmt: skip
DIFFERENT = [
    ("6", r"\max(6, 2\pi)"), ("7", r"\max(7,x)"), ("3", r"\min(3,x)"), (r"10^6", r"\max(x,10^6)"), ("x", r"\max(0,x)"),
    (r"\max(a,b)", "a"), ("a", r"\min(a,b+50)"), (r"\max(7,x)", r"\min(7,x)"), ("2", r"\max(\frac1n,2)"), ("0", r"\min(0,x^3)"),
    ("7", r"\gcd(7,7x)"), ("7", r"\operatorname{lcm}(1,7,x)"), ("1", r"\gcd(n,n+1)"), (r"\gcd(m,n)", r"\operatorname{lcm}(m,n)"),
    ("x", r"\lfloor x\rfloor"), (r"\lfloor x\rfloor", r"\lceil x\rceil"), ("x", r"\lfloor x+\frac12\rfloor"), ("7", r"\lfloor 7+x\rfloor"),
    ("7", r"\lfloor 7+\frac{1}{n+1}\rfloor"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(gold: str, answer: str) -> None:
    assert same_by_engine(gold, answer)
    assert same_by_engine(answer, gold)


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(gold: str, answer: str) -> None:
    assert not same_by_engine(gold, answer)
    assert not same_by_engine(answer, gold)
