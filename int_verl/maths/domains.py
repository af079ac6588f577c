"""What an answer says besides itself: for which values of its names it holds.

    f(x) = 3x for all real x        x = 2k\\pi, k \\in \\mathbb{Z}        3^n (n \\ge 1)
    cx, where c is a constant       For all x, f(x) = 3x

Only what limits a name that stays free is put aside. A condition on the unknown itself (``x = \\pm 3``, ``x > 0``) or
beside an inequality (``1 < x < 9``, ``x \\ne 5``) belongs to the answer.
"""

from __future__ import annotations

import re
from functools import lru_cache

from int_verl.maths.brackets import cut
from int_verl.maths.prose import without_commands

_MAX_CHARS = 160
"""Longest statement of a domain."""

# -- in plain words: without braces and text commands, and with @Z for a set of numbers, @Z' for a part of it

_LETTER = (
    r"(?:\\(?:alpha|beta|gamma|delta|epsilon|varepsilon|lambda|mu|nu|theta|omega|phi|varphi|rho|sigma|tau|xi|eta)"
    r"|(?<![A-Za-z\\@])[A-Za-z])(?![A-Za-z])"
)
_NAME = rf"{_LETTER}(?:_\w)?"
_NAMES = rf"{_NAME}(?:\s*(?:,\s*and\b|,|\band\b)\s*{_NAME})*"
_NUMBER = r"-?\s*(?:[0-9]+(?:\.[0-9]+|\s*/\s*[0-9]+)?|\\infty|\\pi|\\frac\s*[0-9]+)"
_BOUND = rf"(?:{_NUMBER}|{_NAME})"
_ORDER = r"(?:\\(?:ge|le|ne)(?![A-Za-z])|[<>])"
_KIND = (
    r"(?=(?:an?\s+)?[a-z]{3})"
    r"(?:\b(?:an?|any|some|all|every|each|the|arbitrary|fixed|given|real|positive|negative|nonnegative|nonpositive|nonzero|"
    r"non|zero|natural|rational|complex|whole|constants?(?:\s+of\s+integration)?|numbers?|integers?|reals?|values?(?:\s+of)?|parameters?)\b[\s-]*)+"
)
_CONDITION = (
    rf"(?:{_NAMES}\s*(?:\\in|\bin)\s*(?:@[A-Z]'?|[RZNQC]\b|[\[(][^()\[\]]*,[^()\[\]]*[\])])(?:\s*(?:is|are)\s*{_KIND})?"
    rf"|{_NAME}\s*=(?:\s*{_NUMBER}\s*,)+\s*\\ldots(?:\s*,\s*{_NAME}(?:\s*[-+]\s*[0-9]+)?)?"
    rf"|(?:{_BOUND}\s*{_ORDER}\s*)?(?:{_NAMES}|\|\s*{_NAME}\s*\|)\s*{_ORDER}\s*{_BOUND})"
)
_CLAUSE = rf"(?:{_KIND}(?:{_CONDITION}|{_NAMES})|{_NAMES}\s*(?:\b(?:is|are|be|being)\b\s*)?{_KIND}|{_CONDITION})"
_MORE = rf"(?:\s*(?:,\s*and\b|,|;|\band\b|\bwith\b|\bwhere\b)\s*{_CLAUSE})*"
_QUANTIFIED = re.compile(
    r"(?:\\forall(?![A-Za-z])|\b(?:(?:holds|valid|defined)\s+)?for\s+(?:all|any|every|each|some)\b)\s*"
    rf"(?:{_CLAUSE}|{_NAMES}|{_KIND}){_MORE}",
    re.I,
)
_INTRODUCTION = r"\b(?:for|where|with|here|whenever|provided(?:\s+that)?)\b"
_INTRODUCED = re.compile(rf"(?:{_INTRODUCTION}\s*)?{_CLAUSE}{_MORE}", re.I)
_MEMBERSHIP = re.compile(rf"({_NAMES})\s*(?:\\in|\bin)\s*@?([RZNQC]'?)")

_COMMAND = r"\\(?:text|textrm|textbf|textit|mathrm|mbox)\s*\{"
_NUMBERS = re.compile(
    r"\\(?:mathbb|mathbf|Bbb)\s*(?:\{\s*([RZNQC])\s*\}|([RZNQC]))"
    r"(?P<part>(?:\s*[\^_]\s*(?:\{[^{}]*\}|[-+*0-9]))*(?:\s*(?:\\setminus|-)\s*\\\{[^{}]*\\\})?)"
)
_MARKUP = re.compile(_COMMAND + r"|[{}$~]")


def _plain(text: str) -> str:
    text = _NUMBERS.sub(lambda match: f" @{match[1] or match[2]}{chr(39) if match['part'] else ''} ", text)
    text = " ".join(_MARKUP.sub(lambda match: "" if match.group() in "{}" else " ", text).split()).strip(" ,;:.")
    return text[1:-1].strip() if text.startswith("(") and text.endswith(")") else text


# -- in an answer

