"""An expression as a tree.

    Number(Fraction(3, 2))   Variable("x")   Constant("pi")
    Negative(a)   Degrees(a)   Percent(a)   PlusMinus(a, sign=1)   Factorial(a, steps=1)
    Add(a, b)   Subtract(a, b)   Multiply(a, b)   Divide(a, b)   Power(a, b)
    Call("sin", (a,))   UnknownCall("f", (a,))   Matrix(((a, b), (c, d)))   Series("sum", "k", low, high, body)

Like the nodes of Python's own `ast`, these are equal to nothing but themselves, and `same_tree` compares what they
say. So a cache keyed by trees costs the same for trees of all sizes, and no comparison recurses into a sum of a
thousand terms, which is a tree of a thousand floors.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from typing import Any, Literal, TypeAlias


class _Node:
    __slots__ = ()
    __match_args__: tuple[str, ...]

    @property
    def fields(self) -> tuple[Any, ...]:
        """What it was made of: trees, tuples of trees, names and numbers."""
        return tuple(getattr(self, name) for name in self.__match_args__)


@dataclass(frozen=True, slots=True, eq=False)
class Number(_Node):
    value: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Variable(_Node):
    name: str
    """As written, with its index: ``x``, ``x_1``, ``\\alpha``, ``f'``."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant(_Node):
    name: Literal["pi", "e", "i", "inf"]


@dataclass(frozen=True, slots=True, eq=False)
class Unary(_Node):
    operand: Node


class Negative(Unary):
    __slots__ = ()


class Degrees(Unary):
    __slots__ = ()


class Percent(Unary):
    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class PlusMinus(Unary):
    sign: Literal[1, -1]
    """1 for ``\\pm``, -1 for ``\\mp``."""


@dataclass(frozen=True, slots=True, eq=False)
class Factorial(Unary):
    steps: int
    """1 for ``n!``, 2 for ``n!!``."""


@dataclass(frozen=True, slots=True, eq=False)
class Binary(_Node):
    left: Node
    right: Node


class Add(Binary):
    __slots__ = ()


class Subtract(Binary):
    __slots__ = ()


class Multiply(Binary):
    __slots__ = ()


class Divide(Binary):
    __slots__ = ()


class Power(Binary):
    __slots__ = ()


@dataclass(frozen=True, slots=True, eq=False)
class Call(_Node):
    """A function that is known by name, or one of: sqrt, abs, floor, ceil, binom, gcd, lcm, mod, min, max."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UnknownCall(_Node):
    """``f(x)`` and ``a_{n-1}``, whose name is ``a_``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Matrix(_Node):
    rows: tuple[tuple[Node, ...], ...]
    """All of one length, and at least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Series(_Node):
    name: Literal["sum", "prod"]
    variable: str
    low: Node
    high: Node
    body: Node


Leaf: TypeAlias = Number | Variable | Constant
Node: TypeAlias = (
    Leaf
    | Negative | Degrees | Percent | PlusMinus | Factorial
    | Add | Subtract | Multiply | Divide | Power
    | Call | UnknownCall | Matrix | Series
)  # fmt: skip

INFINITY = Constant("inf")
NEG_INFINITY = Negative(INFINITY)


def infinite(node: Node) -> bool:
    """Whether ``node`` is infinity or its negative."""
    bare = node.operand if isinstance(node, Negative) else node
    return isinstance(bare, Constant) and bare.name == "inf"


def of_many(name: str, arguments: tuple[Node, ...]) -> Node:
    """A call of ``gcd``, ``lcm``, ``min`` or ``max``; of an infinite argument only its effect is left."""
    if name not in ("min", "max"):
        return Call(name, arguments)
    most, least = (INFINITY, NEG_INFINITY) if name == "max" else (NEG_INFINITY, INFINITY)
    if any(same_tree(argument, most) for argument in arguments):
        return most
    finite = tuple(argument for argument in arguments if not infinite(argument))
    return Call(name, finite) if finite else least


def letters(node: Node) -> str | None:
    """The letters of a product of variables and constants, ``AB``; None for anything else."""
    match node:
        case Variable() | Constant():
            return node.name
        case Multiply():
            left, right = letters(node.left), letters(node.right)
            return None if left is None or right is None else left + right
    return None


def parts(node: Node) -> tuple[Node, ...]:
    """The trees directly below a node."""
    match node:
        case Binary():
            return node.left, node.right
        case Unary():
            return (node.operand,)
        case Call() | UnknownCall():
            return node.arguments
        case Matrix():
            return tuple(entry for row in node.rows for entry in row)
        case Series():
            return node.low, node.high, node.body
    return ()


def same_tree(a: Node, b: Node) -> bool:
    """Whether two trees say the same, node by node."""
    pending: list[tuple[Any, Any]] = [(a, b)]
    while pending:
        x, y = pending.pop()
        if x is y:
            continue
        if type(x) is not type(y):
            return False
        if isinstance(x, _Node):
            pending.extend(zip(x.fields, y.fields, strict=True))
        elif isinstance(x, tuple):
            if len(x) != len(y):
                return False
            pending.extend(zip(x, y, strict=True))
        elif x != y:
            return False
    return True


def walk(tree: Node) -> Iterator[Node]:
    """Every node of a tree, in no particular order."""
    pending = [tree]
    while pending:
        node = pending.pop()
        yield node
        pending.extend(parts(node))


def changed(tree: Node, change: Callable[[Node], Node]) -> Node:
    """The tree with every node changed, from the leaves to the root."""
    done: dict[_Node, Node] = {}

    def remade(field: Any) -> Any:
        if isinstance(field, tuple):
            return tuple(map(remade, field))
        return done[field] if isinstance(field, _Node) else field

    for node in reversed(list(walk(tree))):
        done[node] = change(type(node)(*map(remade, node.fields)))
    return done[tree]


def of_letters(tree: Node, letters: str = "ie") -> Node:
    """A tree in which these letters, as in an index, are variables and no constants."""
    if "i" in letters:
        tree = replaced(tree, Constant("i"), Variable("i"))
    return replaced(tree, Constant("e"), Variable("e")) if "e" in letters else tree


def replaced(tree: Node, old: Leaf, new: Leaf) -> Node:
    """The tree with ``new`` wherever ``old`` stands."""
    return changed(tree, lambda node: new if same_tree(node, old) else node)


def with_sign(tree: Node, sign: int) -> Node:
    """The tree with ``\\pm`` decided."""

    def decided(node: Node) -> Node:
        if isinstance(node, PlusMinus):
            return node.operand if node.sign == sign else Negative(node.operand)
        return node

    return changed(tree, decided)


@lru_cache(maxsize=4096)
def features(tree: Node) -> frozenset[type[Node] | str]:
    """Classes of a tree's nodes, and names of its constants and known functions: ``{Add, Constant, "pi"}``."""
    found: set[type[Node] | str] = set()
    for node in walk(tree):
        found.add(type(node))
        if isinstance(node, (Call, Constant)):
            found.add(node.name)
    return frozenset(found)


@lru_cache(maxsize=8192)
def variables(tree: Node) -> frozenset[str]:
    """Names of the free variables and of the unknown functions."""
    found: set[str] = set()
    nothing: frozenset[str] = frozenset()
    pending = [(tree, nothing)]
    while pending:
        node, bound = pending.pop()
        if isinstance(node, (Variable, UnknownCall)) and node.name not in bound:
            found.add(node.name)
        if isinstance(node, Series):
            pending += [(node.low, bound), (node.high, bound), (node.body, bound | {node.variable})]
        else:
            pending += [(part, bound) for part in parts(node)]
    return frozenset(found)
