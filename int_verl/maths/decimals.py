"""How far a decimal may be from the value that it stands for, which is for the user to say."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from fractions import Fraction
from typing import Literal

Decimals = Literal["gold", "exact", "both"]
"""Which side's decimals may be roundings: the gold's, none, or either side's."""

MIN_SIGNIFICANT_DIGITS = 3
"""A decimal with fewer digits than this, not counting zeros at its ends, is taken as exact."""

_chosen: ContextVar[Decimals] = ContextVar("decimals", default="gold")


def choose(decimals: Decimals) -> None:
    """Have the rest of this thread compare by this rule."""
    _chosen.set(decimals)


@contextmanager
def ruled_by(decimals: Decimals) -> Iterator[None]:
    """Within, numbers are compared by this rule."""
    token = _chosen.set(decimals)
    try:
        yield
    finally:
        _chosen.reset(token)


def answers_may_be_rounded() -> bool:
    """Whether a decimal answer may be the rounding of an exact gold."""
    return _chosen.get() == "both"


def rounds(decimal: Fraction, digits: int | None, value: Fraction) -> bool:
    """Whether ``value`` is ``decimal``, or rounds to it.

    Args:
        decimal: a number as written.
        digits: how many it has after the point; negative for ``1.23e8``; None for an exact form: nothing rounds to it.
        value: what it may stand for.
    """
    if value == decimal:
        return True
    return digits is not None and may_round(decimal, digits) and abs(value - decimal) * 2 <= Fraction(10) ** -digits


def may_round(decimal: Fraction, digits: int | None) -> bool:
    """Whether a number as written may stand for others that round to it."""
    if not digits or _chosen.get() == "exact":
        return False
    written = str(abs(decimal * Fraction(10) ** digits).numerator).rstrip("0")  # zeros are no sign of it: 7.00 is 7
    return len(written) >= MIN_SIGNIFICANT_DIGITS
