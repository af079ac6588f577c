"""The value of an expression tree at one point."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from fractions import Fraction

from int_verl.maths import nodes
from int_verl.maths.arithmetic import NOT_FINITE, Result, called, factorial, magnitude, mp, over, plus, power, times
from int_verl.maths.nodes import Node
from int_verl.maths.size_limits import MAX_TERMS, TooLarge
from int_verl.maths.undecided import Undefined, Unsupported

_OPERATIONS = {nodes.Add: plus, nodes.Multiply: times, nodes.Divide: over, nodes.Power: power}
_FACTORS = {nodes.Negative: Fraction(-1), nodes.Percent: Fraction(1, 100)}
_CONSTANTS = {"pi": mp.pi, "e": mp.e, "i": mp.mpc(0, 1)}


class Evaluator:
    """Evaluates trees at one point; ``\\pm`` is plus there.

    Args:
        point: values of the free variables.
        log_base: base of a bare ``\\log``; None for e.
    """

    def __init__(self, point: Mapping[str, Fraction], log_base: int | None = None) -> None:
        self._point = dict(point)
        self._log_base = log_base
        self._terms = 0
        self.peak = 0
        """About log2 of the largest value on the way that is no fraction."""
        self.span = 0
        """The largest absolute value of log2 on the way: how far below 1 a difference of two values may begin."""

    def __call__(self, node: Node) -> Result:
        value = node.value if type(node) is nodes.Number else self._value(node)
        if type(value) is Fraction:
            if value.denominator != 1:
                self.span = max(self.span, abs(magnitude(value)))
            return value
        if isinstance(value, tuple):
            return value
        size = magnitude(value)
        if size >= NOT_FINITE:
            raise Undefined("not finite")
        if size > self.peak:
            self.peak = size
        self.span = max(self.span, abs(size))
        return value

    def _value(self, node: Node) -> Result:
        match node:
            case nodes.Variable():
                if node.name not in self._point:
                    raise Unsupported("unbound variable")
                return self._point[node.name]
            case nodes.Subtract():
                return plus(self(node.left), times(Fraction(-1), self(node.right)))
            case nodes.Binary():
                return _OPERATIONS[type(node)](self(node.left), self(node.right))
            case nodes.Call():
                return called(node.name, [self(argument) for argument in node.arguments], self._log_base)
            case nodes.Constant():
                if node.name not in _CONSTANTS:
                    raise Unsupported("infinity")
                return _CONSTANTS[node.name] + 0  # of the current precision
            case nodes.PlusMinus():
                return times(Fraction(node.sign), self(node.operand))
            case nodes.Factorial():
                return factorial(self(node.operand), node.steps)
            case nodes.Degrees():
                return times(self(node.operand), mp.pi / 180)
            case nodes.Negative() | nodes.Percent():
                return times(_FACTORS[type(node)], self(node.operand))
            case nodes.UnknownCall():
                return self._unknown(node)
            case nodes.Matrix():
                return tuple(tuple(self(entry) for entry in row) for row in node.rows)
            case nodes.Series():
                return self._series(node)

    def _unknown(self, node: nodes.UnknownCall) -> Fraction:
        """An unknown function: equal arguments give equal, otherwise unrelated, values."""
        values = [self(argument) for argument in node.arguments]
        # In hexadecimal, which has no limit of digits.
        spelled = ",".join(
            f"{v.numerator:x}/{v.denominator:x}" if type(v) is Fraction else mp.nstr(v, 25) for v in values
        )
        return pseudo_random(f"{node.name}({spelled})")

    def _series(self, node: nodes.Series) -> Result:
        first, last = self(node.low), self(node.high)
        if type(first) is not Fraction or type(last) is not Fraction or first.denominator != 1:
            raise Unsupported("series limits")
        terms = range(first.numerator, math.floor(last) + 1)
        self._terms += max(math.floor(last) - first.numerator, 0)
        if self._terms > MAX_TERMS:
            raise TooLarge("terms")
        total: Result = Fraction(0 if node.name == "sum" else 1)
        combine = plus if node.name == "sum" else times
        outside = self._point
        for k in terms:
            self._point = {**outside, node.variable: Fraction(k)}
            total = combine(total, self(node.body))
        self._point = outside
        return total


def pseudo_random(seed: str) -> Fraction:
    """A fixed fraction between 1/4 and 3 for each seed."""
    digest = int.from_bytes(hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return Fraction(1, 4) + Fraction(digest % 9973, 3626 + digest // 9973 % 31)