_HINT = re.compile(
    rf"\\forall|{_INTRODUCTION}|\b(?:constant|integer|number|real)|\\in(?![A-Za-z])|{_ORDER}|\\ldots", re.I
)
_START = re.compile(
    rf"[\s,;:]*(?:\(\s*)?(?:{_COMMAND}[\s,;(]*)?(?:\\forall(?![A-Za-z])|\b(?:holds|valid|defined)\b|{_INTRODUCTION})|"
    rf"\s*[,;]|\s*(?:{_COMMAND}\s*)?\((?=[^()]*(?:\([^()]*\)[^()]*)*\)\s*\}}?$)|\s(?={_NAME}\s*\\in(?![A-Za-z]))",
    re.I,
)
_RELATION = re.compile(r"[<>]|\\(?:le|ge|ne|in|notin|cup|cap|subset|subseteq|emptyset)(?![A-Za-z])")
_VALUE_OF_A_FUNCTION = re.compile(r"(?<![A-Za-z\\])[A-Za-z]\([a-z]\)")
_ALL_SUCH = re.compile(
    rf"(?:{_COMMAND}\s*)?{_KIND}(?:\}}?\s*{_NAME}\s*(?:{_COMMAND})?\s*such\s+that)?\s*\}}?\s*(?={_NAME}\s*\\n?equiv)",
    re.I,
)
_SEPARATORS = frozenset(",:")
_SET_OF = re.compile(r"\\\{\s*(?P<main>[^|:{}]*?)\s*[|:](?P<tail>.*)\\\}")
_WHOLE = re.compile(rf"{_NAMES}\s*(?:\\in|\bin)\s*@?[ZN]'?")
"""What makes a set of values a progression or a sequence: ``\\{5k + 2 : k \\in \\mathbb{Z}\\}``."""


def without_domain(text: str) -> str:
    """A normalised answer without what it says about its domain, at its end or its beginning.

    >>> without_domain("f(x) = 3x \\\\text{ for all real } x")
    'f(x) = 3x'
    """
    return _apart(text)[0]


def domains_differ(gold: str, answer: str) -> bool:
    """Whether two answers take a name from different sets of numbers, as ``k \\in Z`` and ``k \\in N``."""
    first, second = (dict(_memberships(_apart(text)[1])) for text in (gold, answer))
    # A part of a set may be another whole one: the positive integers.
    return any(
        first[name] != second[name] and "'" not in first[name] + second[name] for name in first.keys() & second.keys()
    )


def with_names_of(gold: str, answer: str) -> str:
    """An answer that calls its arbitrary integer as the gold does: ``n\\pi, n \\in Z`` for ``k\\pi, k \\in Z``.

    One of them has to say that its name stands for all integers.
    """
    (first, ours), (second, theirs) = _apart(gold), _apart(answer)
    if not ours and not theirs:
        return answer
    names = _integers(first, ours, theirs), _integers(second, theirs, ours)
    if not all(len(found) == 1 for found in names) or names[0] == names[1]:
        return answer
    ((wanted,), (given,)) = names
    if _standing(wanted).search(answer) or _standing(given).search(gold):
        return answer
    return _standing(given).sub(wanted, answer)


def _integers(main: str, domain: str, other: str) -> set[str]:
    """The names that stand for any integer: those of which it is said, else, if the other side says it, likely ones."""
    said = {name for name, numbers in _memberships(domain) if numbers in ("Z", "N")}
    if said or not any(numbers in ("Z", "N") for _, numbers in _memberships(other)):
        return said
    return {name for name in "nkmlj" if _standing(name).search(main)}


def _standing(name: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![A-Za-z\\]){re.escape(name)}(?![A-Za-z])")


@lru_cache(maxsize=4096)
def _apart(text: str) -> tuple[str, str]:
    """(an answer, its domain in plain words)."""
    if "equiv" in text:
        text = _ALL_SUCH.sub("", text, count=1)
    if not _HINT.search(text):
        return text, ""
    members = _SET_OF.fullmatch(text)
    if members:
        tail = _plain(members["tail"])
        if _WHOLE.fullmatch(tail) and _only_states(members["main"], tail):
            return members["main"], tail
    for start in _START.finditer(text, max(0, len(text) - _MAX_CHARS)):
        main, tail = text[: start.start()].strip(), _plain(text[start.start() :])
        if main and _only_states(main, tail):
            return main + "}" * (main.count("{") - main.count("}")), tail
    pieces = cut(text, _SEPARATORS)
    for k in range(1, len(pieces)):
        lead = _plain("".join(separator + piece for separator, piece in pieces[:k]))
        if len(lead) > _MAX_CHARS:
            break
        if _QUANTIFIED.fullmatch(lead):
            return "".join(separator + piece for separator, piece in pieces[k:])[1:].strip(), lead
    return text, ""


def _only_states(main: str, tail: str) -> bool:
    """Whether a tail in plain words says no more than for which values of free names ``main`` holds."""
    if _QUANTIFIED.fullmatch(tail):
        return _RELATION.search(main) is None or _VALUE_OF_A_FUNCTION.search(main) is not None
    if _RELATION.search(main):
        return False
    if not _INTRODUCED.fullmatch(tail):
        return False
    names = set(re.findall(_LETTER, re.sub(r"\ba\s+(?=[a-z]{2})|[RZNQC]\b(?=\s*(?:$|,))", " ", tail)))
    members = {name for name, _ in _memberships(tail)}
    return bool(names) and all(_is_free(name, main, solved=name not in members) for name in names)


def _is_free(name: str, main: str, *, solved: bool) -> bool:
    """Whether a name stands in an answer, and neither is all of it nor, if that counts, what it gives the value of."""
    return any(
        name in (piece if name[0] == "\\" else without_commands(piece))
        and piece.strip() != name
        and not (solved and piece.partition("=")[0].strip() == name)
        for _, piece in cut(main, _SEPARATORS)
    )


def _memberships(tail: str) -> list[tuple[str, str]]:
    return [(name, numbers) for names, numbers in _MEMBERSHIP.findall(tail) for name in re.findall(_LETTER, names)]
