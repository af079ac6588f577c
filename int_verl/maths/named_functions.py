"""The functions that have names: sine, floor, gcd, binomial and the like, and factorials."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from int_verl.maths.arithmetic import Result, Scalar, Undefined, exact_root, magnitude, mp, to_float, to_real
from int_verl.maths.size_limits import MAX_EXACT_BITS, TooLarge, at_any_cost
from int_verl.maths.undecided import Unsupported

_FACTORIAL_EXACT = 2_500


def called(name: str, values: list[Result], log_base: int | None) -> Scalar:
    """The value of a named function.

    Args:
        name: as in `FUNCTIONS` and `FUNCTIONS_OF_MANY` of `tokens`, or sqrt, abs, floor, ceil, binom or mod.
        values: of its arguments.
        log_base: base of a bare ``log``; None for e.
    """
    if any(isinstance(value, tuple) for value in values):
        raise Unsupported(name)
    if name in ("floor", "ceil"):
        return _rounded(name, values[0])
    if name in ("gcd", "lcm", "mod"):
        return Fraction(_of_integers(name, values))
    if name in ("min", "max"):
        reals = [v if type(v) is Fraction else to_real(v) for v in values]
        # Fractions are compared as such: rounded, two of them may become equal.
        key = None if all(type(v) is Fraction for v in reals) else to_float
        return (min if name == "min" else max)(reals, key=key)
    if name == "binom":
        return _binomial(values[0], values[1])
    x = values[0]
    if type(x) is Fraction:
        if name == "abs":
            return abs(x)
        if name == "sqrt":
            root = exact_root(x, 2)
            if root is not None:
                return root
    argument = to_float(x)
    if name == "log" and log_base:
        return _log(argument) / mp.log(log_base)
    function = _FUNCTIONS.get(name)
    if function is None:
        raise Unsupported(name)
    size = magnitude(argument)
    if (size > 4_000 and name not in _UNBOUNDED) or (size > 50 and name in _GROWING):
        raise TooLarge(name)
    return function(argument)


def _rounded(name: str, x: Scalar) -> Fraction:
    if type(x) is Fraction:
        return Fraction(math.floor(x) if name == "floor" else math.ceil(x))
    x = to_real(x)
    if magnitude(x) > mp.prec - 40:
        raise TooLarge(name)
    nearest = mp.nint(x)
    if abs(x - nearest) < mp.ldexp(1, -mp.prec + max(magnitude(x), 0) + 30):
        return Fraction(int(nearest))
    return Fraction(int(mp.floor(x) if name == "floor" else mp.ceil(x)))


def _of_integers(name: str, values: list[Scalar]) -> int:
    if not all(type(v) is Fraction and v.denominator == 1 for v in values):
        raise TooLarge(name) if any(magnitude(v) > 64 for v in values) else Unsupported(name)
    integers = [v.numerator for v in values]
    if name == "mod":
        if integers[1] == 0:
            raise Undefined("mod 0")
        return int(integers[0] % integers[1])
    return math.gcd(*integers) if name == "gcd" else math.lcm(*integers)


def _binomial(n: Scalar, k: Scalar) -> Scalar:
    if type(n) is Fraction and type(k) is Fraction and n.denominator == k.denominator == 1 and n >= 0:
        top, bottom = n.numerator, k.numerator
        if bottom < 0 or bottom > top:
            return Fraction(0)
        fewer = min(bottom, top - bottom)
        if top <= 6_000 or fewer <= 200:
            if fewer * top.bit_length() > 64 * MAX_EXACT_BITS:
                raise TooLarge("binomial")
            return Fraction(math.comb(top, bottom))
    if magnitude(n) > 60 or magnitude(k) > 60:
        raise TooLarge("binomial")
    at_any_cost()
    return mp.binomial(to_float(n), to_float(k))


def factorial(x: Result, steps: int) -> Scalar:
    """``x!`` for one step, ``x!!`` for two."""
    if type(x) is not Fraction:
        raise TooLarge("factorial") if not isinstance(x, tuple) and magnitude(x) > 20 else Unsupported("factorial")
    if x.denominator != 1:
        at_any_cost()
        if steps == 2 or abs(x) >= 10_000:
            raise Unsupported("factorial")
        return mp.gamma(to_float(x) + 1)
    n = x.numerator
    if n < 0:
        raise Undefined("factorial of a negative number")
    if steps == 2:
        if n > _FACTORIAL_EXACT:
            raise TooLarge("double factorial")
        return Fraction(math.prod(range(n, 0, -2)))
    if n <= _FACTORIAL_EXACT:
        return Fraction(math.factorial(n))
    if n.bit_length() > 64:
        raise TooLarge("factorial")
    at_any_cost()
    return mp.factorial(n)


def _log(x: Any) -> Any:
    if x == 0:
        raise Undefined("log 0")
    return mp.log(x)


_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "sqrt": mp.sqrt, "abs": abs, "exp": mp.exp, "ln": _log, "log": _log, "lg": lambda x: _log(x) / mp.log(10),
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc, "sinh": mp.sinh,
    "cosh": mp.cosh, "tanh": mp.tanh, "coth": mp.coth, "sech": mp.sech, "csch": mp.csch, "arcsin": mp.asin,
    "arccos": mp.acos, "arctan": mp.atan, "arccot": mp.acot, "arcsec": mp.asec, "arccsc": mp.acsc, "arcsinh": mp.asinh,
    "arccosh": mp.acosh, "arctanh": mp.atanh, "arsinh": mp.asinh, "arcosh": mp.acosh, "artanh": mp.atanh,
    "Re": mp.re, "Im": mp.im, "sgn": mp.sign, "sign": mp.sign,
}  # fmt: skip
_UNBOUNDED = frozenset(["sqrt", "abs", "ln", "log", "lg", "Re", "Im", "sgn", "sign"])
_GROWING = frozenset(["exp", "sinh", "cosh", "tanh", "coth", "sech", "csch"])
