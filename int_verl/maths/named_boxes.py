"""Boxes that hold the values of several names: ``a = \\boxed{3}`` and ``b = \\boxed{2}`` are one answer.

Between them may stand words that join, but none by which the second follows from the first or takes its place: those
begin another answer.
"""

from __future__ import annotations

import re

_NAME = re.compile(
    r"(?:^|[$,;:(\[&\n*]|\\[\[(,;: ]|\\\\|\\q?quad|\\(?:text|mathrm|mbox|begin)\s*\{[^{}]*\}|"
    r"(?<![\\A-Za-z])[A-Za-z]{2,}\s)\s*"
    r"(?P<name>(?:\\(?:angle|sin|cos|tan)\s*)?(?:\\?[A-Za-z]{1,20}|\\(?:text|mathrm)\s*\{[^{}]*\})'?(?:\s*_\s*(?:\{[^{}]*\}|[A-Za-z0-9]))?"
    r"(?:\([A-Za-z0-9, ]*\))?)\s*&?\s*:?=\s*&?\s*$"
)
_NAME_CHARS = 60
_WORDS_BETWEEN = re.compile(
    r"(?:[\s,;$&~:*-]|\.(?=[\s$\\]*$)|\\[,;:! ()\[\]]|\\\\|\\q?quad|\\(?:text|mathrm|mbox)\s*\{[^{}.]*\}|[A-Za-z']|"
    r"\n\s*\(?[0-9a-z][.)](?=\s)|\.\s+(?=(?:And|Also|Similarly|Likewise|Moreover|Furthermore|Additionally)\b))*"
)
_SUPERSEDES = re.compile(
    r"\b(?:so|thus|hence|therefore|then|giv\w+|means?|impl\w+|which|substitut\w*|using|wait|actually|instead|correct\w*|"
    r"no|not|rather|final\w*|answer|check\w*|but|from|into|if|since|because|therefrom|becomes?|yields?|leads?)\b",
    re.IGNORECASE,
)


def name_before(text: str, start: int) -> str | None:
    """What the box at ``start`` is the value of: ``a`` in ``a = \\boxed{3}``; None where it has no name."""
    named = _NAME.search(text[max(0, start - _NAME_CHARS) : start])
    return named["name"] if named else None


def go_together(text: str, start: int, gap: str) -> bool:
    """Whether the box at ``start`` and the one behind the ``gap`` after it hold values of two names of one answer."""
    named = _NAME.search(gap)
    if named is None or name_before(text, start) is None:
        return False
    between = gap[: named.start("name")]
    return _WORDS_BETWEEN.fullmatch(between) is not None and _SUPERSEDES.search(between) is None
