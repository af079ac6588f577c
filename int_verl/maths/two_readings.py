"""Our reading of an answer beside math-verify's: the numbers that each sees in it, at some point."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import product
from typing import Any

from int_verl.maths import answer_items as items
from int_verl.maths import ask_math_verify
from int_verl.maths.answer_items import Item
from int_verl.maths.arithmetic import mp, to_float
from int_verl.maths.evaluator import Evaluator, pseudo_random
from int_verl.maths.nodes import Negative, Node, Subtract, UnknownCall, features, infinite, variables
from int_verl.maths.read_answer import read
from int_verl.maths.undecided import NO_VALUE, Unsupported

_CLOSE = 1e-9
_BITS = 4_096
_NAME_MARKS = re.compile(r"[\\{}_ ]")


def difference(gold: str) -> str | None:
    """How math-verify reads a normalised answer, where both readings exist and see other numbers; else None."""
    theirs = ask_math_verify.expressions(gold)
    try:
        others = [number for expression in theirs[:1] for number in _their_numbers(expression)]
        ours = next(_our_readings(gold))
        if not ours or not others or any(_same_numbers(reading, others) for reading in _our_readings(gold)):
            return None
    except (*NO_VALUE, TypeError, ValueError, AttributeError):
        return None
    return f"read as {_shown(ours)}, by math-verify as {_shown(others)}"


def _our_readings(gold: str) -> Iterator[list[complex]]:
    """The numbers that we see, with ``\\log`` to either base and ``1,234`` as one number or two."""
    for grouped, log_base in product((True, False), (None, 10)):
        with mp.workprec(_BITS):
            yield [number for item in read(gold, grouped) for number in _numbers(item, log_base)]


def _at(name: str) -> Fraction:
    """The value of a variable; math-verify writes all in small letters."""
    return pseudo_random(_NAME_MARKS.sub("", name).lower())


def _value(tree: Node, log_base: int | None) -> complex:
    if infinite(tree):
        return complex(-float("inf") if isinstance(tree, Negative) else float("inf"))
    value = Evaluator({name: _at(name) for name in variables(tree)}, log_base)(tree)
    if isinstance(value, tuple) or UnknownCall in features(tree):
        raise Unsupported("no number, or one that is made up")
    return complex(to_float(value))


def _numbers(item: Item, log_base: int | None) -> Iterator[complex]:
    """The numbers of an item.

    Raises:
        Unsupported: it has none, or they depend on a point that is chosen otherwise than by `_at`.
    """
    match item:
        case items.Value(tree=tree):
            yield _value(tree, log_base)
        case items.Tuple(entries=members) | items.Set(members=members) | items.NamedGroup(entries=members):
            for member in members:
                yield from _numbers(member, log_base)
        case items.Region(pieces=pieces):
            for end in (end for piece in pieces for end in (piece.low, piece.high)):
                yield _value(end, log_base)
        case items.Equation(left=left, right=right):
            yield _value(Subtract(left, right), log_base)
        case _:
            raise Unsupported("no numbers")


def _their_numbers(expression: Any) -> Iterator[complex]:
    import sympy

    if isinstance(expression, sympy.Eq):
        if expression.lhs.is_Symbol:
            yield from _their_numbers(expression.rhs)
        else:
            yield from _their_numbers(expression.lhs - expression.rhs)
    elif isinstance(expression, (sympy.FiniteSet, sympy.Tuple, sympy.Union)):
        for member in expression.args:
            yield from _their_numbers(member)
    elif isinstance(expression, sympy.Interval):
        yield from _their_numbers(expression.start)
        yield from _their_numbers(expression.end)
    elif isinstance(expression, sympy.Expr):
        point = {s: sympy.I if s.name == "i" else sympy.Rational(_at(s.name)) for s in expression.free_symbols}
        yield complex(expression.subs(point).evalf(30))
    else:
        raise Unsupported("no numbers")


def _same_numbers(ours: Sequence[complex], others: Sequence[complex]) -> bool:
    first, second = (
        sorted(set(numbers), key=lambda z: (round(z.real, 6), round(z.imag, 6))) for numbers in (ours, others)
    )
    return len(first) == len(second) and all(
        x == y or abs(x - y) <= _CLOSE * max(1.0, abs(x)) for x, y in zip(first, second, strict=True)
    )


def _place(number: complex) -> tuple[float, float]:
    return round(number.real, 6), round(number.imag, 6)


def _shown(numbers: Sequence[complex]) -> str:
    shown = [f"{z.real:.6g}" if z.imag == 0 else f"{z:.6g}" for z in numbers]
    return ", ".join(shown[:4]) + (", ..." if len(shown) > 4 else "")
