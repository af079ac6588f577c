r"""What the leak test must know of an answer, and whether a text is the same: all that it asks the grader's reader.

Nothing else in `generate` looks into what the reader returns.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from int_verl.grading.inline import MAX_BITS, MAX_CHARS, MAX_DEPTH
from int_verl.maths.answers import Item
from int_verl.maths.expressions import FUNCTIONS, Node, Unsupported, features, parse, variables
from int_verl.maths.numerals import decide, quantity
from int_verl.maths.read_answer import read
from int_verl.maths.size_limits import TooLarge, nesting
from int_verl.maths.spans import Spans
from int_verl.maths.values import Costly, cheaply
from int_verl.maths.verdicts import judge_by_engine

Kind = Literal["number", "expression", "several", "other"]
Form = Literal["literal", "single", "computation"]

_computing = threading.Lock()  # the comparison's precision is one for all threads


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold answer: its text as the reader normalises it, and what kind of thing that is."""

    text: str
    kind: Kind
    """A constant; an expression with variables; a tuple, set or list; or anything else, known to the reader or not."""
    is_literal: bool = False
    """A number as one writes it: 12, -3, 1/2, 50 %."""
    letters: frozenset[str] = frozenset()
    """The letters of an expression."""
    members: tuple[str, ...] = ()
    """What a tuple, set or list consists of."""
    is_understood: bool = True
    """Whether the reader can compare it with other spellings."""


_LONG_NUMERAL = re.compile("[0-9]{31}")


def is_small(text: str) -> bool:
    """Whether the reader may compute with a normalised text: short, shallow, with numerals of ordinary length."""
    return len(text) <= MAX_CHARS and nesting(text) <= MAX_DEPTH and _LONG_NUMERAL.search(text) is None


@lru_cache(maxsize=1024)
def gold_answer(text: str) -> Gold:
    """What a normalised answer is."""
    try:
        items = read(text) if is_small(text) else ()
        understood = bool(items) and all(item.kind in _KNOWN for item in items) and not _PROSE.search(text)
    except (Unsupported, TooLarge, ArithmeticError, ValueError, KeyError):
        items, understood = (), False
    if len(items) == 1 and items[0].kind == "expr":
        item, tree = items[0], items[0].tree
        letters = _letters(item.text)
        if not letters and not variables(tree) and "inf" not in features(tree):
            return Gold(text, "number", _form(item) == "literal")
        return Gold(text, "expression", letters=letters, is_understood=understood)
    members = tuple(_members(items))
    kind: Kind = "several" if len(members) > 1 else "other"
    return Gold(text, kind, members=members, is_understood=understood)


_PROSE = re.compile(r"(?<![\\A-Za-z])(?:(?:and|or|OR)\b|(?!" + "|".join(FUNCTIONS) + ")[A-Za-z]{3,})")
_KNOWN = ("expr", "tuple", "set", "region", "equation", "inequality", "ratio", "base", "named")


def _members(items: tuple[Item, ...]) -> Iterator[str]:
    """The texts of a list's items, or of a tuple's or set's."""
    if len(items) == 1 and items[0].kind == "named":
        yield from (item.text for _, item in items[0].tree)
    elif len(items) == 1 and items[0].kind == "tuple" and items[0].name not in ("[]", "[)", "(]"):
        yield from (item.text for item in items[0].tree)
    elif all(item.kind in ("expr", "tuple") for item in items):
        yield from (item.text for item in items)


def _letters(text: str) -> frozenset[str]:
    return frozenset(token.text for token in Spans(f"${text}$").tokens if token.kind == "var")


def _form(item: Item) -> Form:
    """How a constant is written: as a numeral, as one power, root or function value, or as a computation."""
    tree = item.tree
    if item.number is not None or item.kind == "ratio" or _is_numeral(tree):
        return "literal"
    if item.kind == "expr" and tree[0] in ("pow", "fact", "fn", "neg", "percent", "degree"):
        return "single"
    return "computation"


def _is_numeral(tree: Node) -> bool:
    if tree[0] in ("neg", "percent", "degree"):
        return _is_numeral(tree[1])
    if tree[0] == "div":
        return _is_numeral(tree[1]) and _is_numeral(tree[2])
    if tree[0] == "pow":
        return bool(tree[1] == parse("10")) and _is_numeral(tree[2])
    return bool(tree[0] == "num")


@lru_cache(maxsize=4096)
def form(text: str) -> Form:
    """How a constant that the reader understands is written."""
    if quantity(text) is not None:
        return "literal"
    return _form(read(text)[0])


@lru_cache(maxsize=8192)
def same(gold: str, text: str) -> bool:
    """Whether two normalised texts are the same answer; what is too large or costly is compared as text."""
    decided = decide(gold, text)
    if decided is not None:
        return decided
    if not (is_small(gold) and is_small(text)):
        return False
    try:
        with _computing, cheaply(MAX_BITS):
            verdict = judge_by_engine(gold, text)
    except (Costly, RecursionError):
        return False
    return verdict is not None and verdict[0] == "correct"
