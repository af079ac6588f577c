"""Whether two answers, as lists of items, are the same.

Lists and sets have no order, tuples and matrices have one. Intervals, inequalities in one variable and unions are
compared as subsets of the line, definitions by their right-hand sides, any other equations up to a constant factor,
text by its words.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from typing import Any

from mpmath.libmp import to_rational

from int_verl.maths.answer_items import Item, Piece, Undecided
from int_verl.maths.equality import constant, equal, proportional
from int_verl.maths.expression_tree import Node, Unsupported, features, variables
from int_verl.maths.intervals import infinite, same_region
from int_verl.maths.numbers_of_any_precision import _magnitude, _mp, mp
from int_verl.maths.parse_expression import parse
from int_verl.maths.prose import plain_words
from int_verl.maths.quantities import Quantity, agrees, quantities_agree
from int_verl.maths.units import unit


def same(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Whether two answers are the same.

    Raises:
        Undecided: math-verify should have a look.
        TooLarge: beyond the limits.
    """
    gold, answer = _joined(gold), _joined(answer)
    if len(gold) == 1 and len(answer) == 1:
        return same_item(gold[0], answer[0])
    if any(item.kind == "contradiction" for item in answer):
        return False
    # a = 1, b = 2 against 1, 2
    for one, other in ((gold, answer), (answer, gold)):
        if len(one) == 1 and one[0].kind == "named" and len({name.partition("_")[0] for name, _ in one[0].tree}) == 1:
            # x_1 = 1, x_2 = 2 against 2, 1
            if all(i.kind == "expr" and not i.name for i in other):
                values = tuple(replace(item, name="") for _, item in one[0].tree)
                return _same_set(values, other) if one is gold else _same_set(other, values)
        elif (
            len(one) == 1
            and one[0].kind == "named"
            and len(other) == len(one[0].tree)
            and all(i.kind == "expr" and not i.name for i in other)
        ):
            return all(
                same_item(*((named, item) if one is gold else (item, named)))
                for (_, named), item in zip(one[0].tree, other, strict=True)
            )
    # 1, 2 against (1, 2)
    for one, other in ((gold, answer), (answer, gold)):
        if (
            len(one) == 1
            and one[0].kind == "tuple"
            and one[0].name in ("()", "\\langle\\rangle")
            and len(other) == len(one[0].tree)
            and len(other) > 2
        ):
            return all(same_item(*((a, b) if one is gold else (b, a))) for a, b in zip(one[0].tree, other, strict=True))
    if (len(gold) == 1 and gold[0].kind == "region") or (len(answer) == 1 and answer[0].kind == "region"):
        pieces = [_as_pieces(side) for side in (gold, answer)]
        if pieces[0] is not None and pieces[1] is not None:
            return same_region(pieces[0], pieces[1])
    return _same_set(gold, answer)


def _as_pieces(items: tuple[Item, ...]) -> tuple[Piece, ...] | None:
    if len(items) == 1 and items[0].kind == "region":
        return items[0].tree
    if items and all(item.kind == "expr" for item in items):
        return tuple((item.tree, True, item.tree, True) for item in items)
    return None


