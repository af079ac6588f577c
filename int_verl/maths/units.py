"""Units and other words after a value."""

from __future__ import annotations

import re

from int_verl.maths.tokens import FUNCTIONS

_UNIT_GROUP = (
    r"\\(?:text|mathrm|mbox|textrm|rm|textbf|textit|operatorname|mathit|hbox)\s*\{(?P<unit>[^{}]*)\}\s*"
    r"(?:\^\s*(?:\{\s*-?\s*[0-9]\s*\}|[0-9]))?"
)
_TRAILING_UNIT = re.compile(r"(?P<core>.*[^\s^_/*+\-=(,])\s*(?:(?:/|\\cdot)\s*)?" + _UNIT_GROUP + r"\s*$", re.DOTALL)
_TRAILING_WORDS = re.compile(
    r"(?P<core>(?:.*[0-9}\])!]))\s*(?P<unit>(?:[A-Za-z]{2,}\.?(?:\s*/\s*[A-Za-z]+|\s+[A-Za-z]+)*|[a-z]{1,3}/[a-z]{1,3})(?:\s?\^\s?\{?[0-9]\}?)?)\s*$",
    re.DOTALL,
)
_LOGIC = re.compile(
    r"\b(?:and|or|if|not|no|where|when|for|otherwise|else|unless|with|mod|but|except|either|than|least|most)\b|[0-9]"
)
_KNOWN_UNITS = frozenset(
    [
        "m", "cm", "mm", "km", "nm", "um", "in", "ft", "yd", "mi", "mile", "inch", "inche", "foot", "feet", "yard",
        "meter", "metre", "centimeter", "centimetre", "kilometer", "kilometre", "g", "kg", "mg", "lb", "oz", "gram",
        "kilogram", "pound", "ounce", "ton", "s", "sec", "second", "min", "minute", "h", "hr", "hour", "day", "week",
        "month", "year", "ms", "kb", "mb", "gb", "tb", "byte", "l", "ml", "liter", "litre", "gallon", "dollar",
        "cent", "euro", "yuan", "degree", "radian", "n", "j", "w", "v", "a", "hz", "pa", "k", "c", "f", "mol", "rad",
    ]
)  # fmt: skip


def may_end_in_unit(text: str) -> bool:
    """Whether ``text`` ends in words after a value, be they a unit or not."""
    return bool(_TRAILING_WORDS.fullmatch(text) or _TRAILING_UNIT.fullmatch(text))


def ends_in_unit(text: str) -> bool:
    """Whether ``text`` is a number and a unit."""
    match = _TRAILING_UNIT.fullmatch(text)
    if match and _is_unit(match["unit"]) and re.search(r"[0-9]|\\(?:frac|sqrt|pi)", match["core"]):
        return True
    return _before_words(text) is not None


def without_unit(text: str) -> str | None:
    """What stands before a unit; None where there is none."""
    match = _TRAILING_UNIT.fullmatch(text)
    if match and _is_unit(match["unit"]):
        return match["core"].strip().rstrip("/").strip()
    return _before_words(text)


def unit(text: str) -> str:
    """The unit after a value, in lower case and singular; empty if there is none that is known."""
    match = _TRAILING_UNIT.fullmatch(text) or _TRAILING_WORDS.fullmatch(text)
    squeezed = re.sub(r"[\s~.]", "", match["unit"]).lower() if match else ""
    singular = squeezed[:-1] if squeezed.endswith("s") and len(squeezed) > 2 else squeezed
    return singular if singular in _KNOWN_UNITS else ""


def _is_unit(words: str) -> bool:
    stripped = bare = words.replace("~", " ").strip(" ().,")
    if stripped.endswith(("2", "3")):
        bare = stripped.replace("^2", "").replace("^3", "").replace("2", "", 1)
    return bool(stripped) and not _LOGIC.search(bare)


def _before_words(text: str) -> str | None:
    """What stands before words of a known unit, or before any words of at least three letters."""
    match = _TRAILING_WORDS.fullmatch(text)
    if match is None or not _is_unit(match["unit"]) or match["unit"].split()[0] in FUNCTIONS:
        return None
    first = re.split(r"[\s/^.]", match["unit"])[0].lower()
    if len(first) < 3 and first.rstrip("s") not in _KNOWN_UNITS and first not in _KNOWN_UNITS:
        return None
    return match["core"] if match["core"].count("(") == match["core"].count(")") else None
