"""What ``\\pm`` and ``\\mp`` stand for: two values, and several tuples.

In one expression they all go together: ``1 \\pm \\sqrt{2} \\mp x``. In the entries of a tuple they are independent,
``(\\pm 1, \\pm 2)`` being four points, unless a ``\\mp`` ties them: ``(\\pm 1, \\mp 2)`` is two.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from itertools import product
from typing import TypeVar

from int_verl.maths import nodes
from int_verl.maths.brackets import bracketed, members
from int_verl.maths.nodes import Node, features, with_sign
from int_verl.maths.size_limits import MAX_ITEMS, TooLarge

_Entry = TypeVar("_Entry")
_TIED = re.compile(r"\\mp(?![A-Za-z])")
_SIGNED_GROUP = re.compile(r"\\(?:pm|mp)\s*(?=[(\[]|\\langle)")


def both_signs(tree: Node) -> tuple[Node, ...]:
    """The tree with ``\\pm`` as plus and as minus; the tree itself if there is none in it."""
    return (with_sign(tree, 1), with_sign(tree, -1)) if nodes.PlusMinus in features(tree) else (tree,)


def combined(text: str, entries: Sequence[Sequence[_Entry]]) -> list[tuple[_Entry, ...]]:
    """The tuples that ``text`` stands for, given the values of each of its entries.

    Raises:
        TooLarge: there are too many.
    """
    if _TIED.search(text) and all(len(entry) <= 2 for entry in entries):
        return [tuple(entry[0] for entry in entries), tuple(entry[-1] for entry in entries)]
    if math.prod(map(len, entries)) > MAX_ITEMS:
        raise TooLarge("items")
    return list(product(*entries))


def signed_groups(text: str) -> tuple[str, str] | None:
    """``\\pm (a, b)`` as ``(a, b)`` and ``(-(a),-(b))``; None for anything else."""
    sign = _SIGNED_GROUP.match(text)
    enclosed = bracketed(text[sign.end() :]) if sign else None
    if sign is None or enclosed is None:
        return None
    brackets, inner = enclosed
    opposite = ",".join(f"-({entry})" for entry in members(inner))
    closing = brackets[-1] if len(brackets) == 2 else "\\rangle"
    return text[sign.end() :], brackets.removesuffix(closing) + opposite + closing
