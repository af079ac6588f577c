"""Deciding whether two expression trees are equal, by exact or high-precision evaluation.

Constants are compared exactly where they are rational, by residues modulo large primes where they are too long to
write down, and otherwise at two precisions, the second twice the first: a difference that shrinks with the error is
zero, one that stays is not. Expressions with variables are compared at fixed pseudo-random points, exact fractions as
long as nothing irrational enters. Two different expressions agree at all points with negligible probability; nothing
is ever accepted because it is merely close.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from int_verl.maths.evaluator import Evaluator
from int_verl.maths.expression_tree import Node, Unsupported, features, variables, walk
from int_verl.maths.numbers_of_any_precision import Value, _mp, mp
from int_verl.maths.residues import _PRIMES, _NoResidue, residue
from int_verl.maths.sample_points import _integer_variables, points
from int_verl.maths.size_limits import MAX_PRECISION_BITS, Costly, TooLarge, most_bits

_BASE_BITS = 160


def equal(a: Node, b: Node, *, sign: int = 1) -> bool:
    """Whether two trees are equal for all admissible values of their variables (on integers where that is implied).

    Raises:
        Unsupported: neither could be shown.
        TooLarge: it would take more digits than the limits allow.
    """
    if a == b:
        return True
    logs: list[int | None] = [None]
    bare = ["log" in features(tree) for tree in (a, b)]
    if any(bare) and (not all(bare) or _mentions_ten(a) or _mentions_ten(b)):
        logs = [None, 10]
    return any(_equal(a, b, sign, base) for base in logs)


def _mentions_ten(node: Node) -> bool:
    return any(part[:2] == ("fn", "lg") or part == ("fn", "ln", (("num", Fraction(10)),)) for part in walk(node))


def _equal(a: Node, b: Node, sign: int, log_base: int | None) -> bool:
    names = variables(a) | variables(b)
    if not names:
        return _equal_at(a, b, {}, sign, log_base)[0]
    integers = _integer_variables(a) | _integer_variables(b)
    signed = "abs" in features(a) or "abs" in features(b)
    real_agree = complex_agree = complex_differ = 0
    problem: Exception | None = None
    for point in points(sorted(names), integers, signed=signed):
        try:
            same, real = _equal_at(a, b, dict(point), sign, log_base)
        except (ArithmeticError, TooLarge, ValueError) as caught:
            problem = caught
            continue
        if real:
            if not same:
                return False
            real_agree += 1
        elif same:
            complex_agree += 1
        else:
            complex_differ += 1
    if real_agree >= 2 or (complex_agree >= 2 and not complex_differ):
        return True
    if complex_differ:
        return False
    if isinstance(problem, TooLarge):
        raise problem
    raise Unsupported("no point to compare at")


def proportional(a: Node, b: Node) -> Fraction | int | None:
    """The sign of the constant ``c`` with ``a == c b`` for all values of the variables; None if there is none."""
    names = variables(a) | variables(b)
    if variables(a) != variables(b) or not names:
        return None
    integers = _integer_variables(a) | _integer_variables(b)
    ratio: Node | None = None
    first: tuple[Any, Any] | None = None
    seen = 0
    for point in points(sorted(names), integers, signed=True):
        try:
            with mp.workprec(_BASE_BITS):
                x, y = Evaluator(dict(point))(a), Evaluator(dict(point))(b)
                if isinstance(x, tuple) or isinstance(y, tuple):
                    return None
                if x == 0 or y == 0:
                    if (x == 0) != (y == 0) and type(x) is Fraction and type(y) is Fraction:
                        return None
                    continue
                if first is None:
                    first = (x, y)
                    ratio = ("num", Fraction(0))
                    sign = _mp(x) / _mp(y)
                    seen += 1
                    continue
                if type(x) is type(y) is type(first[0]) is type(first[1]) is Fraction:
                    if x * first[1] != y * first[0]:
                        return None
                else:
                    left, right = _mp(x) * _mp(first[1]), _mp(y) * _mp(first[0])
                    if abs(left - right) > mp.ldexp(max(abs(left), abs(right)), -_BASE_BITS // 2):
                        return None
                seen += 1
        except (ArithmeticError, TooLarge, ValueError):
            continue
    if ratio is None or seen < 3:
        return None
    with mp.workprec(_BASE_BITS):
        if isinstance(sign, mp.mpc):
            return 1 if abs(sign.imag) < mp.ldexp(abs(sign), -60) and sign.real > 0 else -1
        return 1 if sign > 0 else -1


def constant(node: Node, sign: int = 1) -> Any:
    """The value of a constant: a Fraction where it is rational and short, else an mpf or mpc of 160 bits."""
    with mp.workprec(_BASE_BITS):
        return Evaluator({}, sign)(node)


def _equal_at(a: Node, b: Node, point: dict[str, Fraction], sign: int, log_base: int | None) -> tuple[bool, bool]:
    """(equal, both real) at one point."""
    first = Evaluator(point, sign, log_base)
    with mp.workprec(_BASE_BITS):
        x, y = first(a), first(b)
        outcome = _compare(x, y, first.peak)
    if outcome is True or outcome is False:
        return outcome, _is_real(x) and _is_real(y)
    # Not both rational, and not clearly apart.
    if first.peak > MAX_PRECISION_BITS // 2:
        if not point:
            try:
                return all(residue(a, p, sign) == residue(b, p, sign) for p in _PRIMES), True
            except (_NoResidue, ValueError):
                pass
        raise TooLarge("precision")
    bits = max(first.peak, 0) + _BASE_BITS
    if 2 * bits > most_bits():
        raise Costly
    values = []
    for precision in (bits, 2 * bits):
        with mp.workprec(precision):
            evaluator = Evaluator(point, sign, log_base)
            values.append((evaluator(a), evaluator(b)))
    with mp.workprec(2 * bits):
        same = _converges(values[0], values[1], bits)
    return same, _is_real(values[1][0]) and _is_real(values[1][1])


def _compare(x: Value, y: Value, peak: int) -> bool | None:
    """True or False where that is clear at the base precision; None where more digits are needed."""
    if isinstance(x, tuple) != isinstance(y, tuple):
        return False
    if isinstance(x, tuple):
        if len(x) != len(y) or len(x[0]) != len(y[0]):
            return False
        outcomes = [_compare(a, b, peak) for r, s in zip(x, y, strict=True) for a, b in zip(r, s, strict=True)]
        return False if False in outcomes else (None if None in outcomes else True)
    if type(x) is Fraction and type(y) is Fraction:
        return x == y
    # No value on the way was larger than 2^peak, so the error is far below 2^(peak - 60).
    return False if abs(_mp(x) - _mp(y)) > mp.ldexp(1, peak - 60) else None


def _converges(first: tuple[Value, Value], second: tuple[Value, Value], bits: int) -> bool:
    """Whether a difference computed with ``bits`` and with ``2 * bits`` of precision tends to zero."""
    if isinstance(first[0], tuple):
        return all(
            _converges((a, b), (c, d), bits)
            for rows in zip(first[0], first[1], second[0], second[1], strict=True)
            for a, b, c, d in zip(*rows, strict=True)
        )
    x, y = _mp(second[0]), _mp(second[1])
    after = abs(x - y)
    if after == 0:
        return True
    before = abs(_mp(first[0]) - _mp(first[1]))
    scale = max(abs(x), abs(y))
    if after > scale * mp.ldexp(1, -bits // 2) and before > 0 and abs(after - before) < after * mp.ldexp(1, -10):
        return False
    return bool(after < scale * mp.ldexp(1, -bits) or after < mp.ldexp(1, -bits - 20))


def _is_real(x: Value) -> bool:
    if isinstance(x, tuple):
        return all(_is_real(entry) for row in x for entry in row)
    if isinstance(x, mp.mpc):
        return bool(abs(x.imag) <= mp.ldexp(max(abs(x), 1), -60))
    return True
