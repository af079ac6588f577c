"""Cutting LaTeX outside its brackets."""

from __future__ import annotations

import re

_SCAN = re.compile(
    r"\\\{|\\\}|\\lfloor|\\rfloor|\\lceil|\\rceil|\\langle|\\rangle|\\begin\s*\{[a-zA-Z]*\*?\}|\\end\s*\{[a-zA-Z]*\*?\}|"
    r"\\[a-zA-Z]+|\\.|[()\[\]{}]|[,;:=<>]|.",
    re.DOTALL,
)
_BRACES = re.compile(r"\\.|[{}]", re.DOTALL)
_OPEN = frozenset(["\\{", "\\lfloor", "\\lceil", "\\langle", "(", "[", "{"])
_SEPARATORS = frozenset(",;")
_CLOSE = frozenset(["\\}", "\\rfloor", "\\rceil", "\\rangle", ")", "]", "}"])


def cut(text: str, separators: frozenset[str]) -> list[tuple[str, str]]:
    """Pieces of ``text`` between separators outside all brackets, each with the separator before it."""
    if not any(separator in text for separator in separators):
        return [("", text)]
    pieces: list[tuple[str, str]] = []
    depth, start, before = 0, 0, ""
    for match in _SCAN.finditer(text):
        token = match.group()
        if token in _OPEN or token.startswith("\\begin"):
            depth += 1
        elif token in _CLOSE or token.startswith("\\end"):
            depth -= 1
        elif depth <= 0 and token in separators:
            pieces.append((before, text[start : match.start()]))
            before, start = token, match.end()
    pieces.append((before, text[start:]))
    return pieces


def members(text: str) -> list[str]:
    """What commas and semicolons separate."""
    return [piece.strip() for _, piece in cut(text, _SEPARATORS)]


def bracketed(text: str) -> tuple[str, str] | None:
    """(brackets, inside) if one pair of brackets is around all of ``text``; a half-open interval counts."""
    depth = 0
    opener = ""
    for match in _SCAN.finditer(text):
        token = match.group()
        if token in _OPEN or token.startswith("\\begin"):
            if depth == 0:
                if match.start() > 0 or token.startswith(("\\begin", "\\lf", "\\lc")):
                    return None
                opener = token
            depth += 1
        elif token in _CLOSE or token.startswith("\\end"):
            depth -= 1
            if depth == 0:
                if match.end() < len(text) or not opener:
                    return None
                if (opener in ("{", "\\{")) != (token in ("}", "\\}")):
                    return None
                return opener + token, text[len(opener) : match.start()].strip()
        elif depth == 0 and not token.isspace():
            return None
    return None


def nesting(text: str) -> int:
    """Depth of the deepest group in ``text``; one linear pass over its bracket characters."""
    depth = deepest = 0
    for character in text:
        if character in "({[":
            depth += 1
            if depth > deepest:
                deepest = depth
        elif character in ")}]" and depth:
            depth -= 1
    return deepest


def closing_brace(text: str, start: int, most: int | None = None) -> int | None:
    """Index of the brace that closes the one at ``start``; None where none of the ``most`` next characters does."""
    depth = 0
    for match in _BRACES.finditer(text, start, len(text) if most is None else start + most):
        if match.group() == "{":
            depth += 1
        elif match.group() == "}":
            depth -= 1
            if depth == 0:
                return match.start()
    return None
