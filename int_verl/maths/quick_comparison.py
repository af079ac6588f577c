"""What can be decided exactly from two strings, in microseconds and in the calling process.

`decide` answers True or False only where that is certain; None sends the pair to `thorough_comparison`.
"""

from __future__ import annotations

import re

from int_verl.maths.normal_form import key
from int_verl.maths.quantities import quantities_agree, quantity

_WORD = re.compile(r"\\?[A-Za-z]+|\\(?:text|mathrm|textbf|mathbf)\s?\{\s?[A-Za-z]+\s?\}|\?*")


def decide(gold: str, answer: str) -> bool | None:
    """Whether two normalised answers are the same, where that can be told exactly and at once; None otherwise."""
    return True if same_text(gold, answer) else by_numbers(gold, answer)


def same_text(gold: str, answer: str) -> bool:
    """Whether two normalised answers are the same characters but for spaces, whatever they mean."""
    return gold == answer or key(gold) == key(answer)


def by_numbers(gold: str, answer: str) -> bool | None:
    """Whether two normalised answers are the same number; None where one of them may be something else."""
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
