"""Bare numbers with what surrounds them in an answer, and when two of them agree.

Nothing here is approximate, except that a decimal may admit what rounds to it (`decimals`).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

from int_verl.maths.decimals import answers_may_be_rounded, rounds


@dataclass(frozen=True, slots=True)
class Quantity:
    """A bare number with what surrounds it in an answer."""

    value: Fraction
    """The number as written: 50 for ``50\\%``."""
    decimals: int | None
    """Digits after the point of a decimal; negative for ``1.23e8``; None for exact forms."""
    mark: str
    """``"%"``, ``"degree"``, ``"$"``, ``"euro"``, ``"pounds"``, ``"yen"`` or ``""``."""


_MONEY = re.compile(
    r"(?P<sign>-?)\s?(?:(?:\\(?=[a-z$])|(?=\$))(?P<before>\$|euro|pounds|yen)\s?(?P<amount>[-+0-9.\\][^$]*)|"
    r"(?P<amount2>[0-9.][^$]*?)\s?\\(?P<after>\$|euro|pounds|yen))"
)
_ASSIGNED = re.compile(r"(?:\\[A-Za-z]{1,8}|[A-Z]{1,8}|[a-z])(?:_(?:[A-Za-z0-9]|\{[A-Za-z0-9]{1,6}\}))?\s?=\s?(?=[^=])")


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
    elif money := _MONEY.fullmatch(text):
        text, mark = money["sign"] + (money["amount"] or money["amount2"]), money["before"] or money["after"]
    number = rational(text)
    return None if number is None else Quantity(number[0], number[1], mark)


def quantities_agree(gold: Quantity, answer: Quantity) -> bool:
    """Compare two numbers with their marks.

    A percentage equals its hundredth. The sign may also be left out or added where that is only a matter of units:
    if the gold carries it, or if the gold is at least 1. Degree and currency signs count for nothing, but a
    currency is no percentage and no angle.
    """
    if gold.mark and answer.mark and gold.mark != answer.mark:
        return False
    if gold.mark == answer.mark or "%" not in (gold.mark, answer.mark):
        return _agree(gold, answer)
    if gold.mark == "%":
        return _agree(_hundredth(gold), answer) or _agree(gold, answer)
    return _agree(gold, _hundredth(answer)) or (abs(gold.value) >= 1 and _agree(gold, answer))


def _agree(gold: Quantity, answer: Quantity) -> bool:
    if rounds(gold.value, gold.decimals, answer.value):
        return True
    return answers_may_be_rounded() and rounds(answer.value, answer.decimals, gold.value)


def _hundredth(number: Quantity) -> Quantity:
    return Quantity(number.value / 100, None if number.decimals is None else number.decimals + 2, "")


_NUMBER = re.compile(r"(?P<sign>[+-]?)\s?(?P<int>[0-9]*)(?:\.(?P<dec>[0-9]*))?")
_GROUPED = re.compile(r"(?P<sign>[+-]?)\s?(?P<int>[0-9]{1,3}(?:(?:,[0-9]{3})+|(?: [0-9]{3})+))(?:\.(?P<dec>[0-9]+))?")
_FRACTION = re.compile(
    r"(?P<sign>[+-]?)\s?(?P<whole>[0-9]+(?= ?\\frac))?\s?"
    r"(?:\\frac\s?(?:\{\s?(?P<s2>[+-]?)\s?(?P<a>[0-9]+)\s?\}|(?P<a1>[0-9]))\s?"
    r"(?:\{\s?(?P<b>[0-9]+)\s?\}|(?P<b1>[0-9]))|(?:(?P<whole2>[0-9]+) )?(?P<c>[0-9]+)\s?/\s?(?P<d>[0-9]+))"
)
_SCIENTIFIC = re.compile(
    r"(?P<m>[+-]?[0-9]+(?:\.[0-9]*)?|[+-]?\.[0-9]+)\s?(?:[eE](?P<e>[+-]?[0-9]{1,4})|"
    r"(?:\\times|\\cdot|\*)\s?10\s?\^\s?(?:\{\s?(?P<e2>[+-]?\s?[0-9]{1,4})\s?\}|(?P<e3>[0-9])))"
)
_MAX_RATIONAL_CHARS = 3_000


@lru_cache(maxsize=16_384)
def rational(normal: str) -> tuple[Fraction, int | None] | None:
    """The exact value of a bare number, and its count of decimals if it is written as a decimal; None for the rest.

    Integers, decimals, thousands groups, fractions, mixed numbers and scientific notation are read.

    >>> rational("3\\\\frac{1}{2}")
    (Fraction(7, 2), None)
    """
    if len(normal) > _MAX_RATIONAL_CHARS:
        return None
    match = _NUMBER.fullmatch(normal) or _GROUPED.fullmatch(normal)
    if match:
        whole = match["int"].replace(",", "").replace(" ", "")
        decimals = match["dec"] or ""
        if not whole and not decimals:
            return None
        value = Fraction(int(whole + decimals or "0"), 10 ** len(decimals))
        return (-value if match["sign"] == "-" else value), (len(decimals) or None)
    match = _FRACTION.fullmatch(normal)
    if match:
        top = int(match["a"] or match["a1"] or match["c"])
        bottom = int(match["b"] or match["b1"] or match["d"])
        if bottom == 0:
            return None
        value = Fraction(top, bottom)
        whole = match["whole"] or match["whole2"]
        if whole is not None:
            if value >= 1 or match["s2"]:
                return None
            value += int(whole)
        negative = (match["sign"] == "-") != (match["s2"] == "-")
        return (-value if negative else value), None
    match = _SCIENTIFIC.fullmatch(normal)
    if match:
        exponent = int((match["e"] or match["e2"] or match["e3"]).replace(" ", ""))
        mantissa = match["m"]
        value = Fraction(mantissa) * Fraction(10) ** exponent
        decimals_written = len(mantissa.partition(".")[2])
        if match["e"] is None and decimals_written == 0:
            return value, None
        return value, decimals_written - exponent
    return None
