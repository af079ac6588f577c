"""Backslashes that were doubled on the way, as one JSON encoding too many does it."""

from __future__ import annotations

import re

_DOUBLED_ENVIRONMENT = re.compile(r"(?<!\\)(?:\\\\)+(?=begin\s*\\*\{)")
_PAIR = re.compile(r"\\\\")
_ENVIRONMENT = re.compile(r"(\\begin\s*\{([a-zA-Z]+\*?)\}.*?\\end\s*\{\2\})", re.DOTALL)
_DOUBLED = re.compile(r"(?<!\\)(?:\\\\)+(?=[A-Za-z]{2}|[{}%$#&])")


def undoubled(text: str) -> str:
    """``text`` with one backslash before each command; those that break the rows of a matrix stay two.

    >>> undoubled("\\\\\\\\frac{1}{2}")
    '\\\\frac{1}{2}'
    """
    while _DOUBLED_ENVIRONMENT.search(text):
        text = _PAIR.sub(r"\\", text)
    # Outside of environments no row ends, so that two letters after an even number of backslashes name a command.
    pieces = _ENVIRONMENT.split(text)
    pieces[::3] = [_DOUBLED.sub(r"\\", piece) for piece in pieces[::3]]
    del pieces[2::3]
    return "".join(pieces)
