"""Constants modulo large primes: of use where they are too long to write down."""

from __future__ import annotations

from fractions import Fraction

from int_verl.maths.evaluator import Evaluator
from int_verl.maths.expression_tree import Node, Unsupported
from int_verl.maths.size_limits import TooLarge

_PRIMES = (2305843009213693951, 2305843009213693921, 1152921504606846883)


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
