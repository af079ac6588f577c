# ruff: noqa: E501
"""Minima, maxima, divisors and rounding of numbers of all kinds and of names; what differs by very little."""

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
    ("0", r"\pi-\pi"), (r"\sqrt6", r"\sqrt2\sqrt3"), ("0", r"\sin\pi"), ("0", "e^{-200}-e^{-200}"), ("10^{-60}", r"\ln(e^{10^{-60}})"),
    (r"2\cdot 10^{-90}", r"\sqrt{4\cdot 10^{-180}}"), ("10^{100}", r"\sqrt{10^{200}}"), (r"\sqrt{x^2+2x+1}", "x+1"), (r"\sqrt{3+2\sqrt2}", r"1+\sqrt2"),
    (r"3\frac52", r"\frac{15}{2}"), (r"13\frac52", r"\frac{65}{2}"), (r"3\frac12", r"\frac72"),
]  # fmt: skip
DIFFERENT = [
    ("6", r"\max(6, 2\pi)"), ("7", r"\max(7,x)"), ("3", r"\min(3,x)"), (r"10^6", r"\max(x,10^6)"), ("x", r"\max(0,x)"),
    (r"\max(a,b)", "a"), ("a", r"\min(a,b+50)"), (r"\max(7,x)", r"\min(7,x)"), ("2", r"\max(\frac1n,2)"), ("0", r"\min(0,x^3)"),
    ("7", r"\gcd(7,7x)"), ("7", r"\operatorname{lcm}(1,7,x)"), ("1", r"\gcd(n,n+1)"), (r"\gcd(m,n)", r"\operatorname{lcm}(m,n)"),
    ("x", r"\lfloor x\rfloor"), (r"\lfloor x\rfloor", r"\lceil x\rceil"), ("x", r"\lfloor x+\frac12\rfloor"), ("7", r"\lfloor 7+x\rfloor"),
    ("7", r"\lfloor 7+\frac{1}{n+1}\rfloor"),
    ("0", "2^{-200}"), ("0", "e^{-300}"), ("e^{-500}", "e^{-501}"), ("0", r"\frac{\pi}{10^{70}}"), (r"\sqrt2\cdot 10^{-90}", r"\sqrt3\cdot 10^{-90}"),
    ("0", r"\ln(1+10^{-70})"), ("1", r"\cos(10^{-60})"), (r"\sin(10^{-70})", "10^{-70}"), ("10^{100}", r"\sqrt{10^{200}+1}"),
    ("10^{60}", r"\sqrt[3]{10^{180}+1}"), (r"\sqrt{x}", r"\sqrt{x}+10^{-60}"), ("1", r"e^{10^{-80}}"),
]  # fmt: skip


@pytest.mark.parametrize(("gold", "answer"), SAME)
def test_same(gold: str, answer: str) -> None:
    assert same_by_engine(gold, answer)
    assert same_by_engine(answer, gold)


@pytest.mark.parametrize(("gold", "answer"), DIFFERENT)
def test_different(gold: str, answer: str) -> None:
    assert not same_by_engine(gold, answer)
    assert not same_by_engine(answer, gold)
