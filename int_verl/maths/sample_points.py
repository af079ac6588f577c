"""The points at which expressions with variables are compared."""

from __future__ import annotations

import hashlib
from fractions import Fraction
from functools import lru_cache
from itertools import product

from int_verl.maths.expression_tree import Node, features, variables, walk


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
