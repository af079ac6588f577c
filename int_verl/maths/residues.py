"""Constants modulo large primes: of use where they are too long to write down."""

from __future__ import annotations

from fractions import Fraction

from int_verl.maths import nodes
from int_verl.maths.evaluator import Evaluator
from int_verl.maths.nodes import Node
from int_verl.maths.undecided import NO_VALUE

_PRIMES = (2305843009213693951, 2305843009213693921, 1152921504606846883)


class _NoResidue(Exception):
    """The constant is not a quotient of integers that can be followed modulo a prime."""


def same_residues(a: Node, b: Node) -> bool | None:
    """Whether two constants agree modulo some large primes; None if one has a part (a root, pi) without a residue."""
    try:
        return all(_residue(a, prime) == _residue(b, prime) for prime in _PRIMES)
    except (_NoResidue, ValueError):
        return None


def _residue(node: Node, prime: int) -> int:
    """A constant modulo ``prime``, without ever writing it down."""
    match node:
        case nodes.Number():
            return _of_fraction(node.value, prime)
        case nodes.Add():
            return (_residue(node.left, prime) + _residue(node.right, prime)) % prime
        case nodes.Subtract():
            return (_residue(node.left, prime) - _residue(node.right, prime)) % prime
        case nodes.Multiply():
            return _residue(node.left, prime) * _residue(node.right, prime) % prime
        case nodes.Divide():
            return _residue(node.left, prime) * pow(_residue(node.right, prime), -1, prime) % prime
        case nodes.Negative():
            return -_residue(node.operand, prime) % prime
        case nodes.PlusMinus():
            return node.sign * _residue(node.operand, prime) % prime
        case nodes.Power():
            exponent = _exact(node.right)
            base = _residue(node.left, prime)
            if base == 0 or exponent.denominator != 1:
                raise _NoResidue
            return pow(base, exponent.numerator % (prime - 1), prime)
        case nodes.Factorial() | nodes.Call():
            return _of_fraction(_exact(node), prime)
    raise _NoResidue


def _of_fraction(value: Fraction, prime: int) -> int:
    return value.numerator % prime * pow(value.denominator, -1, prime) % prime


def _exact(node: Node) -> Fraction:
    try:
        value = Evaluator({})(node)
    except NO_VALUE as problem:
        raise _NoResidue from problem
    if type(value) is not Fraction:
        raise _NoResidue
    return value
