"""Lists and sums that go on as they begin: ``1, 3, 5, \\ldots, 99``, ``\\{2, 4, \\ldots\\}``, ``x_1 + \\cdots + x_n``.

The terms before and behind the ellipsis tell by which rule: the last one says how each depends on its number (``n^2``),
or all differ by one step, or by one factor. A list of numbers with an end is written out; any other is a `Progression`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from itertools import pairwise, product
from typing import TypeAlias

from int_verl.maths import nodes
from int_verl.maths.answer_items import Item, Progression, Text, Value
from int_verl.maths.brackets import cut
from int_verl.maths.equality import constant, equal
from int_verl.maths.nodes import Node, changed, variables
from int_verl.maths.parse_expression import parsed
from int_verl.maths.quantities import Quantity
from int_verl.maths.size_limits import MAX_ITEMS
from int_verl.maths.undecided import NO_VALUE

_ELLIPSIS = re.compile(r"\\ldots|\.{3,}")
_ATTACHED = re.compile(r"(?P<before>[^.]*[^.\s])??\s*(?P<dots>\\ldots|\.{3,})\s*(?P<behind>[^.\s][^.]*)?")
_INDEXED = re.compile(r"(.+)_([0-9]+)")
_STARTS = (1, 0, 2, 3)
"""Numbers that a first term may have."""

_COUNTER = "\\ldots"
"""What a sum counts with: the name of no variable."""
_Rule: TypeAlias = Callable[[int], Node]
"""From the number of a term, of which the first has 0, to that term."""


def is_ellipsis(text: str) -> bool:
    """Whether ``text`` is nothing but an ellipsis."""
    return _ELLIPSIS.fullmatch(text) is not None


def apart(pieces: Sequence[str]) -> list[str]:
    """The pieces of a list, of which ``6 \\ldots`` and ``\\ldots 6`` are two."""
    found: list[str] = []
    for piece in pieces:
        attached = _ATTACHED.fullmatch(piece) if len(pieces) > 1 else None
        found += [part for part in attached.groups() if part] if attached else [piece]
    return found


@dataclass(frozen=True, slots=True)
class _Terms:
    """The terms on both sides of one ellipsis; of ``x_1, x_2, \\ldots`` the indices."""

    before: tuple[Node, ...]
    behind: tuple[Node, ...]
    indexed: str = ""

    @classmethod
    def of(cls, before: Sequence[Node], behind: Sequence[Node]) -> _Terms:
        indices = [_index(tree) for tree in (*before, *behind)]
        names = {index[0] for index in indices if index}
        if len(names) != 1 or None in indices:
            return cls(tuple(before), tuple(behind))
        trees = tuple(index[1] for index in indices if index)
        return cls(trees[: len(before)], trees[len(before) :], names.pop())

    @property
    def last(self) -> Node | None:
        return self.behind[-1] if self.behind else None

    def whole(self, term: Node) -> Node:
        """The term itself, where `before` and `behind` have its index."""
        if not self.indexed:
            return term
        number = _number(term)
        if number is None:
            return nodes.UnknownCall(f"{self.indexed}_", (term,))
        return nodes.Variable(f"{self.indexed}_{number}")

    def start(self) -> tuple[str, int] | None:
        """The variable of the last term, and the number that it is for the first one; None where that fits no term."""
        names = () if self.last is None else sorted(variables(self.last))
        return next((found for found in product(names, _STARTS) if self._fits(*found)), None)

    def _fits(self, name: str, start: int) -> bool:
        last = self.behind[-1]
        first = [_at(last, name, nodes.Number(Fraction(start + k))) for k in range(len(self.before))]
        ends = [
            _at(last, name, nodes.Subtract(nodes.Variable(name), nodes.Number(Fraction(k))))
            for k in range(len(self.behind))
        ]
        try:
            return _all_equal(first, self.before) and _all_equal(ends, self.behind[::-1])
        except NO_VALUE:
            return False

    def rule(self) -> _Rule | None:
        """None where the terms follow none."""
        if (found := self.start()) is not None and (last := self.last) is not None:
            name, start = found
            return lambda k: _at(last, name, nodes.Number(Fraction(start + k)))
        first = self.before[0]
        pairs = [*pairwise(self.before), *pairwise(self.behind)]
        steps = [nodes.Subtract(b, a) for a, b in pairs] or self._single_step()
        if steps and _all_equal(steps[1:], steps[:1] * (len(steps) - 1)):
            return lambda k: nodes.Add(first, nodes.Multiply(nodes.Number(Fraction(k)), steps[0]))
        factors = [nodes.Divide(b, a) for a, b in pairs]
        if len(factors) > 1 and _all_equal(factors[1:], factors[:1] * (len(factors) - 1)):
            return lambda k: nodes.Multiply(first, nodes.Power(factors[0], nodes.Number(Fraction(k))))
        return None

    def _single_step(self) -> list[Node]:
        """Of ``1, \\ldots, 6``."""
        first, last = self.before[0], self.last
        if last is None:
            return []
        low, high = _number(first), _number(last)
        falls = low is not None and high is not None and low > high
        return [nodes.Number(Fraction(-1 if falls else 1))]

    def written_out(self, rule: _Rule) -> list[Node]:
        """All terms of a list that ends in a number, if they are not too many; else none."""
        terms: list[Node] = []
        end = None if self.last is None else _number(self.last)
        while end is not None and len(terms) < MAX_ITEMS:
            value = _number(rule(len(terms)))
            if value is None:
                break
            terms.append(nodes.Number(value))
            if value == end:
                return terms if len(terms) >= len(self.before) + len(self.behind) else []
        return []


def with_progressions(found: list[Item]) -> list[Item]:
    """The items of a list, of which the values around one ellipsis are written out or are one `Progression`."""
    dots = [k for k, item in enumerate(found) if isinstance(item, Text) and is_ellipsis(item.text)]
    if len(dots) != 1 or dots[0] == 0:
        return found
    values = [item for item in found if isinstance(item, Value)]
    if len(values) != len(found) - 1:
        return found
    try:
        terms = _Terms.of([item.tree for item in values[: dots[0]]], [item.tree for item in values[dots[0] :]])
        return _written_out_or_folded(found, terms, values[0].name) or found
    except NO_VALUE:
        return found


def _written_out_or_folded(found: list[Item], terms: _Terms, name: str) -> list[Item]:
    rule = terms.rule()
    if rule is None:
        return []
    written = [terms.whole(term) for term in terms.written_out(rule)]
    if written:
        return [Value(str(_number(tree) or tree), tree, _as_quantity(tree), name=name) for tree in written]
    text = ", ".join(item.text for item in found)
    last = None if terms.last is None else terms.whole(terms.last)
    beginning = terms.whole(rule(0)), terms.whole(rule(1)), terms.whole(rule(2))
    return [Progression(text, beginning, last, name=name)]


def same_progression(gold: Progression, answer: Progression) -> bool:
    """Whether two begin alike and end alike."""
    if gold.last is None or answer.last is None:
        return gold.last is answer.last and _all_equal(gold.beginning, answer.beginning)
    return _all_equal((*gold.beginning, gold.last), (*answer.beginning, answer.last))


def series(text: str) -> Node | None:
    """``1 + 2 + \\cdots + n`` and ``1 \\cdot 2 \\cdot \\ldots \\cdot n``; None for anything else."""
    for name, signs in (("sum", ["+"]), ("prod", ["\\cdot", "\\times", "*"])):
        pieces = [piece.strip() for _, piece in cut(text, frozenset(signs))]
        dots = [k for k, piece in enumerate(pieces) if is_ellipsis(piece)]
        if len(dots) == 1 and 0 < dots[0] < len(pieces) - 1:
            before, behind = parsed(*pieces[: dots[0]]), parsed(*pieces[dots[0] + 1 :])
            if before is not None and behind is not None:
                return _series(name, _Terms.of(before, behind)) or _series(name, _Terms.of(behind[::-1], before[::-1]))
    return None


def _series(name: str, terms: _Terms) -> Node | None:
    try:
        if (found := terms.start()) is not None and (last := terms.last) is not None:
            variable, start = found
            body = terms.whole(_at(last, variable, nodes.Variable(_COUNTER)))
            low, high = nodes.Number(Fraction(start)), nodes.Variable(variable)
            return nodes.Series("sum" if name == "sum" else "prod", _COUNTER, low, high, body)
        rule = terms.rule()
        written = [] if rule is None else [terms.whole(term) for term in terms.written_out(rule)]
    except NO_VALUE:
        return None
    combine = nodes.Add if name == "sum" else nodes.Multiply
    return reduce(combine, written) if written else None


def _index(tree: Node) -> tuple[str, Node] | None:
    """``x`` and ``n`` of ``x_n``."""
    match tree:
        case nodes.Variable(name) if indexed := _INDEXED.fullmatch(name):
            return indexed[1], nodes.Number(Fraction(indexed[2]))
        case nodes.UnknownCall(name, (index,)) if name.endswith("_"):
            return name[:-1], index
    return None


def _at(tree: Node, name: str, value: Node) -> Node:
    """The tree with a value for one of its variables."""
    return changed(tree, lambda node: value if isinstance(node, nodes.Variable) and node.name == name else node)


def _all_equal(first: Sequence[Node], second: Sequence[Node]) -> bool:
    return all(equal(a, b) for a, b in zip(first, second, strict=True))


def _number(tree: Node) -> Fraction | None:
    """The value of a rational constant."""
    if variables(tree):
        return None
    value = constant(tree)
    return value if isinstance(value, Fraction) else None


def _as_quantity(tree: Node) -> Quantity | None:
    value = _number(tree)
    return None if value is None else Quantity(value, None, "")
