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
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Literal, TypeAlias


@dataclass(frozen=True, slots=True, eq=False)
class Number:
    value: Fraction


@dataclass(frozen=True, slots=True, eq=False)
class Variable:
    name: str
    """As written, with its index: ``x``, ``x_1``, ``\\alpha``, ``f'``."""


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    name: Literal["pi", "e", "i", "inf"]


@dataclass(frozen=True, slots=True, eq=False)
class Unary:
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
class Binary:
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
class Call:
    """A function that is known by name, or one of: sqrt, abs, floor, ceil, binom, gcd, lcm, mod, min, max."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class UnknownCall:
    """``f(x)`` and ``a_{n-1}``, whose name is ``a_``."""

    name: str
    arguments: tuple[Node, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Matrix:
    rows: tuple[tuple[Node, ...], ...]
    """All of one length, and at least one."""


@dataclass(frozen=True, slots=True, eq=False)
class Series:
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


def parts(node: Node) -> tuple[Node, ...]:
    """The trees directly below a node."""
    return _label_and_parts(node)[1]


def _label_and_parts(node: Node) -> tuple[object, tuple[Node, ...]]:
    """What a node says beside its class, and the trees directly below it."""
    match node:
        case Number():
            return node.value, ()
        case Variable() | Constant():
            return node.name, ()
        case Binary():
            return None, (node.left, node.right)
        case PlusMinus():
            return node.sign, (node.operand,)
        case Factorial():
            return node.steps, (node.operand,)
        case Unary():
            return None, (node.operand,)
        case Call() | UnknownCall():
            return node.name, node.arguments
        case Matrix():
            return len(node.rows), tuple(entry for row in node.rows for entry in row)
        case Series():
            return (node.name, node.variable), (node.low, node.high, node.body)


def same_tree(a: Node, b: Node) -> bool:
    """Whether two trees say the same, node by node."""
    pending = [(a, b)]
    while pending:
        x, y = pending.pop()
        if x is y:
            continue
        if type(x) is not type(y):
            return False
        (label, below), (other_label, other_below) = _label_and_parts(x), _label_and_parts(y)
        if label != other_label or len(below) != len(other_below):
            return False
        pending.extend(zip(below, other_below, strict=True))
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
    done: dict[Node, Node] = {}
    for node in reversed(list(walk(tree))):
        done[node] = change(_with_parts(node, done.__getitem__))
    return done[tree]


def _with_parts(node: Node, change: Callable[[Node], Node]) -> Node:
    match node:
        case Binary():
            return replace(node, left=change(node.left), right=change(node.right))
        case Unary():
            return replace(node, operand=change(node.operand))
        case Call() | UnknownCall():
            return replace(node, arguments=tuple(map(change, node.arguments)))
        case Matrix():
            return Matrix(tuple(tuple(map(change, row)) for row in node.rows))
        case Series():
            return replace(node, low=change(node.low), high=change(node.high), body=change(node.body))
        case Number() | Variable() | Constant():
            return node


def replaced(tree: Node, old: Leaf, new: Leaf) -> Node:
    """The tree with ``new`` wherever ``old`` stands."""
    return changed(tree, lambda node: new if same_tree(node, old) else node)


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
