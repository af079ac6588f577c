"""Backslashes that were doubled on the way, as one JSON encoding too many does it."""

from __future__ import annotations

import re

_DOUBLED_ENVIRONMENT = re.compile(r"(?<!\\)(?:\\\\)+(?=begin\s*\\*\{)")
_PAIR = re.compile(r"\\\\")
_ENVIRONMENT = re.compile(r"(\\begin\s*\{([a-zA-Z]+\*?)\}.*?\\end\s*\{\2\})", re.DOTALL)
_LINE_BREAK = re.compile(r"(?<!\\)\\\\\s+(?=\S)")
_AFTER_SEPARATOR = re.compile(r"([,;]\s*)\\\\(?=\s)")
_DOUBLED_MARK = re.compile(r"(?<!\\)\\\\(?=[,;!:()\[\]])")
_DOUBLED_SPACE = re.compile(r"(?<!\\)\\\\(?=\s)")
_DOUBLED = re.compile(r"(?<!\\)(?:\\\\)+(?=[A-Za-z]{2}|[{}%$#&])")


def undoubled(text: str) -> str:
    """``text`` with one backslash before each command; those that break the rows of a matrix stay two.

    >>> undoubled("\\\\\\\\frac{1}{2}")
    '\\\\frac{1}{2}'
    """
    while _DOUBLED_ENVIRONMENT.search(text):
        text = _PAIR.sub(r"\\", text)
    pieces = _ENVIRONMENT.split(text)
    pieces[::3] = map(_undoubled_outside, pieces[::3])
    del pieces[2::3]
    return "".join(pieces)


def _undoubled_outside(text: str) -> str:
    """Outside of environments no row ends: two letters after two backslashes name a command, and white space parts
    values, unless it follows commands that are doubled.
    """
    single = _DOUBLED_MARK.sub(r"\\", _DOUBLED.sub(r"\\", text))
    if single != text:
        return _DOUBLED_SPACE.sub(r"\\", single)
    return _LINE_BREAK.sub(" ; ", _AFTER_SEPARATOR.sub(r"\1", text))


_SWALLOWED = re.compile(
    r"[\x07\x08\x0b\x0c](?=[a-z])|\t(?=(?:imes|heta|ext|frac|an|au|o|riangle)(?![a-z]))|"
    r"\r(?=(?:ight|ho|angle|floor|ceil)(?![a-z]))|\n(?=(?:eq|abla)(?![a-z]))"
)
_LETTERS = {"\x07": "\\a", "\x08": "\\b", "\x0b": "\\v", "\x0c": "\\f", "\t": "\\t", "\r": "\\r", "\n": "\\n"}


def unswallowed(text: str) -> str:
    """``text`` with the commands that were read as escapes on the way: a form feed before ``rac`` was ``\\frac``."""
    return _SWALLOWED.sub(lambda found: _LETTERS[found[0]], text)
