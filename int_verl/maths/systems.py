"""Rows under one brace: systems, which are lists of relations, and the branches of a piecewise definition.

\\begin{cases} x = 1 \\\\ y = 4 \\end{cases}    \\{ \\begin{array}{l} x = 1 \\\\ y = 4 \\end{array}
f(x) = \\begin{cases} x^2 & \\text{if } x > 0 \\\\ 0 & \\text{otherwise} \\end{cases}
"""

from __future__ import annotations

import re

from int_verl.maths.brackets import bracketed, cut

_ROWS = re.compile(
    r"(?P<brace>\\\{\s*)?\\begin\s*\{(?P<kind>(?:[dr]?cases|numcases|array|[pbB]?matrix|aligned|alignedat|align|gathered|split)\*?)\}"
    r"\s*(?:\{[^{}]*\})?(?P<rows>(?:(?!\\begin\s*\{).)*?)\\end\s*\{(?P=kind)\}(?:\s*\\\}(?!\S))?",
    re.DOTALL,
)
_BREAK = re.compile(r"\\\\|\\cr(?![A-Za-z])")
_CELL = re.compile(r"(?<!\\)&")
_RELATION = re.compile(r"[=<>]|\\(?:le|ge|ne|in|equiv|approx)(?![A-Za-z])")
_DEFINITION = re.compile(r"(?P<name>[^={}]*?)\s*=?\s*")
_IF = r"(?:if|for|when|where|whenever|as|otherwise|else|elsewhere|in all other cases)\b"
_CONDITION_BEGINS = re.compile(rf"[,;]?\s*(?=\\(?:text|mathrm|mbox|textrm)\s*\{{\s*,?\s*{_IF}|(?<![A-Za-z\\]){_IF})")
_WORDS = re.compile(r"\\(?:text|mathrm|mbox|textrm)\s*\{([^{}]*)\}|\$")
_EMPTY_WORDS = re.compile(r"(?<![A-Za-z\\])(?:if|for|when|where|whenever|as|is|are|an?|all)(?![A-Za-z])")
_OTHERWISE = frozenset(["otherwise", "else", "elsewhere", "other", "in other cases", "other cases", "in other"])


def side_by_side(text: str) -> str:
    """``text`` with commas between the rows of each system."""
    return _ROWS.sub(_listed, text)


def _listed(match: re.Match[str]) -> str:
    rows = [_CELL.sub(" ", row).strip(" ,;.") for row in _rows(match)]
    is_system = "cases" in match["kind"] or match["brace"] or all(_RELATION.search(row) for row in rows)
    return f" {' , '.join(rows)} " if is_system and rows else match[0]


def _rows(match: re.Match[str]) -> list[str]:
    return [row.strip() for row in _BREAK.split(match["rows"]) if row.strip()]


def branches(text: str) -> tuple[str, list[tuple[str, str]]] | None:
    """The name of a piecewise definition and its (value, condition); the condition is empty where it is "otherwise".

    None for anything else.
    """
    match = _ROWS.search(text)
    if match is None or not (match["brace"] or "cases" in match["kind"]) or text[match.end() :].strip(" .,"):
        return None
    definition = _DEFINITION.fullmatch(text[: match.start()])
    found = [_branch(row) for row in _rows(match)]
    if definition is None or len(found) < 2:
        return None
    pairs = [pair for pair in found if pair is not None]
    return (definition["name"].strip(), pairs) if len(pairs) == len(found) else None


def _branch(row: str) -> tuple[str, str] | None:
    """Value and condition of one row; None for a row of a system."""
    value, *rest = _CELL.split(row)
    condition = " ".join(rest).strip()
    if not condition:
        begins = _CONDITION_BEGINS.search(row)
        value, condition = (row[: begins.start()], row[begins.end() :]) if begins else _value_and_relation(row)
    value = value.strip(" ,;")
    if not value or not condition or _RELATION.match(condition) or _RELATION.search(value):
        return None
    return value, _plain(condition)


def _value_and_relation(row: str) -> tuple[str, str]:
    """``x^2, x > 0`` and ``x^2 (x > 0)``."""
    pieces = [piece for _, piece in cut(row, frozenset(","))]
    if len(pieces) > 1 and _RELATION.search(pieces[-1]):
        return ",".join(pieces[:-1]), pieces[-1]
    start = row.rfind("(") if row.endswith(")") else -1
    return (row[:start], row[start:]) if start > 0 and _RELATION.search(row[start:]) else (row, "")


def _plain(condition: str) -> str:
    """A condition without "if", "is" and the like."""
    plain = _WORDS.sub(lambda match: f" {match[1] or ''} ", condition)
    plain = " ".join(_EMPTY_WORDS.sub(" ", plain).split()).strip(" ,;.")
    enclosed = bracketed(plain)
    if enclosed is not None and enclosed[0] == "()":
        plain = enclosed[1]
    if plain.lower() in _OTHERWISE:
        return ""
    # "even n" is "n even".
    return plain if _RELATION.search(plain) else "\\text{" + " ".join(sorted(plain.split())) + "}"
