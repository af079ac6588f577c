"""Subsets of the real line as unions of intervals."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, TypeAlias

from int_verl.maths.arithmetic import mp, to_real
from int_verl.maths.equality import constant, equal
from int_verl.maths.nodes import INFINITY, NEG_INFINITY, Negative, Node, infinite, same_tree
from int_verl.maths.undecided import NO_VALUE, Unsupported


@dataclass(frozen=True, slots=True)
class Interval:
    """What lies between two bounds, each of which may be infinite; a single number has it twice, closed."""

    low: Node
    low_closed: bool
    high: Node
    high_closed: bool

    @classmethod
    def between(cls, low: Node, low_closed: bool, high: Node, high_closed: bool) -> Interval:
        """An interval that is open where its bound is infinite."""
        return cls(low, low_closed and not infinite(low), high, high_closed and not infinite(high))

    @classmethod
    def only(cls, number: Node) -> Interval:
        """The set of one number."""
        return cls(number, True, number, True)

    @property
    def is_everywhere(self) -> bool:
        """Whether it is the whole line."""
        return same_tree(self.low, NEG_INFINITY) and same_tree(self.high, INFINITY)


EVERYWHERE = Interval(NEG_INFINITY, False, INFINITY, False)
"""The whole line."""

Pieces: TypeAlias = tuple[Interval, ...]


def same_region(gold: Pieces, answer: Pieces) -> bool:
    """Whether two unions of intervals are the same subset of the line."""
    first, second = _merged(gold), _merged(answer)
    if first is None or second is None:
        first, second = gold, answer
    return len(first) == len(second) and all(
        a.low_closed == b.low_closed
        and a.high_closed == b.high_closed
        and _same_bound(a.low, b.low)
        and _same_bound(a.high, b.high)
        for a, b in zip(first, second, strict=True)
    )


def outside(pieces: Pieces) -> Pieces | None:
    """What is not in ``pieces``; None if some bound is not a constant."""
    merged = _merged(pieces)
    if merged is None:
        return None
    ends = [end for p in merged for end in ((p.low, p.low_closed), (p.high, p.high_closed))]
    ends = [(NEG_INFINITY, True), *ends, (INFINITY, True)]
    return tuple(
        Interval(low, not low_closed, high, not high_closed)
        for (low, low_closed), (high, high_closed) in zip(ends[::2], ends[1::2], strict=True)
    )


def intersection(first: Pieces, second: Pieces) -> Pieces | None:
    """What lies in both; None if some bound is not a constant."""
    if not first or not second:
        return ()
    try:
        return tuple(_overlap(a, b) for a in first for b in second)
    except NO_VALUE:
        return None


def _overlap(a: Interval, b: Interval) -> Interval:
    """What two intervals have in common; where that is nothing, its bounds are in the wrong order."""
    low = max(a, b, key=lambda piece: (position(piece.low), not piece.low_closed))
    high = min(a, b, key=lambda piece: (position(piece.high), piece.high_closed))
    return Interval(low.low, low.low_closed, high.high, high.high_closed)


def joined(conditions: Sequence[Pieces]) -> Pieces | None:
    """What a list of conditions on one number admits: one of them is enough, unless that says nothing.

    ``x < 1, x > 3`` is a union. ``x > 1, x \\le 3`` is an intersection, for its union is the whole line; and a
    condition like ``x \\ne 2`` takes away from all the others.

    Returns:
        None where some bound is not a constant.
    """
    holes = [pieces for pieces in conditions if _is_all_but_points(pieces)]
    others = [pieces for pieces in conditions if not _is_all_but_points(pieces)]
    rest: Pieces | None = tuple(piece for pieces in others for piece in pieces)
    if rest is None or not others or _is_all_but_points(rest):
        rest, holes = (EVERYWHERE,), [*others, *holes]
    for pieces in holes:
        rest = None if rest is None else intersection(rest, pieces)
    return rest


def _is_all_but_points(pieces: Pieces) -> bool:
    """Whether ``pieces`` are the line, or all of it but single numbers."""
    merged = _merged(pieces)
    if not merged or not infinite(merged[0].low) or not infinite(merged[-1].high):
        return False
    return all(position(below.high) == position(above.low) for below, above in pairwise(merged))


def position(bound: Node) -> Any:
    """A bound as an mpf.

    Raises:
        Unsupported: it is no real constant.
    """
    if infinite(bound):
        return -mp.inf if isinstance(bound, Negative) else mp.inf
    value = constant(bound)
    if isinstance(value, tuple):
        raise Unsupported("matrix")
    return to_real(value)


def _merged(pieces: Pieces) -> Sequence[Interval] | None:
    """Disjoint pieces in order; None if some bound is not a constant."""
    try:
        placed = sorted(
            ((position(piece.low), not piece.low_closed, position(piece.high), piece) for piece in pieces),
            key=lambda entry: entry[:2],
        )
    except NO_VALUE:
        return None
    merged: list[Interval] = []
    top = None
    for low, _, high, piece in placed:
        if low > high or (low == high and not (piece.low_closed and piece.high_closed)):
            continue
        last = merged[-1] if merged else None
        if last is None or low > top or (low == top and not (piece.low_closed or last.high_closed)):
            merged.append(piece)
            top = high
        elif (high, piece.high_closed) > (top, last.high_closed):
            merged[-1] = replace(last, high=piece.high, high_closed=piece.high_closed)
            top = high
    return merged


def _same_bound(a: Node, b: Node) -> bool:
    return same_tree(a, b) if infinite(a) or infinite(b) else equal(a, b)
