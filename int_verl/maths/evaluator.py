"""Deciding whether two expression trees are equal, by exact or high-precision evaluation.

Constants are compared exactly where they are rational, by residues modulo large primes where they are too long to
write down, and otherwise at two precisions, the second twice the first: a difference that shrinks with the error is
zero, one that stays is not. Expressions with variables are compared at fixed pseudo-random points, exact fractions as
long as nothing irrational enters. Two different expressions agree at all points with negligible probability; nothing
is ever accepted because it is merely close.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import Any

import mpmath

from int_verl.maths.parse_expression import Node, Unsupported, features, variables, walk
from int_verl.maths.size_limits import MAX_EXACT_BITS, MAX_PRECISION_BITS, MAX_TERMS, TooLarge

mp = mpmath.MPContext()
"""A context of our own: its precision is nobody else's, and ours changes nobody's results."""

_FACTORIAL_EXACT = 2_500
_PRIMES = (2305843009213693951, 2305843009213693921, 1152921504606846883)
_BASE_BITS = 160
_NOT_FINITE = 1 << 62


class Costly(Exception):
    """The comparison needs more than `cheaply` allows."""


class Undefined(ArithmeticError):
    """Division by zero, a pole or an indeterminate form."""


Value = Any  # Fraction, mpf, mpc, or a tuple of rows of these


class Evaluator:
    """Evaluates trees at one point.

    Args:
        point: values of the free variables.
        sign: what ``\\pm`` stands for, +1 or -1.
        log_base: base of a bare ``\\log``; None for e.
    """

    def __init__(self, point: dict[str, Fraction], sign: int = 1, log_base: int | None = None) -> None:
        self.point = point
        self.sign = sign
        self.log_base = log_base
        self.peak = 0
        self.terms = 0

    def __call__(self, node: Node) -> Value:
        value = getattr(self, "_" + node[0])(*node[1:])
        if type(value) is not Fraction and not isinstance(value, tuple):
            magnitude = _magnitude(value)
            if magnitude >= _NOT_FINITE:
                raise Undefined("not finite")
            if magnitude > self.peak:
                self.peak = magnitude
        return value

    # -- leaves

    def _num(self, value: Fraction) -> Value:
        return value

    def _var(self, name: str) -> Value:
        return self.point[name]

    def _const(self, name: str) -> Value:
        if name == "pi":
            return mp.pi + 0
        if name == "e":
            return mp.e + 0
        if name == "i":
            return mp.mpc(0, 1)
        raise Unsupported("infinity")

    # -- arithmetic

    def _add(self, a: Node, b: Node) -> Value:
        return self._plus(self(a), self(b), 1)

    def _sub(self, a: Node, b: Node) -> Value:
        return self._plus(self(a), self(b), -1)

    def _plus(self, x: Value, y: Value, sign: int) -> Value:
        if isinstance(x, tuple) or isinstance(y, tuple):
            if not (isinstance(x, tuple) and isinstance(y, tuple)) or len(x) != len(y) or len(x[0]) != len(y[0]):
                raise Unsupported("matrix shapes")
            return tuple(
                tuple(self._plus(a, b, sign) for a, b in zip(r, s, strict=True)) for r, s in zip(x, y, strict=True)
            )
        if type(x) is Fraction and type(y) is Fraction:
            return _bounded(x + y if sign > 0 else x - y)
        x, y = _mp(x), _mp(y)
        return x + y if sign > 0 else x - y

    def _neg(self, a: Node) -> Value:
        return self._times(Fraction(-1), self(a))

    def _pm(self, a: Node) -> Value:
        return self._times(Fraction(self.sign), self(a))

    def _mp(self, a: Node) -> Value:
        return self._times(Fraction(-self.sign), self(a))

    def _mul(self, a: Node, b: Node) -> Value:
        return self._times(self(a), self(b))

    def _times(self, x: Value, y: Value) -> Value:
        if isinstance(x, tuple) and isinstance(y, tuple):
            if len(x[0]) != len(y):
                raise Unsupported("matrix shapes")
            return tuple(
                tuple(
                    self._dot([row[k] for k in range(len(y))], [y[k][j] for k in range(len(y))])
                    for j in range(len(y[0]))
                )
                for row in x
            )
        if isinstance(x, tuple):
            x, y = y, x
        if isinstance(y, tuple):
            return tuple(tuple(self._times(x, entry) for entry in row) for row in y)
        if type(x) is Fraction and type(y) is Fraction:
            return _bounded(x * y)
        return _mp(x) * _mp(y)

    def _dot(self, xs: list[Value], ys: list[Value]) -> Value:
        total: Value = Fraction(0)
        for x, y in zip(xs, ys, strict=True):
            total = self._plus(total, self._times(x, y), 1)
        return total

    def _div(self, a: Node, b: Node) -> Value:
        x, y = self(a), self(b)
        if isinstance(y, tuple):
            raise Unsupported("division by a matrix")
        if y == 0:
            raise Undefined("division by zero")
        if isinstance(x, tuple):
            return self._times(Fraction(1) / y if type(y) is Fraction else 1 / y, x)
        if type(x) is Fraction and type(y) is Fraction:
            return _bounded(x / y)
        return _mp(x) / _mp(y)

    def _pow(self, a: Node, b: Node) -> Value:
        if b == ("text", "T") or isinstance(a, str):
            raise Unsupported("power")
        x = self(a)
        if isinstance(x, tuple):
            raise Unsupported("power of a matrix")
        return self._power(x, self(b))

    def _power(self, x: Value, y: Value) -> Value:
        if isinstance(y, tuple):
            raise Unsupported("matrix exponent")
        if type(y) is Fraction and y.denominator == 1:
            exponent = y.numerator
            if x == 0 and exponent <= 0:
                raise Undefined("0^0")
            if type(x) is Fraction:
                bits = max(x.numerator.bit_length(), x.denominator.bit_length())
                if (
                    abs(x) == 1
                    or x == 0
                    or bits * abs(exponent) <= (4 * MAX_EXACT_BITS if x.denominator == 1 else MAX_EXACT_BITS // 4)
                ):
                    return x if x == 0 else (x**exponent if abs(x) != 1 else (x if exponent % 2 else Fraction(1)))
            if exponent.bit_length() > 64:
                raise TooLarge("exponent")
            return _mp(x) ** exponent
        if type(x) is Fraction and type(y) is Fraction:
            root = _exact_root(x, y.denominator)
            if root is not None:
                return self._power(root, Fraction(y.numerator))
        if x == 0:
            if type(y) is Fraction and y > 0:
                return Fraction(0)
            raise Undefined("0 to a power")
        base, exponent_mp = _mp(x), _mp(y)
        weight = _magnitude(exponent_mp) + max(abs(_magnitude(base)), 1).bit_length()
        if weight > 64:
            raise TooLarge("exponent")
        return mp.power(base, exponent_mp)

    def _fact(self, a: Node, steps: int) -> Value:
        x = self(a)
        if type(x) is not Fraction:
            raise TooLarge("factorial") if not isinstance(x, tuple) and _magnitude(x) > 20 else Unsupported("factorial")
        if x.denominator != 1:
            _at_any_cost()
            return mp.gamma(_mp(x) + 1) if steps == 1 and abs(x) < 10_000 else _unsupported("factorial")
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
        _at_any_cost()
        return mp.factorial(n)

    def _degree(self, a: Node) -> Value:
        x = self(a)
        return self._times(x, mp.pi / 180)

    def _percent(self, a: Node) -> Value:
        return self._times(self(a), Fraction(1, 100))

    def _matrix(self, rows: tuple[tuple[Node, ...], ...]) -> Value:
        return tuple(tuple(self(entry) for entry in row) for row in rows)

    def _apply(self, name: str, arguments: tuple[Node, ...]) -> Value:
        """An unknown function: equal arguments give equal, otherwise unrelated, values."""
        values = [self(argument) for argument in arguments]
        spelled = ",".join(str(v) if type(v) is Fraction else mp.nstr(v, 25) for v in values)
        return _pseudo_random(f"{name}({spelled})")

    def _sum(self, variable: str, low: Node, high: Node, body: Node) -> Value:
        return self._series(variable, low, high, body, self._plus_one, Fraction(0))

    def _prod(self, variable: str, low: Node, high: Node, body: Node) -> Value:
        return self._series(variable, low, high, body, self._times, Fraction(1))

    def _plus_one(self, x: Value, y: Value) -> Value:
        return self._plus(x, y, 1)

    def _series(self, variable: str, low: Node, high: Node, body: Node, combine: Any, start: Fraction) -> Value:
        first, last = self(low), self(high)
        if type(first) is not Fraction or type(last) is not Fraction or first.denominator != 1:
            raise Unsupported("series limits")
        last_term = math.floor(last)
        self.terms += max(last_term - first.numerator, 0)
        if self.terms > MAX_TERMS:
            raise TooLarge("terms")
        total: Value = start
        shadowed = self.point.get(variable)
        for k in range(first.numerator, last_term + 1):
            self.point[variable] = Fraction(k)
            total = combine(total, self(body))
        if shadowed is None:
            self.point.pop(variable, None)
        else:
            self.point[variable] = shadowed
        return total

    # -- functions

    def _fn(self, name: str, arguments: tuple[Node, ...]) -> Value:
        values = [self(argument) for argument in arguments]
        if any(isinstance(value, tuple) for value in values):
            raise Unsupported(name)
        if name in ("floor", "ceil"):
            return _rounded(name, values[0])
        if name in ("gcd", "lcm", "mod"):
            if not all(type(v) is Fraction and v.denominator == 1 for v in values):
                raise TooLarge(name) if any(_magnitude(v) > 64 for v in values) else Unsupported(name)
            integers = [v.numerator for v in values]
            if name == "mod":
                if integers[1] == 0:
                    raise Undefined("mod 0")
                return Fraction(integers[0] % integers[1])
            return Fraction(math.gcd(*integers) if name == "gcd" else math.lcm(*integers))
        if name in ("min", "max"):
            reals = [v if type(v) is Fraction else _real(v) for v in values]
            return (min if name == "min" else max)(reals)
        if name == "binom":
            return self._binomial(values[0], values[1])
        x = values[0]
        if type(x) is Fraction:
            if name == "abs":
                return abs(x)
            if name == "sqrt":
                root = _exact_root(x, 2)
                if root is not None:
                    return root
        if name == "log" and self.log_base:
            return mp.log(_nonzero(_mp(x))) / mp.log(self.log_base)
        function = _FUNCTIONS.get(name)
        if function is None:
            raise Unsupported(name)
        argument = _mp(x)
        if name not in _UNBOUNDED and _magnitude(argument) > 4_000:
            raise TooLarge(name)
        if name in _GROWING and _magnitude(argument) > 50:
            raise TooLarge(name)
        return function(argument)

    def _binomial(self, n: Value, k: Value) -> Value:
        if type(n) is Fraction and type(k) is Fraction and n.denominator == k.denominator == 1 and n >= 0:
            top, bottom = n.numerator, k.numerator
            if bottom < 0 or bottom > top:
                return Fraction(0)
            if top <= 6_000 or min(bottom, top - bottom) <= 200:
                if min(bottom, top - bottom) * top.bit_length() > 64 * MAX_EXACT_BITS:
                    raise TooLarge("binomial")
                return Fraction(math.comb(top, bottom))
        if _magnitude(n) > 60 or _magnitude(k) > 60:
            raise TooLarge("binomial")
        _at_any_cost()
        return mp.binomial(_mp(n), _mp(k))


def _at_any_cost() -> None:
    """What follows has no bound on its time."""
    if _most_bits < math.inf:
        raise Costly


def _unsupported(what: str) -> Value:
    raise Unsupported(what)


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


_FUNCTIONS: dict[str, Any] = {
    "sqrt": mp.sqrt, "abs": abs, "exp": mp.exp, "ln": lambda x: mp.log(_nonzero(x)),
    "log": lambda x: mp.log(_nonzero(x)), "lg": lambda x: mp.log(_nonzero(x)) / mp.log(10), "sin": mp.sin,
    "cos": mp.cos, "tan": mp.tan, "cot": mp.cot, "sec": mp.sec, "csc": mp.csc, "sinh": mp.sinh, "cosh": mp.cosh,
    "tanh": mp.tanh, "coth": mp.coth, "sech": mp.sech, "csch": mp.csch, "arcsin": mp.asin, "arccos": mp.acos,
    "arctan": mp.atan, "arccot": mp.acot, "arcsec": mp.asec, "arccsc": mp.acsc, "arcsinh": mp.asinh,
    "arccosh": mp.acosh, "arctanh": mp.atanh, "arsinh": mp.asinh, "arcosh": mp.acosh, "artanh": mp.atanh,
    "Re": mp.re, "Im": mp.im, "sgn": mp.sign, "sign": mp.sign,
}  # fmt: skip
_UNBOUNDED = frozenset(["sqrt", "abs", "ln", "log", "lg", "Re", "Im", "sgn", "sign"])
_GROWING = frozenset(["exp", "sinh", "cosh", "tanh", "coth", "sech", "csch"])


# -- residues


class _NoResidue(Exception):
    """The constant is not a quotient of integers that can be followed modulo a prime."""


def residue(node: Node, prime: int, sign: int = 1) -> int:
    """A constant modulo ``prime``, without ever writing it down.

    Raises:
        _NoResidue: it has a part (a root, pi, a long exponent) without a residue.
    """
    kind = node[0]
    if kind == "num":
        return node[1].numerator % prime * pow(node[1].denominator, -1, prime) % prime
    if kind in ("add", "sub", "mul", "div"):
        x, y = residue(node[1], prime, sign), residue(node[2], prime, sign)
        if kind == "add":
            return (x + y) % prime
        if kind == "sub":
            return (x - y) % prime
        if kind == "mul":
            return x * y % prime
        if y == 0:
            raise _NoResidue
        return x * pow(y, -1, prime) % prime
    if kind == "neg":
        return -residue(node[1], prime, sign) % prime
    if kind in ("pm", "mp"):
        return (sign if kind == "pm" else -sign) * residue(node[1], prime, sign) % prime
    if kind == "pow":
        exponent = _small_integer(node[2])
        base = residue(node[1], prime, sign)
        if base == 0:
            raise _NoResidue
        return pow(base, exponent % (prime - 1), prime)
    if kind in ("fact", "fn"):
        try:
            value = Evaluator({}, sign)(node)
        except (Unsupported, TooLarge, ArithmeticError) as problem:
            raise _NoResidue from problem
        if type(value) is Fraction:
            return value.numerator % prime * pow(value.denominator, -1, prime) % prime
    raise _NoResidue


def _small_integer(node: Node) -> int:
    try:
        value = Evaluator({})(node)
    except (Unsupported, TooLarge, ArithmeticError, KeyError) as problem:
        raise _NoResidue from problem
    if type(value) is not Fraction or value.denominator != 1:
        raise _NoResidue
    return value.numerator


# -- comparing

_most_bits: float = math.inf


@contextmanager
def cheaply(bits: int) -> Iterator[None]:
    """Within, a comparison raises `Costly` before it works with more than `bits` or with the gamma function.

    Every other single operation takes less than a millisecond at a few thousand bits.
    """
    global _most_bits
    _most_bits = bits
    try:
        yield
    finally:
        _most_bits = math.inf


def equal(a: Node, b: Node, *, sign: int = 1) -> bool:
    """Whether two trees are equal for all admissible values of their variables (on integers where that is implied).

    Raises:
        Unsupported: neither could be shown.
        TooLarge: it would take more digits than the limits allow.
    """
    if a == b:
        return True
    logs: list[int | None] = [None]
    bare = ["log" in features(tree) for tree in (a, b)]
    if any(bare) and (not all(bare) or _mentions_ten(a) or _mentions_ten(b)):
        logs = [None, 10]
    return any(_equal(a, b, sign, base) for base in logs)


def _mentions_ten(node: Node) -> bool:
    return any(part[:2] == ("fn", "lg") or part == ("fn", "ln", (("num", Fraction(10)),)) for part in walk(node))


def _equal(a: Node, b: Node, sign: int, log_base: int | None) -> bool:
    names = variables(a) | variables(b)
    if not names:
        return _equal_at(a, b, {}, sign, log_base)[0]
    integers = _integer_variables(a) | _integer_variables(b)
    signed = "abs" in features(a) or "abs" in features(b)
    real_agree = complex_agree = complex_differ = 0
    problem: Exception | None = None
    for point in points(sorted(names), integers, signed=signed):
        try:
            same, real = _equal_at(a, b, dict(point), sign, log_base)
        except (ArithmeticError, TooLarge, ValueError) as caught:
            problem = caught
            continue
        if real:
            if not same:
                return False
            real_agree += 1
        elif same:
            complex_agree += 1
        else:
            complex_differ += 1
    if real_agree >= 2 or (complex_agree >= 2 and not complex_differ):
        return True
    if complex_differ:
        return False
    if isinstance(problem, TooLarge):
        raise problem
    raise Unsupported("no point to compare at")


def proportional(a: Node, b: Node) -> Fraction | int | None:
    """The sign of the constant ``c`` with ``a == c b`` for all values of the variables; None if there is none."""
    names = variables(a) | variables(b)
    if variables(a) != variables(b) or not names:
        return None
    integers = _integer_variables(a) | _integer_variables(b)
    ratio: Node | None = None
    first: tuple[Any, Any] | None = None
    seen = 0
    for point in points(sorted(names), integers, signed=True):
        try:
            with mp.workprec(_BASE_BITS):
                x, y = Evaluator(dict(point))(a), Evaluator(dict(point))(b)
                if isinstance(x, tuple) or isinstance(y, tuple):
                    return None
                if x == 0 or y == 0:
                    if (x == 0) != (y == 0) and type(x) is Fraction and type(y) is Fraction:
                        return None
                    continue
                if first is None:
                    first = (x, y)
                    ratio = ("num", Fraction(0))
                    sign = _mp(x) / _mp(y)
                    seen += 1
                    continue
                if type(x) is type(y) is type(first[0]) is type(first[1]) is Fraction:
                    if x * first[1] != y * first[0]:
                        return None
                else:
                    left, right = _mp(x) * _mp(first[1]), _mp(y) * _mp(first[0])
                    if abs(left - right) > mp.ldexp(max(abs(left), abs(right)), -_BASE_BITS // 2):
                        return None
                seen += 1
        except (ArithmeticError, TooLarge, ValueError):
            continue
    if ratio is None or seen < 3:
        return None
    with mp.workprec(_BASE_BITS):
        if isinstance(sign, mp.mpc):
            return 1 if abs(sign.imag) < mp.ldexp(abs(sign), -60) and sign.real > 0 else -1
        return 1 if sign > 0 else -1


def constant(node: Node, sign: int = 1) -> Any:
    """The value of a constant: a Fraction where it is rational and short, else an mpf or mpc of 160 bits."""
    with mp.workprec(_BASE_BITS):
        return Evaluator({}, sign)(node)


def _equal_at(a: Node, b: Node, point: dict[str, Fraction], sign: int, log_base: int | None) -> tuple[bool, bool]:
    """(equal, both real) at one point."""
    first = Evaluator(point, sign, log_base)
    with mp.workprec(_BASE_BITS):
        x, y = first(a), first(b)
        outcome = _compare(x, y, first.peak)
    if outcome is True or outcome is False:
        return outcome, _is_real(x) and _is_real(y)
    # Not both rational, and not clearly apart.
    if first.peak > MAX_PRECISION_BITS // 2:
        if not point:
            try:
                return all(residue(a, p, sign) == residue(b, p, sign) for p in _PRIMES), True
            except (_NoResidue, ValueError):
                pass
        raise TooLarge("precision")
    bits = max(first.peak, 0) + _BASE_BITS
    if 2 * bits > _most_bits:
        raise Costly
    values = []
    for precision in (bits, 2 * bits):
        with mp.workprec(precision):
            evaluator = Evaluator(point, sign, log_base)
            values.append((evaluator(a), evaluator(b)))
    with mp.workprec(2 * bits):
        same = _converges(values[0], values[1], bits)
    return same, _is_real(values[1][0]) and _is_real(values[1][1])


def _compare(x: Value, y: Value, peak: int) -> bool | None:
    """True or False where that is clear at the base precision; None where more digits are needed."""
    if isinstance(x, tuple) != isinstance(y, tuple):
        return False
    if isinstance(x, tuple):
        if len(x) != len(y) or len(x[0]) != len(y[0]):
            return False
        outcomes = [_compare(a, b, peak) for r, s in zip(x, y, strict=True) for a, b in zip(r, s, strict=True)]
        return False if False in outcomes else (None if None in outcomes else True)
    if type(x) is Fraction and type(y) is Fraction:
        return x == y
    # No value on the way was larger than 2^peak, so the error is far below 2^(peak - 60).
    return False if abs(_mp(x) - _mp(y)) > mp.ldexp(1, peak - 60) else None


def _converges(first: tuple[Value, Value], second: tuple[Value, Value], bits: int) -> bool:
    """Whether a difference computed with ``bits`` and with ``2 * bits`` of precision tends to zero."""
    if isinstance(first[0], tuple):
        return all(
            _converges((a, b), (c, d), bits)
            for rows in zip(first[0], first[1], second[0], second[1], strict=True)
            for a, b, c, d in zip(*rows, strict=True)
        )
    x, y = _mp(second[0]), _mp(second[1])
    after = abs(x - y)
    if after == 0:
        return True
    before = abs(_mp(first[0]) - _mp(first[1]))
    scale = max(abs(x), abs(y))
    if after > scale * mp.ldexp(1, -bits // 2) and before > 0 and abs(after - before) < after * mp.ldexp(1, -10):
        return False
    return bool(after < scale * mp.ldexp(1, -bits) or after < mp.ldexp(1, -bits - 20))


def _is_real(x: Value) -> bool:
    if isinstance(x, tuple):
        return all(_is_real(entry) for row in x for entry in row)
    if isinstance(x, mp.mpc):
        return bool(abs(x.imag) <= mp.ldexp(max(abs(x), 1), -60))
    return True


def _pseudo_random(seed: str) -> Fraction:
    """A fixed fraction between 1/4 and 3 for each seed."""
    digest = int.from_bytes(hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return Fraction(1, 4) + Fraction(digest % 9973, 3626 + digest // 9973 % 31)


def points(names: list[str], integers: frozenset[str], *, signed: bool) -> list[dict[str, Fraction]]:
    """The points at which expressions in ``names`` are compared."""
    found = []
    if integers & set(names):
        whole = [name for name in names if name in integers]
        for row in range(10):
            point = {}
            for column, name in enumerate(whole):
                point[name] = Fraction((2, 3, 4, 5, 6, 7, 9, 10, 12, 17)[(row + 3 * column + row * column) % 10])
            for name in names:
                if name not in integers:
                    point[name] = _pseudo_random(f"{name}/{row}")
            found.append(point)
        # Upper arguments are usually the larger: try points in that order as well.
        if len(whole) > 1:
            for low, high in product((2, 3, 4), (9, 11)):
                for reverse in (False, True):
                    order = whole[::-1] if reverse else whole
                    found.append(
                        {name: _pseudo_random(f"{name}/{low}") for name in names if name not in integers}
                        | {name: Fraction(high - k if k == 0 else low + k - 1) for k, name in enumerate(order)}
                    )
        return found
    for row in range(4):
        point = {name: _pseudo_random(f"{name}/{row}") for name in names}
        if row == 1:
            point = {name: value / 13 for name, value in point.items()}
        found.append(point)
    if signed:
        for row in range(4, 8):
            found.append(
                {
                    name: _pseudo_random(f"{name}/{row}") * (-1) ** (row // (k % 3 + 1) + k)
                    for k, name in enumerate(names)
                }
            )
    return found


_OF_INTEGERS = frozenset(["fact", "floor", "ceil", "binom", "gcd", "lcm", "mod", "sum", "prod", "apply", "pow"])


@lru_cache(maxsize=4096)
def _integer_variables(node: Node) -> frozenset[str]:
    """Variables that can only be integers: inside factorials, binomials, rounding, or powers of a negative number."""
    found: set[str] = set()
    if not features(node) & _OF_INTEGERS:
        return frozenset()
    for part in walk(node):
        kind = part[0]
        if kind == "fact":
            found |= variables(part[1])
        elif kind == "fn" and len(part) > 2 and part[1] in ("floor", "ceil", "binom", "gcd", "lcm", "mod"):
            for argument in part[2]:
                found |= variables(argument)
        elif kind in ("sum", "prod") and len(part) == 5:
            found |= variables(part[2]) | variables(part[3])
        elif kind == "apply" and part[1].endswith("_"):
            for argument in part[2]:
                found |= variables(argument)
        elif kind == "pow" and part[1][0] in ("neg", "sub") and not variables(part[1]):
            found |= variables(part[2])
    return frozenset(found)
