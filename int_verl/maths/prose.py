"""Words in an answer: prose, words that stand for a value, and what is said around one."""

from __future__ import annotations

import re
from functools import lru_cache

from int_verl.maths.tokens import FUNCTIONS

WORD_VALUES = {
    "infinity": "\\infty", "positive infinity": "\\infty", "negative infinity": "-\\infty", "inf": "\\infty",
    "no solution": "\\emptyset", "no solutions": "\\emptyset", "empty set": "\\emptyset", "the empty set": "\\emptyset",
    "no real solutions": "\\emptyset", "no real solution": "\\emptyset",
    "zero": "0", "one": "1", "two": "2", "three": "3", "four": "4", "five": "5", "six": "6", "seven": "7", "eight": "8",
    "nine": "9", "ten": "10", "eleven": "11", "twelve": "12",
}  # fmt: skip
_TEXT_COMMAND = r"\\(?:text|textbf|textit|textrm|mathrm|mathbf|mbox|emph|operatorname|mathit|boldsymbol)\s*"
_MARKUP = re.compile(_TEXT_COMMAND + r"(?=\{)|\\[(){}\[\]]|[${}]")
_QUOTES = re.compile(r"[\"'`*]+")
_AROUND_PUNCTUATION = re.compile(r"\s*([(),.;:!?])\s*")


@lru_cache(maxsize=4096)
def plain_words(text: str) -> str:
    """The words of a text answer: lower case, no markup, no punctuation at the ends of words."""
    text = _MARKUP.sub(" ", text)
    text = _QUOTES.sub("", text)
    return _AROUND_PUNCTUATION.sub(r"\1", " ".join(text.split())).strip(" .,;:!?").lower()


_WORD_RUN = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{3,}(?![A-Za-z])")
_COMMANDS = re.compile(r"\\(?:begin|end)\s*\{[a-zA-Z*]*\}(?:\s*\{[clr|]*\})?|\\[a-zA-Z]+")
_SYMBOLS = re.compile(r"[0-9+=^_/<>-]|\\(?!(?:text|mathrm|textbf|mathbf|mbox))")


@lru_cache(maxsize=4096)
def is_prose(text: str) -> bool:
    """Whether words make up an item rather than symbols."""
    words = [
        word
        for word in _WORD_RUN.findall(without_commands(text))
        if word.lower() not in FUNCTIONS and word not in ("sqrt", "gcd", "lcm", "max", "min", "mod", "lim", "red")
    ]
    words = [word for word in words if len(word) > 4 or not word.isupper()]
    return len(words) >= 2 or (len(words) == 1 and _SYMBOLS.search(text) is None)


def without_commands(text: str) -> str:
    """``text`` with a space for each LaTeX command."""
    return _COMMANDS.sub(" ", text)


_WORDS_ONLY = re.compile(_TEXT_COMMAND + r"\{\s*\(?[A-Za-z][A-Za-z' -]*[A-Za-z]\)?\s*\}")
_TEXT_GROUP = re.compile(_TEXT_COMMAND + r"(\{.*\})", re.DOTALL)


def is_words_only(text: str) -> bool:
    """Whether ``text`` is one text command with nothing but words in it."""
    return _WORDS_ONLY.fullmatch(text) is not None


def text_group(text: str) -> str | None:
    """The argument, in its braces, of a text command that begins ``text`` and may reach to its end; else None."""
    match = _TEXT_GROUP.fullmatch(text)
    return match and match[1]


_CONNECTIVE = re.compile(
    r"\\(?:text|mathrm|textrm|mbox|textbf|textit)\s*\{\s*[,;]?\s*(?:and|or|or else|and also)\s*[,;]?\s*\}|"
    r"(?<=[\s$,;)}\]])(?<![A-Za-z\\])(?:and|or|OR|AND)(?=[\s$(\[{])|\\(?:lor|vee|land|wedge)(?![A-Za-z])"
)
_MAY_SEPARATE = re.compile(r"and|or|AND|OR|\\(?:text|mathrm|mbox|vee|wedge)")
_TEXT_COMMA = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{\s*([,;:])\s*\}")
_LISTING_TEXT = re.compile(r"\\(?:text|mathrm|textrm|textbf|mbox)\s*\{([^{}]*(?:,| and | or )[^{}]*)\}")
_BLANK_TEXT = re.compile(r"\\(?:text|mathrm|textrm|mbox)\s*\{\s*\}")


def with_separators(text: str) -> str:
    """``text`` with a semicolon for each "and" and "or" between values, and no text command around a separator."""
    if not _MAY_SEPARATE.search(text):
        return text
    if not is_prose(text):
        text = _LISTING_TEXT.sub(r"\1", text)
    return _BLANK_TEXT.sub(" ", _TEXT_COMMA.sub(r" \1 ", _CONNECTIVE.sub(" ; ", text)))


_LEAD = re.compile(
    r"(?:\\(?:text|textbf|mathrm|mbox)\s*\{[^{}]*?(?:\b(?:is|are|answer|equals?)|[:=])\s*\}|\\(?:text|textbf|mbox)\s*\{\s*"
    r"(?:about|approximately|approx\.?|exactly|roughly|answer|total|maximum|minimum|max|min)\s*:?\s*\}|"
    r"(?:about|approximately|approx\.?|exactly|roughly)\s+(?=[-$\\0-9])|(?:the\s+)?(?:final\s+)?answer\s*(?:is\b|:|=)|\\approx|\\sim(?![a-z])|\\therefore|\\Rightarrow|\\implies)\s*",
    re.IGNORECASE,
)


def after_lead(text: str) -> str | None:
    """What follows "the answer is", ``\\approx`` and the like at the beginning of ``text``; None without these."""
    lead = _LEAD.match(text)
    return text[lead.end() :] if lead else None


_STATEMENT = re.compile(
    r".*\b(?:is|are|equals?|be)\b\s*:?\s*\}?\s*\$*(?:\\\()?\s*(?P<math>[^$]+?)\s*(?:\\\))?\s*\$*\.?", re.DOTALL
)


def stated_value(text: str) -> str | None:
    """The value in "there are 5" and the like; None where no number is stated."""
    statement = _STATEMENT.fullmatch(text)
    if statement is None or len(plain_words(text).split()) < 3:
        return None
    value = statement["math"]
    return value if re.search(r"[0-9]", value) and not is_prose(value) else None
