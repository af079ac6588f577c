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

from int_verl.maths import answer_items as items
from int_verl.maths.answer_items import Item, unbraced
from int_verl.maths.brackets import members
from int_verl.maths.ellipses import same_progression
from int_verl.maths.equality import equal
from int_verl.maths.intervals import EVERYWHERE, Interval, Pieces, intersection, joined, outside, same_region
from int_verl.maths.nodes import Matrix, parts, variables
from int_verl.maths.normal_form import spelling
from int_verl.maths.numerals import digits
from int_verl.maths.options import chosen_option, is_letter, option, options
from int_verl.maths.prose import plain_words
from int_verl.maths.same_congruence import is_residue, is_union, same_congruence
from int_verl.maths.same_ratio import is_quotient, same_ratio
from int_verl.maths.same_value import names_agree, same_equation, same_inequality, same_value
from int_verl.maths.undecided import Undecided


def same(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Whether two answers are the same.

    Raises:
        Undecided: math-verify should have a look.
        TooLarge: beyond the limits.
    """
    gold, answer = _of_choice(_joined(gold), answer), _of_choice(_joined(answer), gold)
    for letters, listed in ((gold, answer), (answer, gold)):
        if (chosen := options(letters)) is not None and len(listed) == len(chosen):
            return {option(item.text) for item in listed} == chosen
    braced = [len(side) == 1 and isinstance(side[0], items.Set) for side in (gold, answer)]
    if braced[0] != braced[1] and _holds_one_set(unbraced(gold if braced[0] else answer)):
        return False
    if not any(braced) and _repeats(gold, answer):
        return False
    return _same_members(unbraced(gold), unbraced(answer))


def _repeats(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """``7, 7, 7`` for 7; but ``\\frac12`` or 0.5 is one value in two spellings."""
    is_one = len(gold) == 1 and isinstance(gold[0], (items.Value, items.Tuple))
    return is_one and len({item.text for item in answer}) < len(answer)


def _holds_one_set(members: tuple[Item, ...]) -> bool:
    """Braces around a lone value count for nothing, but the set of a set is not that set."""
    match members:
        case (items.Set() | items.Region(),):
            return True
        case (items.Tuple() as pair,):
            return pair.is_interval
    return False


def _same_members(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Whether two lists have the same members, however often."""
    if len(gold) == 1 and len(answer) == 1:
        return same_item(gold[0], answer[0])
    if any(isinstance(item, items.NO_COMMITMENT) for item in answer):
        return False
    match gold, answer:
        case ((items.Congruence() as classes,), several) | (several, (items.Congruence() as classes,)):
            return is_union(classes, several)
    if apart := _taken_apart(gold, answer):
        compare, members = apart
        return compare(members, answer)
    if apart := _taken_apart(answer, gold):
        compare, members = apart
        return compare(gold, members)
    if any(len(side) == 1 and isinstance(side[0], items.Region) for side in (gold, answer)):
        first, second = _as_pieces(gold), _as_pieces(answer)
        if first is not None and second is not None:
            return same_region(first, second)
    return _same_set(gold, answer)


def _of_choice(side: tuple[Item, ...], other: tuple[Item, ...]) -> tuple[Item, ...]:
    """What an option says, where the other side neither names an option nor is the letter of one."""
    match side, other:
        case (items.Choice() as choice,), (items.Choice(),):
            return (items.Text(choice.letter),)
        case (items.Choice() as choice,), _:
            return (items.Text(choice.letter),) if len(other) == 1 and is_letter(other[0].text) else choice.content
    return side


def _joined(side: tuple[Item, ...]) -> tuple[Item, ...]:
    """``x < 0 or x > 2``, ``x < 0 or x = 2`` and ``1 < x < 9, x \\ne 5`` as one region; nothing else changes."""
    names = {item.name for item in side if isinstance(item, items.Region) and item.name}
    if len(side) == 1 or len(names) != 1:
        return side
    conditions: list[Pieces] = []
    points: list[Pieces] = []
    for item in side:
        match item:
            case items.Value(name=name, tree=tree) if name in names and not variables(tree):
                points.append((Interval.only(tree),))
            case items.Value(name="", tree=tree) if not variables(tree) and "\\ne" in side[0].text:
                # x \ne 1, 2
                conditions.append(outside((Interval.only(tree),)) or ())
            case items.Region() | items.Tuple() if item is side[0] or item.name in names:
                pieces = _interval(item)
                if pieces is None:
                    return side
                conditions.append(pieces)
            case _:
                return side
    if any(_within(point, pieces) for point in points for pieces in conditions):
        return side  # x > 2, x = 5
    result = joined([*conditions, *points])
    text = " ; ".join(item.text for item in side)
    return side if result is None else (items.Region(text, result, name=names.pop()),)


def _within(point: Pieces, pieces: Pieces) -> bool:
    common = intersection(point, pieces)
    return common is not None and same_region(common, point)


def _taken_apart(
    side: tuple[Item, ...], other: tuple[Item, ...]
) -> tuple[Callable[[tuple[Item, ...], tuple[Item, ...]], bool], tuple[Item, ...]] | None:
    """The members of a named group or tuple against values side by side, and how to compare them; None for the rest."""
    match side:
        case (items.NamedGroup(entries=named),) if all(isinstance(v, items.Value) for v in other):
            names, bases = {v.name for v in other}, {member.name.partition("_")[0] for member in named}
            if len(bases) == 1 and names <= {"", *bases}:
                # x_1 = 1, x_2 = 2 against 2, 1 and against x = 2, x = 1
                return _same_set, tuple(replace(member, name="") for member in named)
            if len(named) == len(other) and names == {""}:
                # a = 1, b = 2 against 1, 2
                return _in_order, named
        case (items.Tuple(entries=entries, brackets="()" | "\\langle\\rangle"),) if len(entries) == len(other) > 2:
            return _in_order, entries
    return None


def _in_order(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    return all(map(same_item, gold, answer))


def _as_pieces(side: tuple[Item, ...]) -> Pieces | None:
    """A region, or numbers as the single points of one; None for anything else."""
    if len(side) == 1 and isinstance(side[0], items.Region):
        return side[0].pieces
    values = [item for item in side if isinstance(item, items.Value)]
    return tuple(Interval.only(value.tree) for value in values) if len(values) == len(side) else None


def _same_set(gold: tuple[Item, ...], answer: tuple[Item, ...]) -> bool:
    """Every item of each side has its like on the other."""
    undecided: Undecided | None = None
    used: set[int] = set()
    numbers: dict[Fraction, list[int]] = {}
    for k, given in enumerate(answer):
        if isinstance(given, items.Value) and given.bare_number is not None:
            numbers.setdefault(given.bare_number, []).append(k)
    for wanted in gold:
        number = wanted.bare_number if isinstance(wanted, items.Value) else None
        alike = [] if number is None else numbers.get(number, [])
        if not alike:
            for k, given in enumerate(answer):
                try:
                    if same_item(wanted, given):
                        alike.append(k)
                except Undecided as problem:
                    undecided = problem
        if not alike:
            break
        used.update(alike)
    else:
        if len(used) == len(answer):
            return True
    if undecided is not None:
        raise undecided
    return False


def same_item(gold: Item, answer: Item) -> bool:
    """Whether two items are the same.

    Raises:
        Undecided: math-verify should have a look.
        TooLarge: beyond the limits.
    """
    if isinstance(gold, items.NO_COMMITMENT) or isinstance(answer, items.NO_COMMITMENT):
        return False
    chosen = chosen_option(gold, answer)
    if chosen is not None:
        return chosen
    match gold, answer:
        case items.Value(), items.Value():
            return same_value(gold, answer)
        case items.Region(), items.Region():
            return same_region(gold.pieces, answer.pieces)
        case items.Tuple(), items.Tuple():
            return _same_tuple(gold, answer)
        case items.Ratio(), items.Ratio():
            return same_ratio(gold, answer)
        case items.NamedGroup(), items.NamedGroup():
            return _same_named(gold, answer)
        case items.NumeralInBase(), items.NumeralInBase():
            return (gold.digits, gold.base) == (answer.digits, answer.base)
        case items.NumeralInBase(), _:
            # The base may be left out, but not another one be meant.
            return digits(answer.text) == gold.digits
        case items.Value(), items.NumeralInBase(base="10"):
            return digits(gold.text) == answer.digits
        case items.Progression(), items.Progression():
            return same_progression(gold, answer)
        case items.Piecewise(), items.Piecewise():
            return _same_branches(gold, answer)
        case items.Congruence(), items.Congruence():
            return same_congruence(gold, answer)
        case (items.Congruence() as one, items.Value() as other) | (items.Value() as other, items.Congruence() as one):
            return is_residue(one, other)
        case (items.Congruence(), _) | (_, items.Congruence()):
            return False
        case items.Set(), items.Set():
            return _same_members(gold.members, answer.members)
        case items.Value(name=""), items.Equation(name=asked) if asked:
            # ``m + n = 7`` for 7: the problem may have asked for the sum. A gold relation is all of itself.
            return same_value(gold, items.Value(answer.text, answer.right))
        case (items.Equation() | items.Value()) as one, (items.Equation() | items.Value()) as other:
            return same_equation(one, other)
        case (items.Inequality() | items.Region()) as one, (items.Inequality() | items.Region()) as other:
            return same_inequality(one, other)
        case (items.Region() | items.Tuple()) as one, (items.Region() | items.Tuple()) as other:
            first, second = _interval(one), _interval(other)
            return first is not None and second is not None and same_region(first, second)
        case (items.Tuple() as vector, items.Value() as matrix) | (items.Value() as matrix, items.Tuple() as vector):
            return _is_row_or_column(vector, matrix)
        case (items.Ratio() as ratio, items.Value() as value) | (items.Value() as value, items.Ratio() as ratio):
            return is_quotient(ratio, value)
        case (items.NamedGroup() | items.Tuple()) as one, (items.NamedGroup() | items.Tuple()) as other:
            return len(one.entries) == len(other.entries) and _in_order(one.entries, _as_named(one, other))
        case (items.Text(), _) | (_, items.Text()):
            return _same_text(gold.text, answer.text)
        case (items.NotUnderstood(), _) | (_, items.NotUnderstood()):
            return _not_understood(gold, answer)
    return False


def _same_tuple(gold: items.Tuple, answer: items.Tuple) -> bool:
    if len(gold.entries) != len(answer.entries):
        return False
    if _named_alone(gold) and _named_alone(answer) and not names_agree(gold.name, answer.name):
        return False
    brackets = {gold.brackets, answer.brackets}
    if (
        len(brackets) > 1
        and brackets != {"()", "\\langle\\rangle"}
        and (len(gold.entries) == 2 or not brackets <= {"()", "[]", "\\langle\\rangle"})
    ):
        return False
    undecided: Undecided | None = None
    for a, b in zip(gold.entries, _as_named(gold, answer), strict=True):
        try:
            if not same_item(a, b):
                return False
        except Undecided as problem:
            undecided = problem
    if undecided is not None:
        raise undecided
    return True


def _named_alone(point: items.Tuple) -> bool:
    """Whether it is ``P = (2, 3)``: named as a whole, and not entry by entry."""
    return bool(point.name) and point.name[0] != "("


def _as_named(one: items.Tuple | items.NamedGroup, other: items.Tuple | items.NamedGroup) -> tuple[Item, ...]:
    """The entries of ``other``; in the order of ``one`` where both name the same, as ``(p, q)`` and ``(q, p)``."""
    wanted, given = _entry_names(one), _entry_names(other)
    if wanted == given or len(set(given)) < len(given) or sorted(wanted) != sorted(given):
        return other.entries
    return tuple(other.entries[given.index(name)] for name in wanted)


def _entry_names(item: items.Tuple | items.NamedGroup) -> list[str]:
    if isinstance(item, items.NamedGroup):
        return [entry.name for entry in item.entries]
    return members(item.name[1:-1]) if item.name.startswith("(") else []


def _interval(item: items.Region | items.Tuple) -> Pieces | None:
    """A pair in the brackets of an interval as that; None for any other tuple."""
    if isinstance(item, items.Region):
        return item.pieces
    match item.entries:
        case items.Value() as low, items.Value() as high if item.is_interval or item.brackets == "()":
            return (Interval(low.tree, item.brackets[0] == "[", high.tree, item.brackets[1] == "]"),)
    return None


def _is_row_or_column(entries: items.Tuple, value: items.Value) -> bool:
    """A point or vector against a matrix of one row or column."""
    trees = [entry.tree for entry in entries.entries if isinstance(entry, items.Value)]
    if not isinstance(value.tree, Matrix) or len(trees) < len(entries.entries):
        return False
    rows, cells = value.tree.rows, parts(value.tree)
    return len(cells) == len(trees) and 1 in (len(rows), len(rows[0])) and all(map(equal, trees, cells))


def _same_branches(gold: items.Piecewise, answer: items.Piecewise) -> bool:
    """The same values under the same conditions; "otherwise" is the condition that the others leave."""
    if gold.name and answer.name and not names_agree(gold.name, answer.name):
        return False
    left = list(answer.branches)
    rest: list[tuple[tuple[Item, ...], tuple[Item, ...]]] = []
    for value, condition in gold.branches:
        alike = [branch for branch in left if condition and branch[1] and same(condition, branch[1])]
        if not alike:
            rest.append((value, condition))
        elif same(value, alike[0][0]):
            left.remove(alike[0])
        else:
            return False
    if not rest and not left:
        return True
    if len(rest) != 1 or len(left) != 1 or (rest[0][1] and left[0][1]) or not same(rest[0][0], left[0][0]):
        return False
    return all(_is_complete(whole) for side, whole in ((rest, gold), (left, answer)) if side[0][1])


def _is_complete(definition: items.Piecewise) -> bool:
    """Whether its conditions leave nothing, as far as they are about one real number."""
    conditions = [_as_pieces(condition) for _, condition in definition.branches]
    pieces = [piece for condition in conditions for piece in condition or ()]
    return None in conditions or same_region(tuple(pieces), (EVERYWHERE,))


def _same_named(gold: items.NamedGroup, answer: items.NamedGroup) -> bool:
    given = {member.name: member for member in answer.entries}
    return {member.name for member in gold.entries} == given.keys() and all(
        same_item(member, given[member.name]) for member in gold.entries
    )


_GAP = re.compile(r"[\s.,;:]")
_LISTED = re.compile(r"[,;]|\b(?:and|or)\b")


def _same_text(gold: str, answer: str) -> bool:
    wanted, given = plain_words(gold), plain_words(answer)
    if _GAP.sub("", wanted) == _GAP.sub("", given):
        return True
    first, second = ([part.strip() for part in _LISTED.split(words)] for words in (wanted, given))
    return len(first) > 1 and set(filter(None, first)) == set(filter(None, second))


_NO_VALUE = re.compile(r"\\begin ?\{cases\}|[A-Z] ?\([^()]*(?:[=<>]|\\(?:le|ge|in|mid)(?![a-zA-Z]))[^()]*\)")
"""Cases and probabilities of events: an answer that a plain number does not equal as it stands."""
_SET_LIKE = re.compile(r"[<>,]|\\(?:le|ge|ne|in|cup|cap|mathbb|infty|setminus|bigcup|emptyset)(?![a-z])")


def _not_understood(gold: Item, answer: Item) -> bool:
    """True where what is not understood is one text, False where it can be no match.

    Raises:
        Undecided: everywhere else.
    """
    if spelling(gold.text) == spelling(answer.text):
        return True
    if any(isinstance(item, (items.Region, items.Inequality)) for item in (gold, answer)) and not all(
        _SET_LIKE.search(item.text) for item in (gold, answer)
    ):
        return False
    if isinstance(gold, items.Value) and gold.number is not None and _NO_VALUE.search(answer.text):
        return False
    raise Undecided("not understood")
