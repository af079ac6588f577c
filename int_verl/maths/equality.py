"""Deciding whether two expression trees are equal, by exact or high-precision evaluation.

Constants are compared exactly where they are rational, by residues modulo large primes where they are too long to
write down, and otherwise at two precisions, the second twice the first: a difference that shrinks with the error is
zero, one that stays is not. Expressions with variables are compared at fixed pseudo-random points, exact fractions as
long as nothing irrational enters. Two different expressions agree at all points with negligible probability; nothing
is ever accepted because it is merely close.
"""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from itertools import product
from typing import TypeAlias

from int_verl.maths import nodes
from int_verl.maths.arithmetic import Result, Scalar, mp, to_float
from int_verl.maths.evaluator import Evaluator, pseudo_random
from int_verl.maths.nodes import Node, features, same_tree, variables, walk
from int_verl.maths.size_limits import MAX_PRECISION_BITS, TooLarge, spend
from int_verl.maths.undecided import NO_VALUE, Unsupported

_BASE_BITS = 160  # more than the largest value on the way has before its point
_FIRST_BITS = 224  # enough for values below 2^64
_POWERS_APART = 3  # sin(x) and x are this power of x apart, and so are most values that differ by little
_MOST_FOR_SPAN = 3_900  # bits; as many as are cheap twice

Point: TypeAlias = tuple[tuple[str, Fraction], ...]
"""Values of the free variables, by name."""


def equal(a: Node, b: Node) -> bool:
    """Whether two trees are equal for all admissible values of their variables (on integers where that is implied).

    Raises:
        Unsupported: neither could be shown.
        TooLarge: it would take more digits than the limits allow.
        ArithmeticError: one of them has no value.
    """
    if same_tree(a, b):
        return True
    bare = ["log" in features(tree) for tree in (a, b)]
    if any(bare) and (not all(bare) or _mentions_ten(a) or _mentions_ten(b)):
        return _equal(a, b, None) or _equal(a, b, 10)
    return _equal(a, b, None)


def _mentions_ten(tree: Node) -> bool:
    """Whether a logarithm to the base 10 is in it, by name or as a factor."""
    for node in walk(tree):
        match node:
            case nodes.Call("lg"):
                return True
            case nodes.Call("ln", (nodes.Number(base),)) if base == 10:
                return True
    return False


def _equal(a: Node, b: Node, log_base: int | None) -> bool:
    names = variables(a) | variables(b)
    if not names:
        return _equal_at(a, b, (), log_base)[0]
    if not (_of_integers_only(a) <= variables(b) and _of_integers_only(b) <= variables(a)):
        return False
    present = features(a) | features(b)
    signed = not present.isdisjoint(("abs", "min", "max", "floor", "ceil"))
    points = _points(sorted(names), _integer_names(a, b), signed=signed)
    if "min" in present or "max" in present:
        points += _far_points(sorted(names), a, b)
    real_agree = complex_agree = complex_differ = 0
    problem: Exception | None = None
    for point in points:
        try:
            same, real = _equal_at(a, b, tuple(point.items()), log_base)
        except NO_VALUE as caught:
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


def _equal_at(a: Node, b: Node, point: Point, log_base: int | None) -> tuple[bool, bool]:
    """(equal, both real) at one point."""

    def values(bits: int) -> tuple[tuple[Result, Result], int, int]:
        (x, *of_x), (y, *of_y) = (_evaluated(tree, point, log_base, bits) for tree in (a, b))
        peak, span = map(max, of_x, of_y)
        return (x, y), peak, span

    bits = _FIRST_BITS
    first, peak, span = values(bits)
    with mp.workprec(bits):
        outcome = _compare(*first, peak)
    if outcome is not None:
        return outcome, all(map(_is_real, first))
    # Not both rational, and not clearly apart.
    if peak > MAX_PRECISION_BITS // 2:
        agree = None if point else _same_residues(a, b)
        if agree is None:
            raise TooLarge("precision")
        return agree, True
    if peak + _BASE_BITS > bits:
        bits = peak + _BASE_BITS
        spend(2 * bits)
        first, _, span = values(bits)
    apart = min(_POWERS_APART * span, _MOST_FOR_SPAN)
    if apart > bits:
        bits = apart + _BASE_BITS
        spend(2 * bits)
        first, _, _ = values(bits)
    second, _, _ = values(2 * bits)
    with mp.workprec(2 * bits):
        return _converges(first, second, bits), all(map(_is_real, second))


