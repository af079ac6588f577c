"""The points at which expressions with variables are compared."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import lru_cache
from itertools import product

from int_verl.maths.expression_tree import (
    Call,
    Factorial,
    Negative,
    Node,
    Power,
    Series,
    Subtract,
    UnknownCall,
    features,
    variables,
    walk,
)


def pseudo_random(seed: str) -> Fraction:
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
                    point[name] = pseudo_random(f"{name}/{row}")
            found.append(point)
        # Upper arguments are usually the larger: try points in that order as well.
        if len(whole) > 1:
            for low, high in product((2, 3, 4), (9, 11)):
                for reverse in (False, True):
                    order = whole[::-1] if reverse else whole
                    found.append(
                        {name: pseudo_random(f"{name}/{low}") for name in names if name not in integers}
                        | {name: Fraction(high - k if k == 0 else low + k - 1) for k, name in enumerate(order)}
                    )
        return found
    for row in range(4):
        point = {name: pseudo_random(f"{name}/{row}") for name in names}
        if row == 1:
            point = {name: value / 13 for name, value in point.items()}
        found.append(point)
    if signed:
        for row in range(4, 8):
            found.append(
                {
                    name: pseudo_random(f"{name}/{row}") * (-1) ** (row // (k % 3 + 1) + k)
                    for k, name in enumerate(names)
                }
            )
    return found


_INTEGER_FUNCTIONS = frozenset(["floor", "ceil", "binom", "gcd", "lcm", "mod"])
_OF_INTEGERS: frozenset[type[Node] | str] = _INTEGER_FUNCTIONS | {Factorial, Series, UnknownCall, Power}


@lru_cache(maxsize=4096)
def integer_variables(tree: Node) -> frozenset[str]:
    """Variables that can only be integers: inside factorials, binomials, rounding, or powers of a negative number."""
    if not features(tree) & _OF_INTEGERS:
        return frozenset()
    return frozenset().union(*(variables(whole) for node in walk(tree) for whole in _whole_parts(node)))


def _whole_parts(node: Node) -> tuple[Node, ...]:
    """The trees below a node that stand for integers."""
    match node:
        case Factorial():
            return (node.operand,)
        case Series():
            return node.low, node.high
        case Call() if node.name in _INTEGER_FUNCTIONS:
            return node.arguments
        case UnknownCall() if node.name.endswith("_"):
            return node.arguments
        case Power(Negative() | Subtract() as base, exponent) if not variables(base):
            return (exponent,)
    return ()
