"""Percent and degrees in words, as the signs that they stand for."""

from __future__ import annotations

import re

_VALUE = r"(?P<value>[0-9)}]|\\pi|(?<![A-Za-z\\])[b-z](?=[\s\\]))\s*"
_TEXT = r"\\(?:text|textrm|textbf|mathrm|mbox|operatorname)\s*\{[\s~]*"
_NO_MORE = r"(?!\s*[A-Za-z(])"
_PERCENT = r"(?:percents?|per\s+cents?|pct|\\?%)\.?"
_DEGREES = r"(?:degrees?|deg)\.?"
_MARKS = [
    (re.compile(rf"{_VALUE}(?:{_TEXT}{word}\s*\}}|{command}{word}{_NO_MORE})", re.IGNORECASE), sign)
    for word, command, sign in ((_PERCENT, "", r"\\%"), (_DEGREES, r"(?:\\(?!degree))?", r"\\degree "))
]


_HINT = re.compile(r"per\s?cent|pct|deg|%\s*\}", re.IGNORECASE)


def with_signs(text: str) -> str:
    """``text`` with a sign for each "percent" and "degrees" after a value.

    >>> with_signs("12.5 percent")
    '12.5\\\\%'
    """
    if _HINT.search(text):
        for pattern, sign in _MARKS:
            text = pattern.sub(rf"\g<value>{sign}", text)
    return text.strip()
