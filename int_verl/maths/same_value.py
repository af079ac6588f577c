"""Whether two values, equations or inequalities are the same."""

from __future__ import annotations

import re
from dataclasses import replace
from fractions import Fraction

from mpmath.libmp import to_rational

from int_verl.maths import nodes
from int_verl.maths.answer_items import Equation, Inequality, Region, Value
from int_verl.maths.arithmetic import magnitude, mp
from int_verl.maths.decimals import answers_may_be_rounded, rounds
from int_verl.maths.equality import constant, equal, proportional
from int_verl.maths.nodes import Node, changed, features, infinite, parts, replaced, same_tree, variables, walk
from int_verl.maths.parse_expression import parse
from int_verl.maths.quantities import Quantity, quantities_agree, quantity
from int_verl.maths.undecided import Undecided
from int_verl.maths.units import DEGREE, RADIAN, unit, with_letter


def same_value(gold: Value, answer: Value) -> bool:
    """Whether two values are the same; two with names that differ may also be one equation.

    Raises:
        Undecided: math-verify should have a look.
        TooLarge: beyond the limits.
    """
    if _same_right_side(gold, answer):
        return True
    if gold.name and answer.name and gold.name != answer.name and variables(gold.tree) and variables(answer.tree):
        return same_equation(gold, answer)
    return False


def _same_right_side(gold: Value, answer: Value) -> bool:
    if gold.name and answer.name and not names_agree(gold.name, answer.name):
        return False
    gold, answer = _with_letter(gold, answer), _with_letter(answer, gold)
    first, second = unit(gold.text), unit(answer.text)
    if {first, second} == {DEGREE, RADIAN}:
        return equal(gold.tree, answer.tree)
    if not first.agrees(second):
        return False
    if gold.number is not None and answer.number is not None:
        return quantities_agree(gold.number, answer.number)
    a, b = gold.tree, answer.tree
    if _is_rounding(gold.number, b) or (answers_may_be_rounded() and _is_rounding(answer.number, a)):
        return True
    if gold.name and answer.name and gold.name != answer.name:
        b = _with_argument_of(gold.name, answer.name, b)
    present = features(a) | features(b)
    if "inf" in present:
        if nodes.Series in present:
            raise Undecided("infinite series")
        return same_tree(a, b)
    if nodes.Degrees in present and not (_in_radians(a) or _in_radians(b)):
        a, b = _without_degrees(a), _without_degrees(b)
    try:
        if equal(a, b):
            return True
        # 7.5\% against 7.5, where the gold carries the sign
        whole, part = gold.tree, answer.tree
        return isinstance(whole, nodes.Percent) and not isinstance(part, nodes.Percent) and equal(whole.operand, part)
    except ArithmeticError:
        return False


_FUNCTION_NAME = re.compile(r"\\(?:sin|cos|tan|cot|sec|csc|log|ln)")


def names_agree(gold: str, answer: str) -> bool:
    """Whether two left-hand sides may name the same: not ``x`` and ``y``, nor a sine and a cosine."""
    if gold[0].lower() != answer[0].lower() and "\\" not in (gold[0], answer[0]):
        return False
    first, second = _FUNCTION_NAME.match(gold), _FUNCTION_NAME.match(answer)
    return (first and first[0]) == (second and second[0])


def _with_argument_of(gold_name: str, answer_name: str, tree: Node) -> Node:
    """``f(t) = t + 1`` in the variable of ``f(x) = x + 1``."""
    first, second = (re.fullmatch(r".*\((\w)\)", name) for name in (gold_name, answer_name))
    if first and second and first[1] != second[1] and first[1] not in variables(tree):
        return replaced(tree, nodes.Variable(second[1]), nodes.Variable(first[1]))
    return tree


def _in_radians(tree: Node) -> bool:
    """Whether an angle is measured in radians: a degree sign beside them is a factor, and elsewhere a mere unit."""
    pending = [tree]
    while pending:
        match pending.pop():
            case nodes.Constant("pi"):
                return True
            case nodes.Call(name):
                if name.startswith("arc"):
                    return True
            case node:
                pending.extend(parts(node))
    return False