def _joined(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """``x < 0 or x > 2`` as one region; nothing else changes."""
    regions = all(item.kind == "region" and item.name for item in items)
    if len(items) > 1 and regions and len({item.name for item in items}) == 1:
        pieces = tuple(piece for item in items for piece in item.tree)
        return (Item("region", " ; ".join(item.text for item in items), pieces, items[0].name),)
    return items


def _is_bare_number(item: Item) -> bool:
    return item.number is not None and not item.number.mark and not item.name


def _same_set(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Every item of each side has its like on the other."""
    undecided: Exception | None = None
    used = [False] * len(answer)
    numbers: dict[Fraction, list[int]] = {}
    for k, given in enumerate(answer):
        if _is_bare_number(given):
            numbers.setdefault(given.number.value, []).append(k)  # type: ignore[union-attr]
    for wanted in gold:
        found = False
        if _is_bare_number(wanted) and wanted.number.value in numbers:  # type: ignore[union-attr]
            for k in numbers[wanted.number.value]:  # type: ignore[union-attr]
                used[k] = True
            continue
        for k, given in enumerate(answer):
            try:
                if same_item(wanted, given):
                    found = used[k] = True
            except (Undecided, Unsupported) as problem:
                undecided = problem
        if not found:
            if undecided is not None:
                raise Undecided(str(undecided))
            return False
    if not all(used):
        if undecided is not None:
            raise Undecided(str(undecided))
        return False
    return True


_OPTION = re.compile(
    r"(?:option|choice)?\s*(?:\(\s*([A-Ja-j])\s*\)\s*[^()+*/^=-]*|([A-Ja-j])\s*[).:](?!\s*[0-9]+\s*$).*|([A-Ja-j]))",
    re.DOTALL | re.I,
)


_NO_VALUE = re.compile(r"\\begin ?\{cases\}|[A-Z] ?\([^()]*(?:[=<>]|\\(?:le|ge|in|mid)(?![a-zA-Z]))[^()]*\)")
"""Cases and probabilities of events: an answer that a plain number does not equal as it stands."""


_CHOICE = re.compile(r"(?:\\(?:text|textbf|mathrm|mathbf)|[{\s])*\(?[{\s]*([A-J])[}\s]*\)?[}\s]*")
_TEXT_MARKS = re.compile(r"\\(?:text|textbf|mathrm|mathbf)\s*(?=\{)|[{}$]")


def same_item(gold: Item, answer: Item) -> bool:
    """Whether two items are the same."""
    if gold.kind == "contradiction":
        raise Undecided("the gold contradicts itself")
    if answer.kind == "contradiction":
        return False
    chosen = _option(gold, answer)
    if chosen is not None:
        return chosen
    handler = _HANDLERS.get((gold.kind, answer.kind))
    if handler is not None:
        return handler(gold, answer)
    if "text" in (gold.kind, answer.kind):
        return _same_text(gold, answer)
    if "unknown" in (gold.kind, answer.kind):
        if {gold.kind, answer.kind} & {"region", "inequality"} and not all(
            map(_SET_LIKE.search, (gold.text, answer.text))
        ):
            return False
        if gold.number is not None and _NO_VALUE.search(answer.text):
            return False
        raise Undecided("not understood")
    return False


def _same_text(gold: Item, answer: Item) -> bool:
    wanted, given = plain_words(gold.text), plain_words(answer.text)
    if wanted == given or re.sub(r"[\s.,;:]", "", wanted) == re.sub(r"[\s.,;:]", "", given):
        return True
    if re.search(r"[,;]|\b(?:and|or)\b", wanted):
        return _parts(wanted) == _parts(given)
    return False


def _parts(words: str) -> frozenset[str]:
    return frozenset(part.strip() for part in re.split(r"[,;]|\b(?:and|or)\b", words) if part.strip())


def _option(gold: Item, answer: Item) -> bool | None:
    """For a gold that is one letter of a multiple choice: whether the answer picks it. None: no choice."""
    wanted = _CHOICE.fullmatch(gold.text)
    if wanted is None:
        return None
    said = _OPTION.fullmatch(_TEXT_MARKS.sub("", answer.text).strip())
    return None if said is None else (said[1] or said[2] or said[3]).upper() == wanted[1]


def _same_expr(gold: Item, answer: Item) -> bool:
    if (
        gold.name
        and answer.name
        and gold.name[0].lower() != answer.name[0].lower()
        and gold.name[0] != "\\" != answer.name[0]
    ):
        return False
    if _function_name(gold.name) != _function_name(answer.name) and gold.name and answer.name:
        return False
    first, second = unit(gold.text), unit(answer.text)
    if first and second and first != second:
        return False
    if gold.number is not None and answer.number is not None:
        return quantities_agree(gold.number, answer.number)
    a, b = gold.tree, answer.tree
    if gold.number is not None and gold.number.decimals is not None and not variables(b):
        return _same_decimal(gold.number, b)
    if gold.name != answer.name and gold.name and answer.name:
        b = _with_argument_of(gold.name, answer.name, b)
    if "inf" in features(a) | features(b):
        if (features(a) | features(b)) & {"sum", "prod"}:
            raise Undecided("infinite series")
        return bool(a == b)
    if (a[0] == "degree") == (b[0] == "degree") or "pi" not in features(a) | features(b):
        # The sign is a unit, and may be left out; against a multiple of pi it is a factor.
        a, b = _degrees_dropped(a), _degrees_dropped(b)
    try:
        if equal(a, b):
            return True
        return _percent_as_unit(gold, answer)
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem
    except KeyError as problem:
        raise Undecided("unbound variable") from problem


def _percent_as_unit(gold: Item, answer: Item) -> bool:
    """``7.5\\%`` against 7.5, where the gold carries the sign."""
    return gold.tree[0] == "percent" and answer.tree[0] != "percent" and equal(gold.tree[1], answer.tree)


def _function_name(name: str) -> str:
    match = re.match(r"\\(sin|cos|tan|cot|sec|csc|log|ln)", name)
    return match[1] if match else ""


def _with_argument_of(gold_name: str, answer_name: str, tree: Node) -> Node:
    """``f(t) = t + 1`` in the variable of ``f(x) = x + 1``."""
    first = re.fullmatch(r".*\((\w)\)", gold_name)
    second = re.fullmatch(r".*\((\w)\)", answer_name)
    if first and second and first[1] != second[1] and first[1] not in variables(tree):
        return _substitute(tree, second[1], first[1])
    return tree


def _substitute(node: Any, old: str, new: str) -> Any:
    if node == ("var", old):
        return ("var", new)
    return tuple(_substitute(part, old, new) for part in node) if isinstance(node, tuple) else node


def _degrees_dropped(node: Node) -> Node:
    """An angle's value in degrees: the sign at the end of an answer is a unit, inside a sine it is a factor."""
    return node[1] if node[0] == "degree" else node


def _same_decimal(gold: Quantity, tree: Node) -> bool:
    try:
        value = constant(_degrees_dropped(tree))
    except (Unsupported, ArithmeticError):
        raise Undecided("value") from None
    if isinstance(value, tuple):
        return False
    if type(value) is not Fraction:
        value = _mp(value)
        if isinstance(value, mp.mpc):
            if abs(value.imag) > 1e-30:
                return False
            value = value.real
        if not -4000 < _magnitude(value) < 4000:
            return False
        value = Fraction(*_as_ratio(value))
    goal = gold.value / 100 if gold.mark == "%" else gold.value
    decimals = gold.decimals + 2 if gold.mark == "%" and gold.decimals is not None else gold.decimals
    return agrees(goal, decimals, value)


def _as_ratio(value: Any) -> tuple[int, int]:
    numerator, denominator = to_rational(value._mpf_)
    return int(numerator), int(denominator)


def _same_equation(gold: Item, answer: Item) -> bool:
    (a, b), (c, d) = _sides(gold), _sides(answer)
    try:
        return proportional(("sub", a, b), ("sub", c, d)) is not None
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _sides(item: Item) -> tuple[Node, Node]:
    if item.kind == "equation":
        return item.tree
    try:
        return parse(item.name), item.tree
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _equation_and_expr(gold: Item, answer: Item) -> bool:
    """An equation against a definition (``y = 2x + 3``); a bare expression is no equation."""
    named = gold if gold.kind == "expr" else answer
    if not named.name:
        return False
    return _same_equation(gold, answer)


def _same_definitions(gold: Item, answer: Item) -> bool:
    if _same_expr(gold, answer):
        return True
    if gold.name and answer.name and gold.name != answer.name and variables(gold.tree) and variables(answer.tree):
        return _same_equation(gold, answer)
    return False


def _same_inequality(gold: Item, answer: Item) -> bool:
    a, b = _difference(gold), _difference(answer)
    if a is None or b is None or a[1] != b[1]:
        return False
    try:
        sign = proportional(a[0], b[0])
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem
    return sign is not None and (sign > 0 or a[1] == "\\ne")


def _difference(item: Item) -> tuple[Node, str] | None:
    """An inequality as (tree, operator), tree compared with 0 from above."""
    if item.kind == "inequality":
        return item.tree, item.name
    if item.kind == "region" and len(item.tree) == 1 and item.name:
        low, closed_low, high, closed_high = item.tree[0]
        variable: Node = ("var", item.name)
        if infinite(low) and not infinite(high):
            return ("sub", high, variable), "<=" if closed_high else "<"
        if infinite(high) and not infinite(low):
            return ("sub", variable, low), "<=" if closed_low else "<"
    return None


def _regions(gold: Item, answer: Item) -> bool:
    try:
        return same_region(gold.tree, answer.tree)
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _tuple_as_region(item: Item) -> tuple[Piece, ...] | None:
    if len(item.tree) != 2 or item.name not in ("()", "[]", "(]", "[)") or any(i.kind != "expr" for i in item.tree):
        return None
    return ((item.tree[0].tree, item.name[0] == "[", item.tree[1].tree, item.name[1] == "]"),)


def _tuple_and_region(gold: Item, answer: Item) -> bool:
    pieces = [_tuple_as_region(item) if item.kind == "tuple" else item.tree for item in (gold, answer)]
    if pieces[0] is None or pieces[1] is None:
        return False
    try:
        return same_region(pieces[0], pieces[1])
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _same_tuple(gold: Item, answer: Item) -> bool:
    if len(gold.tree) != len(answer.tree):
        return False
    if gold.name != answer.name and (len(gold.tree) == 2 or not _vector_brackets(gold.name, answer.name)):
        return False
    undecided: Exception | None = None
    for a, b in zip(gold.tree, answer.tree, strict=True):
        try:
            if not same_item(a, b):
                return False
        except Undecided as problem:
            undecided = problem
    if undecided is not None:
        raise undecided
    return True


def _vector_brackets(first: str, second: str) -> bool:
    return {first, second} <= {"()", "[]", "\\langle\\rangle"}


def _tuple_and_expr(gold: Item, answer: Item) -> bool:
    """A point or vector against a matrix of one row or column."""
    entries, tree = (gold.tree, answer.tree) if gold.kind == "tuple" else (answer.tree, gold.tree)
    if tree[0] != "matrix" or any(entry.kind != "expr" for entry in entries):
        return False
    cells = [cell for row in tree[1] for cell in row]
    if len(cells) != len(entries) or (len(tree[1]) > 1 and len(tree[1][0]) > 1):
        return False
    try:
        return all(equal(entry.tree, cell) for entry, cell in zip(entries, cells, strict=True))
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


_SET_LIKE = re.compile(r"[<>,]|\\(?:le|ge|ne|in|cup|cap|mathbb|infty|setminus|bigcup|emptyset)(?![a-z])")


_CLOCK = re.compile(r":\s*0")


def _same_ratio(gold: Item, answer: Item) -> bool:
    if len(gold.tree) != len(answer.tree):
        return False
    try:
        (a, *rest), (b, *others) = gold.tree, answer.tree
        if _CLOCK.search(gold.text) or _CLOCK.search(answer.text):
            return all(equal(x, y) for x, y in zip(gold.tree, answer.tree, strict=True))
        return all(equal(("mul", a, y), ("mul", b, x)) for x, y in zip(rest, others, strict=True))
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _ratio_and_expr(gold: Item, answer: Item) -> bool:
    ratio, other = (gold, answer) if gold.kind == "ratio" else (answer, gold)
    if len(ratio.tree) != 2:
        return False
    try:
        return equal(("div", *ratio.tree), other.tree)
    except ArithmeticError:
        return False
    except Unsupported as problem:
        raise Undecided(str(problem)) from problem


def _same_named(gold: Item, answer: Item) -> bool:
    wanted, given = dict(gold.tree), dict(answer.tree)
    return wanted.keys() == given.keys() and all(same_item(item, given[name]) for name, item in wanted.items())


def _named_and_tuple(gold: Item, answer: Item) -> bool:
    named, entries = (gold.tree, answer.tree) if gold.kind == "named" else (answer.tree, gold.tree)
    if len(named) != len(entries):
        return False
    pairs = [(item, entry) for (_, item), entry in zip(named, entries, strict=True)]
    return all(same_item(a, b) if gold.kind == "named" else same_item(b, a) for a, b in pairs)


def _same_base(gold: Item, answer: Item) -> bool:
    return bool(gold.tree == answer.tree)


def _sets(gold: Item, answer: Item) -> bool:
    return same(gold.tree, answer.tree)


_HANDLERS: dict[tuple[str, str], Callable[[Item, Item], bool]] = {
    ("expr", "expr"): _same_definitions,
    ("equation", "equation"): _same_equation,
    ("equation", "expr"): _equation_and_expr,
    ("expr", "equation"): _equation_and_expr,
    ("inequality", "inequality"): _same_inequality,
    ("inequality", "region"): _same_inequality,
    ("region", "inequality"): _same_inequality,
    ("region", "region"): _regions,
    ("region", "tuple"): _tuple_and_region,
    ("tuple", "region"): _tuple_and_region,
    ("tuple", "tuple"): _same_tuple,
    ("tuple", "expr"): _tuple_and_expr,
    ("expr", "tuple"): _tuple_and_expr,
    ("ratio", "ratio"): _same_ratio,
    ("ratio", "expr"): _ratio_and_expr,
    ("expr", "ratio"): _ratio_and_expr,
    ("named", "named"): _same_named,
    ("named", "tuple"): _named_and_tuple,
    ("tuple", "named"): _named_and_tuple,
    ("base", "base"): _same_base,
    ("set", "set"): _sets,
}
