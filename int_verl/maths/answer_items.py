"""What an answer consists of."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from int_verl.maths.expression_tree import Node
from int_verl.maths.quantities import Quantity

INFINITY: Node = ("const", "inf")


NEG_INFINITY: Node = ("neg", INFINITY)


Piece = tuple[Node, bool, Node, bool]


@dataclass(frozen=True, slots=True)
class Item:
    """One value of an answer."""

    kind: str
    """expr, tuple, set, region, equation, inequality, ratio, base, named, text, contradiction, unknown."""
    text: str
    """The item as it was written, normalised."""
    tree: Any = None
    """A tree (expr), items (tuple, set), trees (ratio, equation), pieces (region) or (digits, base)."""
    name: str = ""
    """Left-hand side of a definition, without spaces; operator of an inequality; brackets of a tuple."""
    number: Quantity | None = field(default=None)
    """The value if the item is a bare number."""


class Undecided(Exception):
    """Something in the pair is not understood, so that `same` cannot tell."""
