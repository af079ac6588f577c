"""Subsets of the real line as unions of intervals."""

from __future__ import annotations

from typing import Any

from int_verl.maths.answer_items import INFINITY, NEG_INFINITY, Piece
from int_verl.maths.equality import constant, equal
from int_verl.maths.expression_tree import Node, Unsupported
from int_verl.maths.numbers_of_any_precision import _mp, _real, mp
from int_verl.maths.size_limits import TooLarge


def infinite(node: Node) -> bool:
    return node in (INFINITY, NEG_INFINITY)


def _position(node: Node) -> Any:
    if node == INFINITY:
        return mp.inf
    if node == NEG_INFINITY:
        return -mp.inf
    value = constant(node)
    if isinstance(value, tuple):
        raise Unsupported("matrix")
    return _real(_mp(value))


def _merged(pieces: tuple[Piece, ...]) -> list[Piece] | None:
    """Disjoint pieces in order; None if some end is not a constant."""
    try:
        keyed = sorted(
            (
                (_position(low), not closed, (low, closed, high, closed_high), _position(high))
                for low, closed, high, closed_high in pieces
            ),
            key=lambda entry: entry[:2],
        )
    except (Unsupported, ArithmeticError, KeyError, TypeError, TooLarge):
        return None
    result: list[list[Any]] = []
    tops: list[Any] = []
    for low_at, _, (low, closed, high, closed_high), high_at in keyed:
        if low_at > high_at or (low_at == high_at and not (closed and closed_high)):
            continue
        if result and (low_at < tops[-1] or (low_at == tops[-1] and (closed or result[-1][3]))):
            if high_at > tops[-1]:
                result[-1][2:], tops[-1] = [high, closed_high], high_at
            elif high_at == tops[-1]:
                result[-1][3] = result[-1][3] or closed_high
        else:
            result.append([low, closed, high, closed_high])
            tops.append(high_at)
    return [tuple(piece) for piece in result]


def same_region(gold: tuple[Piece, ...], answer: tuple[Piece, ...]) -> bool:
    first, second = _merged(gold), _merged(answer)
    if first is None or second is None:
        first, second = list(gold), list(answer)
    if len(first) != len(second):
        return False
    return all(
        a[1] == b[1] and a[3] == b[3] and _same_bound(a[0], b[0]) and _same_bound(a[2], b[2])
        for a, b in zip(first, second, strict=True)
    )


def _same_bound(a: Node, b: Node) -> bool:
    if infinite(a) or infinite(b):
        return a == b
    return equal(a, b)


def sorted_points(pieces: tuple[Piece, ...]) -> list[Node] | None:
    if any(low != high for low, _, high, _ in pieces):
        return None
    try:
        return [
            tree for _, tree in sorted(((_position(low), low) for low, _, _, _ in pieces), key=lambda pair: pair[0])
        ]
    except (Unsupported, ArithmeticError, KeyError, TypeError, TooLarge):
        return None
