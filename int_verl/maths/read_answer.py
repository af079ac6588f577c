"""From a normalised answer to its items.

An answer is a list of items (several values separated by commas, "and", "or"), each of which is an expression, a
relation, a tuple or interval, a set, a ratio, a numeral in a base, or text. ``x = 5`` is read as 5 with a name, a chain
``a = b = c`` as its last member if its members agree, and units and remarks after a value are put aside.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache
from itertools import pairwise

from int_verl.maths import answer_items as items
from int_verl.maths import labels, nodes, prose, remarks, units
from int_verl.maths.answer_items import Item
from int_verl.maths.brackets import bracketed, cut, members
from int_verl.maths.combinations import as_binomials
from int_verl.maths.congruences import congruence, each_with_modulus, united, with_moduli
from int_verl.maths.definitions import as_name, contradicts, is_constant, is_name, misrounds, relates_names
from int_verl.maths.domains import without_domain
from int_verl.maths.ellipses import apart, is_ellipsis, series, with_progressions
from int_verl.maths.inequalities import FALLING, RISING, inequality
from int_verl.maths.intervals import outside
from int_verl.maths.marks_in_words import with_signs
from int_verl.maths.minutes import with_degrees
from int_verl.maths.nodes import Node, variables
from int_verl.maths.numerals import numeral, with_subscripts
from int_verl.maths.parse_expression import parsed
from int_verl.maths.quantities import quantity
from int_verl.maths.regions import region, simple_region, where
from int_verl.maths.regions_in_words import from_words, with_holes
from int_verl.maths.signs import both_signs, combined, signed_groups
from int_verl.maths.size_limits import MAX_ITEMS, TooLarge
from int_verl.maths.systems import branches, side_by_side

_EXPRESSION = re.compile(
    r"(?:\\(?:frac|sqrt|cdot|times|pi|ln|log|sin|cos|tan|binom|[lr]floor|[lr]ceil)(?![A-Za-z])|"
    r"(?<![A-Za-z(])[ABD-OQ-Za-z](?![A-Za-z])|(?<=\()[A-Za-z](?![A-Za-z)])|[0-9]+(?:\.[0-9]+)?|[-+*/^{}()! ])+"
)
"""No words, relations or separators, no ``5C2`` or ``5P2``, and nothing in brackets that may be a label."""
_GROUPED = re.compile(r"(?<![0-9.,])[0-9]{1,3}(?:,[0-9]{3})+(?![0-9]|,[0-9])")
_MATH_DOLLARS = re.compile(r"(?<!\\)\$+|\\[()\[\]](?![A-Za-z0-9])")


def ambiguous(text: str) -> bool:
    """Whether commas in ``text`` may separate thousands or values: ``1,234``."""
    return _GROUPED.search(text) is not None


_REWRITES = (
    with_holes, without_domain, as_binomials, from_words, with_moduli, with_degrees, with_signs, with_subscripts,
    prose.with_separators, remarks.without_remark,
)  # fmt: skip
"""What gives one spelling to each thing that is said in words or in several notations."""


@lru_cache(maxsize=4096)
def read(text: str, grouped: bool = True) -> tuple[Item, ...]:
    """The items of a normalised answer.

    Args:
        text: the answer.
        grouped: read ``1,234`` as one number; else as two values.

    Raises:
        TooLarge: beyond the limits of the parser.
    """
    if _EXPRESSION.fullmatch(text):
        return tuple(_value(text))  # none of what follows has a say
    if grouped:
        text = _GROUPED.sub(lambda m: m.group().replace(",", ""), text)
    if "$" in text or "\\(" in text or "\\[" in text:
        text = _MATH_DOLLARS.sub(" ", text).strip()
    if "\\begin" in text:
        defined = branches(text)
        if defined is not None:
            return (_piecewise(text, *defined),)
        text = side_by_side(text)
    if labelled := labels.parts(text):
        return (_parts(text, labelled),)
    if picked := labels.option(text):
        return (items.Choice(text, picked[0], read(picked[1], grouped)),)
    for rewritten in _REWRITES:
        text = rewritten(text)
    words = prose.plain_words(text)
    if words in prose.WORD_VALUES:
        text = prose.WORD_VALUES[words]
    elif prose.is_prose(text):
        value = prose.after_lead(text)
        if value is None or prose.is_prose(value):
            value = prose.stated_value(text)
        if value is None and not (units.without_unit(text) or _lists_units(text)):
            return (items.Text(text),)
        text = text if value is None else value
    pieces = each_with_modulus(apart([piece for piece in members(text) if piece]))
    if len(pieces) > MAX_ITEMS:
        raise TooLarge("items")
    if not pieces:
        return (items.Text(text),)
    found = with_progressions(united([item for piece in pieces for item in _item(piece)]))
    return _with_names(found)


def _piecewise(text: str, name: str, found: list[tuple[str, str]]) -> items.Piecewise:
    if len(found) > MAX_ITEMS:
        raise TooLarge("items")
    read_branches = tuple((read(value), read(condition) if condition else ()) for value, condition in found)
    return items.Piecewise(text, read_branches, name=as_name(name))


def _lists_units(text: str) -> bool:
    """Whether the words of a tuple or set are units after its entries."""
    enclosed = bracketed(text)
    return enclosed is not None and all(
        units.ends_in_unit(piece) or not prose.is_prose(piece) for piece in members(enclosed[1])
    )


def _parts(text: str, values: Sequence[str]) -> items.NamedGroup:
    """The parts of an answer, named by letters."""
    found = (read(value) for value in values)
    parts = [part[0] if len(part) == 1 else items.Set(value, part) for part, value in zip(found, values, strict=True)]
    return items.NamedGroup(
        text, tuple(replace(part, name=name) for part, name in zip(parts, "abcdefgh", strict=False))
    )


def _with_names(found: list[Item]) -> tuple[Item, ...]:
    """``p=5, q=2, p=7, q=2`` as two named groups, and the name of ``x = 1, 2`` for both of its values.

    So with ``(x, y) = (1, 2), (3, 4)``: the second tuple names its entries as the first.
    """
    if isinstance(found[0], items.Tuple) and found[0].name:
        name = found[0].name
        found = [replace(item, name=item.name or name) if isinstance(item, items.Tuple) else item for item in found]
    named = [item for item in found if isinstance(item, items.Value) and item.name]
    names = {item.name for item in named}
    if len(names) == 1 and (found[0].name or isinstance(found[0], (items.Tuple, items.Inequality))):
        return tuple(_named(found, named[0].name))
    if len(names) < 2 or len(named) != len(found):
        return tuple(found)
    groups: list[dict[str, items.Value]] = [{}]
    for item in named:
        if item.name in groups[-1]:
            groups.append({})
        groups[-1][item.name] = item
    if any(len(group) != len(groups[0]) for group in groups):
        return tuple(found)
    return tuple(
        items.NamedGroup(", ".join(item.text for item in group.values()), tuple(group.values())) for group in groups
    )


def _named(found: Sequence[Item], name: str) -> list[Item]:
    """The same items, where values without a name have this one."""
    return [replace(item, name=item.name or name) if isinstance(item, items.Value) else item for item in found]


_ARROWS = frozenset(["\\Rightarrow", "\\implies", "\\iff", "\\Leftrightarrow"])
_APPROXIMATE = frozenset(["\\approx", "\\simeq", "\\sim"])
_RELATIONS = _ARROWS | _APPROXIMATE | RISING | FALLING | {
    "=", "\\ne", "\\in", "\\equiv", "\\cong", "\\notin", "\\subset", "\\subseteq", "\\to",
    "\\mapsto", "\\rightarrow", "\\colon",
}  # fmt: skip


def _item(text: str) -> Sequence[Item]:
    """One piece between commas; several items where it holds a ``\\pm`` or is a set."""
    text = remarks.without_remark(prose.after_lead(text.strip()) or text.strip())
    congruent = congruence(text)
    if congruent is not None:
        return [congruent]
    parts = cut(text, _RELATIONS)
    if len(parts) == 1:
        return _value(text)
    union = region(text) if "\\cup" in text and "\\in" not in text else None
    return _relation(text, parts) if union is None else [items.Region(text, union)]


# -- values


_SUCH_THAT = frozenset(["|", ":"])


_POINT = re.compile(r"([A-EI-Z]'?)\s*(?=\()")
"""The label of ``P(1, 2)``, which is no function that the parser knows."""


def _value(text: str, name: str = "") -> Sequence[Item]:
    text = text.strip()
    if is_ellipsis(text) or (prose.is_words_only(text) and prose.plain_words(text) not in prose.WORD_VALUES):
        return [items.Text(text, name=name)]
    if remarks.is_open(text):
        return [items.Open(text, name=name)]
    text = _unwrapped(text.rstrip(".").strip())
    number = quantity(text)
    if number is not None:
        tree: Node = nodes.Number(number.value)
        if number.mark in ("%", "degree"):
            tree = nodes.Percent(tree) if number.mark == "%" else nodes.Degrees(tree)
        return [items.Value(text, tree, number, name=name)]
    in_base = numeral(text)
    if in_base is not None:
        return [items.NumeralInBase(text, *in_base, name=name)]
    subset = region(text)
    if subset is not None:
        return [items.Region(text, subset, name=name)]
    signed = signed_groups(text)
    if signed is not None:
        return [item for group in signed for item in _value(group, name)]
    label = None if name else _POINT.match(text)
    enclosed = _enclosed(text[label.end() :], label[1]) if label else _enclosed(text, name)
    if enclosed is not None:
        return enclosed
    ratio = [piece for _, piece in cut(text, frozenset(":"))]
    if len(ratio) > 1:
        terms = parsed(*ratio)
        return [_not_parsed(text, name) if terms is None else items.Ratio(text, terms, name=name)]
    return _expression(text, name)


def _not_parsed(text: str, name: str = "") -> items.Text | items.NotUnderstood:
    return items.Text(text, name=name) if prose.is_prose(text) else items.NotUnderstood(text, name=name)


def _enclosed(text: str, name: str) -> Sequence[Item] | None:
    """A set, or a tuple, or several where it holds a ``\\pm``; None for anything else."""
    enclosed = bracketed(text)
    if enclosed is None:
        return None
    brackets, inner = enclosed
    pieces = members(inner)
    if brackets == "\\{\\}" or (brackets == "{}" and len(pieces) > 1):
        return [_set(text, inner, name)]
    if len(pieces) == 1:
        return None
    if len(pieces) > MAX_ITEMS:
        raise TooLarge("items")
    if not all(pieces):
        return [items.NotUnderstood(text, name=name)]
    points = combined(inner, [_item(piece) for piece in pieces])
    return [items.Tuple(text, tuple(with_progressions(list(entries))), brackets, name=name) for entries in points]


def _set(text: str, inner: str, name: str) -> Item:
    """``\\{1, 2\\}`` or ``\\{x \\mid x > 2\\}``, of which ``inner`` stands in the braces."""
    if ":" not in inner and (len(cut(inner, _SUCH_THAT)) - 1) % 2 == 0:  # bars in pairs are absolute values
        return items.Set(text, read(inner, False), name=name)
    subset = where(inner)
    return items.NotUnderstood(text, name=name) if subset is None else items.Region(text, subset, name=name)


def _unwrapped(text: str) -> str:
    """Without the braces, parentheses or text command around all of it."""
    for _ in range(8):
        group = prose.text_group(text)
        enclosed = bracketed(group or text)
        if enclosed is None or enclosed[0] not in ("{}", "()"):
            return text
        if group is None and len(members(enclosed[1])) > 1:
            return text
        text = enclosed[1].strip()
    return text


_NOT_MATHS = re.compile(r"[^\x20-\x7e]|[?@`\"]|(?<!\\)#|\\\\[A-Za-z]")


def _expression(text: str, name: str) -> Sequence[Item]:
    whole = series(text) if "\\ldots" in text or "..." in text else None
    if whole is not None:
        return [items.Value(text, whole, name=name)]
    core = text
    for _ in range(4):
        tree = parsed(core)
        if tree is not None and not units.ends_in_unit(core):
            return [items.Value(text, value, name=name) for value in both_signs(tree[0])]
        shorter = units.without_unit(core)
        if shorter is None:
            break
        core = shorter
        number = quantity(core)
        if number is not None:
            return [items.Value(text, nodes.Number(number.value), number, name=name)]
        inner = bracketed(core)
        if inner is not None and len(members(inner[1])) > 1:
            return _value(core, name)
    if tree is not None:
        return [items.Value(text, tree[0], name=name)]
    words = prose.plain_words(text)
    if words in prose.WORD_VALUES:
        return _value(prose.WORD_VALUES[words], name)
    return [items.Text(text, name=name) if _NOT_MATHS.search(text) else _not_parsed(text, name)]


# -- relations


def _relation(text: str, parts: list[tuple[str, str]]) -> Sequence[Item]:
    operators = [operator for operator, _ in parts[1:]]
    sides = [side.strip() for _, side in parts]
    if operators[-1] == "=" and remarks.without_ellipsis(sides[-1]) != sides[-1] and is_constant(sides[-2]):
        operators[-1], sides[-1] = "\\approx", remarks.without_ellipsis(sides[-1])
    # "a \approx 1.41": the exact part is the answer, and what approximates it a remark.
    if any(
        operator in _APPROXIMATE and misrounds(*pair) for operator, pair in zip(operators, pairwise(sides), strict=True)
    ):
        return [items.Contradiction(text)]
    while len(operators) > 1 and operators[-1] in _APPROXIMATE and operators[-2] == "=":
        operators.pop()
        sides.pop()
    if operators in (["\\approx"], ["\\simeq"]):
        core = units.without_unit(sides[0]) or sides[0]
        if not re.search("[A-Za-z]", prose.without_commands(core)) or not is_name(core) or quantity(core):
            return _value(sides[0])
        operators = ["="]
    arrows = [k for k, operator in enumerate(operators) if operator in _ARROWS]
    if arrows:
        rest = zip(sides[arrows[-1] + 1 :], [*operators[arrows[-1] + 1 :], ""], strict=True)
        return _item(" ".join(side + " " + operator for side, operator in rest))
    if set(operators) == {"="}:
        return _equalities(text, sides)
    if operators == ["\\notin"] and (excluded := region(sides[1]) or simple_region(sides[1])):
        complement = outside(excluded)
        return [_not_parsed(text) if complement is None else items.Region(text, complement, name=sides[0])]
    if operators[-1] == "\\in":
        subset = region(sides[-1])
        if subset is None and sides[-1].startswith(("(", "[")):
            subset = simple_region(sides[-1])
        return _value(sides[-1], as_name(sides[0])) if subset is None else [items.Region(text, subset, name=sides[0])]
    found = inequality(text, sides, operators)
    return [_not_parsed(text) if found is None else found]


def _equalities(text: str, sides: list[str]) -> Sequence[Item]:
    """``a = b = ... = z``."""
    left, last = sides[0], sides[-1]
    values = _value(last, as_name(left) if is_name(left) and left[:1] != "(" else "")
    if contradicts(sides):
        return [items.Contradiction(text)]
    if _names_entries(left, values):
        return [replace(value, name=as_name(left)) for value in values]
    number, constant = quantity(left), is_constant(left)
    constants = [value for value in values if isinstance(value, items.Value) and not variables(value.tree)]
    if len(sides) == 2 and number is not None and not constants:
        if is_name(last):
            return _value(left, as_name(last))
    elif is_name(left) or ((number is not None or constant) and (len(sides) > 2 or is_constant(last))):
        if relates_names(left):
            return _related(text, left, values)
        return values if constant else _named(values, as_name(left))
    trees = parsed(*sides[:2])
    return [items.NotUnderstood(text) if trees is None else items.Equation(text, *trees)]


def _related(text: str, left: str, values: Sequence[Item]) -> Sequence[Item]:
    """``mn = 7``: an equation, which may also tell the value of its left-hand side."""
    tree = parsed(left)
    if tree is None or not all(isinstance(value, items.Value) for value in values):
        return values
    return [
        items.Equation(text, tree[0], value.tree, name="" if variables(value.tree) else as_name(left))
        for value in values
        if isinstance(value, items.Value)
    ]


def _names_entries(left: str, values: Sequence[Item]) -> bool:
    """Whether ``(a, b)`` names the entries of a tuple on the other side."""
    enclosed = bracketed(left)
    if enclosed is None or enclosed[0] != "()" or len(values) != 1 or not isinstance(values[0], items.Tuple):
        return False
    return len(members(enclosed[1])) == len(values[0].entries)
