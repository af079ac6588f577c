"""The points at which expressions with variables are compared."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import lru_cache
from itertools import product

from int_verl.maths import nodes
from int_verl.maths.nodes import Node, features, variables, walk


def pseudo_random(seed: str) -> Fraction:
    """A fixed fraction between 1/4 and 3 for each seed."""
    digest = int.from_bytes(hashlib.blake2b(seed.encode("utf-8", "replace"), digest_size=8).digest(), "big")
    return Fraction(1, 4) + Fraction(digest % 9973, 3626 + digest // 9973 % 31)


def points(names: list[str], integers: frozenset[str], *, signed: bool) -> list[dict[str, Fraction]]:
    """The points at which expressions in ``names`` are compared; with ``signed``, negative ones are among them."""
    whole = [name for name in names if name in integers]
    if whole:
        return _whole_points(whole, [name for name in names if name not in integers])
    found = [{name: pseudo_random(f"{name}/{row}") for name in names} for row in range(8 if signed else 4)]
    found[1] = {name: value / 13 for name, value in found[1].items()}
    for row in range(4, len(found)):
        for k, name in enumerate(names):
            found[row][name] *= (-1) ** (row // (k % 3 + 1) + k)
    return found


def _whole_points(whole: list[str], others: list[str]) -> list[dict[str, Fraction]]:
    """Points at which the variables of ``whole`` are integers."""
    found = []
    for row in range(10):
        point = {name: pseudo_random(f"{name}/{row}") for name in others}
        for column, name in enumerate(whole):
            point[name] = Fraction((2, 3, 4, 5, 6, 7, 9, 10, 12, 17)[(row + 3 * column + row * column) % 10])
        found.append(point)
    # Upper arguments are usually the larger: try points in that order as well.
    if len(whole) > 1:
        for low, high, order in product((2, 3, 4), (9, 11), (whole, whole[::-1])):
            point = {name: pseudo_random(f"{name}/{low}") for name in others}
            point |= {name: Fraction(low + k - 1 if k else high) for k, name in enumerate(order)}
            found.append(point)
    return found


_INTEGER_FUNCTIONS = frozenset(["floor", "ceil", "binom", "gcd", "lcm", "mod"])
_OF_INTEGERS: frozenset[type[Node] | str] = _INTEGER_FUNCTIONS | {
    nodes.Factorial,
    nodes.Series,
    nodes.UnknownCall,
    nodes.Power,
}


@lru_cache(maxsize=4096)
def integer_variables(tree: Node) -> frozenset[str]:
    """Variables that can only be integers: inside factorials, binomials, rounding, or powers of a negative number."""
    if not features(tree) & _OF_INTEGERS:
        return frozenset()
    return frozenset().union(*(variables(whole) for node in walk(tree) for whole in _whole_parts(node)))


def _whole_parts(node: Node) -> tuple[Node, ...]:
    """The trees below a node that stand for integers."""
    match node:
        case nodes.Factorial():
            return (node.operand,)
        case nodes.Series():
            return node.low, node.high
        case nodes.Call() if node.name in _INTEGER_FUNCTIONS:
            return node.arguments
        case nodes.UnknownCall() if node.name.endswith("_"):
            return node.arguments
        case nodes.Power(nodes.Negative() | nodes.Subtract() as base, exponent) if not variables(base):
            return (exponent,)
    return ()
