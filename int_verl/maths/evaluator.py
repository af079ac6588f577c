"""The value of an expression tree at one point."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

from int_verl.maths.expression_tree import Node, Unsupported
from int_verl.maths.numbers_of_any_precision import (
    _NOT_FINITE,
    Undefined,
    Value,
    _bounded,
    _exact_root,
    _magnitude,
    _mp,
    _nonzero,
    _real,
    _rounded,
    mp,
)
from int_verl.maths.sample_points import _pseudo_random
from int_verl.maths.size_limits import MAX_EXACT_BITS, MAX_TERMS, TooLarge, at_any_cost

_FACTORIAL_EXACT = 2_500


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
            at_any_cost()
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
        at_any_cost()
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
        at_any_cost()
        return mp.binomial(_mp(n), _mp(k))


def _unsupported(what: str) -> Value:
    raise Unsupported(what)


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
