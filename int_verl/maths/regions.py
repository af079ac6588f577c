"""Subsets of the line as they are written.

(0, 1]    (0, 1) \\cup \\{2\\}    \\mathbb{R} \\setminus \\{2\\}    \\mathbb{R}^+    \\mathbb{R}_{\\ge 0}
\\{x \\mid x > 2\\}    all positive real numbers    all real numbers except 2
"""

from __future__ import annotations

import re

from int_verl.maths.answer_items import Region
from int_verl.maths.brackets import bracketed, cut, members
from int_verl.maths.inequalities import FALLING, RISING, inequality
from int_verl.maths.intervals import EVERYWHERE, Interval, Pieces, intersection, without_points
from int_verl.maths.parse_expression import parsed

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
    if not any(command in text for command in _COMMANDS):
        return None
    minus = cut(_MINUS_A_SET.sub(r"\\setminus ", text), frozenset(["\\setminus"]))
    if len(minus) == 2:
        whole, removed = _union(minus[0][1]), simple_region(minus[1][1])
        rest = None if removed is None else without_points(removed)
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
        return tuple(map(Interval.only, trees))
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
    parts = cut(text, _ORDER | {"\\in"})
    operators, sides = [operator for operator, _ in parts[1:]], [side.strip() for _, side in parts]
    if operators == ["\\in"]:
        pieces = region(sides[1]) or simple_region(sides[1])
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


_IN_WORDS = re.compile(
    r"\s*(?:the\s+)?(?:set\s+of\s+)?(?:all\s+|any\s+|every\s+)?(?:the\s+)?"
    r"(?P<kind>(?:strictly\s+)?(?:positive|negative)|non-?\s*(?:negative|positive|zero))?"
    r"\s*real(?:\s+numbers?|\s+values?|s)?(?:\s+(?:of\s+)?(?P<unknown>[a-z]))?"
    r"(?:\s*,?\s*(?:except(?:\s+for)?|excluding|other\s+than|but|without|not\s+equal\s+to)\s+(?P<removed>[^A-Za-z].*|[a-z]\s*=.*))?"
    r"[\s.]*",
    re.IGNORECASE | re.DOTALL,
)
_TEXT = re.compile(r"\\(?:text|textrm|mathrm|mbox)\s*\{([^{}]*)\}|\$|\\[()]")
_AND = re.compile(r"(?:,\s*)?\b(?:and|or)\b|;|\b[a-z]\s*=")


def from_words(text: str) -> str:
    """``text``, or the formula for the "all positive real numbers" or "all reals except 2" that it is."""
    if "real" not in text.lower():
        return text
    plain = _TEXT.sub(lambda m: f" {m[1] or ''} ", text)
    said = _IN_WORDS.fullmatch(plain)
    if said is None or not re.search(r"reals|numbers|\b(?:all|any|every)\b", plain, re.IGNORECASE):
        return text
    kind = re.sub(r"[\s-]|strictly", "", (said["kind"] or "").lower())
    numbers = "\\mathbb{R}" + _KINDS[kind]
    if said["removed"] is None:
        return numbers
    removed = [piece for piece in members(_AND.sub(",", said["removed"])) if piece]
    return f"{numbers}\\setminus \\{{{','.join(removed)}\\}}"


_KINDS = {
    "": "", "positive": "_{>0}", "negative": "_{<0}", "nonnegative": "_{\\ge 0}", "nonpositive": "_{\\le 0}",
    "nonzero": "_{\\ne 0}",
}  # fmt: skip
