"""What is said beside a value: remarks, which change nothing, and doubts, which leave the answer open."""

from __future__ import annotations

import re

_TEXT = r"\\(?:text|mathrm|mbox|textbf|textit|textrm|emph)\s*\{\s*"
_ABOUT = r"about|approx(?:imately|\.)?|roughly|rounded|\\approx"
_EXPLAINS = (
    _ABOUT + r"|exactly|i\.e\.|that is|in (?:lowest|simplest|reduced)|simplified|because|since|as|where|given|by|see|"
    r"using|note|assuming|from|to the nearest|the|counting|including|all|at|when|attained|achieved|reached|obtained|"
    r"occurs|(?:max|min)(?:im(?:um|al))?(?!\s*[({])|largest|greatest|biggest|smallest|least|highest|lowest|in total"
)
_REMARK = re.compile(
    rf"(?:{_TEXT})?\(\s*(?:{_TEXT})?(?:{_EXPLAINS})(?![A-Za-z])|"
    rf"[\s,;]*(?:{_TEXT})?\b(?:where(?![A-Za-z])|(?:because|since)\s+(?=[^0-9]))|"
    rf"{_TEXT}\(?\s*(?:{_ABOUT}|exactly|i\.e\.|that is|in lowest terms|simplified)(?![A-Za-z])",
    re.IGNORECASE,
)
_MAY_BEGIN = re.compile(r"(?<![\\A-Za-z])[A-Za-z]{2}|\\approx")
_SAYS_ABOUT = re.compile(rf"[\s(]*(?:{_TEXT})?[\s(]*(?:{_ABOUT})(?![A-Za-z])", re.IGNORECASE)
_MARKUP = re.compile(_TEXT + r"|[{}$]")
_NUMBER = re.compile(r"-?[0-9]+(?:[.,][0-9]+)*")
_DENIES = re.compile(
    r"\b(?:or|not|no|nor|wrong|incorrect|false|actually|should|else|otherwise|but|except|maybe|perhaps|instead|rather|"
    r"impossible|rejected|extraneous|invalid|cannot)\b|n't\b|[?;]",
    re.IGNORECASE,
)
_OPEN = re.compile(r"\?[\s)}]*$|(?<=[0-9A-Za-z}\])])\s*(?:\.\.\.|\\ldots)[\s}]*$")


def without_remark(text: str) -> str:
    """``text`` without "(approximately)", "(because k > 0)" or "in lowest terms" after a value.

    What says a rounded value becomes that: ``\\sqrt{2} \\text{ (about 1.41)}`` is ``\\sqrt{2} \\approx 1.41``.
    """
    if not _MAY_BEGIN.search(text):
        return text
    for remark in _REMARK.finditer(text):
        said = _MARKUP.sub(" ", text[remark.start() :]).strip().rstrip(".")
        if remark.start() == 0 or _DENIES.search(said) or (said.startswith("(") and not _closes_at_end(said)):
            continue
        value = text[: remark.start()].strip()
        if value.count("(") != value.count(")") or value.count("{") != value.count("}"):
            continue
        number = _NUMBER.search(said) if _SAYS_ABOUT.match(text, remark.start()) else None
        return f"{value} \\approx {number[0]}" if number else value
    return text


def _closes_at_end(said: str) -> bool:
    """Whether the parenthesis that begins ``said`` is closed by its last character."""
    depth = 0
    for position, character in enumerate(said):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return position == len(said) - 1
    return False


def is_open(text: str) -> bool:
    """Whether a value is put in question or goes on: ``8?``, ``8 \\ldots``."""
    return _OPEN.search(text) is not None


def without_ellipsis(text: str) -> str:
    """``1.414`` for ``1.414 \\ldots``; anything else stays."""
    return re.sub(r"(?<=[0-9])\s*(?:\.\.\.|\\ldots)\s*$", "", text)