@lru_cache(maxsize=1024)
def _evaluated(tree: Node, point: Point, log_base: int | None, bits: int) -> tuple[Result, int, int]:
    """The value with so many bits, and the `peak` and `span` of the way to it; a gold's are asked for many times."""
    with mp.workprec(bits):
        evaluate = Evaluator(dict(point), log_base)
        return evaluate(tree), evaluate.peak, evaluate.span


def _compare(x: Result, y: Result, peak: int) -> bool | None:
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
    return False if abs(to_float(x) - to_float(y)) > mp.ldexp(1, peak - 60) else None


def _converges(first: tuple[Result, Result], second: tuple[Result, Result], bits: int) -> bool:
    """Whether a difference computed with ``bits`` and with ``2 * bits`` of precision tends to zero."""
    if isinstance(first[0], tuple):
        return all(
            _converges((a, b), (c, d), bits)
            for rows in zip(*first, *second, strict=True)
            for a, b, c, d in zip(*rows, strict=True)
        )
    x, y = to_float(second[0]), to_float(second[1])
    after = abs(x - y)
    if after == 0:
        return True
    before = abs(to_float(first[0]) - to_float(first[1]))
    scale = max(abs(x), abs(y))
    if after > scale * mp.ldexp(1, -bits // 2) and before > 0 and abs(after - before) < after * mp.ldexp(1, -10):
        return False
    return bool(after < scale * mp.ldexp(1, -bits) or after < mp.ldexp(1, -bits - 20))


def _is_real(x: Result) -> bool:
    if isinstance(x, tuple):
        return all(_is_real(entry) for row in x for entry in row)
    return not isinstance(x, mp.mpc) or bool(abs(x.imag) <= mp.ldexp(max(abs(x), 1), -60))


def proportional(a: Node, b: Node) -> int | None:
    """The sign of the constant ``c`` with ``a == c b`` for all values of the variables; None if there is none."""
    names = variables(a)
    if not names or variables(b) != names:
        return None
    pairs: list[tuple[Scalar, Scalar]] = []
    with mp.workprec(_BASE_BITS):
        for point in _points(sorted(names), _integer_names(a, b), signed=True):
            try:
                x, y = Evaluator(point)(a), Evaluator(point)(b)
                if isinstance(x, tuple) or isinstance(y, tuple):
                    return None
                exact = type(x) is type(y) is Fraction
                if x == 0 or y == 0:
                    if exact and x != y:
                        return None
                    continue
                if pairs and not _same_ratio((x, y), pairs[0]):
                    return None
                pairs.append((x, y))
            except (ArithmeticError, TooLarge):
                continue
        if len(pairs) < 3:
            return None
        ratio = to_float(pairs[0][0]) / to_float(pairs[0][1])
        if isinstance(ratio, mp.mpc):
            return 1 if abs(ratio.imag) < mp.ldexp(abs(ratio), -60) and ratio.real > 0 else -1
        return 1 if ratio > 0 else -1


def _same_ratio(first: tuple[Scalar, Scalar], second: tuple[Scalar, Scalar]) -> bool:
    (x, y), (u, v) = first, second
    if all(type(value) is Fraction for value in (x, y, u, v)):
        return bool(x * v == y * u)
    left, right = to_float(x) * to_float(v), to_float(y) * to_float(u)
    return bool(abs(left - right) <= mp.ldexp(max(abs(left), abs(right)), -_BASE_BITS // 2))


def constant(tree: Node) -> Result:
    """The value of a constant: a Fraction where it is rational and short, else an mpf or mpc of 160 bits."""
    return _evaluated(tree, (), None, _BASE_BITS)[0]


def _points(names: list[str], integers: frozenset[str], *, signed: bool) -> list[dict[str, Fraction]]:
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


def _far_points(names: list[str], a: Node, b: Node) -> list[dict[str, Fraction]]:
    """Points at which some name outweighs all numbers of two trees, so that it decides a minimum or maximum."""
    numbers = [node.value for tree in (a, b) for node in walk(tree) if isinstance(node, nodes.Number)]
    scale = 1 + sum(abs(number.numerator) + number.denominator for number in numbers)
    return [
        {name: sign * (scale**size if name in far else 1) * (1 + k) for k, name in enumerate(names)}
        for size in (1, 2, 4)
        for sign in (Fraction(1), Fraction(-1))
        for far in (names, *([name] for name in names[: len(names) if len(names) > 1 else 0]))
    ]


_INTEGERS_ONLY = frozenset(["gcd", "lcm", "mod"])
_ROUNDING = frozenset(["floor", "ceil"])
_OF_INTEGERS = frozenset(
    [*_INTEGERS_ONLY, *_ROUNDING, "binom", nodes.Factorial, nodes.Series, nodes.UnknownCall, nodes.Power]
)


def _integer_names(a: Node, b: Node) -> frozenset[str]:
    """Variables that can only be integers in two trees that are compared.

    Factorials, binomials, powers of a negative number and the like ask for integers wherever they stand. Rounding asks
    for them where both trees do, and where it has something to round: the ``x`` in ``\\lfloor x \\rfloor`` is none.
    """
    (first, first_rounded, first_real), (second, second_rounded, second_real) = map(_integer_variables, (a, b))
    rounded = (first | first_rounded) & (second | second_rounded)
    return first | second | (rounded - first_real - second_real)


@lru_cache(maxsize=4096)
def _integer_variables(tree: Node) -> tuple[frozenset[str], frozenset[str], frozenset[str]]:
    """Variables in what stands for integers; in what is rounded; in what rounding would leave as it is."""
    surely, rounded, real = set[str](), set[str](), set[str]()
    if features(tree) & _OF_INTEGERS:
        for node in walk(tree):
            if isinstance(node, nodes.Call) and node.name in _ROUNDING:
                (argument,) = node.arguments
                (real if all(map(keeps_integers, walk(argument))) else rounded).update(variables(argument))
            for whole in _whole_parts(node):
                surely.update(variables(whole))
    return frozenset(surely), frozenset(rounded), frozenset(real)


def keeps_integers(node: Node) -> bool:
    """Whether a node makes an integer of integers."""
    match node:
        case nodes.Number(value):
            return value.denominator == 1
        case nodes.Power(_, nodes.Number()) | nodes.Variable() | nodes.Add() | nodes.Subtract() | nodes.Multiply():
            return True
    return isinstance(node, nodes.Negative)


def _of_integers_only(tree: Node) -> frozenset[str]:
    """Free variables of functions that have no value but for integers: ``\\gcd(7, 7x)`` is 7 for some ``x`` alone."""
    if features(tree).isdisjoint(_INTEGERS_ONLY):
        return frozenset()
    calls = (node for node in walk(tree) if isinstance(node, nodes.Call) and node.name in _INTEGERS_ONLY)
    return frozenset().union(*map(variables, calls)) & variables(tree)


def _whole_parts(node: Node) -> tuple[Node, ...]:
    """The trees below a node that stand for integers."""
    match node:
        case nodes.Factorial():
            return (node.operand,)
        case nodes.Series():
            return node.low, node.high
        case nodes.Call() if node.name in _INTEGERS_ONLY or node.name == "binom":
            return node.arguments
        case nodes.UnknownCall() if node.name.endswith("_"):
            return node.arguments
        case nodes.Power(nodes.Negative() | nodes.Subtract() as base, exponent) if not variables(base):
            return (exponent,)
    return ()


_PRIMES = (2305843009213693951, 2305843009213693921, 1152921504606846883)


class _NoResidue(Exception):
    """The constant is not a quotient of integers that can be followed modulo a prime."""


def _same_residues(a: Node, b: Node) -> bool | None:
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
