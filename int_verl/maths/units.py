"""Units and other words after a value."""

from __future__ import annotations

import re

from int_verl.maths.tokens import FUNCTIONS

_UNIT_GROUP = (
    r"\\(?:text|mathrm|mbox|textrm|rm|textbf|textit|operatorname|mathit|hbox)\s*\{(?P<unit>[^{}]*)\}\s*"
    r"(?:\^\s*(?:\{\s*-?\s*[0-9]\s*\}|[0-9]))?"
)


TRAILING_UNIT = re.compile(r"(?P<core>.*[^\s^_/*+\-=(,])\s*(?:(?:/|\\cdot)\s*)?" + _UNIT_GROUP + r"\s*$", re.DOTALL)


TRAILING_WORDS = re.compile(
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


def ends_in_unit(text: str) -> bool:
    match = TRAILING_UNIT.fullmatch(text)
    return (
        bool(match and _is_unit(match["unit"]) and re.search(r"[0-9]|\\(?:frac|sqrt|pi)", match["core"]))
        or _words_after_number(text) is not None
    )


def _is_unit(words: str) -> bool:
    stripped = words.replace("~", " ").strip(" ().,")
    return bool(stripped) and not _LOGIC.search(
        stripped.replace("^2", "").replace("^3", "").replace("2", "", 1) if stripped[-1:] in "23" else stripped
    )


def _words_after_number(text: str) -> str | None:
    match = TRAILING_WORDS.fullmatch(text)
    if (
        match is None
        or not _is_unit(match["unit"])
        or match["unit"].split()[0] in FUNCTIONS
        or match["core"].count("(") != match["core"].count(")")
    ):
        return None
    first = re.split(r"[\s/^.]", match["unit"])[0].lower()
    singular = first.rstrip("s")
    if len(first) < 3 and singular not in _KNOWN_UNITS and first not in _KNOWN_UNITS:
        return None
    return str(match["core"])


def without_unit(text: str) -> str | None:
    match = TRAILING_UNIT.fullmatch(text)
    if match and _is_unit(match["unit"]):
        return str(match["core"]).strip().rstrip("/").strip()
    return _words_after_number(text)


def unit(text: str) -> str:
    """The unit after a value, in lower case and singular; empty if there is none that is known."""
    match = TRAILING_UNIT.fullmatch(text)
    found = match["unit"] if match else None
    if found is None:
        words = TRAILING_WORDS.fullmatch(text)
        found = words["unit"] if words else ""
    squeezed = re.sub(r"[\s~.]", "", found).lower()
    singular = squeezed[:-1] if squeezed.endswith("s") and len(squeezed) > 2 else squeezed
    return singular if singular in _KNOWN_UNITS else ""
