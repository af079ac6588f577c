"""Exact fractions where they are short, else floating-point numbers of as many bits as are wanted."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import mpmath

from int_verl.maths.expression_tree import Unsupported
from int_verl.maths.size_limits import MAX_EXACT_BITS, TooLarge

mp = mpmath.MPContext()
"""A context of our own: its precision is nobody else's, and ours changes nobody's results."""


_NOT_FINITE = 1 << 62


class Undefined(ArithmeticError):
    """Division by zero, a pole or an indeterminate form."""


Value = Any  # Fraction, mpf, mpc, or a tuple of rows of these


def _mp(x: Value) -> Any:
    if type(x) is Fraction:
        return mp.mpf(x.numerator) / x.denominator if x.denominator != 1 else mp.mpf(x.numerator)
    return x


def _bounded(x: Fraction) -> Value:
    """``x``, or its floating-point value where it is too long to keep exactly."""
    if x.numerator.bit_length() + x.denominator.bit_length() > (8 if x.denominator == 1 else 1) * MAX_EXACT_BITS:
        return _mp(x)
    return x


def _magnitude(x: Any) -> int:
    """About log2 of ``abs(x)``; 0 for zero, `_NOT_FINITE` for what is not finite."""
    if type(x) is Fraction:
        return x.numerator.bit_length() - x.denominator.bit_length()
    if type(x) is mp.mpf:
        _, mantissa, exponent, bits = x._mpf_
        return exponent + bits if mantissa else (_NOT_FINITE if exponent else 0)
    if x == 0:
        return 0
    return int(mp.mag(x)) if mp.isfinite(x) else _NOT_FINITE


def _nonzero(x: Any) -> Any:
    if x == 0:
        raise Undefined("log 0")
    return x


def _real(x: Any) -> Any:
    if isinstance(x, mp.mpc):
        if abs(x.imag) > mp.ldexp(max(abs(x), 1), -mp.prec // 2):
            raise Unsupported("order of complex numbers")
        return x.real
    return x


def _rounded(name: str, x: Value) -> Value:
    if type(x) is Fraction:
        return Fraction(math.floor(x) if name == "floor" else math.ceil(x))
    x = _real(x)
    if _magnitude(x) > mp.prec - 40:
        raise TooLarge(name)
    nearest = mp.nint(x)
    if abs(x - nearest) < mp.ldexp(1, -mp.prec + max(_magnitude(x), 0) + 30):
        return Fraction(int(nearest))
    return Fraction(int(mp.floor(x) if name == "floor" else mp.ceil(x)))


def _exact_root(x: Fraction, degree: int) -> Fraction | None:
    """The rational ``degree``-th root of a non-negative number, if there is one."""
    if x < 0 or degree > 64:
        return None
    top, bottom = _integer_root(x.numerator, degree), _integer_root(x.denominator, degree)
    return None if top is None or bottom is None else Fraction(top, bottom)


def _integer_root(n: int, degree: int) -> int | None:
    if n < 2:
        return n
    if degree == 2:
        root = math.isqrt(n)
        return root if root * root == n else None
    if n.bit_length() > 4096:
        return None
    low, high = 1, 1 << (n.bit_length() // degree + 1)
    while low < high:
        middle = (low + high) // 2
        if middle**degree < n:
            low = middle + 1
        else:
            high = middle
    return low if low**degree == n else None
