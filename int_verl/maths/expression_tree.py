"""An expression as a tree, and what every reader of one asks of it.

A node is a tuple whose first element names it:

    ("num", Fraction)  ("var", name)  ("const", "pi" | "e" | "i" | "inf")
    ("add", a, b)  ("sub", a, b)  ("mul", a, b)  ("div", a, b)  ("pow", a, b)  ("neg", a)  ("pm", a)  ("mp", a)
    ("fact", a, steps)  ("fn", name, (args...))  ("apply", name, args)  ("matrix", rows)
    ("sum" | "prod", variable, low, high, body)  ("degree", a)  ("percent", a)
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from typing import Any

Node = tuple[Any, ...]


class Unsupported(Exception):
    """The expression uses something that this parser or the evaluator does not know."""


def walk(node: Any) -> Iterator[Node]:
    """Every node of a tree, in no particular order."""
    pending = [node]
    while pending:
        current = pending.pop()
        if current and isinstance(current[0], str):
            yield current
        pending.extend(part for part in current if isinstance(part, tuple))


@lru_cache(maxsize=4096)
def features(tree: Node) -> frozenset[str]:
    """Kinds of a tree's nodes, and names of its constants and functions: ``{"add", "const", "pi", "fn", "ln"}``."""
    return frozenset(name for node in walk(tree) for name in (node[:2] if node[0] in ("fn", "const") else node[:1]))


@lru_cache(maxsize=8192)
def variables(node: Node) -> frozenset[str]:
    """Names of the free variables."""
    kind = node[0]
    if kind == "var":
        return frozenset((node[1],))
    if kind in ("num", "const"):
        return frozenset()
    if kind in ("sum", "prod"):
        return variables(node[2]) | variables(node[3]) | (variables(node[4]) - {node[1]})
    found = _variables_of_parts(node[1:])
    return found | {node[1]} if kind == "apply" else found


def _variables_of_parts(parts: tuple[Any, ...]) -> frozenset[str]:
    found: frozenset[str] = frozenset()
    for part in parts:
        if isinstance(part, tuple) and part:
            found |= variables(part) if isinstance(part[0], str) else _variables_of_parts(part)
    return found
