"""Whether two congruences are the same.

Where all of it is integers they are compared as sets of integers, so ``0, 3 \\pmod 6`` is ``0 \\pmod 3``; else part by
part.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from int_verl.maths import nodes
from int_verl.maths.answer_items import Congruence, Item, Value
from int_verl.maths.equality import constant, equal, keeps_integers
from int_verl.maths.evaluator import Evaluator
from int_verl.maths.nodes import Node, replaced, variables, walk
from int_verl.maths.parse_expression import parse
from int_verl.maths.undecided import NO_VALUE

_MAX_CLASSES = 10_000
"""Most residues of a common modulus that are looked at one by one."""
_MAX_SOLVED = 1_000
"""Largest modulus for which a polynomial congruence is solved."""


def same_congruence(gold: Congruence, answer: Congruence) -> bool:
    """Whether two congruences say the same of the same; one of them may leave out of what."""
    try:
        gold, answer = _solved(gold), _solved(answer)
        left, other = gold.left, answer.left
        if left is not None and other is not None and not _same_name(left, other):
            return _same_difference(gold, left, answer, other)
        first, second = _classes(gold), _classes(answer)
        if first is not None and second is not None:
            return _same_classes(*first, *second)
        return (
            gold.holds == answer.holds
            and equal(gold.modulus, answer.modulus)
            and _each_has_its_like(gold.residues, answer.residues)
            and _each_has_its_like(answer.residues, gold.residues)
        )
    except NO_VALUE:
        return False


def _solved(item: Congruence) -> Congruence:
    """``2n \\equiv 4 \\pmod{10}`` as ``n \\equiv 2, 7 \\pmod{10}``; but not what is no polynomial in one name."""
    found, left = _classes(item), item.left
    if found is None or found[0] > _MAX_SOLVED or left is None or isinstance(left, nodes.Variable):
        return item
    if len(variables(left)) != 1 or not all(map(keeps_integers, walk(left))):
        return item
    (name,), (modulus, residues, _) = variables(left), found
    solutions = [n for n in range(modulus) if Evaluator({name: Fraction(n)})(left) % modulus in residues]
    return replace(item, left=nodes.Variable(name), residues=tuple(map(_number, solutions)))


def _same_name(gold: Node, answer: Node) -> bool:
    match gold, answer:
        case nodes.Variable(first), nodes.Variable(second):
            return first.lower() == second.lower()
    return equal(gold, answer)


def _same_difference(gold: Congruence, left: Node, answer: Congruence, other: Node) -> bool:
    """``a + b \\equiv 0`` against ``a \\equiv -b``."""
    if len(gold.residues) > 1 or len(answer.residues) > 1 or gold.holds != answer.holds:
        return False
    first, second = nodes.Subtract(left, gold.residues[0]), nodes.Subtract(other, answer.residues[0])
    return equal(gold.modulus, answer.modulus) and (equal(first, second) or equal(first, nodes.Negative(second)))


def _each_has_its_like(some: Sequence[Node], others: Sequence[Node]) -> bool:
    return all(any(equal(one, other) for other in others) for one in some)


def _classes(item: Congruence) -> tuple[int, frozenset[int], bool] | None:
    """(modulus, residues, whether these are the classes or those left out); None where it is not all integers."""
    modulus, *residues = map(_integer, (item.modulus, *item.residues))
    if not modulus or None in residues:
        return None
    return abs(modulus), frozenset(residue % abs(modulus) for residue in residues if residue is not None), item.holds


def _same_classes(
    modulus: int, residues: frozenset[int], holds: bool, other: int, others: frozenset[int], other_holds: bool
) -> bool:
    if modulus == other and holds == other_holds:
        return residues == others
    common = math.lcm(modulus, other)
    if common > _MAX_CLASSES:
        return False
    return all(((n % modulus in residues) == holds) == ((n % other in others) == other_holds) for n in range(common))


def _integer(tree: Node) -> int | None:
    try:
        value = constant(tree)
    except NO_VALUE:
        return None
    return value.numerator if type(value) is Fraction and value.denominator == 1 else None


def is_residue(item: Congruence, value: Value) -> bool:
    """Whether a value is what a congruence says.

    That is the residue of ``4 \\pmod 7``, which names nothing that would be congruent to it; or a progression of which
    each member is congruent: ``5k + 2``.
    """
    match value.tree:
        case nodes.Call("mod", (residue, modulus)) if item.left is not None:  # 11 \bmod 24
            return same_congruence(item, Congruence(value.text, None, (residue,), modulus, True))
    number = _integer(value.tree)
    if number is None:
        progression = _progression(value)
        return progression is not None and same_congruence(item, progression)
    found = _classes(item)
    if item.left is not None or found is None or len(item.residues) > 1 or not item.holds:
        return False
    return number in (*found[1], _integer(item.residues[0]))


def is_union(item: Congruence, several: Sequence[Item]) -> bool:
    """Whether progressions, ``4k`` and ``4k + 1``, are together what a congruence says."""
    found = [_progression(value) for value in several if isinstance(value, Value)]
    progressions = [progression for progression in found if progression is not None]
    classes = [each for each in map(_classes, progressions) if each is not None]
    common = math.lcm(*(modulus for modulus, _, _ in classes))
    if not classes or len(classes) < len(several) or common > _MAX_CLASSES:
        return False
    lefts = [progression.left for progression in progressions if progression.left is not None]
    if any(not _same_name(lefts[0], left) for left in lefts):
        return False
    residues = [n for n in range(common) if any(n % modulus in those for modulus, those, _ in classes)]
    union = Congruence("", lefts[0] if lefts else None, tuple(map(_number, residues)), _number(common), True)
    return same_congruence(item, union)


def _number(value: int) -> Node:
    return nodes.Number(Fraction(value))


def _progression(value: Value) -> Congruence | None:
    """``x = 5k + 2`` as ``x \\equiv 2 \\pmod 5``; None where that is not what it is."""
    if len(variables(value.tree)) != 1 or value.name in variables(value.tree):
        return None
    (name,) = variables(value.tree)
    start, second = (_integer(replaced(value.tree, nodes.Variable(name), nodes.Number(Fraction(k)))) for k in (0, 1))
    if start is None or second is None or abs(second - start) < 2:
        return None
    step, first = _number(second - start), _number(start)
    try:
        if not equal(value.tree, nodes.Add(nodes.Multiply(step, nodes.Variable(name)), first)):
            return None
        return Congruence(value.text, parse(value.name) if value.name else None, (first,), step, True)
    except NO_VALUE:
        return None