def _without_degrees(tree: Node) -> Node:
    """A value without its unit: the degree signs inside functions are factors and stay."""
    if nodes.Degrees not in features(tree):
        return tree

    def factor(node: Node) -> Node:
        return nodes.Multiply(node.operand, _DEGREE) if isinstance(node, nodes.Degrees) else node

    def inside(node: Node) -> Node:
        if not isinstance(node, nodes.Call):
            return node
        return nodes.Call(node.name, tuple(changed(argument, factor) for argument in node.arguments))

    kept = changed(tree, inside)
    return changed(kept, lambda node: node.operand if isinstance(node, nodes.Degrees) else node)


_DEGREE = nodes.Divide(nodes.Constant("pi"), nodes.Number(Fraction(180)))


def _with_letter(side: Value, other: Value) -> Value:
    """``4 m`` as four meters where the other side is in meters, too; elsewhere it is a product."""
    found = with_letter(side.text) if variables(side.tree) and unit(other.text).measures else None
    if found is None or found[1] != unit(other.text):
        return side
    try:
        return replace(side, text=found[0], tree=parse(found[0]), number=quantity(found[0]))
    except Undecided:
        return side


def _is_rounding(decimal: Quantity | None, tree: Node) -> bool:
    """Whether a number is a decimal to which a constant rounds."""
    if decimal is None or decimal.decimals is None or variables(tree):
        return False
    try:
        value = constant(_without_degrees(tree))
    except ArithmeticError:
        raise Undecided("no value") from None
    if isinstance(value, tuple):
        return False
    if type(value) is not Fraction:
        if isinstance(value, mp.mpc):
            if abs(value.imag) > 1e-30:
                return False
            value = value.real
        if not -4000 < magnitude(value) < 4000:
            return False
        value = Fraction(*map(int, to_rational(value._mpf_)))
    if decimal.mark == "%":
        return rounds(decimal.value / 100, decimal.decimals + 2, value)
    return rounds(decimal.value, decimal.decimals, value)


def same_equation(gold: Equation | Value, answer: Equation | Value) -> bool:
    """Whether two equations or definitions (``y = 2x + 3``) are one up to a constant factor; not for a bare value."""
    first, second = _sides_apart(gold), _sides_apart(answer)
    if first is None or second is None:
        return False
    return any(
        proportional(a, b) for a, b in ((first, second), (_without_quotients(first), _without_quotients(second)))
    )


_MAX_DENOMINATORS = 8


def _without_quotients(tree: Node) -> Node:
    """A tree times its denominators in variables: with ``y - 6/x`` it is zero, and so is ``xy - 6``."""
    denominators: list[Node] = []
    for node in walk(tree):
        if isinstance(node, nodes.Divide) and variables(node.right) and not _among(denominators, node.right):
            denominators.append(node.right)
    for denominator in denominators[:_MAX_DENOMINATORS]:
        tree = nodes.Multiply(tree, denominator)
    return tree


def _among(trees: list[Node], tree: Node) -> bool:
    return any(same_tree(tree, other) for other in trees)


def _sides_apart(item: Equation | Value) -> Node | None:
    """The difference of the sides."""
    if isinstance(item, Equation):
        return nodes.Subtract(item.left, item.right)
    return nodes.Subtract(parse(item.name), item.tree) if item.name else None


def same_inequality(gold: Inequality | Region, answer: Inequality | Region) -> bool:
    """Whether two inequalities are one up to a constant factor."""
    a, b = _as_inequality(gold), _as_inequality(answer)
    if a is None or b is None or a.operator != b.operator:
        return False
    sign = proportional(a.difference, b.difference)
    return sign is not None and (sign > 0 or a.operator == "\\ne")


def _as_inequality(item: Inequality | Region) -> Inequality | None:
    """``x < 3`` was read as a region; None for a region with two ends."""
    if isinstance(item, Inequality):
        return item
    if len(item.pieces) != 1 or not item.name:
        return None
    piece, variable = item.pieces[0], nodes.Variable(item.name)
    if infinite(piece.low) and not infinite(piece.high):
        return Inequality(item.text, nodes.Subtract(piece.high, variable), "<=" if piece.high_closed else "<")
    if infinite(piece.high) and not infinite(piece.low):
        return Inequality(item.text, nodes.Subtract(variable, piece.low), "<=" if piece.low_closed else "<")
    return None
