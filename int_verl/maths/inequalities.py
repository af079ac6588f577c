"""Inequalities in one unknown, solved: ``1 < x \\le 2``, ``f(x) \\ge 2``, ``x \\ne \\pm 1``, ``0 < |x - 2| < 3``.

The unknown is a variable or the value of a function, so that a range may be given as either. Inside of an absolute
value it may be shifted and scaled. Anything else is an `Inequality`, which says only how its sides compare.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from int_verl.maths import nodes
from int_verl.maths.answer_items import Inequality, Region
from int_verl.maths.equality import equal
from int_verl.maths.intervals import EVERYWHERE, Interval, Pieces, outside, position
from int_verl.maths.nodes import INFINITY, NEG_INFINITY, Node, changed, infinite, replaced, variables
from int_verl.maths.parse_expression import parsed
from int_verl.maths.signs import both_signs
from int_verl.maths.undecided import NO_VALUE

RISING = frozenset(["<", "\\le"])
FALLING = frozenset([">", "\\ge"])


@dataclass(frozen=True, slots=True)
class _Line:
    """``slope * unknown + offset``, where the slope is not 0."""

    slope: Node
    offset: Node
    rising: bool

    def where(self, piece: Interval) -> Interval:
        """The values of the unknown for which the line lies in ``piece``."""
        low, high = self._unknown_at(piece.low), self._unknown_at(piece.high)
        if self.rising:
            return Interval(low, piece.low_closed, high, piece.high_closed)
        return Interval(high, piece.high_closed, low, piece.low_closed)

    def _unknown_at(self, bound: Node) -> Node:
        if infinite(bound):
            return bound if self.rising else _negative(bound)
        return nodes.Divide(nodes.Subtract(bound, self.offset), self.slope)


def inequality(text: str, sides: list[str], operators: list[str]) -> Region | Inequality | None:
    """An inequality of two or three sides; None for anything else."""
    trees = parsed(*sides)
    if trees is None or not 2 <= len(trees) <= 3:
        return None
    if operators == ["\\ne"]:
        return _different(text, *trees)
    if set(operators) <= FALLING:
        trees, operators = trees[::-1], operators[::-1]
    elif not set(operators) <= RISING:
        return None
    closed = [operator in ("\\le", "\\ge") for operator in operators]
    bounded = [_value_as_unknown(tree) for tree in trees]
    if len(trees) == 3:
        return _between(text, bounded[0], closed[0], bounded[1], bounded[2], closed[1])
    low, high = bounded
    region = _between(text, low, closed[0], high, INFINITY, False) if not variables(low) else None
    region = region or _between(text, NEG_INFINITY, False, low, high, closed[0])
    region = region or _between(text, low, closed[0], high, INFINITY, False)
    return region or Inequality(text, nodes.Subtract(trees[1], trees[0]), "<=" if closed[0] else "<")


def _different(text: str, left: Node, right: Node) -> Region | Inequality:
    """``x \\ne 2``."""
    unknown = _value_as_unknown(left)
    if isinstance(unknown, nodes.Variable) and not variables(right):
        apart = outside(tuple(map(Interval.only, both_signs(right))))
        if apart is not None:
            return Region(text, apart, name=unknown.name)
    return Inequality(text, nodes.Subtract(left, right), "\\ne")


def _between(text: str, low: Node, low_closed: bool, middle: Node, high: Node, high_closed: bool) -> Region | None:
    """The values of an unknown for which ``middle`` lies between the bounds; None where that is not solved."""
    bound = variables(low) | variables(high)
    between = Interval.between(low, low_closed, high, high_closed)
    match middle:
        case nodes.Variable(name) if name not in bound:
            return Region(text, (between,), name=name)
        case nodes.Call("abs", (inside,)) if not bound and len(variables(inside)) == 1:
            (name,) = variables(inside)
            try:
                line = _line(inside, name)
                if line is not None:
                    return Region(text, tuple(map(line.where, _with_magnitude_in(between))), name=name)
            except NO_VALUE:
                return None
    return None


def _value_as_unknown(tree: Node) -> Node:
    """The tree with the value of a function, ``f(x)``, as one variable of that name."""

    def unknown(node: Node) -> Node:
        match node:
            case nodes.UnknownCall(name, (nodes.Variable(argument),)) if not name.endswith("_"):
                return nodes.Variable(f"{name}({argument})")
        return node

    return changed(tree, unknown) if nodes.UnknownCall in nodes.features(tree) else tree


def _line(tree: Node, name: str) -> _Line | None:
    """The tree as a line in one variable; None where it is none."""
    unknown = nodes.Variable(name)
    offset = replaced(tree, unknown, nodes.Number(Fraction(0)))
    slope = nodes.Subtract(replaced(tree, unknown, nodes.Number(Fraction(1))), offset)
    if not equal(tree, nodes.Add(nodes.Multiply(slope, unknown), offset)):
        return None
    rise = position(slope)
    return _Line(slope, offset, rise > 0) if rise else None


def _with_magnitude_in(piece: Interval) -> Pieces:
    """The numbers whose absolute value lies in ``piece``, whose bounds are constants."""
    if infinite(piece.low) or position(piece.low) < 0:
        if infinite(piece.high):
            return (EVERYWHERE,)
        return (Interval(_negative(piece.high), piece.high_closed, piece.high, piece.high_closed),)
    return Interval(_negative(piece.high), piece.high_closed, _negative(piece.low), piece.low_closed), piece


def _negative(bound: Node) -> Node:
    return bound.operand if isinstance(bound, nodes.Negative) else nodes.Negative(bound)
