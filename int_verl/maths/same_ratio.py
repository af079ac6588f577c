"""Whether two ratios are the same, and whether a value is that of a ratio."""

from __future__ import annotations

import re

from int_verl.maths import answer_items as items
from int_verl.maths.equality import equal
from int_verl.maths.nodes import Divide, Multiply

_CLOCK = re.compile(r":\s*0")


def same_ratio(gold: items.Ratio, answer: items.Ratio) -> bool:
    """Whether all terms stand in the same proportion; of times of day, whether they are equal."""
    if len(gold.terms) != len(answer.terms):
        return False
    pairs = list(zip(gold.terms, answer.terms, strict=True))
    try:
        if _CLOCK.search(gold.text) or _CLOCK.search(answer.text):
            return all(equal(x, y) for x, y in pairs)
        a, b = pairs[0]
        return all(equal(Multiply(a, y), Multiply(b, x)) for x, y in pairs[1:])
    except ArithmeticError:
        return False


def is_quotient(ratio: items.Ratio, value: items.Value) -> bool:
    """Whether a ratio of two terms has this value."""
    try:
        return len(ratio.terms) == 2 and equal(Divide(*ratio.terms), value.tree)
    except ArithmeticError:
        return False
