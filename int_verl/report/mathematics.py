"""Mathematics in rows: LaTeX as trees of MathML, which a page builds element by element.

latex2mathml reads the LaTeX (the extra `int-verl[report]`). What it gives is not trusted: a tree has the elements and
attributes that are listed here and no others, so no text of a model's can become anything but mathematics. What cannot
be read, and everything where latex2mathml is not installed, stays as it is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache, lru_cache
from importlib.util import find_spec
from typing import Any
from xml.etree.ElementTree import Element

Tree = list[Any]
"""``[element, attributes or 0, text or child, ...]``: ``["mfrac", 0, ["mn", 0, "1"], ["mn", 0, "2"]]``."""

LONGEST = 1_000
"Characters of a formula; longer ones stay as written."
MOST = 50_000
"Different formulas of a page; what comes later stays as written. Each takes a third of a millisecond."
# As pandoc has it: what opens with $ has no space behind it, what closes has none before it and no digit behind it.
_FORMULA = re.compile(
    r"\\\((?P<round>.+?)\\\)|\\\[(?P<square>.+?)\\\]|\$\$(?P<double>.+?)\$\$"
    r"|(?<![\\$\w])\$(?=[^\s$])(?P<single>(?:\\.|[^$\\])+?)(?<=\S)\$(?!\d)"
    r"|(?P<environment>\\begin\{(?P<name>(?:align|gather|equation|cases|[pbv]?matrix|array)\*?)\}.+?\\end\{(?P=name)\})"
    r"|(?P<boxed>\\boxed\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\})",
    re.DOTALL,
)
_DISPLAYED = ("square", "double", "environment")
# Environments that latex2mathml lacks, as those of the same look that it has.
_ENVIRONMENTS = re.compile(r"\\(begin|end)\{(?:aligned|gathered|alignedat|equation\*?|gather\*?|align)\}")
_ELEMENTS = re.compile(
    r"m(?:row|i|n|o|text|s|space|frac|sqrt|root|style|padded|phantom|enclose|sub|sup|subsup|under|over|underover"
    r"|multiscripts|prescripts|table|tr|td)"
)
_ATTRIBUTES = re.compile(
    r"accent(?:under)?|column(?:align|lines|spacing)|row(?:lines|spacing)|(?:max|min|math)size|mathvariant|depth|height"
    r"|width|voffset|[lr]space|displaystyle|scriptlevel|fence|form|separator|stretchy|symmetric|largeop|movablelimits"
    r"|linethickness|notation"
)
_VALUE = re.compile(r"[\w.%+ -]{1,40}")


class Formulas:
    """The formulas of a page, each read once."""

    def __init__(self) -> None:
        self.trees: list[tuple[str, bool, Tree]] = []
        "As written, whether it stands on a line of its own, and as a tree."
        self._numbers: dict[tuple[str, bool], int | None] = {}

    def __call__(self, text: str) -> list[str | int] | str:
        """A text in pieces, a formula by its number in `trees`; the text itself if it has none."""
        pieces: list[str | int] = []
        end = 0
        for match in _FORMULA.finditer(text):
            number = self._number(match)
            if number is not None:
                pieces += [text[end : match.start()], number] if match.start() > end else [number]
                end = match.end()
        if not pieces:
            return text
        return [*pieces, text[end:]] if end < len(text) else pieces

    def _number(self, match: re.Match[str]) -> int | None:
        kind = str(match.lastgroup)
        key = (match[0], kind in _DISPLAYED)
        if key not in self._numbers:
            tree = math_tree(match[kind]) if len(self._numbers) < MOST else None
            self._numbers[key] = None if tree is None else len(self.trees)
            if tree is not None:
                self.trees.append((*key, tree))
        return self._numbers[key]


@lru_cache(maxsize=MOST)
def math_tree(latex: str) -> Tree | None:
    """A formula without its dollars as MathML; None where it is not read, or not as a whole.

    >>> math_tree(r"\\\\frac{1}{x}") if is_available() else ["mfrac", 0, ["mn", 0, "1"], ["mi", 0, "x"]]
    ['mfrac', 0, ['mn', 0, '1'], ['mi', 0, 'x']]
    """
    if not is_available() or len(latex) > LONGEST or "\n\n" in latex:
        return None
    from latex2mathml.converter import convert_to_element

    try:
        element = convert_to_element(_ENVIRONMENTS.sub(r"\\\1{split}", latex))
        children = [_tree(child) for child in element]
    except Exception:
        return None
    return children[0] if len(children) == 1 else ["mrow", 0, *children]


@cache
def is_available() -> bool:
    return find_spec("latex2mathml") is not None


def _tree(element: Element) -> Tree:
    """The element, without rows of a single child.

    Raises:
        ValueError: it is not known here, or holds LaTeX that was not understood.
    """
    if _ELEMENTS.fullmatch(element.tag) is None:
        raise ValueError(element.tag)
    children = [_tree(child) for child in element]
    if element.tag == "mrow" and len(children) == 1:
        return children[0]
    attributes = {
        name: value for name, value in element.items() if _ATTRIBUTES.fullmatch(name) and _VALUE.fullmatch(value)
    }
    return [element.tag, attributes or 0, *_texts(element), *children]


def _texts(element: Element) -> Iterator[str]:
    if element.text:
        text = _characters(element.text)
        if text in ("&", "\\\\") or (text.startswith("\\") and len(text) > 1):
            raise ValueError(text)
        yield text


def _characters(text: str) -> str:
    """latex2mathml leaves `&#x0003D;` in the text of its elements."""
    return re.sub(r"&#x([0-9A-Fa-f]{1,6});", lambda match: chr(int(match[1], 16)), text)
