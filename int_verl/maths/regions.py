"""Subsets of the line as they are written.

(0, 1]    (0, 1) \\cup \\{2\\}    \\mathbb{R} \\setminus \\{2\\}    \\mathbb{R}^+    \\mathbb{R}_{\\ge 0}
\\{x \\mid x > 2\\}    all positive real numbers    all real numbers except 2
"""

from __future__ import annotations

import re

from int_verl.maths.answer_items import Region
from int_verl.maths.brackets import bracketed, cut, members
from int_verl.maths.inequalities import FALLING, RISING, inequality
from int_verl.maths.intervals import EVERYWHERE, Interval, Pieces, intersection, outside
from int_verl.maths.parse_expression import parsed
from int_verl.maths.signs import both_signs

_COMMANDS = ("\\mathbb", "\\cup", "\\setminus", "\\infty")
_ORDER = RISING | FALLING | {"\\ne"}
_REAL_NUMBERS = re.compile(
    r"\\(?:mathbb|mathbf|Bbb)\s*(?:\{\s*R\s*\}|R)\s*(?P<scripts>(?:[\^_]\s*(?:\{[^{}]*\}|[-+*])\s*){0,2})"
)
_SCRIPT = re.compile(r"[\^_]\s*\{?([^{}^_]*)\}?")
_CONDITIONS = {"+": "x>0", "-": "x<0", "*": "x\\ne 0", "\\times": "x\\ne 0"}
_MINUS_A_SET = re.compile(r"-\s*(?=\\\{)")
_SUCH_THAT = frozenset(["|", ":"])


def region(text: str) -> Pieces | None:
    """The pieces of a union of intervals and finite sets; None for anything else."""
    if text == "\\emptyset":
        return ()
    text = _MINUS_A_SET.sub(r"\\setminus ", text)
    if not any(command in text for command in _COMMANDS):
        return None
    minus = cut(text, frozenset(["\\setminus"]))
    if len(minus) == 2:
        whole, removed = _union(minus[0][1]), simple_region(minus[1][1])
        rest = None if removed is None else outside(removed)
        return None if whole is None or rest is None else intersection(whole, rest)
    return _union(text)


def _union(text: str) -> Pieces | None:
    pieces: list[Interval] = []
    for _, part in cut(text, frozenset(["\\cup"])):
        simple = simple_region(part)
        if simple is None:
            return None
        pieces.extend(simple)
    return tuple(pieces)


def simple_region(text: str) -> Pieces | None:
    """The real numbers, an inequality in one unknown, an interval or a finite set; None for anything else."""
    text = text.strip()
    numbers = _REAL_NUMBERS.fullmatch(text)
    if numbers:
        return _real_numbers(numbers["scripts"])
    condition = _condition(text)
    if condition is not None:
        return condition.pieces
    enclosed = bracketed(text)
    if enclosed is None:
        return None
    brackets, inner = enclosed
    ends = members(inner)
    finite = brackets in ("\\{\\}", "{}")
    if not finite and (brackets[0] not in "([" or brackets[-1] not in ")]" or len(ends) != 2):
        return None
    trees = parsed(*ends)
    if trees is None:
        return None
    if finite:
        return tuple(Interval.only(value) for tree in trees for value in both_signs(tree))
    return (Interval.between(trees[0], brackets[0] == "[", trees[1], brackets[-1] == "]"),)


def _real_numbers(scripts: str) -> Pieces | None:
    """``\\mathbb{R}`` with its exponent and index, such as ``^+``, ``_+^*`` and ``_{\\ge 0}``."""
    found: Pieces | None = (EVERYWHERE,)
    for script in _SCRIPT.findall(scripts):
        condition = _condition(_CONDITIONS.get(script.strip(), "x" + script))
        if condition is None or found is None:
            return None
        found = intersection(found, condition.pieces)
    return found


def _condition(text: str) -> Region | None:
    """An inequality in one unknown, or ``x \\in`` a region; None for anything else."""
    parts = cut(text, _ORDER | {"\\in", "\\notin"})
    operators, sides = [operator for operator, _ in parts[1:]], [side.strip() for _, side in parts]
    if operators in (["\\in"], ["\\notin"]):
        pieces = region(sides[1]) or simple_region(sides[1])
        if pieces is not None and operators == ["\\notin"]:
            pieces = outside(pieces)
        return None if pieces is None else Region(text, pieces, name=sides[0])
    if not operators or not _ORDER.issuperset(operators):
        return None
    found = inequality(text, sides, operators)
    return found if isinstance(found, Region) else None


def where(inner: str) -> Pieces | None:
    """The inside of ``\\{x \\mid x > 2\\}`` or ``\\{x \\in [0, 9] : x \\ne 2\\}``; None for anything else."""
    unknown = cut(inner, _SUCH_THAT)[0][1]
    condition = _condition(inner[len(unknown) + 1 :].strip())
    if condition is None:
        return None
    unknown = unknown.strip()
    if "\\in" not in unknown:
        return condition.pieces if re.sub(r"\s", "", unknown) == condition.name else None
    domain = _condition(unknown)
    if domain is None or domain.name != condition.name:
        return None
    return intersection(domain.pieces, condition.pieces)
