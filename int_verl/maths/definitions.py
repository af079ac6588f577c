"""The left-hand sides of definitions: what names the value on the right, and chains of equalities that cannot hold."""

from __future__ import annotations

import re
from collections.abc import Sequence
from fractions import Fraction

from int_verl.maths.arithmetic import mp, to_float
from int_verl.maths.equality import constant, equal
from int_verl.maths.nodes import Add, Multiply, Negative, Node, PlusMinus, Power, Subtract, features, variables
from int_verl.maths.parse_expression import parse
from int_verl.maths.prose import is_prose, without_commands
from int_verl.maths.quantities import quantity
from int_verl.maths.size_limits import TooLarge
from int_verl.maths.undecided import NO_VALUE, Unsupported
from int_verl.maths.units import without_unit

_NAME = re.compile(
    # x, \alpha', x_1, x_{max}, f^{-1}, f(2), ...
    r"\\?[A-Za-z]+'*(?:\s*_\s*(?:\{[^{}]*\}|\\?[A-Za-z0-9]+))?'*"
    r"(?:\s*\^\s*(?:\\prime|\{\\prime\}|\\ast|\*|\{\s*-\s*1\s*\}))?(?:\s*\([^()=]*(?:\([^()]*\)[^()=]*)*\))?|"
    # |AB|, [ABC]
    r"\\?[A-Za-z]*\s*\|[^|=]*\||\[[A-Za-z' ]+\]|"
    # (x, y_1)
    r"\(\s*[A-Za-z](?:_\{?\w+\}?)?(?:\s*,\s*[A-Za-z](?:_\{?\w+\}?)?)*\s*\)"
)
_OPERATOR_WORDS = re.compile(
    r"\\(?:max|min|sup|inf|gcd|lcm|nabla|angle|triangle|text|mathrm|operatorname|sum|det|Pr|mathbb|mathbf|frac|overline|"
    r"widehat|deg|dim|tan|sin|cos|log|ln|lim|mathcal|star|oplus|otimes|diamond|circ|prod|int|binom|sqrt|lvert|vec|bar|"
    r"hat|arg|area)(?![A-Za-z])"
)
_UNKNOWN = re.compile(r"(?<![A-Za-z])[xyz](?![A-Za-z])")
_UNKNOWN_AT_BASE = re.compile(r"(?<![A-Za-z_{^])[xyz](?![A-Za-z])")
_COMPUTES = re.compile(r"[-+0-9^*]")
_NOT_OF_NAME = re.compile(r"\s+|\\(?:text|mathrm)(?=\{)|\\(?:measured)?angle(?![A-Za-z])|[{}]")


def is_name(left: str) -> bool:
    """Whether the left-hand side of an equation names what the right-hand side gives."""
    left = left.strip()
    if not left or _NAME.fullmatch(left):
        return True
    bare = without_commands(left)
    if _UNKNOWN.search(bare) and _COMPUTES.search(left):
        return False
    if _OPERATOR_WORDS.search(left) or is_prose(left):
        return True
    # Sums, products and ratios of named quantities: V + E + F, AB : CD, |X|.
    return not _UNKNOWN_AT_BASE.search(bare)


_LETTERS = re.compile(r"[a-z]{2}|[a-d]{3,}|[k-n]{3,}|[p-t]{3,}|[u-z]{3,}")
"""A product of names rather than a word."""
_OF_A_SUM = re.compile(r"[f-hF-H]'*\s*\([^(),]*[a-z][^(),]*[-+][^(),]*[a-z][^(),]*\)")
"""The left-hand side of a functional equation: ``f(x + y)``."""
_CHANGES = {"\\Delta", "\\delta", "\\partial", "\\nabla"}
"""What makes one name with the next: ``\\Delta p``."""


def relates_names(left: str) -> bool:
    """Whether a left-hand side puts several names in relation: ``xy``, ``a + b + c``; not ``AB`` or ``h / r``.

    Capitals side by side are one quantity of a figure, and so are ratios, functions and words.
    """
    left = left.strip()
    if _NAME.fullmatch(left):
        return (_LETTERS.fullmatch(left) or _OF_A_SUM.fullmatch(left)) is not None
    try:
        tree = parse(left)
    except (Unsupported, TooLarge):
        return False
    names = variables(tree) - _CHANGES
    words = any(len(name.partition("_")[0]) > 1 and not name.startswith("\\") for name in names)
    if words or not isinstance(tree, (Add, Subtract, Multiply, Power, Negative)):
        return False
    if not isinstance(tree, (Add, Subtract)):
        names = frozenset(name for name in names if not name[0].isupper())
    return len(names) > 1


def as_name(left: str) -> str:
    """A left-hand side without spaces, braces, text commands and the sign of an angle."""
    return _NOT_OF_NAME.sub("", left)


def is_constant(text: str) -> bool:
    """Whether ``text`` is an expression without variables."""
    try:
        return not variables(parse(text))
    except (Unsupported, TooLarge):
        return False


def contradicts(sides: Sequence[str]) -> bool:
    """Whether two constant members of a chain of equalities differ."""
    known: tuple[str, Node] | None = None
    for side in sides:
        if ":" in side:
            continue
        try:
            tree = parse(side)
            if variables(tree) or PlusMinus in features(tree):
                continue
            if known is None or equal(known[1], tree):
                known = side, tree
            elif not _one_rounds_the_other(known[0], side):
                return True
        except NO_VALUE:
            continue
    return False


def _one_rounds_the_other(a: str, b: str) -> bool:
    """An equality between an exact value and its rounding, as people write it: ``\\frac{2}{3} = 0.667``."""
    if all(number is None or number.decimals is None for number in (quantity(a), quantity(b))):
        return False
    return not misrounds(a, b) or not misrounds(b, a)


_SLIP = mp.mpf("0.005")


def misrounds(exact: str, rounded: str) -> bool:
    """Whether a number that is to say about the same as a constant is neither its rounding nor its beginning.

    Half a percent is a slip, unless an integer is at stake: 8 is not about 8.01, nor 100 about 101.
    """
    number = quantity(without_unit(rounded) or rounded)
    if number is None:
        return False
    try:
        value = constant(parse(without_unit(exact) or exact))
    except NO_VALUE:
        return False
    if isinstance(value, (tuple, mp.mpc)):
        return False
    size, near = abs(to_float(value)) * (100 if number.mark == "%" else 1), abs(to_float(number.value))
    is_whole = [isinstance(x, Fraction) and x.denominator == 1 for x in (value, number.value)]
    slip = mp.mpf(0) if any(is_whole) else size * _SLIP
    if number.decimals is None and not is_whole[1]:
        return bool(abs(size - near) > slip)
    digits = str(number.value.numerator)
    decimals = len(digits.rstrip("0")) - len(digits) if number.decimals is None else number.decimals
    unit = mp.mpf(10) ** -decimals
    return bool(not near <= size < near + unit and abs(size - near) > max(unit / 2, slip))
