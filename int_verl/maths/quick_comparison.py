"""The cheap comparison: what can be decided exactly from two strings, in microseconds and in the calling process.

`decide` answers True or False only where that is certain; None sends the pair to a worker (`judge.py`). Nothing here
is approximate, except that a decimal gold admits what rounds to it (`agrees`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from int_verl.maths.normal_form import key, normalise, rational

MIN_SIGNIFICANT_DIGITS = 3
"""A decimal gold with fewer significant digits than this is taken as exact."""


@dataclass(frozen=True, slots=True)
class Quantity:
    """A bare number with what surrounds it in an answer."""

    value: Fraction
    """The number as written: 50 for ``50\\%``."""
    decimals: int | None
    """Digits after the point of a decimal; negative for ``1.23e8``; None for exact forms."""
    mark: str
    """``"%"``, ``"degree"``, ``"$"`` or ``""``."""


_ASSIGNED = re.compile(r"\\?[A-Za-z]{1,8}(?:_(?:[A-Za-z0-9]|\{[A-Za-z0-9]{1,6}\}))?\s?=\s?(?=[^=])")
_WORD = re.compile(r"\\?[A-Za-z]+|\\(?:text|mathrm|textbf|mathbf)\s?\{\s?[A-Za-z]+\s?\}|\?*")


@lru_cache(maxsize=16_384)
def quantity(normal: str) -> Quantity | None:
    """A normalised answer that is one number, perhaps named, marked or in parentheses; None for everything else.

    >>> quantity("x = 50\\\\%")
    Quantity(value=Fraction(50, 1), decimals=None, mark='%')
    """
    named = _ASSIGNED.match(normal)
    text = normal[named.end() :] if named else normal
    mark = ""
    if text.endswith("\\degree"):
        text, mark = text[:-7].rstrip(), "degree"
    elif text.endswith("%"):
        text, mark = text[:-1].rstrip("\\ "), "%"
    elif text.startswith("\\$") or (text.startswith("$") and text.count("$") == 1):
        text, mark = text.lstrip("\\$ "), "$"
    elif text.startswith("-\\$"):
        text, mark = "-" + text[3:].lstrip(), "$"
    number = rational(text)
    return None if number is None else Quantity(number[0], number[1], mark)


def agrees(gold: Fraction, decimals: int | None, value: Fraction) -> bool:
    """Whether ``value`` is the gold number, or rounds to a gold decimal of at least three significant digits.

    Integers, fractions and every other exact gold admit nothing but equality.
    """
    if value == gold:
        return True
    if decimals is None or (decimals <= 0 and gold.denominator == 1 and decimals == 0):
        return False
    unit = Fraction(10) ** -decimals
    if abs(gold) < unit * 10 ** (MIN_SIGNIFICANT_DIGITS - 1):
        return False
    return abs(value - gold) * 2 <= unit


def quantities_agree(gold: Quantity, answer: Quantity) -> bool:
    """Compare two numbers with their marks.

    A percentage equals its hundredth. The sign may also be left out or added where that is only a matter of units:
    if the gold carries it, or if the gold is at least 1. Degree and currency signs count for nothing, but a
    currency is no percentage and no angle.
    """
    if gold.mark == answer.mark or "%" not in (gold.mark, answer.mark):
        marks = {gold.mark, answer.mark} - {""}
        return len(marks) < 2 and agrees(gold.value, gold.decimals, answer.value)
    if gold.mark not in ("", "%") or answer.mark not in ("", "%"):
        return False
    if gold.mark == "%":
        decimals = None if gold.decimals is None else gold.decimals + 2
        return agrees(gold.value / 100, decimals, answer.value) or agrees(gold.value, gold.decimals, answer.value)
    if agrees(gold.value, gold.decimals, answer.value / 100):
        return True
    return abs(gold.value) >= 1 and agrees(gold.value, gold.decimals, answer.value)


def decide(gold: str, answer: str) -> bool | None:
    """Whether two normalised answers are the same, where that can be told exactly and at once; None otherwise."""
    if gold == answer or key(gold) == key(answer):
        return True
    wanted = quantity(gold)
    if wanted is None:
        return None
    given = quantity(answer)
    if given is not None:
        return quantities_agree(wanted, given)
    if len(answer) > 3 and _WORD.fullmatch(answer) and not answer.lower().startswith(_NUMBER_WORDS):
        return False
    return None


_NUMBER_WORDS = (
    "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve", "zero", "none",
    "\\text", "\\math", "\\infty",
)  # fmt: skip


def as_plain_integer(text: str) -> str | None:
    """The digits of a plain integer without leading zeros, signed if negative; None for everything else."""
    if not text.isascii():
        return None
    digits = text[1:] if text[:1] == "-" else text
    if not digits.isdigit():
        return None
    digits = digits.lstrip("0") or "0"
    return "-" + digits if text[0] == "-" and digits != "0" else digits


__all__ = ["Quantity", "agrees", "as_plain_integer", "decide", "normalise", "quantity"]
