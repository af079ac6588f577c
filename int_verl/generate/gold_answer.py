r"""What the leak test must know of an answer, and whether a text is the same: all that it asks the grader's reader.

Nothing else in `generate` looks into what the reader returns.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from int_verl.maths.answer_items import (
    Contradiction,
    Item,
    NamedGroup,
    NotUnderstood,
    Ratio,
    Text,
    Tuple,
    Value,
    unbraced,
)
from int_verl.maths.brackets import nesting
from int_verl.maths.nodes import (
    Call,
    Degrees,
    Divide,
    Factorial,
    Matrix,
    Negative,
    Node,
    Number,
    Percent,
    Power,
    features,
)
from int_verl.maths.quantities import quantity
from int_verl.maths.quick_comparison import decide
from int_verl.maths.read_answer import read
from int_verl.maths.short_arithmetic import IN_TURN, MAX_BITS, MAX_CHARS, MAX_DEPTH, compare
from int_verl.maths.size_limits import Costly, cheaply
from int_verl.maths.spans import Spans
from int_verl.maths.tokens import FUNCTIONS
from int_verl.maths.undecided import GIVES_UP

Kind = Literal["number", "expression", "other"]
Form = Literal["literal", "single", "computation"]


@dataclass(frozen=True, slots=True)
class Gold:
    """A gold answer: its text as the reader normalises it, and what kind of thing that is."""

    text: str
    kind: Kind
    """A constant, an expression with letters, or anything else, known to the reader or not."""
    letters: frozenset[str] = frozenset()
    """Of an expression."""
    members: tuple[str, ...] = ()
    """What a tuple, set or list consists of."""
    is_literal: bool = False
    """A number as one writes it: 12, -3, 1/2, 50 %."""
    is_understood: bool = True
    """Whether the reader can compare it with other spellings."""


_LONG_NUMERAL = re.compile("[0-9]{31}")


def is_small(text: str) -> bool:
    """Whether the reader may compute with a normalised text: short, shallow, with numerals of ordinary length."""
    return len(text) <= MAX_CHARS and nesting(text) <= MAX_DEPTH and _LONG_NUMERAL.search(text) is None


@lru_cache(maxsize=1024)
def gold_answer(text: str) -> Gold:
    """What a normalised answer is."""
    items = _items(text)
    if len(items) == 1 and isinstance(value := items[0], Value) and Matrix not in features(value.tree):
        letters = frozenset().union(*(side.letters for side in Spans(f"${value.text}$").sides))
        if not letters and "inf" not in features(value.tree):
            return Gold(text, "number", is_literal=_form(value) == "literal")
        return Gold(text, "expression", letters, is_understood=not _PROSE.search(text))
    is_understood = bool(items) and not any(isinstance(item, _NO_MATHS) for item in items) and not _PROSE.search(text)
    return Gold(text, "other", members=_members(items), is_understood=is_understood)


_PROSE = re.compile(r"(?<![\\A-Za-z])(?:(?:and|or|OR)\b|(?!" + "|".join(FUNCTIONS) + ")[A-Za-z]{3,})")
_NO_MATHS = (Text, Contradiction, NotUnderstood)


def _items(text: str) -> tuple[Item, ...]:
    """The items of a normalised text; none where it is too large or the reader gives up."""
    try:
        with IN_TURN, cheaply(MAX_BITS):
            return unbraced(read(text)) if is_small(text) else ()
    except (*GIVES_UP, Costly):  # what cannot be read is compared as text
        return ()


def _members(items: tuple[Item, ...]) -> tuple[str, ...]:
    """The texts of a list's items, or of a tuple's."""
    item = items[0] if len(items) == 1 else None
    if isinstance(item, NamedGroup) or (isinstance(item, Tuple) and not item.is_interval):
        items = item.entries
    is_list = len(items) > 1 and all(isinstance(item, (Value, Tuple)) for item in items)
    return tuple(item.text for item in items) if is_list else ()


def form(text: str) -> Form:
    """How a normalised constant is written: as a numeral, as one power, root or function value, or as a computation."""
    if quantity(text) is not None:
        return "literal"
    items = _items(text)
    return _form(items[0]) if len(items) == 1 else "computation"


def _form(item: Item) -> Form:
    if isinstance(item, Ratio) or (isinstance(item, Value) and (item.number is not None or _is_numeral(item.tree))):
        return "literal"
    is_single = isinstance(item, Value) and isinstance(item.tree, (Power, Factorial, Call, Negative, Percent, Degrees))
    return "single" if is_single else "computation"


def _is_numeral(tree: Node) -> bool:
    match tree:
        case Number():
            return True
        case Negative() | Percent() | Degrees():
            return _is_numeral(tree.operand)
        case Divide():
            return _is_numeral(tree.left) and _is_numeral(tree.right)
        case Power(left=Number(value)):
            return value == 10 and _is_numeral(tree.right)
        case _:
            return False


@lru_cache(maxsize=8192)
def same(gold: str, text: str, *, compute: bool = True) -> bool:
    """Whether two normalised texts are the same answer; what is too large or costly is compared as text.

    Args:
        compute: compare more than numerals and texts.
    """
    decided = decide(gold, text)
    if decided is not None or not (compute and is_small(gold) and is_small(text)):
        return bool(decided)
    with IN_TURN:
        verdict = compare(gold, text)
    return verdict is not None and verdict[0] == "correct"
