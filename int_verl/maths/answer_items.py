"""The kinds of items that an answer consists of.

Value            ``5``, ``x = 5``, ``50\\%``, ``2x + 3``
Tuple            ``(1, 2)``, ``[0, 1]``, ``\\langle 1, 2, 3 \\rangle``
Set              ``\\{1, 2\\}`` inside of something else
Region           ``(0, \\infty)``, ``x > 3``, ``[0, 1] \\cup [2, 3]``
Equation         ``x^2 + y^2 = 1``
Inequality       ``x + y < 1``
Congruence       ``n \\equiv 1, 4 \\pmod 5``
Ratio            ``1 : 2``
NumeralInBase    ``1101_2``
NamedGroup       ``a = 1, b = 2``
Progression      ``1, 2, \\ldots, n``
Piecewise        ``\\begin{cases} x & x > 0 \\\\ 0 & x \\le 0 \\end{cases}``
Choice           ``\\text{(C) } 8``
Text             ``\\text{even}``
Contradiction    ``2 = 3``
Open             ``8?``
NotUnderstood    ``\\int_0^1 f``
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal, TypeAlias

from int_verl.maths.intervals import Pieces
from int_verl.maths.nodes import Node
from int_verl.maths.quantities import Quantity


@dataclass(frozen=True, slots=True)
class _Item:
    text: str
    """The item as it was written, normalised."""
    name: str = field(default="", kw_only=True)
    """What it is the value of: the left-hand side of a definition, without spaces, or the variable of a region.

    An equation with a name gives the value of an expression in several names: ``m + n = 7``.
    """


@dataclass(frozen=True, slots=True)
class Value(_Item):
    tree: Node
    number: Quantity | None = None
    """The value if the item is a bare number."""

    @property
    def bare_number(self) -> Fraction | None:
        """The number that it is, without mark and name."""
        return None if self.number is None or self.number.mark or self.name else self.number.value


@dataclass(frozen=True, slots=True)
class Tuple(_Item):
    entries: tuple[Item, ...]
    brackets: str
    """Both of them, as ``()`` or ``[)``."""

    @property
    def is_interval(self) -> bool:
        """Whether it can be nothing but an interval: ``[0, 1]`` or ``(0, 1]``."""
        return len(self.entries) == 2 and self.brackets in ("[]", "(]", "[)")


@dataclass(frozen=True, slots=True)
class Set(_Item):
    members: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class Region(_Item):
    pieces: Pieces


@dataclass(frozen=True, slots=True)
class Equation(_Item):
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Inequality(_Item):
    difference: Node
    """What is compared with 0, from above."""
    operator: Literal["<", "<=", "\\ne"]


@dataclass(frozen=True, slots=True)
class Congruence(_Item):
    left: Node | None
    """What is congruent to one of the residues; None where it is not said."""
    residues: tuple[Node, ...]
    modulus: Node
    holds: bool
    """False for ``\\not\\equiv``: congruent to none of them."""


@dataclass(frozen=True, slots=True)
class Ratio(_Item):
    terms: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class NumeralInBase(_Item):
    digits: str
    """In capitals."""
    base: str


@dataclass(frozen=True, slots=True)
class NamedGroup(_Item):
    entries: tuple[Item, ...]
    """Each with a name, and no two with the same."""


@dataclass(frozen=True, slots=True)
class Progression(_Item):
    """``1, 2, \\ldots, n``"""

    beginning: tuple[Node, Node, Node]
    """Three terms: two alone may go on by a step and by a factor."""
    last: Node | None
    """None where it never ends."""


@dataclass(frozen=True, slots=True)
class Piecewise(_Item):
    branches: tuple[tuple[tuple[Item, ...], tuple[Item, ...]], ...]
    """(value, condition), of which one condition may be empty: "otherwise"."""


@dataclass(frozen=True, slots=True)
class Choice(_Item):
    letter: str
    content: tuple[Item, ...]
    """What the option says."""


class Text(_Item):
    __slots__ = ()


class Contradiction(_Item):
    __slots__ = ()


class Open(_Item):
    __slots__ = ()


class NotUnderstood(_Item):
    __slots__ = ()


Item: TypeAlias = (
    Value | Tuple | Set | Region | Equation | Inequality | Congruence | Ratio | NumeralInBase | NamedGroup
    | Progression | Piecewise | Choice | Text | Contradiction | Open | NotUnderstood
)  # fmt: skip

NO_COMMITMENT = (Contradiction, Open)
"""Kinds of items that are no answer to anything."""


def unbraced(answer: tuple[Item, ...]) -> tuple[Item, ...]:
    """The members of a set that is all of an answer; any other answer as it is."""
    return answer[0].members if len(answer) == 1 and isinstance(answer[0], Set) else answer
