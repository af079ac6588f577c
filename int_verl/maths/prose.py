"""Words in an answer: prose, units after a value, and words that stand for a value."""

from __future__ import annotations

import re
from functools import lru_cache

from int_verl.maths.parse_expression import FUNCTIONS

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


WORD_VALUES = {
    "infinity": "\\infty", "positive infinity": "\\infty", "negative infinity": "-\\infty", "inf": "\\infty",
    "no solution": "\\emptyset", "no solutions": "\\emptyset", "empty set": "\\emptyset", "the empty set": "\\emptyset",
    "no real solutions": "\\emptyset", "no real solution": "\\emptyset",
    "all real numbers": "\\mathbb{R}", "all reals": "\\mathbb{R}", "all real": "\\mathbb{R}",
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip


_MARKUP = re.compile(
    r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|emph|operatorname|mathit|boldsymbol)\s*(?=\{)|"
    r"\\[(){}\[\]]|[${}]"
)
_QUOTES = re.compile(r"[\"'`*]+")
_AROUND_PUNCTUATION = re.compile(r"\s*([(),.;:!?])\s*")


@lru_cache(maxsize=4096)
def plain_words(text: str) -> str:
    """The words of a text answer: lower case, no markup, no punctuation at the ends of words."""
    text = _MARKUP.sub(" ", text)
    text = _QUOTES.sub("", text)
    return _AROUND_PUNCTUATION.sub(r"\1", " ".join(text.split())).strip(" .,;:!?").lower()


_WORD_RUN = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z])")


COMMANDS = re.compile(r"\\(?:begin|end)\s*\{[a-zA-Z*]*\}(?:\s*\{[clr|]*\})?|\\[a-zA-Z]+")


_SYMBOLS = re.compile(r"[0-9+=^_/<>-]|\\(?!(?:text|mathrm|textbf|mathbf|mbox))")


@lru_cache(maxsize=4096)
def is_prose(text: str) -> bool:
    """Whether words make up an item rather than symbols."""
    bare = COMMANDS.sub(" ", text)
    words = [
        word
        for word in _WORD_RUN.findall(bare)
        if word.lower() not in FUNCTIONS and word not in ("sqrt", "gcd", "lcm", "max", "min", "mod", "lim", "red")
    ]
    words = [word for word in words if len(word) > 4 or not word.isupper()]
    return len(words) >= 2 or (len(words) == 1 and _SYMBOLS.search(text) is None)


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
