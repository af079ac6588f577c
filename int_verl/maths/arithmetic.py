"""Operations and functions on exact fractions where these are short, else on floats of as many bits as are wanted."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any, TypeAlias

import mpmath

from int_verl.maths.size_limits import MAX_EXACT_BITS, TooLarge, spend
from int_verl.maths.undecided import Undefined, Unsupported

mp = mpmath.MPContext()
"""A context of our own: its precision is nobody else's, and ours changes nobody's results."""

NOT_FINITE = 1 << 62
_FACTORIAL_EXACT = 2_500

Scalar: TypeAlias = Any
"""A Fraction, or an mpf or mpc of `mp` (which has no types)."""
Rows: TypeAlias = tuple[tuple[Scalar, ...], ...]
Result: TypeAlias = Any
"""A `Scalar`, or the `Rows` of a matrix."""


def to_float(x: Scalar) -> Any:
    """``x`` as an mpf or mpc of the current precision."""
    if type(x) is Fraction:
        return mp.mpf(x.numerator) / x.denominator if x.denominator != 1 else mp.mpf(x.numerator)
    return x


def to_real(x: Scalar) -> Any:
    """``x`` as an mpf.

    Raises:
        Unsupported: it has an imaginary part.
    """
    x = to_float(x)
    if isinstance(x, mp.mpc):
        if abs(x.imag) > mp.ldexp(max(abs(x), 1), -mp.prec // 2):
            raise Unsupported("order of complex numbers")
        return x.real
    return x


def magnitude(x: Scalar) -> int:
    """About log2 of ``abs(x)``; 0 for zero, `NOT_FINITE` for what is not finite."""
    if type(x) is Fraction:
        return x.numerator.bit_length() - x.denominator.bit_length()
    if type(x) is mp.mpf:
        _, mantissa, exponent, bits = x._mpf_
        return int(exponent + bits) if mantissa else (NOT_FINITE if exponent else 0)
    if x == 0:
        return 0
    return int(mp.mag(x)) if mp.isfinite(x) else NOT_FINITE


def _bounded(x: Fraction) -> Scalar:
    """``x``, or its floating-point value where it is too long to keep exactly."""
    if x.numerator.bit_length() + x.denominator.bit_length() > (8 if x.denominator == 1 else 1) * MAX_EXACT_BITS:
        return to_float(x)
    return x


def plus(x: Result, y: Result) -> Result:
    """Sum of two numbers or two matrices."""
    if isinstance(x, tuple) or isinstance(y, tuple):
        if not (isinstance(x, tuple) and isinstance(y, tuple)) or len(x) != len(y) or len(x[0]) != len(y[0]):
            raise Unsupported("matrix shapes")
        return tuple(tuple(map(plus, r, s)) for r, s in zip(x, y, strict=True))
    if type(x) is Fraction and type(y) is Fraction:
        return _bounded(x + y)
    return to_float(x) + to_float(y)


def times(x: Result, y: Result) -> Result:
    """Product of numbers and matrices."""
    if isinstance(x, tuple) and isinstance(y, tuple):
        if len(x[0]) != len(y):
            raise Unsupported("matrix shapes")
        return tuple(tuple(_dot(row, column) for column in zip(*y, strict=True)) for row in x)
    if isinstance(x, tuple):
        x, y = y, x
    if isinstance(y, tuple):
        return tuple(tuple(times(x, entry) for entry in row) for row in y)
    if type(x) is Fraction and type(y) is Fraction:
        return _bounded(x * y)
    return to_float(x) * to_float(y)


def _dot(xs: tuple[Scalar, ...], ys: tuple[Scalar, ...]) -> Scalar:
    total: Scalar = Fraction(0)
    for x, y in zip(xs, ys, strict=True):
        total = plus(total, times(x, y))
    return total


def over(x: Result, y: Result) -> Result:
    """Quotient of a number or matrix and a number."""
    if isinstance(y, tuple):
        raise Unsupported("division by a matrix")
    if y == 0:
        raise Undefined("division by zero")
    if isinstance(x, tuple):
        return times(1 / y, x)
    if type(x) is Fraction and type(y) is Fraction:
        return _bounded(x / y)
    return to_float(x) / to_float(y)


def power(x: Result, y: Result) -> Scalar:
    """``x`` to the power of ``y``.

    Raises:
        TooLarge: the exponent is beyond the limits.
    """
    if isinstance(x, tuple) or isinstance(y, tuple):
        raise Unsupported("power of a matrix")
    if type(y) is Fraction and y.denominator == 1:
        return _whole_power(x, y.numerator)
    if type(x) is Fraction and type(y) is Fraction:
        root = exact_root(x, y.denominator)
        if root is not None:
            return _whole_power(root, y.numerator)
    if x == 0:
        if type(y) is Fraction and y > 0:
            return Fraction(0)
        raise Undefined("0 to a power")
    base, exponent = to_float(x), to_float(y)
    if magnitude(exponent) + max(abs(magnitude(base)), 1).bit_length() > 64:
        raise TooLarge("exponent")
    return mp.power(base, exponent)


def _whole_power(x: Scalar, exponent: int) -> Scalar:
    if x == 0:
        if exponent <= 0:
            raise Undefined("0^0")
        if type(x) is Fraction:
            return x
    if type(x) is Fraction:
        if abs(x) == 1:
            return x if exponent % 2 else Fraction(1)
        bits = max(x.numerator.bit_length(), x.denominator.bit_length())
        if bits * abs(exponent) <= (4 * MAX_EXACT_BITS if x.denominator == 1 else MAX_EXACT_BITS // 4):
            return x**exponent
    if exponent.bit_length() > 64:
        raise TooLarge("exponent")
    return to_float(x) ** exponent


def exact_root(x: Fraction, degree: int) -> Fraction | None:
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
    with mp.workprec(n.bit_length() // degree + 64):
        root = int(mp.nint(mp.root(n, degree)))
    return root if root**degree == n else None


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
    spend()
    return mp.binomial(to_float(n), to_float(k))


def factorial(x: Result, steps: int) -> Scalar:
    """``x!`` for one step, ``x!!`` for two."""
    if type(x) is not Fraction:
        raise TooLarge("factorial") if not isinstance(x, tuple) and magnitude(x) > 20 else Unsupported("factorial")
    if x.denominator != 1:
        spend()
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
    spend()
    return mp.factorial(n)


def _log(x: Any) -> Any:
    if x == 0:
        raise Undefined("log 0")
    return mp.log(x)


_WITH_INVERSES = ("sin", "cos", "tan", "cot", "sec", "csc", "sinh", "cosh", "tanh")
_FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "abs": abs, "ln": _log, "log": _log, "lg": lambda x: _log(x) / mp.log(10), "Re": mp.re, "Im": mp.im,
    "sgn": mp.sign, "sign": mp.sign,
    **{name: getattr(mp, name) for name in ("sqrt", "exp", "coth", "sech", "csch")},
    **{name: getattr(mp, name) for name in _WITH_INVERSES},
    **{"arc" + name: getattr(mp, "a" + name) for name in _WITH_INVERSES},
}  # fmt: skip
_UNBOUNDED = frozenset(["sqrt", "abs", "ln", "log", "lg", "Re", "Im", "sgn", "sign"])
_GROWING = frozenset(["exp", "sinh", "cosh", "tanh", "coth", "sech", "csch"])
