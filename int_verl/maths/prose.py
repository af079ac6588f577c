"""Words in an answer: prose, and words that stand for a value."""

from __future__ import annotations

import re
from functools import lru_cache

from int_verl.maths.tokens import FUNCTIONS

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
